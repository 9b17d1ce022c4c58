/* layout.conf: text to layout, layout to places. */
#include "partitions/layout.h"

#include <string.h>

#include "base/parse.h"
#include "tests/support.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define ESP   "[partition.esp]\ntype=esp\nsize=64M\n"
#define STATE "[partition.tandem-state]\ntype=state\nsize=32M\n"

static int parse(const char *text, struct layout *ret, struct why *w)
{
	return layout_parse(bytes_str(text), "l.conf", ret, w);
}

static void parse_default_text_is_the_documented_layout(void **state)
{
	static const char *const names[] = { "esp", "tandem-state", "root-a", "root-b", "data" };
	struct why w = { 0 };
	struct layout l;

	(void)state;
	assert_ok(parse(layout_default_text(), &l, &w), w);
	assert_int_equal(l.n, ARRAY_SIZE(names));
	for (size_t i = 0; i < l.n; i++)
		assert_string_equal(l.part[i].name, names[i]);
	assert_int_equal(l.disk_bytes, 0);
	assert_int_equal(l.part[0].size.amount, 256 * MIB);
	assert_int_equal(l.part[0].fs, LAYOUT_FS_VFAT);
	assert_int_equal(l.part[1].size.amount, LAYOUT_STATE_BYTES);
	assert_int_equal(l.part[2].size.kind, LAYOUT_PERCENT);
	assert_int_equal(l.part[3].fs, LAYOUT_FS_NONE);
	assert_int_equal(l.part[4].size.kind, LAYOUT_REST);
	assert_int_equal(l.part[4].fs, LAYOUT_FS_EXT4);
	assert_string_equal(layout_find(&l, "data")->label, "data");
	assert_string_equal(layout_find_type(&l, LAYOUT_TYPE_ESP)->name, "esp");
	assert_null(layout_find(&l, "Data"));
}

static void parse_reads_every_key(void **state)
{
	struct why w = { 0 };
	struct layout l;

	(void)state;
	assert_ok(
		parse("; a comment\n[disk]\nsize=4G\n" ESP STATE "[partition.x_1.y]\n"
		      "type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE\nsize=10%\nsize-max=1M\nfilesystem=ext4\nlabel=Data-1\n",
		      &l, &w),
		w);
	assert_int_equal(l.disk_bytes, 4 * GIB);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.part[2].name, "x_1.y");
	assert_string_equal(l.part[2].type, "b921b045-1df0-41c3-af44-4c6f280d3fae");
	assert_int_equal(l.part[2].size_max_bytes, MIB);
	assert_int_equal(l.part[2].size.amount, 10);
	assert_int_equal(l.part[2].fs, LAYOUT_FS_EXT4);
	assert_string_equal(l.part[2].label, "Data-1");
	assert_null(layout_type_name(l.part[2].type));
	assert_string_equal(layout_type_name("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"), "esp");
}

static void parse_rounds_sizes_up_to_whole_mib(void **state)
{
	struct why w = { 0 };
	struct layout l;

	(void)state;
	assert_ok(parse(ESP STATE "[partition.a]\ntype=root\nsize=1\n[partition.b]\ntype=root\nsize=1048577\n", &l, &w),
		  w);
	assert_int_equal(l.part[2].size.amount, MIB);
	assert_int_equal(l.part[3].size.amount, 2 * MIB);
}

