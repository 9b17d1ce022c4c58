/* diskmake, first half: look and refuse. */
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "base/parse.h"
#include "partitions/diskmake.h"
#include "partitions/diskprobe.h"
#include "partitions/fsmake.h"
#include "partitions/mounts.h"

/* A list in words that stops growing when it is full. */
struct words {
	char at[300];
	size_t n;
};

static void PRINTF(2, 3) words_add(struct words *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->at + l->n, sizeof(l->at) - l->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n = l->n + (size_t)n < sizeof(l->at) ? l->n + (size_t)n : sizeof(l->at) - 1;
}

/* In use is refused whatever the user says. */
static int refuse_use(const struct diskmake *m, const struct stat *st, struct why *w)
{
	CLEANUP(mounts_done) struct mounts uses = { 0 };
	struct words list = { .n = 0 };
	char one[512];
	int r;

	r = m->device ? mounts_of_device(&mounts_real, st->st_rdev, &uses, w)
		      : mounts_of_file(&mounts_real, m->target, &uses, w);
	if (r || uses.n == 0)
		return r;
	for (size_t i = 0; i < uses.n; i++)
		words_add(&list, "%s%s", i ? "; " : "", mounts_describe(&uses.at[i], m->target, one));
	(void)refuse(w, -EBUSY, "%s is in use: %s", m->target, list.at);
	return why_next(w, -EBUSY, "unmount or detach it first; --force does not help here");
}

/* What the partitions hold, in words: "esp (vfat labelled 'ESP'), root-a (erofs)". */
static void describe_parts(const struct diskmake *m, int fd, struct words *list)
{
	struct gpt_table t = { 0 };
	char text[256];

	if (gpt_read(fd, m->target, &t, NULL))
		return;
	for (size_t i = 0; i < t.n; i++) {
		const struct gpt_part *p = &t.parts[i];
		struct diskprobe found = { 0 };

		words_add(list, "%s%s", i ? ", " : " with ", p->name[0] ? p->name : "unnamed");
		if (diskprobe_at(fd, m->target, p->start_bytes, p->size_bytes, &found, NULL) == 0 &&
		    diskprobe_found(&found))
			words_add(list, " (%s)", diskprobe_describe(&found, text));
	}
	gpt_done(&t);
}

/* Whether a file has anything but zeros in its first megabyte of data. */
static bool has_data(int fd)
{
	off_t at = lseek(fd, 0, SEEK_DATA);
	AUTO_FREE uint8_t *buf = malloc(1u << 20);
	ssize_t n;

	if (at < 0)
		return errno != ENXIO;
	n = buf ? pread(fd, buf, 1u << 20, at) : -1;
	return n < 0 || !bytes_all_zero(bytes_of(buf, (size_t)n));
}

/* What is there is overwritten only when the user says so. */
static int refuse_content(const struct diskmake *m, int fd, struct why *w)
{
	struct words list = { .n = 0 };
	struct diskprobe found = { 0 };
	char text[256];
	int r = 0;

	if (m->want->force || m->size_bytes == 0)
		return 0;
	r = diskprobe_at(fd, m->target, 0, 0, &found, w);
	if (r)
		return r;
	if (diskprobe_found(&found)) {
		words_add(&list, "%s", diskprobe_describe(&found, text));
		describe_parts(m, fd, &list);
	} else if (!m->device && has_data(fd)) {
		words_add(&list, "data of an unknown kind");
	} else {
		return 0;
	}
	(void)refuse(w, -EEXIST, "%s is not empty; it holds: %s", m->target, list.at);
	return why_next(w, -EEXIST, "--force overwrites it");
}

/*
 * A device: opened for reading only, since udev reads the table again whenever a descriptor for writing is closed; with
 * O_EXCL, since mounts in other namespaces and users inside the kernel show only there.
 */
static int open_existing(const struct diskmake *m, struct why *w)
{
	int fd = open(m->target, O_RDONLY | (m->device ? O_EXCL : 0) | O_CLOEXEC | O_NOCTTY), readonly = 0;

	if (fd < 0 && errno == EBUSY)
		return refuse(w, -EBUSY, "%s is in use by another part of the system", m->target);
	if (fd < 0)
		return fail_errno(w, "%s", m->target);
	if (m->device ? ioctl(fd, BLKROGET, &readonly) == 0 && readonly : access(m->target, W_OK) != 0) {
		(void)close(fd);
		return fail(w, -EROFS, "%s is read-only", m->target);
	}
	return fd;
}

static int look_at_existing(struct diskmake *m, const struct stat *st, struct why *w)
{
	unsigned int sector = 512;
	int r = refuse_use(m, st, w);

	if (r)
		return r;
	AUTO_FD fd = open_existing(m, w);
	if (fd < 0)
		return fd;
	r = fd_size(fd, m->target, &m->size_bytes, w);
	if (!r && m->device && ioctl(fd, BLKSSZGET, &sector))
		r = fail_errno(w, "%s: sector size", m->target);
	m->sector_bytes = sector;
	return r ? r : refuse_content(m, fd, w);
}

