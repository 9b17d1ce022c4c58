#include "partitions/layout.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#include "base/ini.h"
#include "base/parse.h"

#define EXT4_MIN_BYTES (8ull << 20) /* below this mke2fs leaves the journal away: mke2fs 1.47 figure_journal_size() */
#define VFAT_LABEL_MAX 11u
#define EXT4_LABEL_MAX 16u

static const char default_text[] = "# The layout of `tandem-disk create` without --config.\n"
				   "[partition.esp]\n"
				   "type=esp\n"
				   "size=256M\n"
				   "filesystem=vfat\n"
				   "label=ESP\n"
				   "\n"
				   "[partition.tandem-state]\n"
				   "type=state\n"
				   "size=32M\n"
				   "\n"
				   "[partition.root-a]\n"
				   "type=root\n"
				   "size=25%\n"
				   "size-max=4G\n"
				   "\n"
				   "[partition.root-b]\n"
				   "type=root\n"
				   "size=25%\n"
				   "size-max=4G\n"
				   "\n"
				   "[partition.data]\n"
				   "type=data\n"
				   "size=rest\n"
				   "filesystem=ext4\n"
				   "label=data\n";

static const struct {
	const char *name, *guid;
	enum layout_fs fs; /* when filesystem= is not given */
} types[] = {
	{ "esp", LAYOUT_TYPE_ESP, LAYOUT_FS_VFAT },
	{ "state", LAYOUT_TYPE_STATE, LAYOUT_FS_NONE },
	{ "root", LAYOUT_TYPE_ROOT, LAYOUT_FS_NONE },
	{ "data", LAYOUT_TYPE_DATA, LAYOUT_FS_EXT4 },
};

/* What the keys of a layout.conf are stored into. */
struct builder {
	struct layout l;
	bool fs_given[LAYOUT_PARTS_MAX];
	size_t last; /* the partition whose section is being read */
};

const char *layout_default_text(void)
{
	return default_text;
}

const char *layout_fs_name(enum layout_fs fs)
{
	return fs == LAYOUT_FS_VFAT ? "vfat" : fs == LAYOUT_FS_EXT4 ? "ext4" : "none";
}

const char *layout_type_name(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (guid_equal(types[i].guid, type))
			return types[i].name;
	return NULL;
}

const struct layout_part *layout_find(const struct layout *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->part[i].name, name) == 0)
			return &l->part[i];
	return NULL;
}

const struct layout_part *layout_find_type(const struct layout *l, const char *type)
{
	for (size_t i = 0; i < l->n; i++)
		if (guid_equal(l->part[i].type, type))
			return &l->part[i];
	return NULL;
}

static bool name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= LAYOUT_NAME_BYTES)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

/* The partition that a key of [partition.NAME] belongs to; made when its section begins. */
static int part_of(struct builder *b, const char *name, struct layout_part **ret, struct why *w)
{
	struct layout *l = &b->l;

	if (l->n > 0 && strcmp(l->part[b->last].name, name) == 0) {
		*ret = &l->part[b->last];
		return 0;
	}
	if (!name_valid(name))
		return misuse(w, -EINVAL, "'%s' is no partition name: up to %u of letters, digits, '.', '_' and '-'",
			      name, LAYOUT_NAME_BYTES - 1);
	for (size_t i = 0; i < l->n; i++)
		if (strcasecmp(l->part[i].name, name) == 0)
			return misuse(w, -EBADMSG, "partition '%s' is described twice", name);
	if (l->n == LAYOUT_PARTS_MAX)
		return misuse(w, -E2BIG, "more than %u partitions", LAYOUT_PARTS_MAX);
	b->last = l->n++;
	memcpy(l->part[b->last].name, name, strlen(name) + 1);
	*ret = &l->part[b->last];
	return 0;
}

