/* Partitions of a disk and the boot disk (partitions/diskfind.h): on images with tables of every kind, and in a /sys and
 * /dev made here, whose disks are images. */
#include "partitions/diskfind.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "partitions/bootstore.h"
#include "partitions/gpt.h"
#include "partitions/window.h"
#include "tests/support.h"

#define MIB        (1ull << 20)
#define DISK_BYTES (64 * MIB)
#define ESP_UUID   "0fc63daf-8483-4772-8e79-3d69d8477d01"
#define ESP_TYPE   "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

static const struct gpt_part usual[] = {
	{ 1, MIB, 8 * MIB, "esp", ESP_TYPE, ESP_UUID, "" },
	{ 2, 9 * MIB, 32 * MIB, "tandem-state", ESP_TYPE, "0fc63daf-8483-4772-8e79-3d69d8477d02", "" },
	{ 3, 41 * MIB, 4 * MIB, "root-a", ESP_TYPE, "0fc63daf-8483-4772-8e79-3d69d8477d03", "" },
	{ 4, 45 * MIB, 4 * MIB, "root-b", ESP_TYPE, "0fc63daf-8483-4772-8e79-3d69d8477d04", "" },
	{ 7, 49 * MIB, 8 * MIB, "data", ESP_TYPE, "0fc63daf-8483-4772-8e79-3d69d8477d05", "" },
};

static int open_image(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && ftruncate(fd, (off_t)DISK_BYTES) == 0);
	return fd;
}

static void put_table(const char *path, uint32_t sector_bytes, const struct gpt_part *parts, size_t n)
{
	static struct gpt_part copy[DISK_PARTS_MAX + 1];
	struct gpt_table t = { .sector_bytes = sector_bytes,
			       .disk_bytes = DISK_BYTES,
			       .id = "0fc63daf-8483-4772-8e79-3d69d8477d00",
			       .parts = copy,
			       .n = n };
	struct why w = { 0 };
	AUTO_FD fd = open_image(path);

	assert_true(n <= ARRAY_SIZE(copy));
	memcpy(copy, parts, n * sizeof(*parts));
	assert_ok(gpt_write(fd, path, &t, &w), w);
}

/* A fresh image with the usual table, in which the name of one partition is changed (NULL: none). */
static const char *image_new(const char *change, const char *to)
{
	static unsigned int serial;
	struct gpt_part parts[ARRAY_SIZE(usual)];
	const char *path;
	char name[32];

	(void)snprintf(name, sizeof(name), "disk%u.img", serial++);
	path = scratch_path(name);
	memcpy(parts, usual, sizeof(parts));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (change && strcmp(parts[i].name, change) == 0)
			(void)snprintf(parts[i].name, sizeof(parts[i].name), "%s", to);
	put_table(path, 512, parts, ARRAY_SIZE(parts));
	return path;
}

static void damage(const char *path, uint64_t from, uint64_t n)
{
	AUTO_FD fd = open_image(path);
	static const uint8_t junk[4096] = { 0xee, 0xee };

	for (uint64_t at = 0; at < n; at += sizeof(junk))
		assert_true(pwrite(fd, junk, n - at < sizeof(junk) ? (size_t)(n - at) : sizeof(junk),
				   (off_t)(from + at)) > 0);
}

static struct sysconf conf_of(const char *more)
{
	struct sysconf c;
	char text[1024];
	struct why w = { 0 };

	(void)snprintf(text, sizeof(text), "[system]\nproduct=p\ncompatible=c\n%s", more);
	assert_ok(sysconf_parse(bytes_str(text), "t", &c, &w), w);
	return c;
}

