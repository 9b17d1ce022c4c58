#include "partitions/diskgrow.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "partitions/diskprobe.h"
#include "partitions/fsmake.h"
#include "partitions/gpt.h"
#include "partitions/gptcheck.h"
#include "partitions/imagefile.h"
#include "partitions/kernelparts.h"
#include "partitions/layout.h"
#include "partitions/mounts.h"
#include "partitions/window.h"

#define LOCK_TIMEOUT_MS 10000u
#define NODE_TIMEOUT_MS 30000u

/* What is to grow, and how far. */
struct grow {
	const struct diskgrow_request *want;
	char target[PATH_MAX]; /* links followed */
	struct stat st;
	bool device;
	uint64_t disk_bytes; /* afterwards */
	struct gpt_part part;
	uint64_t end_bytes; /* afterwards, of the partition */
	bool filesystem;    /* there is an ext4 in it */
	struct imagefile image;
	struct imagefile fs; /* the filesystem of an image, on its own */
	char fs_name[PATH_MAX];
	struct why *w;
};

static int find_last(struct grow *g, const struct gpt_table *t)
{
	if (t->n == 0)
		return misuse(g->w, -EINVAL, "%s: no partition to grow", g->target);
	g->part = t->parts[0];
	for (size_t i = 1; i < t->n; i++)
		if (t->parts[i].start_bytes > g->part.start_bytes)
			g->part = t->parts[i];
	if (!guid_equal(g->part.type, LAYOUT_TYPE_DATA))
		return misuse(g->w, -EINVAL, "%s: the last partition is '%s'; only one of type data grows", g->target,
			      g->part.name);
	return 0;
}

static int check_filesystem(struct grow *g, int fd)
{
	struct diskprobe found = { 0 };
	char text[256];
	int r = diskprobe_at(fd, g->target, g->part.start_bytes, g->part.size_bytes, &found, g->w);

	if (r)
		return r;
	g->filesystem = strcmp(found.type, "ext4") == 0;
	if (!g->filesystem && diskprobe_found(&found))
		return misuse(g->w, -EINVAL, "%s: partition '%s' holds: %s; only ext4 grows here", g->target,
			      g->part.name, diskprobe_describe(&found, text));
	r = g->filesystem ? fsmake_have(FSMAKE_RESIZE, g->w) : 0;
	return r || !g->filesystem ? r : fsmake_have(FSMAKE_CHECK, g->w);
}

static int find_end(struct grow *g, uint64_t now_bytes, uint32_t sector_bytes)
{
	uint64_t old = g->part.start_bytes + g->part.size_bytes;

	g->disk_bytes = g->want->size_bytes ? g->want->size_bytes : now_bytes;
	if (g->want->size_bytes && g->device)
		return misuse(g->w, -EINVAL, "%s is a device; --size is for image files", g->target);
	if (g->disk_bytes < now_bytes || g->disk_bytes % BLK_ALIGN)
		return misuse(g->w, -EINVAL, "%s: %" PRIu64 " bytes are less than it has, or not a multiple of %u",
			      g->target, g->disk_bytes, BLK_ALIGN);
	g->end_bytes = (g->disk_bytes - gpt_tail_bytes(sector_bytes)) / LAYOUT_ALIGN_BYTES * LAYOUT_ALIGN_BYTES;
	g->end_bytes = g->end_bytes < old ? old : g->end_bytes;
	return 0;
}

/* Whether the filesystem fills its partition: an earlier run may have been cut off before it grew. */
static int fills(const struct grow *g, int fd, bool *ret)
{
	uint8_t sb[1024] = { 0 };
	uint32_t low = 0, high = 0, shift = 0;
	int r = pread_full(fd, sb, sizeof(sb), g->part.start_bytes + 1024, g->target, g->w);

	/* s_blocks_count_lo, s_log_block_size, s_blocks_count_hi: the kernel's Documentation/filesystems/ext4/super.rst */
	if (r || bytes_le32(bytes_of(sb, sizeof(sb)), 4, &low) || bytes_le32(bytes_of(sb, sizeof(sb)), 24, &shift) ||
	    bytes_le32(bytes_of(sb, sizeof(sb)), 336, &high))
		return r ? r : -EBADMSG;
	*ret = shift > 6 || (((uint64_t)high << 32 | low) << (10 + shift)) + 65536 > g->part.size_bytes;
	return 0;
}

static int look(struct grow *g, int fd)
{
	struct gpt_table t = { 0 };
	struct gptcheck check;
	bool full = true;
	int r = gpt_read(fd, g->target, &t, g->w);

	if (r)
		return r;
	r = gptcheck_read(fd, g->target, t.disk_bytes, t.sector_bytes, &check, g->w);
	r = r ? r : find_last(g, &t);
	r = r ? r : find_end(g, t.disk_bytes, t.sector_bytes);
	r = r ? r : check_filesystem(g, fd);
	if (!r && g->filesystem)
		r = fills(g, fd, &full);
	if (!r && full && g->disk_bytes == t.disk_bytes && check.backup_at_end &&
	    g->end_bytes == g->part.start_bytes + g->part.size_bytes)
		r = -EALREADY;
	gpt_done(&t);
	return r;
}