/* A size of the file, in whole LAYOUT_ALIGN_BYTES. */
static int whole_size(const char *value, uint64_t *ret_bytes, struct why *w)
{
	uint64_t bytes;
	int r = parse_size(value, &bytes, w);

	if (r)
		return r;
	if (bytes == 0)
		return misuse(w, -EINVAL, "a size of 0");
	if (bytes > LAYOUT_SIZE_MAX)
		return misuse(w, -E2BIG, "'%s' is over the limit of %llu bytes", value, LAYOUT_SIZE_MAX);
	*ret_bytes = (bytes + LAYOUT_ALIGN_BYTES - 1) / LAYOUT_ALIGN_BYTES * LAYOUT_ALIGN_BYTES;
	return 0;
}

static int set_disk_size(void *into, const char *sub, const char *value, struct why *w)
{
	struct builder *b = into;

	(void)sub;
	return whole_size(value, &b->l.disk_bytes, w);
}

static int set_type(void *into, const char *sub, const char *value, struct why *w)
{
	struct layout_part *p = NULL;
	int r = part_of(into, sub, &p, w);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, value) == 0)
			value = types[i].guid;
	if (!guid_valid(value) || guid_equal(value, "00000000-0000-0000-0000-000000000000"))
		return misuse(w, -EINVAL, "'%s' is no type: write esp, state, root, data or a GUID", value);
	for (size_t i = 0; i < GUID_TEXT_BYTES; i++)
		p->type[i] = (char)tolower((unsigned char)value[i]);
	return 0;
}

static int percent(const char *value, size_t digits, struct layout_size *ret, struct why *w)
{
	char number[4] = "";
	uint64_t v = 0;

	if (digits == 0 || digits >= sizeof(number) || value[digits + 1] != '\0')
		return misuse(w, -EINVAL, "'%s' is no share of the disk: write 1%% to 99%%", value);
	memcpy(number, value, digits);
	if (parse_u64(number, 99, &v, NULL) || v == 0)
		return misuse(w, -EINVAL, "'%s' is no share of the disk: write 1%% to 99%%", value);
	*ret = (struct layout_size){ .kind = LAYOUT_PERCENT, .amount = v };
	return 0;
}

static int set_size(void *into, const char *sub, const char *value, struct why *w)
{
	size_t digits = strspn(value, "0123456789");
	struct layout_part *p = NULL;
	uint64_t bytes = 0;
	int r = part_of(into, sub, &p, w);

	if (r)
		return r;
	if (value[digits] == '%')
		return percent(value, digits, &p->size, w);
	if (strcmp(value, "rest") == 0) {
		p->size = (struct layout_size){ .kind = LAYOUT_REST };
		return 0;
	}
	r = whole_size(value, &bytes, w);
	if (!r)
		p->size = (struct layout_size){ .kind = LAYOUT_BYTES, .amount = bytes };
	return r;
}

static int set_size_max(void *into, const char *sub, const char *value, struct why *w)
{
	struct layout_part *p = NULL;
	int r = part_of(into, sub, &p, w);

	return r ? r : whole_size(value, &p->size_max_bytes, w);
}

static int set_filesystem(void *into, const char *sub, const char *value, struct why *w)
{
	struct builder *b = into;
	struct layout_part *p = NULL;
	int r = part_of(b, sub, &p, w);

	if (r)
		return r;
	for (enum layout_fs fs = LAYOUT_FS_NONE; fs <= LAYOUT_FS_EXT4; fs++) {
		if (strcmp(value, layout_fs_name(fs)) == 0) {
			p->fs = fs;
			b->fs_given[b->last] = true;
			return 0;
		}
	}
	return misuse(w, -EINVAL, "'%s' is no filesystem that can be made here: write vfat, ext4 or none", value);
}

static int set_label(void *into, const char *sub, const char *value, struct why *w)
{
	struct layout_part *p = NULL;
	int r = part_of(into, sub, &p, w);

	if (r)
		return r;
	if (!name_valid(value) || strlen(value) > EXT4_LABEL_MAX)
		return misuse(w, -EINVAL, "'%s' is no label: up to %u of letters, digits, '.', '_' and '-'", value,
			      EXT4_LABEL_MAX);
	memcpy(p->label, value, strlen(value) + 1);
	return 0;
}