static void assert_usual(const struct disk *d, uint32_t sector_bytes)
{
	assert_int_equal(d->sector_bytes, sector_bytes);
	assert_int_equal(d->n, ARRAY_SIZE(usual));
	for (size_t i = 0; i < d->n; i++) {
		assert_int_equal(d->parts[i].number, usual[i].number);
		assert_int_equal(d->parts[i].start_bytes, usual[i].start_bytes);
		assert_int_equal(d->parts[i].size_bytes, usual[i].size_bytes);
		assert_string_equal(d->parts[i].name, usual[i].name);
		assert_string_equal(d->parts[i].partuuid, usual[i].uuid);
		assert_string_equal(d->parts[i].device, "");
	}
}

static void images_with_both_sector_sizes_are_read(void **state)
{
	static const uint32_t sizes[] = { 512, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *path = scratch_path(i == 0 ? "s512.img" : "s4096.img");
		struct efi_esp esp;
		static struct disk d;
		struct why w = { 0 };

		put_table(path, sizes[i], usual, ARRAY_SIZE(usual));
		assert_ok(disk_read(path, &d, &w), w);
		assert_usual(&d, sizes[i]);
		assert_ok(disk_part_esp(&d, &d.parts[0], &esp, &w), w);
		assert_int_equal(esp.number, 1);
		assert_int_equal(esp.start_sectors, MIB / sizes[i]); /* in the disk's own sectors */
		assert_int_equal(esp.size_sectors, 8 * MIB / sizes[i]);
		assert_memory_equal(esp.guid, "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\x01", 16);
	}
}

static void one_whole_copy_of_the_table_is_enough(void **state)
{
	const char *path = image_new(NULL, NULL);
	static struct disk d = { .n = 77 };
	struct why w = { 0 };

	(void)state;
	damage(path, 512, 512); /* the primary header */
	assert_ok(disk_read(path, &d, &w), w);
	assert_usual(&d, 512);
	path = image_new(NULL, NULL);
	damage(path, 1024, 4096); /* the primary entries */
	assert_ok(disk_read(path, &d, &w), w);
	assert_usual(&d, 512);
	path = image_new(NULL, NULL);
	damage(path, DISK_BYTES - 512, 512); /* the backup header */
	assert_ok(disk_read(path, &d, &w), w);
	assert_usual(&d, 512);
	damage(path, 512, 512); /* and now both */
	d.n = 77;
	assert_int_equal(disk_read(path, &d, &w), -ENODATA);
	assert_non_null(strstr(w.text, "no GPT"));
	assert_int_equal(d.n, 77);
}

