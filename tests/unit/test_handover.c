/* The handover file: what is written is what is read, hostile files are refused; kernel command lines; and which slot
 * runs by three witnesses (partitions/handover.h). */
#include "partitions/handover.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "tests/support.h"

static struct handover example(void)
{
	return (struct handover){
		.slot = SLOT_B,
		.role = ROLE_TRIAL,
		.mode = MODE_CHOOSER,
		.note = "the trial",
		.disk = "/dev/vda",
		.esp_partuuid = "0fc63daf-8483-4772-8e79-3d69d8477de4",
		.root = "/dev/vda4",
		.record = "valid",
		.watchdog = "/dev/watchdog0",
		.data = "mounted",
		.boot_current = 7,
		.efi_writes = 4,
		.start_us = 1,
		.handover_us = UINT64_MAX,
		.own_us = 3,
	};
}

static const char *root_new(void)
{
	static unsigned int serial;
	char name[32];
	const char *path;

	(void)snprintf(name, sizeof(name), "root%u", serial++);
	path = scratch_path(name);
	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}

static struct handover round_trip(const struct handover *h)
{
	const char *root = root_new();
	struct handover back;
	struct why w = { 0 };

	assert_ok(handover_write(root, h, "log line\n", &w), w);
	assert_ok(handover_read(root, &back, &w), w);
	return back;
}

static void every_field_survives_the_round_trip(void **state)
{
	const struct handover h = example();
	struct handover back;

	(void)state;
	for (enum boot_role r = ROLE_COMMITTED; r <= ROLE_UNKNOWN; r++) {
		for (int i = 0; i < 4; i++) {
			struct handover one = h;

			one.role = r;
			one.slot = i & 1 ? SLOT_A : SLOT_B;
			one.mode = i & 2 ? MODE_BOOTNEXT : MODE_CHOOSER;
			back = round_trip(&one);
			assert_int_equal(back.role, one.role);
			assert_int_equal(back.slot, one.slot);
			assert_int_equal(back.mode, one.mode);
		}
	}
	back = round_trip(&h);
	assert_string_equal(back.note, h.note);
	assert_string_equal(back.disk, h.disk);
	assert_string_equal(back.esp_partuuid, h.esp_partuuid);
	assert_string_equal(back.root, h.root);
	assert_string_equal(back.record, h.record);
	assert_string_equal(back.watchdog, h.watchdog);
	assert_string_equal(back.data, h.data);
	assert_int_equal(back.boot_current, 7);
	assert_int_equal(back.efi_writes, 4);
	assert_int_equal(back.start_us, 1);
	assert_true(back.handover_us == UINT64_MAX);
	assert_int_equal(back.own_us, 3);
}

static void json_has_null_for_what_is_not_known(void **state)
{
	const struct handover h = { .slot = SLOT_NONE, .role = ROLE_UNKNOWN, .note = "why", .own_us = 3 };
	struct why w = { 0 };
	char *text = NULL;
	size_t n = 0;
	struct json j = { .to = open_memstream(&text, &n), .line = true };

	(void)state;
	json_object(&j, NULL);
	handover_json(&j, "none", NULL);
	handover_json(&j, "boot", &h);
	json_end(&j);
	assert_ok(json_finish(&j, &w), w);
	assert_int_equal(fclose(j.to), 0);
	assert_string_equal(text, "{\"none\": null, \"boot\": {\"slot\": null, \"role\": \"unknown\", \"mode\": "
				  "\"bootnext\", \"note\": \"why\", \"disk\": null, \"esp_partuuid\": null, "
				  "\"root\": null, \"record\": null, \"watchdog\": null, \"data\": null, "
				  "\"efi_writes\": 0, \"start_us\": 0, \"handover_us\": 0, \"own_us\": 3}}\n");
	free(text);
}

static void texts_that_would_break_the_file_do_not(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a\nslot=a", "a.slot=a" },
		{ "x ; y", "x . y" },
		{ "[boot]", "[boot]" },
		{ "a\r\tb\x1b[m", "a..b.[m" },
		{ "\xc3\xa4", ".." },
		{ "# no", "# no" },
		{ ";", "." },
		{ "", "" },
		{ "a = b", "a = b" },
		{ "  a  ", "a" },
		{ "\"a\"", "\"a\"" },
	};
	struct handover h = example();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(h.note, sizeof(h.note), "%s", rows[i].in);
		assert_string_equal(round_trip(&h).note, rows[i].out);
	}
}

static void texts_that_fill_their_field_are_cut_where_the_file_ends_them(void **state)
{
	struct handover h = example(), back;

	(void)state;
	memset(h.record, 'r', sizeof(h.record) - 1);
	memset(h.note, 'n', sizeof(h.note) - 1);
	memset(h.data, 'd', sizeof(h.data) - 1);
	memset(h.disk, 'k', sizeof(h.disk) - 1);
	back = round_trip(&h);
	assert_int_equal(strlen(back.record), 170);
	assert_string_equal(back.note, h.note);
	assert_string_equal(back.data, h.data);
	assert_string_equal(back.disk, h.disk);
}

