#include "partitions/diskfind.h"

#include <blkid/blkid.h>
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/parse.h"
#include "partitions/bootstore.h"
#include "partitions/kernelparts.h"
#include "partitions/window.h"

static void auto_probe(blkid_probe *p)
{
	if (*p)
		blkid_free_probe(*p);
}

/* The kernel's node for partition `number`; none when the kernel still has another table in mind. */
static void find_node(const struct sysblock *s, const char *name, struct disk_part *p)
{
	struct kernelparts_one k;

	if (kernelparts_find(s, name, p->number, &k) && k.start_bytes == p->start_bytes &&
	    k.size_bytes == p->size_bytes && strlen(k.node) < sizeof(p->device))
		memcpy(p->device, k.node, strlen(k.node) + 1);
}

/* name: the kernel's, of a block device; NULL for an image. */
static int take_part(struct disk *d, blkid_partition b, const struct sysblock *s, const char *name, struct why *w)
{
	const char *label = blkid_partition_get_name(b), *uuid = blkid_partition_get_uuid(b);
	struct disk_part p = {
		.number = (uint32_t)blkid_partition_get_partno(b),
		.start_bytes = (uint64_t)blkid_partition_get_start(b) * 512, /* of any disk, in libblkid */
		.size_bytes = (uint64_t)blkid_partition_get_size(b) * 512,
	};

	if (d->n == DISK_PARTS_MAX)
		return fail(w, -E2BIG, "%s: more than %u partitions", d->device, DISK_PARTS_MAX);
	(void)snprintf(p.name, sizeof(p.name), "%s", label ? label : "");
	(void)snprintf(p.partuuid, sizeof(p.partuuid), "%s", uuid ? uuid : "");
	if (name)
		find_node(s, name, &p);
	d->parts[d->n++] = p;
	return 0;
}

/* Fill d from the GPT for sectors of that size; 0: the device's own. -ENODATA: there is none. */
static int read_table(struct disk *d, int fd, unsigned int sector_bytes, const struct sysblock *s, const char *name,
		      struct why *w)
{
	char gpt[] = "gpt", *only[] = { gpt, NULL };
	CLEANUP(auto_probe) blkid_probe pr = blkid_new_probe();
	blkid_parttable table;
	blkid_partlist list;
	int r = 0;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) ||
	    (sector_bytes && blkid_probe_set_sectorsize(pr, sector_bytes)) || blkid_probe_enable_superblocks(pr, 0) ||
	    blkid_probe_enable_partitions(pr, 1) || blkid_probe_filter_partitions_type(pr, BLKID_FLTR_ONLYIN, only))
		return fail(w, -EIO, "%s: cannot be probed", d->device);
	d->sector_bytes = blkid_probe_get_sectorsize(pr);
	list = blkid_probe_get_partitions(pr);
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (!table || strcmp(blkid_parttable_get_type(table), "gpt") != 0)
		return fail(w, -ENODATA, "%s: no GPT on it", d->device);
	for (int i = 0; i < blkid_partlist_numof_partitions(list) && !r; i++)
		r = take_part(d, blkid_partlist_get_partition(list, i), s, name, w);
	return r;
}

/* name: as for take_part(). An image does not say what its sectors are: 512 bytes, else 4096. */
static int read_disk(const struct sysblock *s, const char *device, const char *name, struct disk *ret, struct why *w)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof(*d));
	AUTO_FD fd = open(device, O_RDONLY | O_CLOEXEC);
	struct why none = { 0 };
	struct stat st;
	int r;

	if (!d)
		return fail(w, -ENOMEM, "%s: out of memory", device);
	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", device);
	if (snprintf(d->device, sizeof(d->device), "%s", device) >= (int)sizeof(d->device))
		return fail(w, -ENAMETOOLONG, "%s: name too long", device);
	r = read_table(d, fd, 0, s, name, S_ISREG(st.st_mode) ? &none : w);
	if (r && S_ISREG(st.st_mode))
		r = r == -ENODATA ? read_table(d, fd, 4096, s, name, w) : fail(w, r, "%s", none.text);
	if (!r)
		*ret = *d;
	return r;
}

/* The kernel's name of a block device, whatever the path that leads to it. -ENOTBLK: it is none. */
static int kernel_name(const char *device, char ret[SYSBLOCK_NAME_BYTES], struct why *w)
{
	struct stat st;

	if (stat(device, &st))
		return fail_errno(w, "%s", device);
	if (!S_ISBLK(st.st_mode))
		return fail(w, -ENOTBLK, "%s: not a block device", device);
	return sysblock_name(&sysblock_real, st.st_rdev, ret, w);
}