static const struct ini_key keys[] = {
	{ "disk", "size", set_disk_size, false },
	{ "partition.*", "type", set_type, false },
	{ "partition.*", "size", set_size, false },
	{ "partition.*", "size-max", set_size_max, false },
	{ "partition.*", "filesystem", set_filesystem, false },
	{ "partition.*", "label", set_label, false },
};

static void default_fs(struct layout_part *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (guid_equal(types[i].guid, p->type))
			p->fs = types[i].fs;
}

static bool vfat_label_valid(const char *label)
{
	if (strlen(label) > VFAT_LABEL_MAX)
		return false;
	for (const char *c = label; *c; c++)
		if (islower((unsigned char)*c) || *c == '.')
			return false;
	return true;
}

static int check_part(const struct layout *l, const struct layout_part *p, struct why *w)
{
	if (!p->type[0])
		return misuse(w, -EBADMSG, "partition '%s' has no type=", p->name);
	if (p->size.kind == LAYOUT_UNSAID)
		return misuse(w, -EBADMSG, "partition '%s' has no size=", p->name);
	if (p->size.kind == LAYOUT_REST && p != &l->part[l->n - 1])
		return misuse(w, -EBADMSG, "partition '%s' takes the rest but is not the last one", p->name);
	if (p->size.kind == LAYOUT_BYTES && p->size_max_bytes)
		return misuse(w, -EBADMSG, "partition '%s' has a fixed size and a size-max=", p->name);
	if (p->label[0] && p->fs == LAYOUT_FS_NONE)
		return misuse(w, -EBADMSG, "partition '%s' has a label= but no filesystem to carry it", p->name);
	if (p->fs == LAYOUT_FS_VFAT && !vfat_label_valid(p->label))
		return misuse(w, -EBADMSG, "partition '%s': a vfat label has up to %u of A-Z, 0-9, '_' and '-'",
			      p->name, VFAT_LABEL_MAX);
	return 0;
}

/* The state partition and the ESP are what everything else is found by: exactly one of each. */
/* The one partition of a type that there has to be once. */
static int find_special(const struct layout *l, const char *type, const char *name, const struct layout_part **ret,
			struct why *w)
{
	const struct layout_part *p = layout_find_type(l, type);

	if (!p)
		return misuse(w, -EBADMSG, "no partition of type=%s", name);
	for (const struct layout_part *q = p + 1; q < l->part + l->n; q++)
		if (guid_equal(q->type, type))
			return misuse(w, -EBADMSG, "two partitions of type=%s: '%s' and '%s'", name, p->name, q->name);
	*ret = p;
	return 0;
}

static int check_esp(const struct layout *l, struct why *w)
{
	const struct layout_part *p;
	int r = find_special(l, LAYOUT_TYPE_ESP, "esp", &p, w);

	if (r)
		return r;
	return p->fs == LAYOUT_FS_EXT4
		       ? misuse(w, -EBADMSG, "partition '%s': firmware reads an ESP only as vfat", p->name)
		       : 0;
}

static int check_state(const struct layout *l, struct why *w)
{
	const struct layout_part *p;
	int r = find_special(l, LAYOUT_TYPE_STATE, "state", &p, w);

	if (r)
		return r;
	if (p->fs != LAYOUT_FS_NONE || p->size.kind != LAYOUT_BYTES || p->size.amount < LAYOUT_STATE_BYTES)
		return misuse(w, -EBADMSG,
			      "partition '%s': a state partition has filesystem=none and a fixed size of %llu "
			      "MiB or more",
			      p->name, LAYOUT_STATE_BYTES >> 20);
	return 0;
}