static void log_is_written_beside_it(void **state)
{
	const struct handover h = example();
	const char *root = root_new();
	AUTO_FREE char *text = NULL;
	char path[512];
	struct why w = { 0 };

	(void)state;
	assert_ok(handover_write(root, &h, "one\ntwo\n", &w), w);
	assert_ok(handover_write(root, &h, "three\n", &w), w); /* again: replaced */
	(void)snprintf(path, sizeof(path), "%s" HANDOVER_LOG, root);
	assert_ok(file_read(AT_FDCWD, path, 100, &text, NULL, &w), w);
	assert_string_equal(text, "three\n");
}

static void folder_that_takes_nothing_is_an_error(void **state)
{
	const struct handover h = example();
	char root[8192];
	struct handover back;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(handover_write("/dev/null", &h, "", &w), -ENOTDIR);
	memset(root, 'x', sizeof(root));
	root[0] = '/';
	root[sizeof(root) - 1] = '\0';
	assert_int_not_equal(handover_write(root, &h, "", NULL), 0);
	assert_int_not_equal(handover_read(root, &back, NULL), 0);
	w = (struct why){ 0 };
	assert_int_equal(handover_read(root_new(), &back, &w), -ENOENT);
}

static int read_text(const char *text, struct handover *ret, struct why *w)
{
	const char *root = root_new();
	char path[512];

	*w = (struct why){ 0 };
	(void)snprintf(path, sizeof(path), "%s" HANDOVER_FOLDER, root);
	assert_ok(dir_make(path, 0755, w), *w);
	(void)snprintf(path, sizeof(path), "%s" HANDOVER_PATH, root);
	assert_ok(file_replace(AT_FDCWD, path, text, strlen(text), 0644, w), *w);
	return handover_read(root, ret, w);
}

#define GOOD "[boot]\nslot=a\ndisk=/dev/vda\n"

static void hostile_files_are_refused_and_ret_left_alone(void **state)
{
	static const char *const bad[] = {
		"",
		"[boot]\n",
		"[boot]\nslot=a\n",
		"[boot]\ndisk=/dev/vda\n",
		"[boot]\nslot=a\ndisk=\n",
		"slot=a\n",
		"[boot]\nslot=c\ndisk=/dev/vda\n",
		"[boot]\nslot=none\ndisk=/dev/vda\n",
		"[boot]\nslot=A\ndisk=/dev/vda\n",
		"[boot]\nslot=\ndisk=/dev/vda\n",
		GOOD "slot=b\n",
		GOOD "role=king\n",
		GOOD "role=\n",
		GOOD "mode=grub\n",
		GOOD "mode=\n",
		GOOD "root=0123456789012345678901234567890123456789012345678901234567890123\n",
		GOOD "esp-partuuid=0123456789012345678901234567890123456\n",
		GOOD "boot-current=4294967296\n",
		GOOD "boot-current=-1\n",
		GOOD "efi-writes=x\n",
		GOOD "start-us=18446744073709551616\n",
		GOOD "own-us=1.5\n",
		GOOD "more=1\n",
		GOOD "[more]\n",
		"[boot\nslot=a\n",
	};
	struct handover h, before;
	struct why w;

	(void)state;
	memset(&h, 0x5a, sizeof(h));
	memcpy(&before, &h, sizeof(h));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int r = read_text(bad[i], &h, &w);

		if (r != -EBADMSG || !w.text[0])
			fail_msg("'%s': %d %s", bad[i], r, w.text);
		assert_memory_equal(&h, &before, sizeof(h));
	}
}

static void missing_keys_are_the_careful_ones(void **state)
{
	struct handover h;
	struct why w;

	(void)state;
	assert_ok(read_text(GOOD, &h, &w), w);
	assert_int_equal(h.role, ROLE_FOREIGN); /* never committed */
	assert_int_equal(h.boot_current, EFI_NONE);
}