static void what_is_no_disk_is_refused(void **state)
{
	const char *path = scratch_path("empty.img");
	static struct disk d = { .n = 77 };
	struct why w = { 0 };

	(void)state;
	{
		AUTO_FD fd = open_image(path);
	}
	assert_int_equal(disk_read(path, &d, &w), -ENODATA);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_not_equal(disk_read(path, &d, NULL), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_not_equal(disk_read(path, &d, NULL), 0);
	assert_int_not_equal(disk_read("/dev/null", &d, NULL), 0);
	assert_int_not_equal(disk_read("/", &d, NULL), 0);
	w = (struct why){ 0 };
	assert_int_equal(disk_read(scratch_path("none.img"), &d, &w), -ENOENT);
	assert_int_equal(d.n, 77);
}

static void up_to_64_partitions_are_read_and_one_more_refused(void **state)
{
	const char *path = scratch_path("many.img");
	static struct gpt_part parts[DISK_PARTS_MAX + 1];
	static struct disk d;
	struct why w = { 0 };

	(void)state;
	for (unsigned int i = 0; i <= DISK_PARTS_MAX; i++) {
		parts[i] = (struct gpt_part){
			.number = i + 1, .start_bytes = MIB + i * 65536, .size_bytes = 65536, .type = ESP_TYPE
		};
		(void)snprintf(parts[i].name, sizeof(parts[i].name), "p%u", i + 1);
		(void)snprintf(parts[i].uuid, sizeof(parts[i].uuid), "0fc63daf-8483-4772-8e79-3d69d8470%03u", i + 1);
	}
	put_table(path, 512, parts, DISK_PARTS_MAX);
	assert_ok(disk_read(path, &d, &w), w);
	assert_int_equal(d.n, DISK_PARTS_MAX);
	assert_string_equal(d.parts[63].name, "p64");
	put_table(path, 512, parts, DISK_PARTS_MAX + 1);
	assert_int_equal(disk_read(path, &d, &w), -E2BIG);
	assert_non_null(strstr(w.text, "more than 64"));
}

static void names_of_36_units_of_any_script_are_read_whole(void **state)
{
	struct gpt_part part = usual[0];
	const char *path = scratch_path("names.img");
	static struct disk d;
	struct why w = { 0 };

	(void)state;
	for (size_t i = 0; i < 36; i++)
		memcpy(part.name + 3 * i, "\xe2\x82\xac", 4); /* three bytes each */
	put_table(path, 512, &part, 1);
	assert_ok(disk_read(path, &d, &w), w);
	assert_string_equal(d.parts[0].name, part.name);
}

static void places_mean_one_partition_or_are_refused(void **state)
{
	static const struct {
		const char *place;
		int want;
		unsigned int number;
	} rows[] = {
		{ "PARTLABEL=esp", 0, 1 },
		{ "PARTLABEL=data", 0, 7 },
		{ "PARTLABEL=ESP", -ENODATA, 0 },
		{ "PARTLABEL=root", -ENODATA, 0 },
		{ "PARTLABEL=", -ENODATA, 0 },
		{ "PARTUUID=" ESP_UUID, 0, 1 },
		{ "PARTUUID=0FC63DAF-8483-4772-8E79-3D69D8477D01", 0, 1 },
		{ "PARTUUID=0fc63daf-8483-4772-8e79-3d69d8477d0", -ENODATA, 0 },
		{ "PARTUUID=esp", -ENODATA, 0 },
		{ "LABEL=esp", -EINVAL, 0 },
		{ "esp", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};
	const struct disk_part *p;
	static struct disk d;
	struct why w = { 0 };

	(void)state;
	assert_ok(disk_read(image_new(NULL, NULL), &d, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		p = NULL;
		w = (struct why){ 0 };
		assert_int_equal(disk_part_find(&d, rows[i].place, &p, &w), rows[i].want);
		assert_int_equal(p ? p->number : 0, rows[i].number);
		assert_int_equal(w.text[0] != '\0', rows[i].want != 0);
	}
	assert_ok(disk_read(image_new("data", "root-a"), &d, &w), w);
	w = (struct why){ 0 };
	assert_int_equal(disk_part_find(&d, "PARTLABEL=root-a", &p, &w), -ENOTUNIQ);
	assert_int_equal(w.exit, EXIT_REFUSED);
	assert_non_null(strstr(w.text, "partitions 3 and 7"));
}

static void partition_without_a_guid_has_no_device_path(void **state)
{
	static struct disk d = { .sector_bytes = 512 };
	struct disk_part p = { .number = 1, .partuuid = "12345678-01" };
	struct efi_esp esp = { .number = 77 };

	(void)state;
	assert_int_equal(disk_part_esp(&d, &p, &esp, NULL), -EINVAL);
	memcpy(p.partuuid, ESP_UUID, sizeof(ESP_UUID));
	d.sector_bytes = 0;
	assert_int_equal(disk_part_esp(&d, &p, &esp, NULL), -EINVAL);
	assert_int_equal(esp.number, 77);
}

static void boot_disk_on_an_image_has_all_its_parts(void **state)
{
	const char *path = image_new(NULL, NULL);
	static struct sysconf c;
	static struct bootdisk b;
	struct why w = { 0 };

	(void)state;
	c = conf_of("");
	assert_ok(bootdisk_on(&c, path, NULL, &b, &w), w);
	assert_int_equal(b.esp.number, 1);
	assert_int_equal(b.state.number, 2);
	assert_int_equal(b.root[SLOT_A].number, 3);
	assert_int_equal(b.root[SLOT_B].number, 4);
	assert_int_equal(b.data.number, 7);
	assert_true(b.at_home);
	assert_true(bytes_all_zero(bytes_of(b.identity, sizeof(b.identity))));
	assert_ok(bootdisk_on(&c, path, "0FC63DAF-8483-4772-8E79-3D69D8477D01", &b, &w), w);
	c = conf_of("[disk]\ndata=\n");
	assert_ok(bootdisk_on(&c, path, NULL, &b, &w), w);
	assert_int_equal(b.data.number, 0);
}

static void boot_disk_that_does_not_fit_is_refused(void **state)
{
	static const struct {
		const char *change, *to, *more, *esp;
		int want;
		const char *why;
	} rows[] = {
		{ "esp", "x", "", NULL, -ENODATA, "PARTLABEL=esp" },
		{ "tandem-state", "x", "", NULL, -ENODATA, "PARTLABEL=tandem-state" },
		{ "data", "x", "", NULL, 0, "" },   /* may be missing */
		{ "root-b", "x", "", NULL, 0, "" }, /* so may one root */
		{ "root-b", "x", "[slot.a]\nroot=PARTLABEL=y\n", NULL, -ENODATA, "PARTLABEL=y or PARTLABEL=root-b" },
		{ "data", "esp", "", NULL, -ENOTUNIQ, "partitions 1 and 7" },
		{ "data", "tandem-state", "", NULL, -ENOTUNIQ, "partitions 2 and 7" },
		{ "data", "root-b", "", NULL, -ENOTUNIQ, "partitions 4 and 7" },
		{ "root-b", "data", "", NULL, -ENOTUNIQ, "partitions 4 and 7" },
		{ NULL, NULL, "[slot.b]\nroot=PARTUUID=0fc63daf-8483-4772-8e79-3d69d8477d03\n", NULL, -ENOTUNIQ,
		  "partition 3 is root of slot a and root of slot b" },
		{ NULL, NULL, "[disk]\ndata=PARTUUID=0fc63daf-8483-4772-8e79-3d69d8477d02\n", NULL, -ENOTUNIQ,
		  "partition 2 is state and data" },
		{ NULL, NULL, "", ESP_UUID, 0, "" },
		{ NULL, NULL, "", "0fc63daf-8483-4772-8e79-3d69d8477d09", -ENODATA, "has no partition" },
		{ NULL, NULL, "", "0fc63daf-8483-4772-8e79-3d69d8477d02", -ENODATA, "its ESP is not the one" },
		{ "data", "esp", "", "0fc63daf-8483-4772-8e79-3d69d8477d09", -ENODATA, "has no partition" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sysconf c = conf_of(rows[i].more);
		static struct bootdisk b;
		struct why w = { 0 };
		int r;

		b.identity[0] = 77;
		r = bootdisk_on(&c, image_new(rows[i].change, rows[i].to), rows[i].esp, &b, &w);

		if (r != rows[i].want || !strstr(w.text, rows[i].why))
			fail_msg("row %zu: %d: '%s', want '%s'", i, r, w.text, rows[i].why);
		assert_int_equal(b.identity[0], r ? 77 : 0);
	}
}

/* From here on: a machine of one's own. */

static struct sysblock tree;

static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	struct why w = { 0 };

	(void)snprintf(full, sizeof(full), "%s/%s", tree.sys, path);
	*strrchr(full, '/') = '\0';
	assert_ok(dir_make(full, 0700, &w), w);
	(void)snprintf(full, sizeof(full), "%s/%s", tree.sys, path);
	assert_ok(file_replace(AT_FDCWD, full, text, strlen(text), 0600, &w), w);
}

static void tree_new(void)
{
	static char sys[PATH_MAX], dev[PATH_MAX];
	static unsigned int serial;
	char name[32];
	struct why w = { 0 };

	(void)snprintf(name, sizeof(name), "m%u/sys", serial);
	(void)snprintf(sys, sizeof(sys), "%s", scratch_path(name));
	(void)snprintf(name, sizeof(name), "m%u/dev", serial++);
	(void)snprintf(dev, sizeof(dev), "%s", scratch_path(name));
	tree = (struct sysblock){ .sys = sys, .dev = dev };
	assert_ok(dir_make(dev, 0700, &w), w);
	put("class/block/x", "");
}

/* A disk of the tree on the bus at `place`, with an attribute (NULL: none) and an image for its node (NULL: none). */
static void add_disk(const char *name, const char *place, const char *attribute, const char *value, const char *image)
{
	char path[PATH_MAX], link[PATH_MAX], text[128];

	(void)snprintf(path, sizeof(path), "devices/%s/block/%s/size", place, name);
	put(path, "131072\n");
	(void)snprintf(path, sizeof(path), "devices/%s/block/%s/uevent", place, name);
	(void)snprintf(text, sizeof(text), "DEVNAME=%s\n", name);
	put(path, text);
	if (attribute) {
		(void)snprintf(path, sizeof(path), "devices/%s/block/%s/%s", place, name, attribute);
		put(path, value);
	}
	(void)snprintf(path, sizeof(path), "../../devices/%s/block/%s", place, name);
	(void)snprintf(link, sizeof(link), "%s/class/block/%s", tree.sys, name);
	assert_int_equal(symlink(path, link), 0);
	(void)snprintf(link, sizeof(link), "%s/%s", tree.dev, name);
	if (image)
		assert_int_equal(symlink(image, link), 0);
}

/* The disk's boot record remembers a disk; NULL: it was never used anywhere. */
static void put_home(const char *image, const uint8_t home[16])
{
	const struct slot_info good = { .epoch = 1 };
	struct bootrec rec = boot_first(SLOT_A, &good, NULL);
	struct window state;
	struct why w = { 0 };
	struct blk disk;

	if (home)
		memcpy(rec.home, home, 16);
	assert_ok(blk_open(image, BLK_WRITE, &disk, &w), w);
	assert_ok(window_open(&disk, "state", 9 * MIB, 32 * MIB, &state, &w), w);
	assert_ok(bootstore_create(&state.blk, &rec, &w), w);
	assert_ok(blk_close(&disk, &w), w);
}

#define PCI "pci0000:00/0000:00:0"

static void identity_is_the_hardwares_number_or_its_place(void **state)
{
	uint8_t a[16], b[16], c[16];
	struct why w = { 0 };

	(void)state;
	tree_new();
	add_disk("nvme0n1", PCI "1/nvme/nvme0", "wwid", "eui.0011\n", NULL);
	add_disk("sda", PCI "2/ata1/host0/target0:0:0/0:0:0:0", "device/wwid", "t10.ATA X 1   \n", NULL);
	add_disk("vdz", PCI "3/virtio7", "serial", "eui.0011", NULL);
	add_disk("sdb", PCI "2/ata2/host1/target1:0:0/1:0:0:0", "device/wwid", "t10.ATA X 1\n", NULL);
	assert_ok(disk_identity_in(&tree, "nvme0n1", a, &w), w);
	assert_ok(disk_identity_in(&tree, "sda", b, &w), w);
	assert_memory_not_equal(a, b, 16);
	assert_ok(disk_identity_in(&tree, "vdz", c, &w), w);
	assert_memory_equal(a, c, 16); /* the number alone counts, not the name or the place */
	assert_ok(disk_identity_in(&tree, "sdb", c, &w), w);
	assert_memory_equal(b, c, 16); /* blanks at its end do not */

	add_disk("vda", PCI "4/virtio1", "serial", "\n", NULL); /* empty: none */
	add_disk("vdb", PCI "5/virtio2", NULL, NULL, NULL);
	assert_ok(disk_identity_in(&tree, "vda", a, &w), w);
	assert_ok(disk_identity_in(&tree, "vdb", b, &w), w);
	assert_memory_not_equal(a, b, 16);
	add_disk("loop0", "virtual", NULL, NULL, NULL);
	add_disk("loop1", "virtual", NULL, NULL, NULL);
	assert_ok(disk_identity_in(&tree, "loop0", a, &w), w);
	assert_ok(disk_identity_in(&tree, "loop1", b, &w), w);
	assert_memory_not_equal(a, b, 16);
	assert_int_not_equal(disk_identity_in(&tree, "none", a, &w), 0);
}

static void place_on_the_bus_does_not_depend_on_the_order_of_appearance(void **state)
{
	uint8_t first[16], later[16];
	struct why w = { 0 };

	(void)state;
	tree_new();
	add_disk("vda", PCI "4/virtio1", NULL, NULL, NULL);
	add_disk("vdc", PCI "4/virtio3", NULL, NULL, NULL); /* the same slot after another start */
	assert_ok(disk_identity_in(&tree, "vda", first, &w), w);
	assert_ok(disk_identity_in(&tree, "vdc", later, &w), w);
	assert_memory_equal(first, later, 16);
}

static void boot_disk_is_found_among_others(void **state)
{
	const struct sysconf c = conf_of("");
	static struct bootdisk b = { .identity = { 77 } };
	struct why w = { 0 };

	(void)state;
	tree_new();
	assert_int_equal(bootdisk_find_in(&tree, &c, NULL, &b, &w), -ENODATA);
	assert_int_equal(b.identity[0], 77);
	add_disk("loop3", "virtual", NULL, NULL, image_new(NULL, NULL)); /* never a boot disk */
	add_disk("sr0", PCI "1/ata1", NULL, NULL, image_new(NULL, NULL));
	add_disk("sda", PCI "2/ata2", NULL, NULL, image_new("root-a", "x"));
	add_disk("sdb", PCI "3/ata3", NULL, NULL, NULL); /* its node is not there yet */
	add_disk("sdc", PCI "4/ata4", NULL, NULL, scratch_path("empty2.img"));
	w = (struct why){ 0 };
	assert_ok(bootdisk_find_in(&tree, &c, NULL, &b, &w), w); /* a root is missing, but not both */
	assert_string_equal(strrchr(b.disk.device, '/'), "/sda");
	tree_new();
	w = (struct why){ 0 };
	add_disk("sda", PCI "2/ata2", NULL, NULL, image_new("tandem-state", "x"));
	assert_int_equal(bootdisk_find_in(&tree, &c, NULL, &b, &w), -ENODATA);
	assert_non_null(strstr(w.text, "PARTLABEL=tandem-state"));
	add_disk("vda", PCI "3/virtio0", NULL, NULL, image_new(NULL, NULL));
	w = (struct why){ 0 };
	assert_ok(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), w);
	assert_string_equal(strrchr(b.disk.device, '/'), "/vda");
	assert_true(b.at_home); /* no record: none that says otherwise */
	assert_int_equal(bootdisk_find_in(&tree, &c, "0fc63daf-8483-4772-8e79-3d69d8477d09", &b, NULL), -ENODATA);
}

static void clone_is_told_by_the_disk_that_the_record_remembers(void **state)
{
	const char *one = image_new(NULL, NULL), *two = image_new(NULL, NULL);
	const struct sysconf c = conf_of("");
	uint8_t id_one[16], id_two[16];
	static struct bootdisk b;
	struct why w = { 0 };

	(void)state;
	tree_new();
	add_disk("vda", PCI "3/virtio0", "serial", "ONE", one);
	assert_ok(disk_identity_in(&tree, "vda", id_one, &w), w);
	put_home(one, id_one);
	put_home(two, id_one); /* a copy, byte by byte */
	assert_ok(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), w);
	assert_true(b.at_home);
	add_disk("vdb", PCI "4/virtio1", "serial", "TWO", two);
	assert_ok(disk_identity_in(&tree, "vdb", id_two, &w), w);
	assert_ok(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), w);
	assert_string_equal(strrchr(b.disk.device, '/'), "/vda");
	assert_true(b.at_home);
	assert_memory_equal(b.identity, id_one, 16);

	put_home(two, id_two); /* both are at home */
	assert_int_equal(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), -ENOTUNIQ);
	assert_non_null(strstr(w.text, "/vda"));
	assert_non_null(strstr(w.text, "/vdb"));
	assert_int_equal(w.exit, EXIT_REFUSED);
	assert_non_null(strstr(w.next, "unplug"));
	put_home(one, id_two); /* only the second one is */
	w = (struct why){ 0 };
	assert_ok(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), w);
	assert_string_equal(strrchr(b.disk.device, '/'), "/vdb");
	put_home(one, NULL); /* neither is known: nothing to choose by */
	put_home(two, NULL);
	assert_int_equal(bootdisk_find_in(&tree, &c, ESP_UUID, &b, NULL), -ENOTUNIQ);
}