static int check_all(struct builder *b, struct why *w)
{
	struct layout *l = &b->l;
	int r = 0;

	for (size_t i = 0; i < l->n && !r; i++) {
		if (!b->fs_given[i])
			default_fs(&l->part[i]);
		r = check_part(l, &l->part[i], w);
	}
	r = r ? r : check_esp(l, w);
	r = r ? r : check_state(l, w);
	if (!r && layout_enough(l, 0, 512) == 0)
		r = misuse(w, -EBADMSG, "no disk is large enough for these sizes and shares");
	return r;
}

int layout_parse(struct bytes text, const char *name, struct layout *ret, struct why *w)
{
	struct builder b = { .last = 0 };
	int r = ini_read(text, name, keys, ARRAY_SIZE(keys), &b, w);

	if (r)
		return r;
	r = check_all(&b, w);
	if (r)
		return why_in(w, r, "%s", name);
	*ret = b.l;
	return 0;
}

int layout_read_file(const char *path, struct layout *ret, struct why *w)
{
	struct builder b = { .last = 0 };
	int r = ini_read_file(path, keys, ARRAY_SIZE(keys), &b, w);

	if (r)
		return r;
	r = check_all(&b, w);
	if (r)
		return why_in(w, r, "%s", path);
	*ret = b.l;
	return 0;
}

static uint64_t align_down(uint64_t bytes)
{
	return bytes / LAYOUT_ALIGN_BYTES * LAYOUT_ALIGN_BYTES;
}

/* Kept free behind the last partition: the backup table, 128 entries of 128 bytes and one sector (UEFI 2.10, 5.3). */
static uint64_t tail_bytes(uint32_t sector_bytes)
{
	return 128ull * 128 + sector_bytes;
}

static uint64_t wanted(const struct layout_part *p, uint64_t disk_bytes, uint64_t left_bytes)
{
	uint64_t v = 0;

	if (p->size.kind == LAYOUT_BYTES)
		return p->size.amount;
	if (p->size.kind == LAYOUT_PERCENT) {
		v = align_down(disk_bytes / 100 * p->size.amount + disk_bytes % 100 * p->size.amount / 100);
		v = v < LAYOUT_ALIGN_BYTES ? LAYOUT_ALIGN_BYTES : v;
	} else {
		v = left_bytes < LAYOUT_REST_MIN_BYTES ? LAYOUT_REST_MIN_BYTES : left_bytes;
	}
	return p->size_max_bytes && v > p->size_max_bytes ? p->size_max_bytes : v;
}

/* LAYOUT_PARTS_MAX sizes of at most LAYOUT_SIZE_MAX, and one MiB in front, stay below 2^64 - 2^61: no sum overflows. */
_Static_assert(LAYOUT_PARTS_MAX <= 16 && LAYOUT_SIZE_MAX <= 1ull << 60, "sums of sizes must fit into 64 bits");

struct layout_plan layout_wish(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes)
{
	uint64_t at = LAYOUT_ALIGN_BYTES, tail = tail_bytes(sector_bytes);
	struct layout_plan p = { .n = l->n };

	disk_bytes = disk_bytes > LAYOUT_SIZE_MAX ? LAYOUT_SIZE_MAX : disk_bytes;
	p.usable_bytes = disk_bytes > tail ? align_down(disk_bytes - tail) : 0;
	for (size_t i = 0; i < l->n; i++) {
		uint64_t left = p.usable_bytes > at ? p.usable_bytes - at : 0;

		p.at[i] =
			(struct layout_place){ .start_bytes = at, .size_bytes = wanted(&l->part[i], disk_bytes, left) };
		at += p.at[i].size_bytes;
	}
	return p;
}

static bool fits(const struct layout_plan *p)
{
	const struct layout_place *last = p->n > 0 ? &p->at[p->n - 1] : NULL;

	return last && last->start_bytes <= p->usable_bytes && p->usable_bytes - last->start_bytes >= last->size_bytes;
}