static void command_lines_are_read_as_the_kernel_reads_them(void **state)
{
	static const struct {
		const char *line, *want; /* of key=; NULL: not there */
	} rows[] = {
		{ "", NULL },
		{ "   ", NULL },
		{ "key=v", "v" },
		{ "  key=v  ", "v" },
		{ "a key=v b", "v" },
		{ "a\tkey=v\nb", "v" },
		{ "a\vkey=v\fb\r", "v" },
		{ "a\xa0key=v", "v" },
		{ "key", NULL },
		{ "key=", "" },
		{ "key= v", "" },
		{ "keys=v", NULL },
		{ "xkey=v", NULL },
		{ "x.key=v", NULL },
		{ "=key=v", NULL },
		{ "key=a=b", "a=b" },
		{ "key==", "=" },
		{ "key=1 key=2", "2" },
		{ "key=1 key", "1" },
		{ "key=1 key=", "" },
		{ "key=\"a b\"", "a b" },
		{ "key=\"a b\" c", "a b" },
		{ "\"key=a b\"", "a b" },
		{ "\"key=a b\" key=c", "c" },
		{ "\"key=a\"", "a" },
		{ "key=\"\"", "" },
		{ "key=\"", "" },
		{ "\"key=", "" },
		{ "\"key=\"", "" },
		{ "\"", NULL },
		{ "\"\"", NULL },
		{ "key=\"a b", "a b" },
		{ "key=a\" b\"", "a\" b\"" },
		{ "key=a\"b", "a\"b" },
		{ "key=\"a\"b", "a\"b" },
		{ "x=\"y key=v\"", NULL },
		{ "x=\"y\" key=v", "v" },
		{ "\"x y\"key=v", NULL },
		{ "x\"=\"key=v", NULL },
		{ "key=1 -- key=2", "1" },
		{ "-- key=2", NULL },
		{ "--=x key=2", "2" },
		{ "\"--\" key=2", NULL },
		{ "key=0123456", "0123456" },
		{ "key=01234567", NULL },
		{ "key=1 key=01234567", NULL }, /* the last one counts, and does not fit */
		{ "key=01234567 key=1", "1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char value[8] = "before";
		bool found = cmdline_value(rows[i].line, "key", value, sizeof(value));

		if (found != (rows[i].want != NULL) || strcmp(value, rows[i].want ? rows[i].want : "before") != 0)
			fail_msg("'%s': %d '%s', want '%s'", rows[i].line, found, value,
				 rows[i].want ? rows[i].want : "nothing");
	}
}

static void dash_and_underscore_are_the_same_in_names(void **state)
{
	char value[8];

	(void)state;
	assert_true(cmdline_value("a_b=1", "a-b", value, sizeof(value)));
	assert_true(cmdline_value("a-b=1", "a_b", value, sizeof(value)));
	assert_false(cmdline_value("a.b=1", "a_b", value, sizeof(value)));
}

static void slot_on_the_command_line_is_a_b_or_none(void **state)
{
	static const struct {
		const char *line;
		enum slot want;
	} rows[] = {
		{ "", SLOT_NONE },
		{ "quiet tandem.slot=a", SLOT_A },
		{ "tandem.slot=b quiet", SLOT_B },
		{ "tandem.slot=\"b\"", SLOT_B },
		{ "tandem.slot=a tandem.slot=b", SLOT_B },
		{ "tandem.slot=A", SLOT_NONE },
		{ "tandem.slot=", SLOT_NONE },
		{ "tandem.slot=ab", SLOT_NONE },
		{ "tandem.slot=c", SLOT_NONE },
		{ "tandem.slot=a tandem.slot=overlong-value", SLOT_NONE },
		{ "tandemXslot=a", SLOT_NONE },
		{ "x=\" tandem.slot=a\"", SLOT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(cmdline_slot(rows[i].line), rows[i].want);
}

static void witnesses_agree_or_no_slot_runs(void **state)
{
	static const enum slot all[] = { SLOT_A, SLOT_B, SLOT_NONE };

	(void)state;
	for (size_t i = 0; i < 27; i++) {
		struct running r = { .cmdline = all[i % 3], .root = all[i / 3 % 3], .firmware = all[i / 9] }, c = r;
		bool agree =
			r.root != SLOT_NONE && r.cmdline == r.root && (r.firmware == SLOT_NONE || r.firmware == r.root);

		assert_int_equal(running_agree(&r, MODE_BOOTNEXT), agree);
		assert_int_equal(r.slot, agree ? r.root : SLOT_NONE);
		assert_int_equal(running_agree(&c, MODE_CHOOSER), c.root != SLOT_NONE);
		assert_int_equal(c.slot, c.root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_survives_the_round_trip),
		cmocka_unit_test(json_has_null_for_what_is_not_known),
		cmocka_unit_test(texts_that_would_break_the_file_do_not),
		cmocka_unit_test(texts_that_fill_their_field_are_cut_where_the_file_ends_them),
		cmocka_unit_test(log_is_written_beside_it),
		cmocka_unit_test(folder_that_takes_nothing_is_an_error),
		cmocka_unit_test(hostile_files_are_refused_and_ret_left_alone),
		cmocka_unit_test(missing_keys_are_the_careful_ones),
		cmocka_unit_test(command_lines_are_read_as_the_kernel_reads_them),
		cmocka_unit_test(dash_and_underscore_are_the_same_in_names),
		cmocka_unit_test(slot_on_the_command_line_is_a_b_or_none),
		cmocka_unit_test(witnesses_agree_or_no_slot_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
