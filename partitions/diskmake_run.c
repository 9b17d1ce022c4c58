/* diskmake, second half: write. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "partitions/bootstore.h"
#include "partitions/diskmake.h"
#include "partitions/fsmake.h"
#include "partitions/imagefile.h"
#include "partitions/kernelparts.h"
#include "partitions/window.h"

#define EDGE_BYTES      (1ull << 20) /* tables and superblocks lie in the first or last MiB */
#define LOCK_TIMEOUT_MS 10000u       /* udev holds its shared lock while it examines a device */
#define NODE_TIMEOUT_MS 30000u

/* A disk being written: the image under its temporary name, or the device. */
struct work {
	struct diskmake *m;
	char path[PATH_MAX];
	struct blk blk;
	int fd; /* borrowed: open for writing, carries the lock */
	bool zeroed;
	struct why *w;
};

static int step(const struct work *k, const char *doing, const char *what)
{
	const struct diskmake_request *want = k->m->want;
	const struct diskcopy_watch *watch = want->watch;
	char text[128];

	if (watch && watch->stop && watch->stop(watch->arg))
		return fail(k->w, -ECANCELED, "interrupted before: %s%s", doing, what);
	(void)snprintf(text, sizeof(text), "%s%s", doing, what);
	if (want->note)
		want->note(want->note_arg, text);
	return 0;
}

static struct fsmake_place place_of(const struct work *k, size_t part)
{
	return (struct fsmake_place){ .path = k->path,
				      .start_bytes = k->m->plan.at[part].start_bytes,
				      .size_bytes = k->m->plan.at[part].size_bytes,
				      .sector_bytes = k->m->sector_bytes,
				      .zeroed = k->zeroed,
				      .reproducible = k->m->want->seed };
}

static int open_window(struct work *k, size_t part, struct window *ret)
{
	return window_open(&k->blk, k->m->parts[part].name, k->m->plan.at[part].start_bytes,
			   k->m->plan.at[part].size_bytes, ret, k->w);
}

/* Whether an earlier content has made the folder of length n at the front of `path` already. FAT ignores case. */
static bool folder_made(const struct diskmake_request *want, size_t i, const char *path, size_t n)
{
	for (size_t k = 0; k < i; k++) {
		const struct diskmake_put *q = &want->puts[k];

		if (q->path && strcmp(q->part, want->puts[i].part) == 0 && strncasecmp(q->path, path, n) == 0 &&
		    q->path[n] == '/')
			return true;
	}
	return false;
}

static int put_file(struct work *k, size_t part, size_t i)
{
	const struct diskmake_put *put = &k->m->want->puts[i];
	struct fsmake_place at = place_of(k, part);
	int r = step(k, "putting ", put->path);

	for (const char *slash = strchr(put->path + 1, '/'); !r && slash; slash = strchr(slash + 1, '/')) {
		char folder[256];

		if (folder_made(k->m->want, i, put->path, (size_t)(slash - put->path)))
			continue;
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - put->path), put->path);
		r = fsmake_folder(&at, folder, k->w);
	}
	return r ? r : fsmake_put(&at, put->file, put->path, k->w);
}

static int put_image(struct work *k, size_t part, const struct diskmake_put *put)
{
	struct window to;
	int r = step(k, "writing ", put->part);

	r = r ? r : open_window(k, part, &to);
	return r ? r : diskcopy(put->file, &to.blk, k->zeroed, k->m->want->watch, k->w);
}

static int make_filesystem(struct work *k, size_t part)
{
	const struct layout_part *p = &k->m->want->layout->part[part];
	struct fsmake_place at = place_of(k, part);
	int r;

	if (p->fs == LAYOUT_FS_NONE)
		return 0;
	r = step(k, p->fs == LAYOUT_FS_VFAT ? "making vfat on " : "making ext4 on ", p->name);
	if (r)
		return r;
	r = p->fs == LAYOUT_FS_VFAT ? fsmake_vfat(&at, p->label, k->m->fs_uuid[part], k->w)
				    : fsmake_ext4(&at, p->label, k->m->fs_uuid[part], k->m->hash_seed[part], k->w);
	return r ? why_in(k->w, r, "partition '%s'", p->name) : 0;
}

static int make_record(struct work *k, size_t part)
{
	struct bootrec rec = *k->m->want->record;
	struct window to;
	int r = step(k, "writing the boot record to ", k->m->parts[part].name);

	r = r ? r : open_window(k, part, &to);
	return r ? r : bootstore_create(&to.blk, &rec, k->w);
}