static int check_filesystem(const struct layout_part *p, uint64_t bytes, uint32_t sector_bytes, struct why *w)
{
	struct layout_fat fat;
	int r = 0;

	if (p->fs == LAYOUT_FS_VFAT)
		r = layout_fat_for(bytes, sector_bytes, &fat, w);
	else if (p->fs == LAYOUT_FS_EXT4 && bytes < EXT4_MIN_BYTES)
		r = misuse(w, -EINVAL, "%llu MiB are too few for ext4 with a journal; it takes %llu MiB",
			   (unsigned long long)(bytes >> 20), EXT4_MIN_BYTES >> 20);
	return r ? why_in(w, r, "partition '%s'", p->name) : 0;
}

int layout_place(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes, struct layout_plan *ret,
		 struct why *w)
{
	struct layout_plan p = layout_wish(l, disk_bytes, sector_bytes);
	char has[16], needs[16];
	int r;

	if (!fits(&p))
		return fail(w, -ENOSPC, "the disk has %s, this layout needs %s", format_size(disk_bytes, has),
			    format_size(layout_enough(l, disk_bytes, sector_bytes), needs));
	for (size_t i = 0; i < l->n; i++) {
		r = check_filesystem(&l->part[i], p.at[i].size_bytes, sector_bytes, w);
		if (r)
			return r;
	}
	*ret = p;
	return 0;
}

/* Shares are rounded, so that "fits" may flicker within a few MiB; the search ends at a size that fits all the same. */
uint64_t layout_enough(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes)
{
	uint64_t no = disk_bytes / LAYOUT_ALIGN_BYTES, yes = LAYOUT_SIZE_MAX / LAYOUT_ALIGN_BYTES;
	struct layout_plan p = layout_wish(l, LAYOUT_SIZE_MAX, sector_bytes);

	if (!fits(&p))
		return 0;
	while (yes > no + 1) {
		uint64_t mid = no + (yes - no) / 2;

		p = layout_wish(l, mid * LAYOUT_ALIGN_BYTES, sector_bytes);
		if (fits(&p))
			yes = mid;
		else
			no = mid;
	}
	return yes * LAYOUT_ALIGN_BYTES;
}

/* Clusters that a volume has after 32 reserved sectors and two tables with `entry` bytes for each cluster. */
static uint64_t fat_clusters(uint64_t sectors, uint32_t sector_bytes, unsigned int per_cluster, unsigned int entry)
{
	uint64_t cost = (uint64_t)per_cluster * sector_bytes + 2 * (uint64_t)entry;

	return sectors <= 64 ? 0 : (sectors - 64) * sector_bytes / cost;
}

int layout_fat_for(uint64_t bytes, uint32_t sector_bytes, struct layout_fat *ret, struct why *w)
{
	/* The counts that separate the types, with a margin for what mkfs.vfat rounds; 32 KiB is the largest cluster. */
	const uint64_t min16 = 4085 + 64, max16 = 65524 - 64, min32 = 65525 + 64, max32 = 0x0ffffff5 - 64;
	unsigned int most = 32768 / sector_bytes, usual = sector_bytes < 4096 ? 4096 / sector_bytes : 1;
	uint64_t sectors = bytes / sector_bytes;

	if (sectors > UINT32_MAX)
		return misuse(w, -EINVAL, "%llu MiB are too many for vfat", (unsigned long long)(bytes >> 20));
	for (unsigned int s = usual; s > 0; s /= 2) {
		if (fat_clusters(sectors, sector_bytes, s, 4) < min32)
			continue;
		while (s < most && fat_clusters(sectors, sector_bytes, s, 4) > max32)
			s *= 2;
		*ret = (struct layout_fat){ .bits = 32, .sectors_per_cluster = s };
		return 0;
	}
	for (unsigned int s = 1; s <= most; s *= 2) {
		uint64_t n = fat_clusters(sectors, sector_bytes, s, 2);

		if (n < min16 || n > max16)
			continue;
		*ret = (struct layout_fat){ .bits = 16, .sectors_per_cluster = s };
		return 0;
	}
	return misuse(w, -EINVAL, "%llu MiB with sectors of %u bytes are too few for vfat",
		      (unsigned long long)(bytes >> 20), sector_bytes);
}
