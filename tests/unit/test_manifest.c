/* The manifest (updater/manifest.h): what is taken, what is refused, and that writing and reading agree. */
#include "updater/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

#define DATA "tests/data/manifest"

static const char good[] = "# tandem manifest 1\n"
			   "[bundle]\n"
			   "compatible=vm-x86\n"
			   "version=1.2.3-rc.1+b7\n"
			   "epoch=7\n"
			   "description=A; b # c\n"
			   "tables=502\n"
			   "payload=5000\n"
			   "[payload.root]\n"
			   "kind=image\n"
			   "size=4097\n"
			   "raw-hash=aa0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
			   "chunk-size=8192\n"
			   "group-size=16384\n"
			   "chunks=1\n"
			   "index-blocks=2\n"
			   "table-offset=0\n"
			   "table-bytes=180\n"
			   "table-hash=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
			   "base=bb0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
			   "base-size=77\n"
			   "[payload.boot-a]\n"
			   "kind=file\n"
			   "slot=a\n"
			   "name=linux.efi\n"
			   "size=4096\n"
			   "raw-hash=cc0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
			   "chunk-size=4096\n"
			   "group-size=4096\n"
			   "chunks=1\n"
			   "index-blocks=0\n"
			   "table-offset=180\n"
			   "table-bytes=136\n"
			   "table-hash=ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
			   "[payload.app]\n"
			   "kind=tree\n"
			   "size=9000\n"
			   "raw-hash=dd0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
			   "chunk-size=4096\n"
			   "group-size=4096\n"
			   "chunks=1\n"
			   "index-blocks=3\n"
			   "table-offset=316\n"
			   "table-bytes=186\n"
			   "tree-bytes=100000\n"
			   "tree-entries=12\n"
			   "table-hash=ee0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

static void fields_are_read(void **state)
{
	struct manifest m = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(manifest_parse(bytes_str(good), &m, &w), w);
	assert_string_equal(m.compatible, "vm-x86");
	assert_string_equal(m.version, "1.2.3-rc.1+b7");
	assert_string_equal(m.description, "A; b # c");
	assert_int_equal(m.epoch, 7);
	assert_int_equal(m.payload_bytes, 5000);
	assert_int_equal(m.n_payloads, 3);
	assert_string_equal(m.payloads[0].name, "root");
	assert_int_equal(m.payloads[0].size_bytes, 4097);
	assert_int_equal(m.payloads[0].chunk_bytes, 8192);
	assert_int_equal(m.payloads[0].group_bytes, 16384);
	assert_int_equal(m.payloads[0].index_blocks, 2);
	assert_int_equal(m.payloads[0].raw_hash.b[0], 0xaa);
	assert_int_equal(m.payloads[0].base_hash.b[0], 0xbb);
	assert_int_equal(m.payloads[0].base_bytes, 77);
	assert_int_equal(m.payloads[1].base_bytes, 0);
	assert_int_equal(m.payloads[2].kind, PAYLOAD_TREE);
	assert_int_equal(m.payloads[2].tree_bytes, 100000);
	assert_int_equal(m.payloads[2].tree_entries, 12);
	assert_int_equal(m.payloads[0].slot, 0);
	assert_int_equal(m.payloads[0].table_hash.b[31], 0x1f);
	assert_int_equal(m.payloads[1].kind, PAYLOAD_FILE);
	assert_int_equal(m.payloads[1].slot, 'a');
	assert_string_equal(m.payloads[1].file_name, "linux.efi");
	assert_ptr_equal(manifest_find(&m, "boot-a"), &m.payloads[1]);
	assert_null(manifest_find(&m, "boot"));
	manifest_done(&m);
}

