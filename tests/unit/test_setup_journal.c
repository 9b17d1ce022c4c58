/* What tandem setup has made, as text and back (updater/setup_journal.h). I15 */
#include "updater/setup_journal.h"

#include "tests/support.h"

#define HEAD "# tandem setup journal 1\n"
#define HASH "e6e689013b96c0cf7855cae4e8396ddac7d2fe7a0843967dfaba2d8d5fe6485c"

static int parse(const char *text, struct setup_journal *ret, struct why *w)
{
	*w = (struct why){ 0 };
	return setup_journal_parse(bytes_str(text), "j", ret, w);
}

static void every_kind_is_written_and_read(void **state)
{
	static const char text[] =
		HEAD "product demo demo\ngroup demo\nuser demo\nfolder /etc/tandem\ndata /var/lib/demo inside\n"
		     "trees /opt/demo\nfile /etc/x " HASH "\nlink /etc/y ../x\ntuning tune\n";
	AUTO_SETUP_JOURNAL j = { 0 };
	AUTO_FREE char *out = NULL;
	struct why w;
	size_t n;

	(void)state;
	assert_ok(parse(text, &j, &w), w);
	assert_int_equal(j.n, 9);
	assert_string_equal(setup_journal_product(&j), "demo");
	assert_true(setup_journal_has(&j, MADE_DATA, "/var/lib/demo", NULL));
	assert_true(setup_journal_has(&j, MADE_FILE, "/etc/x", HASH));
	assert_false(setup_journal_has(&j, MADE_FILE, "/etc/x", "0"));
	assert_false(setup_journal_has(&j, MADE_LINK, "/etc/x", NULL));
	assert_ok(setup_journal_format(&j, &out, &n, &w), w);
	assert_string_equal(out, text);
}

static void an_entry_is_not_added_twice(void **state)
{
	AUTO_SETUP_JOURNAL j = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(setup_journal_add(&j, MADE_USER, "demo", "", &w), w);
	assert_ok(setup_journal_add(&j, MADE_USER, "demo", "", &w), w);
	assert_ok(setup_journal_add(&j, MADE_GROUP, "demo", "", &w), w);
	assert_int_equal(j.n, 2);
	assert_null(setup_journal_product(&j));
}

static void what_is_no_journal_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *why;
	} bad[] = {
		{ "", -EBADMSG, "not a journal" },
		{ "hello\n", -EBADMSG, "not a journal" },
		{ "# tandem setup journal 2\n", -EPROTONOSUPPORT, "newer" },
		{ HEAD "product demo demo\n\nuser x\n", -EBADMSG, "j:3" },
		{ HEAD "house /x\n", -EBADMSG, "j:2: not KIND NAME" },
		{ HEAD "folder\n", -EBADMSG, "j:2" },
		{ HEAD "folder etc\n", -EBADMSG, "cannot be kept" },
		{ HEAD "folder /\n", -EBADMSG, "cannot be kept" },
		{ HEAD "folder /a/../b\n", -EBADMSG, "cannot be kept" },
		{ HEAD "folder /a//b\n", -EBADMSG, "cannot be kept" },
		{ HEAD "folder /a b\n", -EBADMSG, "cannot be kept" },
		{ HEAD "file /a\n", -EBADMSG, "cannot be kept" },
		{ HEAD "file /a 00\n", -EBADMSG, "cannot be kept" },
		{ HEAD "link /a\n", -EBADMSG, "cannot be kept" },
		{ HEAD "data /a outside\n", -EBADMSG, "cannot be kept" },
		{ HEAD "user -r\n", -EBADMSG, "cannot be kept" },
		{ HEAD "product demo\n", -EBADMSG, "cannot be kept" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_SETUP_JOURNAL j = { 0 };
		struct why w;

		if (parse(bad[i].text, &j, &w) != bad[i].code || !strstr(w.text, bad[i].why))
			fail_msg("'%s': %d '%s', want '%s'", bad[i].text, w.code, w.text, bad[i].why);
		assert_null(j.at);
	}
}

static void too_much_is_refused(void **state)
{
	AUTO_SETUP_JOURNAL j = { 0 };
	struct why w = { 0 };
	char name[32];
	int r = 0;

	(void)state;
	for (unsigned int i = 0; i < 1025 && !r; i++) {
		(void)snprintf(name, sizeof(name), "/x/%u", i);
		r = setup_journal_add(&j, MADE_FOLDER, name, "", &w);
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(j.n, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_written_and_read),
		cmocka_unit_test(an_entry_is_not_added_twice),
		cmocka_unit_test(what_is_no_journal_is_refused_with_its_line),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