int disk_read(const char *device, struct disk *ret, struct why *w)
{
	char name[SYSBLOCK_NAME_BYTES];
	bool block = kernel_name(device, name, NULL) == 0;

	return read_disk(&sysblock_real, device, block ? name : NULL, ret, w);
}

int disk_part_find(const struct disk *d, const char *place, const struct disk_part **ret, struct why *w)
{
	bool by_uuid = strncmp(place, "PARTUUID=", 9) == 0, by_label = strncmp(place, "PARTLABEL=", 10) == 0;
	const struct disk_part *found = NULL;
	const char *value;

	if (!by_uuid && !by_label)
		return fail(w, -EINVAL, "'%s' is neither PARTLABEL=name nor PARTUUID=guid", place);
	value = strchr(place, '=') + 1;
	for (size_t i = 0; i < d->n; i++) {
		const struct disk_part *p = &d->parts[i];

		if (by_uuid ? strcasecmp(p->partuuid, value) != 0 : strcmp(p->name, value) != 0)
			continue;
		if (found)
			return refuse(w, -ENOTUNIQ, "%s: %s means partitions %u and %u", d->device, place,
				      found->number, p->number);
		found = p;
	}
	if (!found)
		return fail(w, -ENODATA, "%s: no partition with %s", d->device, place);
	*ret = found;
	return 0;
}

int disk_part_esp(const struct disk *d, const struct disk_part *p, struct efi_esp *ret, struct why *w)
{
	char hex[33];
	uint8_t g[16];
	size_t n = 0;

	for (const char *c = p->partuuid; *c && n < 32; c++)
		if (*c != '-')
			hex[n++] = *c;
	hex[n] = '\0';
	if (d->sector_bytes == 0 || parse_hex(hex, g, sizeof(g), NULL))
		return fail(w, -EINVAL, "%s: partition %u has no usable GUID", d->device, p->number);
	*ret = (struct efi_esp){
		.number = p->number,
		.start_sectors = p->start_bytes / d->sector_bytes,
		.size_sectors = p->size_bytes / d->sector_bytes,
		/* UEFI 2.10 appendix A: the first three fields are little-endian. */
		.guid = { g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
			  g[15] },
	};
	return 0;
}

int disk_of_part(const char *device, char ret_disk[DISK_NAME_MAX], struct why *w)
{
	char name[SYSBLOCK_NAME_BYTES], disk[SYSBLOCK_NAME_BYTES], node[SYSBLOCK_NODE_BYTES];
	int r = kernel_name(device, name, w);

	if (r)
		return r;
	if (sysblock_partition(&sysblock_real, name) == 0)
		return fail(w, -ENODATA, "%s: not a partition", device);
	r = sysblock_disk(&sysblock_real, name, disk, w);
	r = r ? r : sysblock_node(&sysblock_real, disk, node, w);
	if (!r && strlen(node) >= DISK_NAME_MAX)
		r = fail(w, -ENAMETOOLONG, "%s: name too long", node);
	if (!r)
		memcpy(ret_disk, node, strlen(node) + 1);
	return r;
}

static void drop_blanks(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
}

/*
 * The device's place on the bus: its path in /sys without what is numbered in the order of appearance. Devices that are
 * on no bus (loop) keep their whole path.
 */
static int bus_place(const struct sysblock *s, const char *name, char ret[PATH_MAX], struct why *w)
{
	char path[PATH_MAX], *cut;

	(void)snprintf(path, sizeof(path), "%s/class/block/%s", s->sys, name);
	if (!realpath(path, ret))
		return fail_errno(w, "%s", path);
	if (strstr(ret, "/devices/virtual/"))
		return 0;
	cut = strstr(ret, "/block/");
	if (cut)
		*cut = '\0';
	cut = strrchr(ret, '/');
	if (cut && strncmp(cut, "/virtio", 7) == 0)
		*cut = '\0';
	return 0;
}