static void copy_that_is_alone_is_taken_and_not_at_home(void **state)
{
	static const uint8_t elsewhere[16] = { 1 };
	const char *image = image_new(NULL, NULL);
	const struct sysconf c = conf_of("");
	static struct bootdisk b;
	struct why w = { 0 };

	(void)state;
	tree_new();
	put_home(image, elsewhere);
	add_disk("vda", PCI "3/virtio0", "serial", "ONE", image);
	assert_ok(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), w);
	assert_false(b.at_home);
}

static void ambiguous_disk_is_refused_only_when_no_other_fits(void **state)
{
	const struct sysconf c = conf_of("");
	static struct bootdisk b;
	struct why w = { 0 };

	(void)state;
	tree_new();
	add_disk("vda", PCI "3/virtio0", NULL, NULL, image_new("data", "root-a"));
	assert_int_equal(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), -ENOTUNIQ);
	assert_non_null(strstr(w.text, "PARTLABEL=root-a means partitions 3 and 7"));
	assert_int_equal(w.exit, EXIT_REFUSED);
	add_disk("vdb", PCI "4/virtio1", NULL, NULL, image_new(NULL, NULL));
	w = (struct why){ 0 };
	assert_ok(bootdisk_find_in(&tree, &c, ESP_UUID, &b, &w), w);
	assert_string_equal(strrchr(b.disk.device, '/'), "/vdb");
}