/* `good` with `from` replaced by `to`; freed by the caller. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(good, from);
	char *ret = NULL;

	if (!at)
		fail_msg("no '%s' in the text", from);
	assert_true(asprintf(&ret, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from)) > 0);
	return ret;
}

static void refused(const char *text, int want, const char *what)
{
	struct manifest m = { .epoch = 77 };
	struct why w = { 0 };
	int r = manifest_parse(bytes_str(text), &m, &w);

	if (r != want)
		fail_msg("%s: %d (%s), want %d", what, r, w.text, want);
	assert_int_equal(m.epoch, 77);
	assert_null(m.payloads);
	assert_true(w.text[0] != '\0');
	assert_int_equal(w.exit, EXIT_FAILED);
}

static void each_damage_is_refused_and_leaves_ret_alone(void **state)
{
	static const struct {
		const char *from, *to;
		int want;
	} table[] = {
		{ "# tandem manifest 1\n", "", -EBADMSG },
		{ "# tandem manifest 1\n", "\n# tandem manifest 1\n", -EBADMSG },
		{ "# tandem manifest 1\n", "# tandem manifest 2\n", -EPROTONOSUPPORT },
		{ "# tandem manifest 1\n", "# tandem manifest 10\n", -EPROTONOSUPPORT },
		{ "# tandem manifest 1\n", "# tandem manifest 1 \n", -EPROTONOSUPPORT },
		{ "# tandem manifest 1\n", "# tandem channel 1\n", -EBADMSG },
		{ "compatible=vm-x86", "compatible=", -EBADMSG },
		{ "compatible=vm-x86", "compatible=vm/x86", -EBADMSG },
		{ "compatible=vm-x86", "compatible=-vm", -EBADMSG },
		{ "version=1.2.3-rc.1+b7", "version=1.2", -EBADMSG },
		{ "epoch=7", "epoch=-1", -EINVAL },
		{ "epoch=7", "epoch=18446744073709551616", -E2BIG },
		{ "epoch=7", "epoch=7\nepoch=7", -EBADMSG },
		{ "epoch=7", "epoch=7\nsize=1", -EBADMSG },
		{ "[bundle]", "[bundel]", -EBADMSG },
		{ "description=A", "description=A\x1b[2J", -EBADMSG },
		{ "tables=502", "tables=501", -EBADMSG },
		{ "tables=502", "tables=536870913", -E2BIG },
		{ "payload=5000", "payload=x", -EINVAL },
		{ "[payload.root]", "[payload.]", -EBADMSG },
		{ "[payload.root]", "[payload.ro ot]", -EBADMSG },
		{ "[payload.root]", "[payload.boot-a]", -EBADMSG },
		{ "kind=image", "kind=device", -EPROTONOSUPPORT },
		{ "kind=image", "kind=tree", -EBADMSG },
		{ "kind=tree", "kind=image", -EBADMSG },
		{ "kind=tree", "kind=tree\nname=x", -EBADMSG },
		{ "kind=image", "kind=file", -EBADMSG },
		{ "kind=image", "kind=image\nname=x", -EBADMSG },
		{ "slot=a", "slot=c", -EBADMSG },
		{ "slot=a", "slot=", -EBADMSG },
		{ "name=linux.efi", "name=../linux.efi", -EBADMSG },
		{ "name=linux.efi", "name=.hidden", -EBADMSG },
		{ "name=linux.efi", "name=", -EBADMSG },
		{ "size=4097", "size=0", -EBADMSG },
		{ "size=4097", "size=4096", -EBADMSG },       /* has one block, not two */
		{ "size=4097", "size=1073741825", -EBADMSG }, /* more than a chunk of zeros */
		{ "size=4097", "size=9223372036854775808", -E2BIG },
		{ "chunk-size=8192", "chunk-size=0", -EBADMSG },
		{ "chunk-size=8192", "chunk-size=8191", -EBADMSG },
		{ "chunk-size=8192", "chunk-size=4194305", -E2BIG },
		{ "chunk-size=8192", "chunk-size=8388608", -E2BIG },
		{ "raw-hash=aa01", "raw-hash=aa", -EINVAL },
		{ "group-size=16384", "group-size=0", -EBADMSG },
		{ "group-size=16384", "group-size=4096", -EBADMSG },
		{ "group-size=16384", "group-size=16383", -EBADMSG },
		{ "group-size=16384", "group-size=4198400", -E2BIG },
		{ "index-blocks=2", "index-blocks=1", -EBADMSG },
		{ "index-blocks=2", "index-blocks=3", -EBADMSG },
		{ "index-blocks=2", "index-blocks=89478486", -E2BIG },
		{ "base=bb01", "base=bb", -EINVAL },
		{ "base-size=77\n", "base-size=0\n", -EBADMSG },
		{ "base-size=77\n", "", -EBADMSG },
		{ "base-size=77\n", "base-size=77\ntree-bytes=1\n", -EBADMSG },
		{ "tree-bytes=100000", "tree-bytes=0", -EBADMSG },
		{ "tree-bytes=100000\n", "", -EBADMSG },
		{ "tree-entries=12\n", "", -EBADMSG },
		{ "tree-entries=12\n", "tree-entries=0\n", -EBADMSG },
		{ "chunks=1\n", "chunks=0\n", -EBADMSG },
		{ "chunks=1\n", "chunks=2\n", -EBADMSG }, /* its table is too short for two */
		{ "chunks=1\n", "chunks=3\n", -EBADMSG }, /* of at least 4096 bytes each */
		{ "chunks=1\n", "chunks=6100807\n", -E2BIG },
		{ "table-offset=180", "table-offset=179", -EBADMSG },
		{ "table-offset=180", "table-offset=181", -EBADMSG },
		{ "table-bytes=136", "table-bytes=142", -EBADMSG },
		{ "table-hash=0001", "table-hash=00", -EINVAL },
		{ "table-hash=0001", "table-hash=000g", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *text = changed(table[i].from, table[i].to);

		refused(text, table[i].want, table[i].to);
		free(text);
	}
}

