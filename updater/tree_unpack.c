#include "updater/tree_unpack.h"

#include <archive.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "updater/archive_late.h"

#define KEPT                                                                                                           \
	(ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR |                   \
	 ARCHIVE_EXTRACT_NO_OVERWRITE | ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |            \
	 ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS)

struct unpacker {
	struct archive *disk;
	int fd;
	struct stat top; /* owner, mode and time of the top folder; st_mode 0: it is no member */
	char path[124];  /* of the member that is written, to be shown */
};

static int say(const struct unpacker *k, struct why *w)
{
	int e = archive_errno(k->disk);
	const char *text = archive_error_string(k->disk);

	if (e == ENOSPC || e == EDQUOT)
		return fail(w, -ENOSPC, "%s: no space left", k->path);
	return fail(w, e > 0 ? -e : -EIO, "%s: %s", k->path, text ? text : "cannot be written");
}

/* The top folder is there already: libarchive leaves it as it is. */
static void note_top(struct unpacker *k, struct archive_entry *e)
{
	k->top.st_mode = AE_IFDIR | (archive_entry_perm(e) & 07777);
	k->top.st_uid = (uid_t)archive_write_disk_uid(k->disk, archive_entry_uname(e), archive_entry_uid(e));
	k->top.st_gid = (gid_t)archive_write_disk_gid(k->disk, archive_entry_gname(e), archive_entry_gid(e));
	k->top.st_mtim.tv_sec = archive_entry_mtime(e);
}

static int give_top(const struct unpacker *k, struct why *w)
{
	const struct timespec times[] = { k->top.st_mtim, k->top.st_mtim };

	if (!k->top.st_mode)
		return 0;
	if ((geteuid() == 0 && fchown(k->fd, k->top.st_uid, k->top.st_gid)) || fchmod(k->fd, k->top.st_mode & 07777) ||
	    futimens(k->fd, times))
		return fail_errno(w, "top folder");
	return 0;
}

/* A warning means that something was not kept, an owner or an attribute: not what was signed. */
static int put_member(void *arg, struct archive_entry *e, struct why *w)
{
	struct unpacker *k = arg;

	(void)tree_show(archive_entry_pathname(e), k->path);
	if (strcmp(archive_entry_pathname(e), ".") == 0) {
		note_top(k, e);
		return 0;
	}
	return archive_write_header(k->disk, e) == ARCHIVE_OK ? 0 : say(k, w);
}

static int put_data(void *arg, const void *p, size_t n, uint64_t off, struct why *w)
{
	struct unpacker *k = arg;

	return archive_write_data_block(k->disk, p, n, (la_int64_t)off) == ARCHIVE_OK ? 0 : say(k, w);
}

static int unpack_here(struct unpacker *k, const struct tree_input *in, const struct tree_limits *limits,
		       struct tree_limits *ret, struct why *w)
{
	const struct tree_sink sink = { .member = put_member, .data = put_data, .arg = k };
	int owner = geteuid() == 0 ? ARCHIVE_EXTRACT_OWNER : 0, r;

	k->disk = archive_write_disk_new();
	if (!k->disk)
		return fail(w, -ENOMEM, "out of memory");
	if (archive_write_disk_set_options(k->disk, KEPT | owner) || archive_write_disk_set_standard_lookup(k->disk))
		return say(k, w);
	r = tree_read(in, limits, &sink, ret, w);
	/* The last member, and what folders are given at the end: modes and times. */
	if (!r && archive_write_close(k->disk) != ARCHIVE_OK)
		r = say(k, w);
	return r ? r : give_top(k, w);
}

int tree_unpack(int fd, const struct tree_input *in, const struct tree_limits *limits, struct tree_limits *ret,
		struct why *w)
{
	struct unpacker k = { .fd = fd, .path = "." };
	AUTO_FD before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = archive_late_load(w);

	if (r)
		return r;
	if (before < 0 || fchdir(fd))
		return fail_errno(w, "working directory");
	r = unpack_here(&k, in, limits, ret, w);
	(void)archive_write_free(k.disk);
	if (fchdir(before) && !r)
		r = fail_errno(w, "working directory");
	return r;
}