static void files_are_no_partitions_of_a_disk(void **state)
{
	char disk[DISK_NAME_MAX] = "before";
	uint8_t id[16];

	(void)state;
	assert_int_equal(disk_of_part(image_new(NULL, NULL), disk, NULL), -ENOTBLK);
	assert_int_equal(disk_of_part(scratch_path("none"), disk, NULL), -ENOENT);
	assert_int_equal(disk_identity("/dev/null", id, NULL), -ENOTBLK);
	assert_string_equal(disk, "before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_with_both_sector_sizes_are_read),
		cmocka_unit_test(one_whole_copy_of_the_table_is_enough),
		cmocka_unit_test(what_is_no_disk_is_refused),
		cmocka_unit_test(up_to_64_partitions_are_read_and_one_more_refused),
		cmocka_unit_test(names_of_36_units_of_any_script_are_read_whole),
		cmocka_unit_test(places_mean_one_partition_or_are_refused),
		cmocka_unit_test(partition_without_a_guid_has_no_device_path),
		cmocka_unit_test(boot_disk_on_an_image_has_all_its_parts),
		cmocka_unit_test(boot_disk_that_does_not_fit_is_refused),
		cmocka_unit_test(identity_is_the_hardwares_number_or_its_place),
		cmocka_unit_test(place_on_the_bus_does_not_depend_on_the_order_of_appearance),
		cmocka_unit_test(boot_disk_is_found_among_others),
		cmocka_unit_test(clone_is_told_by_the_disk_that_the_record_remembers),
		cmocka_unit_test(copy_that_is_alone_is_taken_and_not_at_home),
		cmocka_unit_test(ambiguous_disk_is_refused_only_when_no_other_fits),
		cmocka_unit_test(files_are_no_partitions_of_a_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
