#include "bootstage/trainer/capproject.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bootstage/trainer/usage.h"

#define BLOCK     1024u /* of if_dqblk's limits */
#define DEPTH_MAX 256u

static int quota(int folder, int command, uint32_t id, void *arg)
{
	return syscall(SYS_quotactl_fd, (unsigned int)folder, (unsigned int)QCMD(command, PRJQUOTA), id, arg) ? -errno
													      : 0;
}

uint32_t capproject_first_choice(const char *job)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *c = job; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return CAPPROJECT_FIRST + hash % CAPPROJECT_IDS;
}

static bool ours(uint32_t id)
{
	return id >= CAPPROJECT_FIRST && id - CAPPROJECT_FIRST < CAPPROJECT_IDS;
}

/* --- the file system --- */

static int state(int folder, unsigned int *ret_flags, struct why *w)
{
	struct fs_quota_statv s = { .qs_version = FS_QSTATV_VERSION1 };
	int r = quota(folder, Q_XGETQSTATV, 0, &s);

	if (r == 0 && !(s.qs_flags & FS_QUOTA_PDQ_ACCT))
		r = -ESRCH;
	if (r)
		return fail(w, -EOPNOTSUPP, "no project quota on this file system: %s", strerror(-r));
	*ret_flags = s.qs_flags;
	return 0;
}

int capproject_have(int folder, struct why *w)
{
	unsigned int flags;
	int r = state(folder, &flags, w);

	return !r && geteuid() != 0 ? fail(w, -EOPNOTSUPP, "no project quota: only root can set one") : r;
}

/* ext4 counts by the file system's features alone, and holds to limits by a mount option, or by this. */
static int hold(int folder, struct why *w)
{
	unsigned int flags, on = FS_QUOTA_PDQ_ENFD;
	int r = state(folder, &flags, w);

	if (r || flags & FS_QUOTA_PDQ_ENFD)
		return r;
	r = quota(folder, Q_XQUOTAON, 0, &on);
	if (r && r != -EEXIST)
		return fail(w, -EOPNOTSUPP, "project quota counts, but cannot be switched on: %s", strerror(-r));
	return 0;
}

static int figures(int folder, uint32_t id, struct if_dqblk *ret, struct why *w)
{
	int r;

	*ret = (struct if_dqblk){ 0 };
	r = quota(folder, Q_GETQUOTA, id, ret);
	if (r == -ENOENT || r == -ESRCH) /* nothing was ever counted for it */
		*ret = (struct if_dqblk){ 0 };
	else if (r)
		return fail(w, r, "quota of project %u: %s", id, strerror(-r));
	return 0;
}

int capproject_usage(int folder, uint32_t id, uint64_t *ret_bytes, struct why *w)
{
	struct if_dqblk q;
	int r = figures(folder, id, &q, w);

	if (r == 0)
		*ret_bytes = q.dqb_curspace;
	return r;
}

static int set_limit(int folder, uint32_t id, uint64_t bytes, struct why *w)
{
	struct if_dqblk q = {
		.dqb_bhardlimit = bytes / BLOCK,
		.dqb_ihardlimit = bytes / USAGE_PER_FILE + 1,
		.dqb_valid = QIF_LIMITS,
	};
	int r = quota(folder, Q_SETQUOTA, id, &q);

	return r ? fail(w, r, "quota of project %u: %s", id, strerror(-r)) : 0;
}

/* --- its files --- */

static int project_of(int fd, uint32_t *ret, struct why *w)
{
	struct fsxattr x;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x))
		return fail_errno(w, "project of a file");
	*ret = x.fsx_projid;
	return 0;
}

static int assign(int fd, uint32_t id, bool folder)
{
	struct fsxattr x;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x))
		return -errno;
	if (x.fsx_projid == id && (!folder || x.fsx_xflags & FS_XFLAG_PROJINHERIT))
		return 0;
	x.fsx_projid = id;
	x.fsx_xflags |= folder ? FS_XFLAG_PROJINHERIT : 0;
	return ioctl(fd, FS_IOC_FSSETXATTR, &x) ? -errno : 0;
}

static int assign_below(int folder, uint32_t id, unsigned int depth, struct why *w);

/* What is neither folder nor file has no blocks, or cannot be opened for this. */
static int assign_entry(int folder, const char *name, uint32_t id, unsigned int depth, struct why *w)
{
	struct stat st, now;
	AUTO_FD fd = -1;
	int r;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return 0;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : fail_errno(w, "%s", name);
	if (fstat(fd, &now) || now.st_dev != st.st_dev || now.st_ino != st.st_ino)
		return 0; /* something else by now; what is new has the project from its folder */
	r = assign(fd, id, S_ISDIR(now.st_mode));
	if (r)
		return fail(w, r, "%s: project: %s", name, strerror(-r));
	return S_ISDIR(now.st_mode) ? assign_below(fd, id, depth + 1, w) : 0;
}

static int assign_below(int folder, uint32_t id, unsigned int depth, struct why *w)
{
	int fd = depth > DEPTH_MAX ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int r = 0;

	if (depth > DEPTH_MAX)
		return fail(w, -ELOOP, "folders in folders, more than %u", DEPTH_MAX);
	if (!dir)
		return fail_errno(w, "folder");
	while (!r && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = assign_entry(dirfd(dir), e->d_name, id, depth, w);
	return r;
}

/* --- which project --- */

/* One that nothing belongs to. */
static int free_id(int folder, const char *job, uint32_t *ret, struct why *w)
{
	uint32_t first = capproject_first_choice(job) - CAPPROJECT_FIRST;

	for (uint32_t i = 0; i < CAPPROJECT_IDS; i++) {
		uint32_t id = CAPPROJECT_FIRST + (first + i) % CAPPROJECT_IDS;
		struct if_dqblk q;
		int r = figures(folder, id, &q, w);

		if (r)
			return r;
		if (q.dqb_curinodes == 0 && q.dqb_curspace == 0) {
			*ret = id;
			return 0;
		}
	}
	return refuse(w, -ENOSPC, "all %u project ids are taken", CAPPROJECT_IDS);
}

/* The folder itself comes last: that it has the id says that all in it has. */
int capproject_set(int folder, const char *job, uint64_t bytes, uint32_t *ret_id, struct why *w)
{
	uint32_t id = 0;
	int r = hold(folder, w);

	r = r ? r : project_of(folder, &id, w);
	if (r)
		return r;
	if (ours(id))
		r = set_limit(folder, id, bytes, w);
	else {
		r = free_id(folder, job, &id, w);
		r = r ? r : set_limit(folder, id, bytes, w);
		r = r ? r : assign_below(folder, id, 0, w);
	}
	if (r)
		return r;
	r = assign(folder, id, true);
	if (r)
		return fail(w, r, "project: %s", strerror(-r));
	*ret_id = id;
	return 0;
}
