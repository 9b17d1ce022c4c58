/* feedconf, feedstate: what a feed's file says, and what is remembered of it. */
#include "bootstage/intel/feedstate.h"

#include <stdio.h>

#include "tests/support.h"

static struct feedconf parsed(const char *text)
{
	struct feedconf f;
	struct why w = { 0 };

	assert_ok(feedconf_parse(bytes_str(text), "10-a.feed", &f, &w), w);
	return f;
}

static void file_says_what_a_feed_is(void **state)
{
	struct feedconf f =
		parsed("[feed]\nsource=https://example.org/x/\ntype=taxii\ninterval=2h\ntimeout=90\nstall=5m\n"
		       "max-size=2G\nenabled=no\n[http]\nca-file=/ca\nproxy=http://p\n[taxii]\npage=7\n"
		       "added-after=2026-01-01T00:00:00.5+01:00\n");

	(void)state;
	assert_string_equal(f.name, "a");
	assert_true(f.kind == FEED_TAXII && !f.enabled);
	assert_true(f.interval_s == 7200 && f.timeout_s == 90 && f.stall_s == 300 && f.max_bytes == 2ull << 30);
	assert_string_equal(f.ca_file, "/ca");
	assert_int_equal(f.page, 7);
	f = parsed("[feed]\nsource=/x\n");
	assert_true(f.kind == FEED_FILE && f.enabled && f.interval_s == 86400);
	assert_int_equal(parsed("[feed]\nsource=HTTP://h/x\n").kind, FEED_HTTP);
	assert_int_equal(parsed("[feed]\nsource=http://h/x\ntype=misp\n").kind, FEED_MISP);
}

static void what_nobody_means_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[feed]\n",
		"[feed]\nsource=relative\n",
		"[feed]\nsource=ftp://h/x\n",
		"[feed]\nsource=/x\ntype=taxii\n",
		"[feed]\nsource=/x\ntype=misp\n",
		"[feed]\nsource=http://h/x\ntype=stix\n",
		"[feed]\nsource=/x\ninterval=0\n",
		"[feed]\nsource=/x\ninterval=1w\n",
		"[feed]\nsource=/x\ninterval=99999999999d\n",
		"[feed]\nsource=/x\nsource=/y\n",
		"[feed]\nsource=/x\n[taxii]\npage=0\n",
		"[feed]\nsource=/x\n[taxii]\nadded-after=2026-01-01\n",
		"[feed]\nsource=/x\nunknown=1\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct feedconf f;

		if (feedconf_parse(bytes_str(bad[i]), "10-a.feed", &f, NULL) == 0)
			fail_msg("%s: is taken", bad[i]);
		assert_string_equal(f.name, "a");
		assert_string_equal(f.source, "");
	}
}

