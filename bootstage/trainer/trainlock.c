#include "bootstage/trainer/trainlock.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

static void heard(int fd, char *ret)
{
	ssize_t n = pread(fd, ret, TRAINLOCK_TEXT - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	if (!ret[0])
		(void)snprintf(ret, TRAINLOCK_TEXT, "another tandem-train");
}

static int make_folder(const char *path, struct why *w)
{
	char folder[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%s", path);
	return dir_make(dirname(folder), 0755, w);
}

/* Of the open file, not of the process; it can be asked for without being taken. */
static struct flock whole(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

int trainlock_take(const char *path, struct why *w)
{
	char who[TRAINLOCK_TEXT];
	struct flock lock = whole();
	int r = make_folder(path, w);

	if (r)
		return r;
	/* Who can read it can hold a lock for reading, and keep every trainer out. */
	AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_errno(w, "%s", path);
	if (fchmod(fd, 0600))
		return fail_errno(w, "%s", path);
	if (fcntl(fd, F_OFD_SETLK, &lock)) {
		if (errno != EAGAIN && errno != EACCES)
			return fail_errno(w, "%s: lock", path);
		heard(fd, who);
		return fail(w, -EWOULDBLOCK, "a trainer is at work: %s", who);
	}
	trainlock_say(fd, "starting");
	return MOVE_FD(fd);
}

void trainlock_say(int fd, const char *text)
{
	char line[TRAINLOCK_TEXT];
	int n = snprintf(line, sizeof(line), "process %d: %.80s\n", getpid(), text);

	if (n > 0 && pwrite(fd, line, (size_t)n, 0) == n)
		IGNORE(ftruncate(fd, n));
}

bool trainlock_held(const char *path, char *ret)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock lock = whole();

	ret[0] = '\0';
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return false;
	heard(fd, ret);
	return true;
}
