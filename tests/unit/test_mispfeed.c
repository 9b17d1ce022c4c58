/* mispfeed: which events a manifest names, and which of them are new. */
#include "bootstage/intel/mispfeed.h"

#include <stdlib.h>

#include "tests/support.h"

#define A "24430dc6-9c27-4b3c-a5e7-6dda478fffa0"
#define B "54430dc6-9c27-4b3c-a5e7-6dda478fffa1"
#define C "64430dc6-9c27-4b3c-a5e7-6dda478fffa2"

static void manifest_names_its_events_once(void **state)
{
	AUTO_MISPFEED f = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(
		mispfeed_read(bytes_str("{\"" B "\":{\"info\":\"x\",\"timestamp\":\"1700000000\"},\"" A
					"\":{\"timestamp\":5},\"" A "\":{\"timestamp\":5},\"../../etc/passwd\":{},\"" C
					"\":{\"timestamp\":\"soon\"}}"),
			      &f, &w),
		w);
	assert_int_equal(f.n, 3);
	assert_string_equal(f.at[0].uuid, A);
	assert_int_equal(f.at[0].at_s, 5);
	assert_string_equal(f.at[1].uuid, B);
	assert_int_equal(f.at[1].at_s, 1700000000);
	assert_int_equal(f.at[2].at_s, 0);
}

static void what_is_no_manifest_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "5", "{\"a\":}", "<html>" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_MISPFEED f = { 0 };

		if (mispfeed_read(bytes_str(bad[i]), &f, NULL) != -EBADMSG)
			fail_msg("%s: is taken", bad[i]);
	}
}

static void only_what_was_had_in_the_same_version_is_had(void **state)
{
	static const char manifest[] = "{\"" A "\":{\"timestamp\":1},\"" B "\":{\"timestamp\":2},\"" C "\":{}}";
	AUTO_MISPFEED before = { 0 };
	AUTO_MISPFEED f = { 0 };
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(mispfeed_read(bytes_str(manifest), &f, &w), w);
	mispfeed_compare(&f, &before);
	assert_true(!f.at[0].had && !f.at[1].had && !f.at[2].had);
	f.at[0].had = f.at[1].had = f.at[2].had = true;
	assert_ok(mispfeed_format(&f, &text, &n, &w), w);
	assert_ok(mispfeed_read(bytes_of(text, n), &before, &w), w);
	f.at[1].at_s = 3; /* changed */
	mispfeed_compare(&f, &before);
	assert_true(f.at[0].had && !f.at[1].had && !f.at[2].had);
}

static void events_lie_beside_their_manifest(void **state)
{
	static const char *const sources[] = { "https://h/osint", "https://h/osint/", "https://h/osint/manifest.json",
					       "https://h/osint/?x=1" };
	char url[MISPFEED_URL_MAX], *name;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		assert_int_equal(mispfeed_url(sources[i], "a.json", url, NULL), 0);
		assert_string_equal(url, "https://h/osint/a.json");
	}
	name = calloc(1, MISPFEED_URL_MAX);
	assert_non_null(name);
	memset(name, 'a', MISPFEED_URL_MAX - 10);
	assert_int_equal(mispfeed_url("https://h/osint", name, url, NULL), -E2BIG);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_names_its_events_once),
		cmocka_unit_test(what_is_no_manifest_is_refused),
		cmocka_unit_test(only_what_was_had_in_the_same_version_is_had),
		cmocka_unit_test(events_lie_beside_their_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