static void each_line_is_needed_but_for_the_optional_ones(void **state)
{
	static const char *const optional[] = { "description=", "slot=" };

	(void)state;
	for (const char *line = strchr(good, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
		struct manifest m = { 0 };
		bool may_go = false;
		char *text = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
			may_go = may_go || strncmp(line, optional[i], strlen(optional[i])) == 0;
		assert_true(asprintf(&text, "%.*s%s", (int)(line - good), good, strchr(line, '\n') + 1) > 0);
		if ((manifest_parse(bytes_str(text), &m, NULL) == 0) != may_go)
			fail_msg("without %.*s", (int)strcspn(line, "\n"), line);
		manifest_done(&m);
		free(text);
	}
}

static void every_prefix_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(good) - 1; n++) {
		struct manifest m = { .epoch = 77 };

		if (manifest_parse(bytes_of(good, n), &m, NULL) == 0)
			fail_msg("a prefix of %zu bytes was taken", n);
		assert_int_equal(m.epoch, 77);
	}
}

static void fixtures_are_as_their_names_say(void **state)
{
	DIR *dir = opendir(DATA);
	struct dirent *d;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		struct manifest m = { 0 };
		struct why w = { 0 };
		char path[400], *text;
		size_t size;

		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), DATA "/%s", d->d_name);
		assert_ok(file_read(AT_FDCWD, path, 1 << 20, &text, &size, &w), w);
		if ((manifest_parse(bytes_of(text, size), &m, &w) == 0) != (strncmp(d->d_name, "ok-", 3) == 0))
			fail_msg("%s: %s", path, w.text);
		manifest_done(&m);
		free(text);
		n++;
	}
	(void)closedir(dir);
	assert_true(n >= 8);
}

static void written_manifest_reads_back(void **state)
{
	struct manifest m = { 0 }, back = { 0 };
	struct why w = { 0 };
	char *text, *again;
	size_t n, again_n;

	(void)state;
	assert_ok(manifest_parse(bytes_str(good), &m, &w), w);
	assert_ok(manifest_format(&m, &text, &n, &w), w);
	assert_ok(manifest_parse(bytes_of(text, n), &back, &w), w);
	assert_true(manifest_equal(&m, &back));
	assert_ok(manifest_format(&back, &again, &again_n, &w), w);
	assert_string_equal(text, again);
	back.payloads[1].table_hash.b[5] ^= 1;
	assert_false(manifest_equal(&m, &back));
	back.payloads[1].table_hash.b[5] ^= 1;
	back.payloads[0].raw_hash.b[31] ^= 1;
	assert_false(manifest_equal(&m, &back));
	free(text);
	free(again);
	manifest_done(&m);
	manifest_done(&back);
}