static void file_names_a_feed(void **state)
{
	static const struct {
		const char *file, *name;
	} good[] = { { "10-attack.feed", "attack" },
		     { "attack.feed", "attack" },
		     { "2024.feed", "2024" },
		     { "1-2-b_c.feed", "2-b_c" } };
	static const char *const bad[] = { ".feed",
					   "a b.feed",
					   "10-.feed",
					   "A.feed",
					   "../a.feed",
					   "a.feed.feed",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.feed" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char name[FEEDCONF_NAME];

		assert_int_equal(feedconf_name(good[i].file, name, NULL), 0);
		assert_string_equal(name, good[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char name[FEEDCONF_NAME];

		if (feedconf_name(bad[i], name, NULL) == 0)
			fail_msg("%s: is taken", bad[i]);
	}
}

static void a_wrong_file_does_not_take_the_others_along(void **state)
{
	struct feedconfs f = { 0 };
	struct why w = { 0 };

	(void)state;
	scratch_put("feeds.d/10-a.feed", "[feed]\nsource=/a\n");
	scratch_put("feeds.d/20-b.feed", "source\n");
	scratch_put("feeds.d/30-a.feed", "[feed]\nsource=/c\n");
	scratch_put("feeds.d/40-d.feed", "[feed]\nsource=/d\n");
	scratch_put("feeds.d/.hidden.feed", "x");
	scratch_put("feeds.d/readme", "x");
	assert_ok(feedconf_load(scratch_path("feeds.d"), &f, &w), w);
	assert_int_equal(f.n, 4);
	assert_true(!f.at[0].bad.code && f.at[1].bad.code && f.at[2].bad.code && !f.at[3].bad.code);
	assert_string_equal(f.at[3].source, "/d");
	feedconfs_free(&f);
	assert_ok(feedconf_load(scratch_path("nothing"), &f, &w), w);
	assert_int_equal(f.n, 0);
	feedconfs_free(&f);
}

static void state_is_kept_and_found_again(void **state)
{
	struct feedconf f = parsed("[feed]\nsource=/a\n"), other = parsed("[feed]\nsource=/b\n");
	struct feedstate s = { .result = FEED_FAILED,
			       .began_s = 1,
			       .ended_s = 2,
			       .loaded_s = 3,
			       .failures = 4,
			       .busy_ms = 5,
			       .bytes = 6,
			       .records = 7,
			       .dropped = 8,
			       .reason = "no such file",
			       .source = "/a",
			       .etag = "\"x\"",
			       .modified = "Sat, 21 Nov 2026 15:00:00 GMT",
			       .added_after = "2026-01-01T00:00:00Z" },
			 got;
	struct why w = { 0 };

	(void)state;
	assert_ok(feedstate_write(scratch(), &f, &s, &w), w);
	feedstate_read(scratch(), &f, &got);
	assert_memory_equal(&got, &s, sizeof(s));
	feedstate_read(scratch(), &other, &got); /* the same name with another source */
	assert_string_equal(got.etag, "");
	assert_int_equal(got.ended_s, 0);
	assert_int_equal(got.failures, 0);
	scratch_put("a.state", "rubbish");
	feedstate_read(scratch(), &f, &got);
	assert_int_equal(got.result, FEED_NEVER);
}

/* Else it is another feed's state each time, and the feed is due again as soon as it was loaded. */
static void the_longest_source_is_found_again(void **state)
{
	char text[220], source[FEEDCONF_TEXT];
	struct feedstate s = { .result = FEED_LOADED, .ended_s = 9, .stamp = "x" }, got;
	struct why w = { 0 };
	struct feedconf f;

	(void)state;
	memset(source, 'a', sizeof(source));
	(void)snprintf(text, sizeof(text), "[feed]\nsource=/%.182s\n", source);
	f = parsed(text);
	(void)snprintf(s.source, sizeof(s.source), "%s", f.source);
	assert_ok(feedstate_write(scratch(), &f, &s, &w), w);
	feedstate_read(scratch(), &f, &got);
	assert_int_equal(got.ended_s, 9);
	assert_string_equal(got.stamp, "x");
}

static void texts_that_a_state_file_cannot_hold_are_left_out(void **state)
{
	static const char *const bad[] = { "a ;b", " a", "a ", "a\nb", "\xff", "a\tb" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct feedstate s = { .ended_s = 9 }, got;
		char text[4096];
		struct why w = { 0 };

		(void)snprintf(s.etag, sizeof(s.etag), "%s", bad[i]);
		assert_ok(feedstate_parse(bytes_of(text, feedstate_format(&s, text, sizeof(text))), "x", &got, &w), w);
		assert_int_equal(got.ended_s, 9);
		assert_string_equal(got.etag, "");
	}
}

static void failures_are_tried_sooner_and_then_less_often(void **state)
{
	struct feedconf f = parsed("[feed]\nsource=/a\ninterval=1h\n");
	struct feedstate s = { 0 };

	(void)state;
	assert_int_equal(feedstate_due(&f, &s, 2000), 0);
	s = (struct feedstate){ .result = FEED_LOADED, .ended_s = 1000 };
	assert_int_equal(feedstate_due(&f, &s, 2000), 4600);
	s = (struct feedstate){ .result = FEED_FAILED, .ended_s = 1000, .failures = 1 };
	assert_int_equal(feedstate_due(&f, &s, 2000), 1300);
	s.failures = 3;
	assert_int_equal(feedstate_due(&f, &s, 2000), 2200);
	s.failures = 1000000;
	assert_int_equal(feedstate_due(&f, &s, 2000), 4600);
}

/* A machine without a clock that goes on may have been in another year when it loaded the feed. */
static void a_clock_that_was_ahead_puts_nothing_off(void **state)
{
	struct feedconf f = parsed("[feed]\nsource=/a\ninterval=1h\n");
	struct feedstate s = { .result = FEED_LOADED, .ended_s = 2000 };

	(void)state;
	assert_int_equal(feedstate_due(&f, &s, 2000), 5600);
	assert_int_equal(feedstate_due(&f, &s, 1999), 0);
	s.result = FEED_FAILED;
	assert_int_equal(feedstate_due(&f, &s, 1999), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_says_what_a_feed_is),
		cmocka_unit_test(what_nobody_means_is_refused),
		cmocka_unit_test(file_names_a_feed),
		cmocka_unit_test(a_wrong_file_does_not_take_the_others_along),
		cmocka_unit_test(state_is_kept_and_found_again),
		cmocka_unit_test(the_longest_source_is_found_again),
		cmocka_unit_test(texts_that_a_state_file_cannot_hold_are_left_out),
		cmocka_unit_test(failures_are_tried_sooner_and_then_less_often),
		cmocka_unit_test(a_clock_that_was_ahead_puts_nothing_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