static int make_part(struct work *k, size_t part)
{
	const struct diskmake_request *want = k->m->want;
	const struct layout_part *p = &want->layout->part[part];
	int r = make_filesystem(k, part);

	for (size_t i = 0; !r && i < want->n_puts; i++) {
		if (strcmp(want->puts[i].part, p->name) != 0)
			continue;
		r = want->puts[i].path ? put_file(k, part, i) : put_image(k, part, &want->puts[i]);
	}
	if (!r && want->record && guid_equal(p->type, LAYOUT_TYPE_STATE))
		r = make_record(k, part);
	return r;
}

/* Contents first, flushed; the table that makes them a disk last. */
static int make_all(struct work *k)
{
	int r = 0;

	for (size_t i = 0; !r && i < k->m->table.n; i++)
		r = make_part(k, i);
	r = r ? r : step(k, "writing the partition table", "");
	if (!r && fsync(k->fd))
		r = fail_errno(k->w, "%s: flush", k->path);
	return r ? r : gpt_write(k->fd, k->path, &k->m->table, k->w);
}

static int run_on_file(struct work *k)
{
	struct imagefile f;
	int r = imagefile_begin(k->m->target, k->m->mode, k->m->size_bytes, &f, k->w);

	if (r)
		return r;
	memcpy(k->path, f.path, sizeof(k->path));
	k->fd = f.fd;
	k->zeroed = true;
	r = blk_open(k->path, BLK_WRITE, &k->blk, k->w);
	r = r ? r : make_all(k);
	r = r ? r : blk_close(&k->blk, k->w);
	r = r ? r : imagefile_end(&f, k->w);
	imagefile_cancel(&f);
	return r;
}

/* No signature of what was there may show through where nothing new is written. */
static int clear_edges(struct work *k, uint64_t start, uint64_t size)
{
	int r;

	if (size <= 2 * EDGE_BYTES)
		return blk_zero(&k->blk, size, start, k->w);
	r = blk_zero(&k->blk, EDGE_BYTES, start, k->w);
	return r ? r : blk_zero(&k->blk, EDGE_BYTES, start + size - EDGE_BYTES, k->w);
}

/* The state partition is zero as a whole; the others at their edges, after the disk was discarded where it can be. */
static int clear_device(struct work *k)
{
	uint64_t whole = k->blk.size_bytes / BLK_ALIGN * BLK_ALIGN, all[2] = { 0, whole };
	int r = clear_edges(k, 0, whole);

	r = r ? r : blk_flush(&k->blk, k->w);
	if (r)
		return r;
	IGNORE(ioctl(k->fd, BLKDISCARD, all));
	r = clear_edges(k, 0, whole);
	for (size_t i = 0; !r && i < k->m->table.n; i++) {
		const struct layout_place *at = &k->m->plan.at[i];

		if (guid_equal(k->m->parts[i].type, LAYOUT_TYPE_STATE))
			r = blk_zero(&k->blk, at->size_bytes, at->start_bytes, k->w);
		else
			r = clear_edges(k, at->start_bytes, at->size_bytes);
	}
	return r;
}

static int write_device(struct work *k)
{
	int r = step(k, "clearing ", k->path);

	r = r ? r : kernelparts_drop(&sysblock_real, k->fd, k->m->disk, k->w);
	if (r)
		return r;
	r = clear_device(k);
	r = r ? r : make_all(k);
	r = r ? r : blk_close(&k->blk, k->w);
	if (r)
		return why_next(k->w, r, "%s was being overwritten and has no partition table now; run this again",
				k->path);
	r = kernelparts_set(&sysblock_real, k->fd, k->m->disk, &k->m->table, NODE_TIMEOUT_MS, k->w);
	return r ? why_next(k->w, r, "the disk itself is complete; let the kernel read it again: partprobe") : 0;
}

static int run_on_device(struct work *k)
{
	AUTO_FD fd = open(k->m->target, O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct blk probe = { 0 };
	int r;

	(void)snprintf(k->path, sizeof(k->path), "%s", k->m->target);
	if (fd < 0)
		return fail_errno(k->w, "%s", k->path);
	k->fd = fd;
	r = imagefile_lock(fd, k->path, LOCK_TIMEOUT_MS, k->w);
	/* Still free? mkfs wants it exclusively itself, so we do not keep it so. */
	r = r ? r : blk_open(k->path, BLK_WRITE_EXCLUSIVE, &probe, k->w);
	r = r ? r : blk_close(&probe, k->w);
	r = r ? r : blk_open(k->path, BLK_WRITE, &k->blk, k->w);
	r = r ? r : write_device(k);
	r = r ? r : close_checked(&fd, k->path, k->w);
	if (!r)
		kernelparts_settle();
	return r;
}

int diskmake_run(struct diskmake *m, struct why *w)
{
	struct work k = { .m = m, .fd = -1, .w = w };
	int r = m->device ? run_on_device(&k) : run_on_file(&k);

	if (k.blk.ops)
		IGNORE(blk_close(&k.blk, NULL)); /* only after a failure, whose reason stands */
	return r;
}