static int tell_kernel(const struct grow *g, int fd, struct kernelparts_one *ret)
{
	char disk[SYSBLOCK_NAME_BYTES];
	struct gpt_table t = { 0 };
	int r = gpt_read(fd, g->target, &t, g->w);

	r = r ? r : sysblock_name(&sysblock_real, g->st.st_rdev, disk, g->w);
	r = r ? r : kernelparts_set(&sysblock_real, fd, disk, &t, NODE_TIMEOUT_MS, g->w);
	if (!r && !kernelparts_find(&sysblock_real, disk, g->part.number, ret))
		r = fail(g->w, -ENODEV, "%s: partition %u went away", g->target, g->part.number);
	gpt_done(&t);
	return r;
}

static int grow_device(struct grow *g)
{
	AUTO_FD fd = open(g->target, O_RDWR | O_CLOEXEC | O_NOCTTY);
	CLEANUP(mounts_done) struct mounts uses = { 0 };
	struct kernelparts_one part;
	bool mounted = false;
	int r;

	if (fd < 0)
		return fail_errno(g->w, "%s", g->target);
	r = imagefile_lock(fd, g->target, LOCK_TIMEOUT_MS, g->w);
	r = r ? r : gpt_grow(fd, g->target, g->part.number, g->end_bytes, g->w);
	r = r ? r : tell_kernel(g, fd, &part);
	r = r ? r : mounts_of_device(&mounts_real, part.dev, &uses, g->w);
	for (size_t i = 0; !r && i < uses.n; i++)
		mounted = mounted || uses.at[i].kind == MOUNTS_MOUNTED;
	if (!r && g->filesystem)
		r = fsmake_grow_ext4(part.node, mounted, g->w);
	r = r ? r : close_checked(&fd, g->target, g->w);
	if (!r)
		kernelparts_settle();
	return r;
}

/* Close what may have been opened; the first failure is the one that counts. */
static int close_blk(struct blk *b, int before, struct why *w)
{
	int r = b->ops ? blk_close(b, before ? NULL : w) : 0;

	return before ? before : r;
}

/* The filesystem alone in a file of its new size, checked and enlarged there, then copied to its place. */
static int grow_filesystem(struct grow *g, struct blk *disk)
{
	uint64_t bytes = g->end_bytes - g->part.start_bytes;
	struct window to;
	struct blk fs = { 0 };
	int r;

	if (snprintf(g->fs_name, sizeof(g->fs_name), "%s.data", g->target) >= (int)sizeof(g->fs_name))
		return fail(g->w, -ENAMETOOLONG, "%s: name too long", g->target);
	r = imagefile_begin(g->fs_name, 0600, bytes, &g->fs, g->w);
	if (r)
		return r;
	r = blk_open(g->fs.path, BLK_WRITE, &fs, g->w);
	r = r ? r : diskcopy_part(g->target, g->part.start_bytes, g->part.size_bytes, &fs, true, g->want->watch, g->w);
	r = close_blk(&fs, r, g->w);
	r = r ? r : fsmake_grow_ext4(g->fs.path, false, g->w);
	r = r ? r : window_open(disk, g->part.name, g->part.start_bytes, bytes, &to, g->w);
	r = r ? r : diskcopy(g->fs.path, &to.blk, true, g->want->watch, g->w);
	imagefile_cancel(&g->fs);
	return r;
}

static int fill_image(struct grow *g, struct blk *disk)
{
	uint64_t front = g->part.start_bytes;
	int r = diskcopy_part(g->target, 0, front, disk, true, g->want->watch, g->w);

	if (!r && g->filesystem)
		r = grow_filesystem(g, disk);
	return r;
}

static int refuse_use(const struct grow *g)
{
	CLEANUP(mounts_done) struct mounts uses = { 0 };
	char text[512];
	int r = mounts_of_file(&mounts_real, g->target, &uses, g->w);

	if (r || uses.n == 0)
		return r;
	return refuse(g->w, -EBUSY, "%s is in use: %s", g->target, mounts_describe(&uses.at[0], g->target, text));
}

static int grow_file(struct grow *g)
{
	struct blk disk = { 0 };
	int r = refuse_use(g);

	r = r ? r : imagefile_begin(g->target, g->st.st_mode & 07777, g->disk_bytes, &g->image, g->w);
	if (r)
		return r;
	r = blk_open(g->image.path, BLK_WRITE, &disk, g->w);
	r = r ? r : fill_image(g, &disk);
	r = close_blk(&disk, r, g->w);
	r = r ? r : gpt_grow(g->image.fd, g->image.path, g->part.number, g->end_bytes, g->w);
	r = r ? r : imagefile_end(&g->image, g->w);
	imagefile_cancel(&g->image);
	return r;
}

int diskgrow(const struct diskgrow_request *want, struct why *w)
{
	AUTO_FREE struct grow *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return fail(w, -ENOMEM, "%s: out of memory", want->target);
	g->want = want;
	g->w = w;
	if (!realpath(want->target, g->target))
		return fail_errno(w, "%s", want->target);
	AUTO_FD fd = open(g->target, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &g->st))
		return fail_errno(w, "%s", want->target);
	g->device = S_ISBLK(g->st.st_mode);
	r = look(g, fd);
	if (r)
		return r;
	return g->device ? grow_device(g) : grow_file(g);
}