static int look_at_device(struct diskmake *m, const struct stat *st, struct why *w)
{
	char disk[SYSBLOCK_NAME_BYTES], node[SYSBLOCK_NODE_BYTES];
	int r = sysblock_name(&sysblock_real, st->st_rdev, m->disk, w);

	if (r)
		return r;
	if (sysblock_partition(&sysblock_real, m->disk)) {
		r = sysblock_disk(&sysblock_real, m->disk, disk, w);
		r = r ? r : sysblock_node(&sysblock_real, disk, node, w);
		return r ? r : misuse(w, -EINVAL, "%s is a partition; the disk is %s", m->target, node);
	}
	if (m->want->size_bytes)
		return misuse(w, -EINVAL, "%s is a device and has the size it has; --size is for image files",
			      m->target);
	return look_at_existing(m, st, w);
}

/* The image is made beside its place and renamed, so its folder must take new names. */
static int check_folder(const struct diskmake *m, struct why *w)
{
	char path[PATH_MAX];

	memcpy(path, m->target, sizeof(path));
	if (access(dirname(path), W_OK | X_OK))
		return fail_errno(w, "%s: its folder", m->target);
	return 0;
}

static int look_at_file(struct diskmake *m, const struct stat *st, struct why *w)
{
	uint64_t size = m->want->size_bytes ? m->want->size_bytes : m->want->layout->disk_bytes;
	int r = 0;

	m->sector_bytes = 512;
	if (st) {
		m->mode = st->st_mode & 07777;
		r = look_at_existing(m, st, w);
	}
	r = r ? r : check_folder(m, w);
	if (r)
		return r;
	if (size)
		m->size_bytes = size;
	if (m->size_bytes == 0) {
		(void)misuse(w, -EINVAL, "%s: how large is it to be?", m->target);
		return why_next(w, -EINVAL, "--size 4G, or size= in [disk] of the layout");
	}
	if (m->size_bytes % BLK_ALIGN)
		return misuse(w, -EINVAL, "%s: %" PRIu64 " bytes are not a multiple of %u", m->target, m->size_bytes,
			      BLK_ALIGN);
	return 0;
}

static int look_at_target(struct diskmake *m, struct why *w)
{
	const char *target = m->want->target;
	struct stat st;

	if (!realpath(target, m->target)) {
		if (errno != ENOENT)
			return fail_errno(w, "%s", target);
		if (snprintf(m->target, sizeof(m->target), "%s", target) >= (int)sizeof(m->target) - 8)
			return fail(w, -ENAMETOOLONG, "%s: name too long", target);
		return look_at_file(m, NULL, w);
	}
	if (stat(m->target, &st))
		return fail_errno(w, "%s", target);
	m->device = S_ISBLK(st.st_mode);
	if (m->device)
		return look_at_device(m, &st, w);
	if (!S_ISREG(st.st_mode))
		return misuse(w, -ENOTBLK, "%s: neither a block device nor a regular file", target);
	return look_at_file(m, &st, w);
}

/* Size of a content, which must be a file that can be read. */
static int content_size(const char *file, uint64_t *ret_bytes, struct why *w)
{
	AUTO_FD fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? fail_errno(w, "%s", file) : fd_size(fd, file, ret_bytes, w);
}

static int check_raw(const struct diskmake *m, const struct diskmake_put *put, size_t part, struct why *w)
{
	char has[16], room[16];
	uint64_t bytes = 0;
	int r;

	if (m->want->layout->part[part].fs != LAYOUT_FS_NONE)
		return misuse(w, -EINVAL,
			      "%s: partition '%s' gets an empty %s filesystem; write filesystem=none in the "
			      "layout to bring one",
			      put->file, put->part, layout_fs_name(m->want->layout->part[part].fs));
	r = content_size(put->file, &bytes, w);
	if (!r && bytes > m->plan.at[part].size_bytes)
		r = fail(w, -EFBIG, "%s: %s do not fit into partition '%s' of %s", put->file, format_size(bytes, has),
			 put->part, format_size(m->plan.at[part].size_bytes, room));
	return r;
}