static void what_would_not_read_back_is_not_written(void **state)
{
	static const char *const descriptions[] = { "a ; comment", " blank first", "blank last ", "two\nlines",
						    "a\rb" };
	struct manifest m = { 0 };
	struct why w = { 0 };
	char *text = NULL;
	size_t n = 0;

	(void)state;
	assert_ok(manifest_parse(bytes_str(good), &m, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		(void)snprintf(m.description, sizeof(m.description), "%s", descriptions[i]);
		if (manifest_format(&m, &text, &n, NULL) == 0)
			fail_msg("'%s' was written", descriptions[i]);
		assert_null(text);
	}
	manifest_done(&m);
}

static void pick_takes_the_one_payload_for_a_slot(void **state)
{
	struct payload payloads[] = {
		{ .name = "root", .kind = PAYLOAD_IMAGE },
		{ .name = "boot-a", .kind = PAYLOAD_FILE, .slot = 'a' },
		{ .name = "boot-b", .kind = PAYLOAD_FILE, .slot = 'b' },
		{ .name = "boot-b2", .kind = PAYLOAD_FILE, .slot = 'b' },
	};
	struct manifest m = { .payloads = payloads, .n_payloads = ARRAY_SIZE(payloads) };
	const struct payload *p = NULL;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(manifest_pick(&m, PAYLOAD_FILE, 'b', &p, &w), -EBADMSG);
	assert_string_equal(w.text, "the bundle has two payloads of kind file for slot b: boot-b and boot-b2");
	assert_null(p);
	m.n_payloads = 3;
	for (char slot = 'a'; slot <= 'b'; slot++) {
		assert_int_equal(manifest_pick(&m, PAYLOAD_IMAGE, slot, &p, NULL), 0);
		assert_string_equal(p->name, "root");
		assert_int_equal(manifest_pick(&m, PAYLOAD_FILE, slot, &p, NULL), 0);
		assert_string_equal(p->name, slot == 'a' ? "boot-a" : "boot-b");
	}
	m.n_payloads = 2;
	assert_int_equal(manifest_pick(&m, PAYLOAD_FILE, 'b', &p, NULL), -ENODATA);
}

static void sixty_four_payloads_are_taken_and_one_more_refused(void **state)
{
	(void)state;
	for (size_t n = MANIFEST_PAYLOADS_MAX; n <= MANIFEST_PAYLOADS_MAX + 1; n++) {
		struct manifest m = { 0 };
		char *text = NULL;
		size_t size = 0;
		FILE *to = open_memstream(&text, &size);

		assert_non_null(to);
		(void)fprintf(to,
			      "# tandem manifest 1\n[bundle]\ncompatible=c\nversion=0.0.0\nepoch=0\ntables=%zu\n"
			      "payload=0\n",
			      n * 136);
		for (size_t i = 0; i < n; i++)
			(void)fprintf(to,
				      "[payload.p%zu]\nkind=image\nsize=1\nraw-hash=%064d\nchunk-size=4096\n"
				      "group-size=4096\nchunks=1\nindex-blocks=0\ntable-offset=%zu\n"
				      "table-bytes=136\ntable-hash=%064d\n",
				      i, 0, i * 136, 0);
		assert_int_equal(fclose(to), 0);
		assert_int_equal(manifest_parse(bytes_of(text, size), &m, NULL),
				 n > MANIFEST_PAYLOADS_MAX ? -E2BIG : 0);
		manifest_done(&m);
		free(text);
	}
}

#define RECIPIENTS_HASH "recipients-hash=ab0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define CONTENT         "content=cd0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

/* `good` with a section in front of its first payload, and its tables moved behind a table of n recipients. */
static char *encrypted(const char *section, size_t n)
{
	char tables[32], first[160], second[64], third[64];
	char *text = NULL, *at;

	(void)snprintf(tables, sizeof(tables), "tables=%zu\n", n * 88 + 502 + 5 * 16);
	(void)snprintf(first, sizeof(first), "table-offset=%zu\ntable-bytes=212\n", n * 88);
	(void)snprintf(second, sizeof(second), "table-offset=%zu\ntable-bytes=152\n", n * 88 + 212);
	(void)snprintf(third, sizeof(third), "table-offset=%zu\ntable-bytes=218\n", n * 88 + 212 + 152);
	assert_true(asprintf(&text, "%s", good) > 0);
	{
		const struct {
			const char *from, *to;
		} table[] = { { "tables=502\n", tables },
			      { "table-offset=0\ntable-bytes=180\n", first },
			      { "table-offset=180\ntable-bytes=136\n", second },
			      { "table-offset=316\ntable-bytes=186\n", third },
			      { "[payload.root]", NULL } };

		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			char *old = text;

			at = strstr(old, table[i].from);
			assert_non_null(at);
			if (table[i].to)
				assert_true(asprintf(&text, "%.*s%s%s", (int)(at - old), old, table[i].to,
						     at + strlen(table[i].from)) > 0);
			else
				assert_true(asprintf(&text, "%.*s%s%s", (int)(at - old), old, section, at) > 0);
			free(old);
		}
	}
	return text;
}