int disk_identity_in(const struct sysblock *s, const char *name, uint8_t ret[16], struct why *w)
{
	static const char *const files[] = { "wwid", "device/wwid", "serial", "device/serial", "device/cid" };
	char text[PATH_MAX] = "";
	struct hash h;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && !text[0]; i++) {
		if (sysblock_text(s, name, files[i], text, sizeof(text), NULL))
			text[0] = '\0';
		drop_blanks(text);
	}
	if (!text[0])
		r = bus_place(s, name, text, w);
	if (r)
		return r;
	h = hash_of(bytes_str(text));
	memcpy(ret, h.b, 16);
	return 0;
}

int disk_identity(const char *device, uint8_t ret[16], struct why *w)
{
	char name[SYSBLOCK_NAME_BYTES];
	int r = kernel_name(device, name, w);

	return r ? r : disk_identity_in(&sysblock_real, name, ret, w);
}

/* What disk the boot record names as the one it was last used on; false when it is lost or names none. */
static bool read_home(const struct bootdisk *b, uint8_t ret[16])
{
	struct bootstore store;
	struct window state;
	struct bootrec rec;
	struct blk disk;
	bool read;

	if (blk_open(b->disk.device, BLK_READ, &disk, NULL))
		return false;
	read = window_open(&disk, "state", b->state.start_bytes, b->state.size_bytes, &state, NULL) == 0 &&
	       bootstore_read(&store, &state.blk, &rec, NULL) == 0 &&
	       !bytes_all_zero(bytes_of(rec.home, sizeof(rec.home)));
	IGNORE(blk_close(&disk, NULL)); /* nothing was written */
	if (read)
		memcpy(ret, rec.home, sizeof(rec.home));
	return read;
}

static int pick(const struct disk *d, const char *place, struct disk_part *ret, struct why *w)
{
	const struct disk_part *p = NULL;
	int r = disk_part_find(d, place, &p, w);

	if (!r)
		*ret = *p;
	return r;
}

/* As pick(), but what is not there is left empty. */
static int pick_optional(const struct disk *d, const char *place, struct disk_part *ret, struct why *w)
{
	struct why none = { 0 };
	int r = place[0] ? pick(d, place, ret, &none) : 0;

	return r == -ENODATA ? 0 : r ? refuse(w, r, "%s", none.text) : 0;
}

/* One partition for two purposes would be written over by one of them. */
static int check_distinct(const struct bootdisk *b, struct why *w)
{
	const struct disk_part *const all[] = { &b->esp, &b->state, &b->data, &b->root[SLOT_A], &b->root[SLOT_B] };
	static const char *const names[] = { "esp", "state", "data", "root of slot a", "root of slot b" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t k = 0; k < i; k++)
			if (all[i]->number && all[i]->number == all[k]->number)
				return refuse(w, -ENOTUNIQ, "%s: partition %u is %s and %s by system.conf",
					      b->disk.device, all[i]->number, names[k], names[i]);
	return 0;
}

static int pick_all(const struct sysconf *conf, struct bootdisk *b, struct why *w)
{
	const struct disk *d = &b->disk;
	int r = pick(d, conf->state, &b->state, w);

	r = r ? r : pick(d, conf->esp, &b->esp, w);
	r = r ? r : pick_optional(d, conf->data, &b->data, w);
	/* One root is enough: a slot whose partition is gone is left for the other one, as any slot that cannot be used. */
	r = r ? r : pick_optional(d, conf->slots[SLOT_A].root, &b->root[SLOT_A], w);
	r = r ? r : pick_optional(d, conf->slots[SLOT_B].root, &b->root[SLOT_B], w);
	if (!r && b->root[SLOT_A].number == 0 && b->root[SLOT_B].number == 0)
		r = fail(w, -ENODATA, "%s: no partition with %s or %s", d->device, conf->slots[SLOT_A].root,
			 conf->slots[SLOT_B].root);
	return r ? r : check_distinct(b, w);
}

static bool has_uuid(const struct disk *d, const char *partuuid)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcasecmp(d->parts[i].partuuid, partuuid) == 0)
			return true;
	return false;
}