/* Each mistake is refused with exit code 2, names what is wrong, and leaves the result alone. */
static void parse_each_mistake_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "no partition of type=esp" },
		{ "[disk]\nsize=4Q\n", "l.conf:2: [disk] size: '4Q' is not a size" },
		{ "[disk]\nsize=0\n", "l.conf:2: [disk] size: a size of 0" },
		{ "[disk]\nsize=2000000T\n", "l.conf:2: [disk] size: '2000000T' is over the limit" },
		{ "[disk]\nsize=99999999999999999999\n", "l.conf:2: [disk] size:" },
		{ "[disk]\ncolour=red\n", "l.conf:2: unknown key 'colour' in [disk]" },
		{ "[disc]\nsize=4G\n", "l.conf:1: unknown section [disc]" },
		{ "[partition]\nsize=4G\n", "l.conf:1: unknown section [partition]" },
		{ "[partition.]\nsize=4G\n", "l.conf:1: unknown section [partition.]" },
		{ "[partition.a b]\nsize=4G\n", "l.conf:2: [partition.a b] size: 'a b' is no partition name" },
		{ "[partition.a/b]\nsize=4G\n", "'a/b' is no partition name" },
		{ "[partition.aaaaaaaaaabbbbbbbbbbccccccccccddddddd]\nsize=4G\n", "is no partition name" },
		{ STATE, "no partition of type=esp" },
		{ ESP, "no partition of type=state" },
		{ ESP STATE "[partition.esp2]\ntype=esp\nsize=64M\n", "two partitions of type=esp: 'esp' and 'esp2'" },
		{ ESP STATE "[partition.s2]\ntype=state\nsize=64M\n", "two partitions of type=state" },
		{ ESP ESP, "l.conf:5: [partition.esp] type is given twice" },
		{ ESP STATE "[partition.esp]\nlabel=X\n",
		  "l.conf:8: [partition.esp] label: partition 'esp' is described" },
		{ ESP STATE "[partition.ESP]\ntype=root\n",
		  "l.conf:8: [partition.ESP] type: partition 'ESP' is described" },
		{ ESP STATE "[partition.a]\ntype=\n", "l.conf:8: [partition.a] type: '' is no type" },
		{ ESP STATE "[partition.a]\ntype=swap\n", "'swap' is no type" },
		{ ESP STATE "[partition.a]\ntype=00000000-0000-0000-0000-000000000000\n", "is no type" },
		{ ESP STATE "[partition.a]\nsize=1M\n", "partition 'a' has no type=" },
		{ ESP STATE "[partition.a]\ntype=root\n", "partition 'a' has no size=" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=0%\n", "l.conf:9: [partition.a] size: '0%' is no share" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=100%\n", "'100%' is no share" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=4294967301%\n", "'4294967301%' is no share" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=%\n", "'%' is no share" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=5%%\n", "'5%%' is no share" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=-5\n", "'-5' is not a size" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=Rest\n", "'Rest' is not a size" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=0\n", "a size of 0" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=1M\nsize-max=2M\n", "a fixed size and a size-max=" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=5%\nsize-max=0\n",
		  "l.conf:10: [partition.a] size-max: a size" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=rest\n[partition.b]\ntype=root\nsize=1M\n",
		  "partition 'a' takes the rest but is not the last one" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=60%\n[partition.b]\ntype=root\nsize=60%\n",
		  "no disk is large enough" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=1M\nfilesystem=xfs\n",
		  "l.conf:10: [partition.a] filesystem: 'xfs' is no filesystem" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=1M\nlabel=x\n", "has a label= but no filesystem" },
		{ ESP STATE "[partition.a]\ntype=root\nsize=9M\nfilesystem=ext4\nlabel=12345678901234567\n",
		  "is no label: up to 16" },
		{ ESP "label=esp\n" STATE, "partition 'esp': a vfat label has up to 11 of A-Z" },
		{ ESP "label=ABCDEFGHIJKL\n" STATE, "partition 'esp': a vfat label has up to 11 of A-Z" },
		{ ESP "filesystem=ext4\n" STATE, "firmware reads an ESP only as vfat" },
		{ ESP "[partition.s]\ntype=state\nsize=31M\n",
		  "a state partition has filesystem=none and a fixed size of 32" },
		{ ESP "[partition.s]\ntype=state\nsize=rest\n", "a state partition has" },
		{ ESP STATE "filesystem=ext4\n", "a state partition has" },
		{ "size=1\n", "l.conf:1: unknown key 'size' before the first [section]" },
		{ "[partition.a]\nwhat\n", "l.conf:2: neither a [section] nor key=value" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct layout l = { .n = 77 };
		struct why w = { 0 };
		int r = parse(cases[i].text, &l, &w);

		if (r >= 0 || w.exit != EXIT_USAGE || !strstr(w.text, cases[i].reason) || l.n != 77)
			fail_msg("case %zu: %d, exit %d: '%s', want '%s'", i, r, (int)w.exit, w.text, cases[i].reason);
	}
}