static int check_put(const struct diskmake *m, size_t i, struct why *w)
{
	const struct diskmake_put *put = &m->want->puts[i];
	const struct layout_part *p = layout_find(m->want->layout, put->part);
	uint64_t bytes;
	int r;

	if (!p)
		return misuse(w, -EINVAL, "%s: the layout has no partition '%s'", put->file, put->part);
	for (size_t k = 0; k < i; k++) {
		const struct diskmake_put *q = &m->want->puts[k];

		/* FAT ignores case. */
		if (strcmp(q->part, put->part) == 0 && (!q->path || !put->path || strcasecmp(q->path, put->path) == 0))
			return misuse(w, -EINVAL, "%s and %s are both to be put into %s%s%s", q->file, put->file,
				      put->part, put->path ? ":" : "", put->path ? put->path : "");
	}
	if (!put->path)
		return check_raw(m, put, (size_t)(p - m->want->layout->part), w);
	if (p->fs != LAYOUT_FS_VFAT)
		return misuse(w, -EINVAL, "%s: files can be put into vfat filesystems only, partition '%s' has %s",
			      put->file, put->part, layout_fs_name(p->fs));
	r = content_size(put->file, &bytes, w);
	return r ? r : fsmake_path_check(put->path, w);
}

/* Whether the files for a vfat partition fit, each in whole clusters, and two clusters for folders on its way. */
static int check_room(struct diskmake *m, size_t part, struct why *w)
{
	const struct layout_part *p = &m->want->layout->part[part];
	uint64_t cluster = 0, room = fsmake_vfat_room(m->plan.at[part].size_bytes, m->sector_bytes, &cluster);
	uint64_t bytes = 0, sum = 0;
	char has[16], needs[16];
	int r;

	for (size_t i = 0; i < m->want->n_puts; i++) {
		const struct diskmake_put *put = &m->want->puts[i];

		if (!put->path || strcmp(put->part, p->name) != 0)
			continue;
		r = content_size(put->file, &bytes, w);
		if (r)
			return r;
		if (bytes > UINT32_MAX)
			return fail(w, -EFBIG, "%s: a file on vfat has less than 4 GiB", put->file);
		m->esp_tight = m->esp_tight || bytes > m->plan.at[part].size_bytes / 4;
		sum += (bytes + cluster - 1) / cluster * cluster + 2 * cluster;
	}
	if (sum > room)
		return fail(w, -EFBIG, "the files for partition '%s' need %s, it has room for %s", p->name,
			    format_size(sum, needs), format_size(room, has));
	return 0;
}

static int check_contents(struct diskmake *m, struct why *w)
{
	const struct layout *l = m->want->layout;
	bool files = false;
	int r = 0;

	for (size_t i = 0; !r && i < m->want->n_puts; i++) {
		r = check_put(m, i, w);
		files = files || m->want->puts[i].path;
	}
	for (size_t i = 0; !r && i < l->n; i++) {
		if (l->part[i].fs == LAYOUT_FS_VFAT)
			r = check_room(m, i, w);
		if (!r && l->part[i].fs != LAYOUT_FS_NONE)
			r = fsmake_have(l->part[i].fs == LAYOUT_FS_VFAT ? FSMAKE_VFAT : FSMAKE_EXT4, w);
	}
	r = r || !files ? r : fsmake_have(FSMAKE_MKDIR, w);
	return r || !files ? r : fsmake_have(FSMAKE_COPY, w);
}

static int make_guid(const struct diskmake *m, const char *kind, const char *name, char ret[GUID_TEXT_BYTES],
		     struct why *w)
{
	char purpose[64];

	(void)snprintf(purpose, sizeof(purpose), "%s %s", kind, name);
	return guid_make(m->want->seed, purpose, ret, w);
}

static int make_table(struct diskmake *m, struct why *w)
{
	const struct layout *l = m->want->layout;
	int r = make_guid(m, "disk", "", m->table.id, w);

	m->table.sector_bytes = m->sector_bytes;
	m->table.disk_bytes = m->size_bytes;
	m->table.parts = m->parts;
	m->table.n = l->n;
	for (size_t i = 0; !r && i < l->n; i++) {
		struct gpt_part *p = &m->parts[i];

		*p = (struct gpt_part){ .number = (unsigned int)i + 1,
					.start_bytes = m->plan.at[i].start_bytes,
					.size_bytes = m->plan.at[i].size_bytes };
		(void)snprintf(p->name, sizeof(p->name), "%s", l->part[i].name);
		(void)snprintf(p->type, sizeof(p->type), "%s", l->part[i].type);
		r = make_guid(m, "partition", p->name, p->uuid, w);
		r = r ? r : make_guid(m, "filesystem", p->name, m->fs_uuid[i], w);
		r = r ? r : make_guid(m, "hash", p->name, m->hash_seed[i], w);
	}
	return r;
}

int diskmake_plan(const struct diskmake_request *want, struct diskmake *ret, struct why *w)
{
	int r;

	*ret = (struct diskmake){ .want = want };
	r = look_at_target(ret, w);
	r = r ? r : layout_place(want->layout, ret->size_bytes, ret->sector_bytes, &ret->plan, w);
	r = r ? r : check_contents(ret, w);
	r = r ? r : make_table(ret, w);
	return r;
}
