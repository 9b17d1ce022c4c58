/*
 * auto - resources that end with their scope.
 *
 * Declare with AUTO_x and initialise in the same line; hand over with MOVE_FD(fd) or MOVE(ptr), which leaves the
 * variable empty. A descriptor that was written to is closed with close_checked() (base/io.h), since close can fail.
 */
#ifndef BASE_AUTO_H
#define BASE_AUTO_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(f)        __attribute__((cleanup(f)))
#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
/* For a result that changes nothing here; say why beside it when that is not plain. */
#define IGNORE(call)                                                                                                   \
	do {                                                                                                           \
		if (call) {                                                                                            \
		}                                                                                                      \
	} while (0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void auto_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void auto_free(void *p)
{
	free(*(void **)p);
}

static inline void auto_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void auto_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static inline int move_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define AUTO_FD     CLEANUP(auto_close) int
#define AUTO_FREE   CLEANUP(auto_free)
#define AUTO_FILE   CLEANUP(auto_fclose) FILE
#define AUTO_DIR    CLEANUP(auto_closedir) DIR
#define MOVE_FD(fd) move_fd(&(fd))
#define MOVE(p)                                                                                                        \
	({                                                                                                             \
		__typeof__(p) p_ = (p);                                                                                \
		(p) = NULL;                                                                                            \
		p_;                                                                                                    \
	})

#endif