static void parse_takes_sixteen_partitions_and_no_more(void **state)
{
	char text[4096] = ESP STATE;
	struct why w = { 0 };
	struct layout l;

	(void)state;
	for (unsigned int i = 2; i < LAYOUT_PARTS_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "[partition.p%u]\ntype=root\nsize=1T\n", i);
	assert_ok(parse(text, &l, &w), w);
	assert_int_equal(l.n, LAYOUT_PARTS_MAX);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "[partition.more]\ntype=root\nsize=1T\n");
	assert_int_equal(parse(text, &l, &w), -E2BIG);
	assert_non_null(strstr(w.text, "more than 16 partitions"));
}

/* Sixteen times the largest size: sums stay inside 64 bits and it is simply too much. */
static void parse_of_sizes_beyond_every_disk_is_refused(void **state)
{
	char text[4096] = ESP STATE;
	struct why w = { 0 };
	struct layout l;

	(void)state;
	for (unsigned int i = 2; i < LAYOUT_PARTS_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "[partition.p%u]\ntype=root\nsize=1048576T\n", i);
	assert_int_equal(parse(text, &l, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "no disk is large enough"));
}

/* Places follow each other without gaps, aligned, inside the disk and clear of the backup table. */
static void check_plan(const struct layout *l, uint64_t disk, uint32_t sector, const struct layout_plan *p)
{
	uint64_t at = MIB;

	assert_int_equal(p->n, l->n);
	for (size_t i = 0; i < p->n; i++) {
		assert_int_equal(p->at[i].start_bytes, at);
		assert_int_equal(p->at[i].size_bytes % MIB, 0);
		assert_true(p->at[i].size_bytes > 0);
		at += p->at[i].size_bytes;
	}
	assert_true(at <= disk - 128 * 128 - sector);
}

