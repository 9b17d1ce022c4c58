#include "partitions/imagefile.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/proc.h"

int imagefile_lock(int fd, const char *name, unsigned int timeout_ms, struct why *w)
{
	const struct timespec tick = { .tv_nsec = 20000000 };
	uint64_t deadline = now_ms() + timeout_ms;

	if (fcntl(fd, F_SETFD, 0)) /* inherited on purpose */
		return fail_errno(w, "%s: lock", name);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(w, "%s: lock", name);
		if (now_ms() >= deadline)
			return refuse(w, -EBUSY, "%s: another program is working on it", name);
		(void)nanosleep(&tick, NULL); /* a lock cannot be waited for with a deadline otherwise */
	}
	return 0;
}

/* A leftover that is locked is being written. */
static int remove_leftover(const char *path, struct why *w)
{
	AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(w, "%s: left over, cannot be removed", path);
	r = imagefile_lock(fd, path, 0, w);
	if (!r && unlink(path))
		r = fail_errno(w, "%s: left over, cannot be removed", path);
	return r;
}

int imagefile_begin(const char *target, mode_t mode, uint64_t size_bytes, struct imagefile *ret, struct why *w)
{
	int r;

	*ret = (struct imagefile){ .fd = -1 };
	if (snprintf(ret->target, sizeof(ret->target), "%s", target) >= (int)sizeof(ret->target) ||
	    snprintf(ret->path, sizeof(ret->path), "%s.tmp", target) >= (int)sizeof(ret->path))
		return fail(w, -ENAMETOOLONG, "%s: name too long", target);
	r = remove_leftover(ret->path, w);
	if (r)
		return r;
	ret->fd = open(ret->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, mode ? mode : 0666);
	if (ret->fd < 0)
		return fail_errno(w, "%s", ret->path);
	r = imagefile_lock(ret->fd, ret->path, 0, w);
	if (!r && mode && fchmod(ret->fd, mode))
		r = fail_errno(w, "%s: mode", ret->path);
	if (!r && ftruncate(ret->fd, (off_t)size_bytes))
		r = fail_errno(w, "%s: %llu bytes", ret->path, (unsigned long long)size_bytes);
	if (r)
		imagefile_cancel(ret);
	return r;
}

int imagefile_end(struct imagefile *f, struct why *w)
{
	char folder[PATH_MAX];
	int r = 0;

	if (fsync(f->fd))
		r = fail_errno(w, "%s: flush", f->path);
	if (!r && rename(f->path, f->target))
		r = fail_errno(w, "%s: rename", f->target);
	if (r)
		return r;
	memcpy(folder, f->target, sizeof(folder));
	r = dir_sync(dirname(folder), w);
	return r ? r : close_checked(&f->fd, f->target, w);
}

void imagefile_cancel(struct imagefile *f)
{
	if (f->fd < 0)
		return;
	(void)unlink(f->path);
	(void)close(MOVE_FD(f->fd));
}
