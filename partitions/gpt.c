#include "partitions/gpt.h"

#include <ctype.h>
#include <inttypes.h>
#include <libfdisk/libfdisk.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "partitions/gptcheck.h"

/* A libfdisk context on a borrowed descriptor, and the last thing that libfdisk complained about. */
struct session {
	struct fdisk_context *cxt;
	const char *name;
	uint32_t sector_bytes;
	char complaint[160];
};

static int keep_complaint(struct fdisk_context *cxt, struct fdisk_ask *ask, void *data)
{
	struct session *s = data;
	const char *text;

	(void)cxt;
	if (fdisk_ask_get_type(ask) != FDISK_ASKTYPE_WARN && fdisk_ask_get_type(ask) != FDISK_ASKTYPE_WARNX)
		return 0;
	text = fdisk_ask_print_get_mesg(ask);
	if (text)
		(void)snprintf(s->complaint, sizeof(s->complaint), " (%s)", text);
	return 0;
}

static void session_done(struct session *s)
{
	fdisk_unref_context(s->cxt);
}

static int failed(const struct session *s, int code, const char *what, struct why *w)
{
	return fail(w, code, "%s: %s: %s%s", s->name, what, strerror(-code), s->complaint);
}

static int session_open(struct session *s, int fd, const char *name, uint32_t sector_bytes, bool readonly,
			struct why *w)
{
	int r;

	*s = (struct session){ .name = name, .sector_bytes = sector_bytes, .cxt = fdisk_new_context() };
	if (!s->cxt)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	(void)fdisk_disable_dialogs(s->cxt, 1);
	(void)fdisk_set_ask(s->cxt, keep_complaint, s);
	(void)fdisk_save_user_sector_size(s->cxt, sector_bytes, sector_bytes);
	r = fdisk_assign_device_by_fd(s->cxt, fd, name, readonly);
	return r ? failed(s, r, "cannot be examined for a partition table", w) : 0;
}

/* Everything written is on the medium: libfdisk itself only writes. */
static int write_and_flush(struct session *s, int fd, struct why *w)
{
	int r = fdisk_write_disklabel(s->cxt);

	if (r)
		return failed(s, r, "the partition table cannot be written", w);
	return fsync(fd) ? fail_errno(w, "%s: flush of the partition table", s->name) : 0;
}

void gpt_done(struct gpt_table *t)
{
	free(t->parts);
	t->parts = NULL;
	t->n = 0;
}

uint64_t gpt_tail_bytes(uint32_t sector_bytes)
{
	return 128ull * 128 + sector_bytes; /* 128 entries of 128 bytes and a header: UEFI 2.10, section 5.3 */
}

static int fill_partition(struct fdisk_context *cxt, struct fdisk_partition *pa, const struct gpt_part *p,
			  uint32_t sector_bytes)
{
	struct fdisk_parttype *type = fdisk_label_parse_parttype(fdisk_get_label(cxt, NULL), p->type);
	int r = type ? fdisk_partition_set_type(pa, type) : -EINVAL;

	fdisk_unref_parttype(type);
	r = r ? r : fdisk_partition_set_partno(pa, p->number - 1);
	r = r ? r : fdisk_partition_set_start(pa, p->start_bytes / sector_bytes);
	r = r ? r : fdisk_partition_set_size(pa, p->size_bytes / sector_bytes);
	r = r ? r : fdisk_partition_size_explicit(pa, 1);
	r = r ? r : fdisk_partition_set_name(pa, p->name);
	return r ? r : fdisk_partition_set_uuid(pa, p->uuid);
}

static int add_partition(struct session *s, const struct gpt_part *p, struct why *w)
{
	struct fdisk_partition *pa;
	int r;

	if (p->start_bytes % s->sector_bytes || p->size_bytes % s->sector_bytes || p->size_bytes == 0)
		return fail(w, -EINVAL, "%s: partition '%s' does not begin and end on sectors of %" PRIu32 " bytes",
			    s->name, p->name, s->sector_bytes);
	pa = fdisk_new_partition();
	if (!pa)
		return fail(w, -ENOMEM, "%s: out of memory", s->name);
	r = fill_partition(s->cxt, pa, p, s->sector_bytes);
	r = r ? r : fdisk_add_partition(s->cxt, pa, NULL);
	fdisk_unref_partition(pa);
	if (r)
		return fail(w, -EINVAL, "%s: partition '%s' cannot be entered into the table: %s%s", s->name, p->name,
			    strerror(-r), s->complaint);
	return 0;
}

int gpt_write(int fd, const char *name, const struct gpt_table *t, struct why *w)
{
	CLEANUP(session_done) struct session s = { 0 };
	int r = session_open(&s, fd, name, t->sector_bytes, false, w);

	if (r)
		return r;
	r = fdisk_create_disklabel(s.cxt, "gpt");
	r = r ? r : fdisk_set_disklabel_id_from_string(s.cxt, t->id);
	if (r)
		return failed(&s, r, "no partition table can be made", w);
	for (size_t i = 0; i < t->n; i++) {
		r = add_partition(&s, &t->parts[i], w);
		if (r)
			return r;
	}
	return write_and_flush(&s, fd, w);
}