static void place_default_layout_on_disks_of_many_sizes(void **state)
{
	const uint64_t sizes[] = { 700 * MIB, 4 * GIB, 4 * GIB + 123456, 16 * GIB, 1000 * GIB, 1ull << 50 };
	struct why w = { 0 };
	struct layout_plan p;
	struct layout l;

	(void)state;
	assert_ok(parse(layout_default_text(), &l, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_ok(layout_place(&l, sizes[i], 512, &p, &w), w);
		check_plan(&l, sizes[i], 512, &p);
		assert_int_equal(p.at[2].size_bytes, p.at[3].size_bytes);
		assert_true(p.at[2].size_bytes <= 4 * GIB);
	}
	assert_ok(layout_place(&l, 4 * GIB, 512, &p, &w), w);
	assert_int_equal(p.at[2].size_bytes, GIB);
	assert_int_equal(p.at[4].start_bytes + p.at[4].size_bytes, 4 * GIB - MIB);
}

static void place_without_room_says_what_would_be_enough(void **state)
{
	struct layout_plan p = { .n = 77 };
	struct why w = { 0 };
	struct layout l;
	uint64_t enough;

	(void)state;
	assert_ok(parse(layout_default_text(), &l, &w), w);
	assert_int_equal(layout_place(&l, 300 * MIB, 512, &p, &w), -ENOSPC);
	assert_int_equal(p.n, 77);
	assert_string_equal(w.text, "the disk has 300.0 MiB, this layout needs 610.0 MiB");
	enough = layout_enough(&l, 300 * MIB, 512);
	assert_int_equal(enough, 610 * MIB);
	assert_int_equal(layout_place(&l, enough - MIB, 512, &p, NULL), -ENOSPC);
	w = (struct why){ 0 };
	assert_ok(layout_place(&l, enough, 512, &p, &w), w);
	check_plan(&l, enough, 512, &p);
}

static void place_never_fits_on_disks_without_room_for_a_table(void **state)
{
	const uint64_t sizes[] = { 0, 1, 512, 34 * 512, MIB, 2 * MIB, 97 * MIB, 97 * MIB + 128 * 128 + 511 };
	struct why w = { 0 };
	struct layout_plan p;
	struct layout l;

	(void)state;
	assert_ok(parse(ESP STATE, &l, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(layout_place(&l, sizes[i], 512, &p, NULL), -ENOSPC);
	/* 1 MiB in front, 96 MiB of partitions, and just the backup table. */
	assert_ok(layout_place(&l, 97 * MIB + 128 * 128 + 512, 512, &p, &w), w);
	assert_int_equal(layout_place(&l, 97 * MIB + 128 * 128 + 512, 4096, &p, NULL), -ENOSPC);
}

static void place_refuses_filesystems_that_cannot_live_in_their_size(void **state)
{
	struct why w = { 0 }, v = { 0 };
	struct layout_plan p;
	struct layout l;

	(void)state;
	assert_ok(parse(ESP STATE "[partition.d]\ntype=data\nsize=7M\n", &l, &w), w);
	assert_int_equal(layout_place(&l, GIB, 512, &p, &w), -EINVAL);
	assert_string_equal(w.text, "partition 'd': 7 MiB are too few for ext4 with a journal; it takes 8 MiB");
	assert_ok(parse("[partition.e]\ntype=esp\nsize=1M\n" STATE, &l, &v), v);
	assert_int_equal(layout_place(&l, GIB, 512, &p, &v), -EINVAL);
	assert_string_equal(v.text, "partition 'e': 1 MiB with sectors of 512 bytes are too few for vfat");
}

static void fat_for_gives_a_type_and_cluster_that_agree(void **state)
{
	static const struct {
		uint64_t mib;
		uint32_t sector;
		unsigned int bits, per_cluster;
	} cases[] = {
		{ 3, 512, 16, 1 },    { 16, 512, 16, 1 },    { 32, 512, 16, 1 },       { 33, 512, 32, 1 },
		{ 64, 512, 32, 1 },   { 128, 512, 32, 2 },   { 256, 512, 32, 4 },      { 260, 512, 32, 8 },
		{ 512, 512, 32, 8 },  { 65536, 512, 32, 8 }, { 64, 4096, 16, 1 },      { 256, 4096, 16, 1 },
		{ 260, 4096, 32, 1 }, { 17, 4096, 16, 1 },   { 2097151, 512, 32, 16 }, { 1048576, 4096, 32, 1 },
	};
	struct why w = { 0 };
	struct layout_fat f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ok(layout_fat_for(cases[i].mib * MIB, cases[i].sector, &f, &w), w);
		if (f.bits != cases[i].bits || f.sectors_per_cluster != cases[i].per_cluster)
			fail_msg("%llu MiB, %u: FAT%u with %u", (unsigned long long)cases[i].mib, cases[i].sector,
				 f.bits, f.sectors_per_cluster);
	}
	assert_int_equal(layout_fat_for(2 * MIB, 512, &f, NULL), -EINVAL);
	assert_int_equal(layout_fat_for(2097153 * MIB, 512, &f, NULL), -EINVAL);
	assert_int_equal(layout_fat_for(0, 512, &f, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_default_text_is_the_documented_layout),
		cmocka_unit_test(parse_reads_every_key),
		cmocka_unit_test(parse_rounds_sizes_up_to_whole_mib),
		cmocka_unit_test(parse_each_mistake_is_refused_with_its_line),
		cmocka_unit_test(parse_takes_sixteen_partitions_and_no_more),
		cmocka_unit_test(parse_of_sizes_beyond_every_disk_is_refused),
		cmocka_unit_test(place_default_layout_on_disks_of_many_sizes),
		cmocka_unit_test(place_without_room_says_what_would_be_enough),
		cmocka_unit_test(place_never_fits_on_disks_without_room_for_a_table),
		cmocka_unit_test(place_refuses_filesystems_that_cannot_live_in_their_size),
		cmocka_unit_test(fat_for_gives_a_type_and_cluster_that_agree),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
