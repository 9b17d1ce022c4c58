#include "partitions/diskinspect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "partitions/bootstore.h"
#include "partitions/kernelparts.h"
#include "partitions/layout.h"
#include "partitions/window.h"

void diskinspect_done(struct diskinspect *d)
{
	for (size_t i = 0; d->parts && i < d->table.n; i++)
		mounts_done(&d->parts[i].uses);
	free(d->parts);
	d->parts = NULL;
	mounts_done(&d->uses);
	gpt_done(&d->table);
}

static void PRINTF(2, 3) warn(struct diskinspect *d, const char *fmt, ...)
{
	va_list ap;

	if (d->n_warnings == DISKINSPECT_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(d->warnings[d->n_warnings++], sizeof(d->warnings[0]), fmt, ap);
	va_end(ap);
}

/* No table: what is there instead? */
static int no_table(int fd, const char *path, struct why *w)
{
	struct diskprobe p = { 0 };
	char text[256];

	if (diskprobe_at(fd, path, 0, 0, &p, NULL))
		return fail(w, -ENODATA, "%s: no GUID partition table", path);
	return fail(w, -ENODATA, "%s: no GUID partition table; there is: %s", path, diskprobe_describe(&p, text));
}

static void judge_table(struct diskinspect *d)
{
	const struct gptcheck *g = &d->check;

	if (g->primary.state != GPTCHECK_OK)
		warn(d, "the primary partition table is damaged: %s; the backup is used", g->primary.problem);
	if (g->backup.state != GPTCHECK_OK)
		warn(d, "the backup partition table is damaged: %s", g->backup.problem);
	else if (!g->backup_at_end)
		warn(d, "the backup partition table is in sector %" PRIu64 ", not at the end: the disk has grown",
		     g->backup.lba);
	if (g->primary.state == GPTCHECK_OK && g->backup.state == GPTCHECK_OK && !g->same)
		warn(d, "the two copies of the partition table differ");
}

/* The node is looked at where there is one: the page cache of the whole disk may be older. */
static void probe_part(struct diskinspect *d, int disk_fd, const struct gpt_part *p, struct diskinspect_part *ret)
{
	AUTO_FD fd = ret->node[0] ? open(ret->node, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	struct why w = { 0 };
	int r;

	if (fd >= 0)
		r = diskprobe_at(fd, ret->node, 0, 0, &ret->holds, &w);
	else
		r = diskprobe_at(disk_fd, d->path, p->start_bytes, p->size_bytes, &ret->holds, &w);
	if (r)
		warn(d, "partition %u cannot be examined: %.150s", p->number, w.text);
}

static void find_node(const char *disk, const struct gpt_part *p, struct diskinspect *d, struct diskinspect_part *ret)
{
	struct kernelparts_one has;

	if (!kernelparts_find(&sysblock_real, disk, p->number, &has))
		return;
	if (has.start_bytes != p->start_bytes || has.size_bytes != p->size_bytes) {
		warn(d, "partition %u: the kernel has it at %" PRIu64 " with %" PRIu64 " bytes, unlike the table",
		     p->number, has.start_bytes, has.size_bytes);
		return;
	}
	memcpy(ret->node, has.node, sizeof(ret->node));
	IGNORE(mounts_of_device(&mounts_real, has.dev, &ret->uses, NULL));
}

static int read_parts(struct diskinspect *d, int fd, const struct stat *st, struct why *w)
{
	char disk[SYSBLOCK_NAME_BYTES] = "";

	d->parts = calloc(d->table.n + 1, sizeof(*d->parts));
	if (!d->parts)
		return fail(w, -ENOMEM, "%s: out of memory", d->path);
	if (d->device)
		IGNORE(sysblock_name(&sysblock_real, st->st_rdev, disk, NULL));
	else
		IGNORE(mounts_of_file(&mounts_real, d->path, &d->uses, NULL));
	for (size_t i = 0; i < d->table.n; i++) {
		if (disk[0])
			find_node(disk, &d->table.parts[i], d, &d->parts[i]);
		probe_part(d, fd, &d->table.parts[i], &d->parts[i]);
	}
	return 0;
}

static void problem(struct diskinspect *d, const char *text)
{
	(void)snprintf(d->record_problem, sizeof(d->record_problem), "%s", text);
}

static void read_record(struct diskinspect *d, const struct gpt_part *state)
{
	struct blk disk = { 0 };
	struct bootstore store;
	struct why w = { 0 };
	struct window part;
	int r = blk_open(d->path, BLK_READ, &disk, &w);

	r = r ? r : window_open(&disk, state->name, state->start_bytes, state->size_bytes, &part, &w);
	r = r ? r : bootstore_read(&store, &part.blk, &d->record, &w);
	d->has_record = r == 0;
	if (r)
		problem(d, w.text);
	else if (store.damage[0][0] || store.damage[1][0])
		problem(d, store.damage[0][0] ? store.damage[0] : store.damage[1]);
	if (disk.ops)
		IGNORE(blk_close(&disk, NULL));
}

static void find_record(struct diskinspect *d)
{
	const struct gpt_part *state = NULL;

	for (size_t i = 0; i < d->table.n; i++) {
		if (!guid_equal(d->table.parts[i].type, LAYOUT_TYPE_STATE))
			continue;
		if (state) {
			problem(d, "more than one state partition");
			return;
		}
		state = &d->table.parts[i];
	}
	if (state)
		read_record(d, state);
	else
		problem(d, "no state partition");
}

static int read_all(struct diskinspect *d, int fd, const struct stat *st, struct why *w)
{
	int r = gpt_read(fd, d->path, &d->table, w);

	if (r)
		return r;
	r = gptcheck_read(fd, d->path, d->table.disk_bytes, d->table.sector_bytes, &d->check, w);
	if (r)
		return r;
	judge_table(d);
	r = read_parts(d, fd, st, w);
	if (!r)
		find_record(d);
	return r;
}

int diskinspect_read(const char *path, struct diskinspect *ret, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE struct diskinspect *d = calloc(1, sizeof(*d));
	struct why one = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", path);
	if (!d)
		return fail(w, -ENOMEM, "%s: out of memory", path);
	d->path = path;
	d->device = S_ISBLK(st.st_mode);
	r = read_all(d, fd, &st, &one);
	if (r == 0) {
		*ret = *d;
		return 0;
	}
	diskinspect_done(d);
	return r == -ENODATA ? no_table(fd, path, w) : fail(w, r, "%s", one.text);
}