/* name: as for take_part(). ret_named: the record on it names this very hardware. */
static int look(const struct sysblock *s, const struct sysconf *conf, const char *device, const char *name,
		const char *esp_partuuid, struct bootdisk *b, bool *ret_named, struct why *w)
{
	uint8_t home[16];
	int r;

	memset(b, 0, sizeof(*b));
	r = read_disk(s, device, name, &b->disk, w);
	if (!r && esp_partuuid && !has_uuid(&b->disk, esp_partuuid))
		return fail(w, -ENODATA, "%s: has no partition %s, from which this system was started", device,
			    esp_partuuid);
	r = r ? r : pick_all(conf, b, w);
	if (r)
		return r;
	if (esp_partuuid && strcasecmp(b->esp.partuuid, esp_partuuid) != 0)
		return fail(w, -ENODATA, "%s: its ESP is not the one that was started from (%s)", device, esp_partuuid);
	*ret_named = false;
	b->at_home = true;
	if (!name || disk_identity_in(s, name, b->identity, NULL) || !read_home(b, home))
		return 0; /* an image has no identity */
	*ret_named = memcmp(home, b->identity, sizeof(home)) == 0;
	b->at_home = *ret_named;
	return 0;
}

int bootdisk_on(const struct sysconf *conf, const char *device, const char *esp_partuuid, struct bootdisk *ret,
		struct why *w)
{
	AUTO_FREE struct bootdisk *b = malloc(sizeof(*b));
	char name[SYSBLOCK_NAME_BYTES];
	bool block = kernel_name(device, name, NULL) == 0, named = false;
	int r = b ? look(&sysblock_real, conf, device, block ? name : NULL, esp_partuuid, b, &named, w)
		  : fail(w, -ENOMEM, "out of memory");

	if (!r)
		*ret = *b;
	return r;
}

/* Whole disks that can be a boot disk: not loop, ram, zram, floppy or optical, and not empty. */
static bool plausible(const struct sysblock *s, const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "fd", "sr", "dm-", "md", "nbd" };
	uint64_t sectors = 0;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0 && !islower(name[strlen(others[i])]))
			return false;
	return sysblock_partition(s, name) == 0 && sysblock_u64(s, name, "size", &sectors, NULL) == 0 && sectors > 0;
}

/* Every disk that fits. */
struct search {
	struct bootdisk *best;
	size_t n, n_named;
	char names[256];
	struct why refused; /* why one that would fit was refused */
};

static void try_disk(const struct sysblock *s, const struct sysconf *conf, const char *name, const char *esp_partuuid,
		     struct bootdisk *one, struct search *found)
{
	char device[SYSBLOCK_NODE_BYTES];
	struct why w = { 0 };
	bool named = false;
	size_t at = strlen(found->names);
	int r = sysblock_node(s, name, device, &w);

	r = r ? r : look(s, conf, device, name, esp_partuuid, one, &named, &w);
	if (r == -ENOTUNIQ && !found->refused.code)
		found->refused = w;
	if (r)
		return;
	if (at + strlen(device) + 2 < sizeof(found->names))
		(void)snprintf(found->names + at, sizeof(found->names) - at, " %s", device);
	if (found->n == 0 || (named && found->n_named == 0))
		*found->best = *one;
	found->n++;
	found->n_named += named;
}

int bootdisk_find_in(const struct sysblock *s, const struct sysconf *conf, const char *esp_partuuid,
		     struct bootdisk *ret, struct why *w)
{
	AUTO_FREE struct bootdisk *one = malloc(sizeof(*one)), *best = malloc(sizeof(*best));
	struct search found = { .best = best };
	struct sysblock_names all = { 0 };
	int r = one && best ? sysblock_all(s, &all, w) : fail(w, -ENOMEM, "out of memory");

	if (r)
		return r;
	for (size_t i = 0; i < all.n; i++)
		if (plausible(s, all.at[i]))
			try_disk(s, conf, all.at[i], esp_partuuid, one, &found);
	sysblock_names_done(&all);
	if (found.n == 0 && found.refused.code)
		return refuse(w, found.refused.code, "%s", found.refused.text);
	if (found.n == 0)
		return fail(w, -ENODATA, "no disk with %s, %s and %s or %s%s%s", conf->state, conf->esp,
			    conf->slots[0].root, conf->slots[1].root, esp_partuuid ? ", started from partition " : "",
			    esp_partuuid ? esp_partuuid : "");
	if (found.n > 1 && found.n_named != 1) {
		(void)refuse(w, -ENOTUNIQ,
			     "these disks are clones of each other, and none can be told to be the boot disk:%s",
			     found.names);
		return why_next(w, -ENOTUNIQ, "unplug all but one");
	}
	*ret = *best;
	return 0;
}

int bootdisk_find(const struct sysconf *conf, const char *esp_partuuid, struct bootdisk *ret, struct why *w)
{
	return bootdisk_find_in(&sysblock_real, conf, esp_partuuid, ret, w);
}