static void encryption_makes_room_for_recipients_and_tags(void **state)
{
	AUTO_FREE char *text = encrypted("[encryption]\nrecipients=3\n" RECIPIENTS_HASH CONTENT, 3);
	AUTO_FREE char *back = NULL;
	struct manifest m = { 0 }, again = { 0 };
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(manifest_parse(bytes_str(text), &m, &w), w);
	assert_int_equal(m.encryption.recipients, 3);
	assert_int_equal(m.encryption.recipients_hash.b[0], 0xab);
	assert_int_equal(m.encryption.content.b[0], 0xcd);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(m.payloads[i].number, i);
		assert_int_equal(m.payloads[i].tag_bytes, SEAL_TAG_BYTES);
	}
	assert_ok(manifest_format(&m, &back, &n, &w), w);
	assert_ok(manifest_parse(bytes_of(back, n), &again, &w), w);
	assert_true(manifest_equal(&m, &again));
	again.encryption.content.b[31] ^= 1;
	assert_false(manifest_equal(&m, &again));
	manifest_done(&again);
	manifest_done(&m);
}

static void encryption_is_whole_or_not_there(void **state)
{
	static const struct {
		const char *section;
		size_t n;
	} table[] = {
		{ "[encryption]\nrecipients=3\n" RECIPIENTS_HASH, 3 },
		{ "[encryption]\nrecipients=3\n" CONTENT, 3 },
		{ "[encryption]\n" RECIPIENTS_HASH CONTENT, 3 },
		{ "[encryption]\nrecipients=0\n" RECIPIENTS_HASH CONTENT, 0 },
		{ "[encryption]\nrecipients=3\n" RECIPIENTS_HASH CONTENT, 2 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		AUTO_FREE char *text = encrypted(table[i].section, table[i].n);

		refused(text, -EBADMSG, table[i].section);
	}
}

static void a_mask_hides_and_shows_hashes(void **state)
{
	struct manifest m = { 0 };
	struct content_key k;
	struct why w = { 0 };

	(void)state;
	assert_ok(manifest_parse(bytes_str(good), &m, &w), w);
	content_key_generate(&k);
	manifest_mask(&m, &k);
	assert_memory_not_equal(m.payloads[0].raw_hash.b + 1, m.payloads[1].raw_hash.b + 1, HASH_BYTES - 1);
	assert_memory_not_equal(m.payloads[0].raw_hash.b + 1, m.payloads[0].base_hash.b + 1, HASH_BYTES - 1);
	assert_true(bytes_all_zero(bytes_of(m.payloads[1].base_hash.b, HASH_BYTES)));
	manifest_mask(&m, &k);
	assert_int_equal(m.payloads[0].raw_hash.b[0], 0xaa);
	assert_int_equal(m.payloads[0].base_hash.b[0], 0xbb);
	assert_int_equal(m.payloads[0].base_hash.b[31], 0x1f);
	manifest_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_read),
		cmocka_unit_test(each_damage_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(each_line_is_needed_but_for_the_optional_ones),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(fixtures_are_as_their_names_say),
		cmocka_unit_test(written_manifest_reads_back),
		cmocka_unit_test(what_would_not_read_back_is_not_written),
		cmocka_unit_test(pick_takes_the_one_payload_for_a_slot),
		cmocka_unit_test(encryption_makes_room_for_recipients_and_tags),
		cmocka_unit_test(encryption_is_whole_or_not_there),
		cmocka_unit_test(a_mask_hides_and_shows_hashes),
		cmocka_unit_test(sixty_four_payloads_are_taken_and_one_more_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