static void copy_text(char *ret, size_t room, const char *from)
{
	(void)snprintf(ret, room, "%s", from ? from : "");
}

static void copy_guid(char ret[GUID_TEXT_BYTES], const char *from)
{
	copy_text(ret, GUID_TEXT_BYTES, from);
	for (char *c = ret; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

static void read_partition(struct fdisk_partition *pa, uint32_t sector_bytes, struct gpt_part *ret)
{
	struct fdisk_parttype *type = fdisk_partition_get_type(pa);

	*ret = (struct gpt_part){
		.number = (unsigned int)fdisk_partition_get_partno(pa) + 1,
		.start_bytes = fdisk_partition_get_start(pa) * sector_bytes,
		.size_bytes = fdisk_partition_get_size(pa) * sector_bytes,
	};
	copy_text(ret->name, sizeof(ret->name), fdisk_partition_get_name(pa));
	copy_guid(ret->uuid, fdisk_partition_get_uuid(pa));
	if (type) {
		copy_guid(ret->type, fdisk_parttype_get_string(type));
		copy_text(ret->type_name, sizeof(ret->type_name), fdisk_parttype_get_name(type));
	}
}

static int read_partitions(struct session *s, struct gpt_table *t, struct why *w)
{
	struct fdisk_table *tb = NULL;
	int r = fdisk_get_partitions(s->cxt, &tb);

	if (r)
		return failed(s, r, "the partitions cannot be read", w);
	t->n = fdisk_table_get_nents(tb);
	t->parts = calloc(t->n + 1, sizeof(*t->parts));
	for (size_t i = 0; t->parts && i < t->n; i++)
		read_partition(fdisk_table_get_partition(tb, i), t->sector_bytes, &t->parts[i]);
	fdisk_unref_table(tb);
	return t->parts ? 0 : fail(w, -ENOMEM, "%s: out of memory", s->name);
}

/* libfdisk takes 512 for every file. The kernel knows the sectors of a device; those of an image show in its table. */
static int find_sector(int fd, const char *name, uint64_t *ret_disk_bytes, uint32_t *ret_sector_bytes, struct why *w)
{
	struct gptcheck g;
	int sector = 0, r;

	if (ioctl(fd, BLKSSZGET, &sector))
		sector = 0;
	r = fd_size(fd, name, ret_disk_bytes, w);
	r = r ? r : gptcheck_read(fd, name, *ret_disk_bytes, (uint32_t)sector, &g, w);
	if (!r)
		*ret_sector_bytes = g.sector_bytes;
	return r;
}

/* A context on a GUID partition table that is there. */
static int open_table(int fd, const char *name, bool readonly, struct session *s, uint64_t *ret_disk_bytes,
		      struct why *w)
{
	uint32_t sector_bytes = 0;
	int r = find_sector(fd, name, ret_disk_bytes, &sector_bytes, w);

	r = r ? r : session_open(s, fd, name, sector_bytes, readonly, w);
	if (r)
		return r;
	if (!fdisk_is_label(s->cxt, GPT))
		return fail(w, -ENODATA, "%s: no GUID partition table", name);
	return 0;
}

int gpt_read(int fd, const char *name, struct gpt_table *ret, struct why *w)
{
	CLEANUP(session_done) struct session s = { 0 };
	struct gpt_table t = { 0 };
	char *id = NULL;
	int r = open_table(fd, name, true, &s, &t.disk_bytes, w);

	if (r)
		return r;
	t.sector_bytes = s.sector_bytes;
	if (fdisk_get_disklabel_id(s.cxt, &id) == 0)
		copy_guid(t.id, id);
	free(id);
	r = read_partitions(&s, &t, w);
	if (!r)
		*ret = t;
	return r;
}

int gpt_grow(int fd, const char *name, unsigned int number, uint64_t end_bytes, struct why *w)
{
	CLEANUP(session_done) struct session s = { 0 };
	struct fdisk_partition *pa = NULL;
	uint64_t start, disk_bytes = 0;
	int r = open_table(fd, name, false, &s, &disk_bytes, w);

	if (r)
		return r;
	if (number == 0 || fdisk_get_partition(s.cxt, number - 1, &pa))
		return fail(w, -ENODATA, "%s: no partition %u", name, number);
	start = fdisk_partition_get_start(pa) * s.sector_bytes;
	if (end_bytes < start || end_bytes - start < fdisk_partition_get_size(pa) * s.sector_bytes)
		r = fail(w, -EINVAL, "%s: partition %u would shrink", name, number);
	fdisk_unref_partition(pa);
	pa = r ? NULL : fdisk_new_partition();
	if (!pa)
		return r ? r : fail(w, -ENOMEM, "%s: out of memory", name);
	r = fdisk_partition_set_size(pa, (end_bytes - start) / s.sector_bytes);
	r = r ? r : fdisk_partition_size_explicit(pa, 1);
	r = r ? r : fdisk_set_partition(s.cxt, number - 1, pa);
	fdisk_unref_partition(pa);
	if (r) /* libfdisk says ERANGE where there is no room */
		return failed(&s, r == -ERANGE ? -EINVAL : r, "the partition cannot be enlarged", w);
	return write_and_flush(&s, fd, w);
}
