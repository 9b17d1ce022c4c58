/*
 * The picture of a boot (bootstage/stageplot.h), as text: against tests/data/plot, which tests/cli/plot.t has a parser of
 * XML read. TANDEM_GOLDEN=write makes those files anew; look at them before they are taken.
 */
#include "bootstage/stageplot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

static char *draw(struct plot *p)
{
	struct why w = { 0 };
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	assert_ok(stageplot_write(p, f, &w), w);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void matches(struct plot *p, const char *name)
{
	AUTO_FREE char *got = draw(p), *want = NULL;
	struct why w = { 0 };
	char path[100];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "tests/data/plot/%s.svg", name);
	if (getenv("TANDEM_GOLDEN"))
		assert_ok(file_replace(AT_FDCWD, path, got, strlen(got), 0644, &w), w);
	assert_ok(file_read(AT_FDCWD, path, 1 << 20, &want, &n, &w), w);
	if (strcmp(got, want) != 0)
		fail_msg("%s is another; got:\n%s", path, got);
}

static void healthy_boot_is_drawn_as_before(void **state)
{
	struct plot_item items[] = {
		/* not in order */
		{ PLOT_COMMITTED, PLOT_PASSED, "migrate-database", "", 14170000, 15010000 },
		{ PLOT_KERNEL, PLOT_PASSED, "kernel", "", 0, 1210000 },
		{ PLOT_SYSTEM, PLOT_PASSED, "system start", "", 1760000, 9320000 },
		{ PLOT_INIT, PLOT_PASSED, "tandem-init", "", 1210000, 1730000 },
		{ PLOT_INITRAMFS, PLOT_PASSED, "tune", "", 1735000, 1748000 },
		{ PLOT_EARLY, PLOT_PASSED, "data-layout", "", 2645000, 2900000 },
		{ PLOT_EARLY, PLOT_PASSED, "disk-check", "", 2300000, 2641000 },
		{ PLOT_EARLY, PLOT_PASSED, "seed-entropy", "", 2301000, 2305400 },
		{ PLOT_POST, PLOT_PASSED, "feed-check", "", 9340000, 10200000 },
		{ PLOT_POST, PLOT_PASSED, "self-test", "", 10200000, 12900000 },
		{ PLOT_HEALTH, PLOT_PASSED, "health probes", "5 probes, 2 rounds", 12910000, 14100000 },
		{ PLOT_VERDICT, PLOT_PASSED, "commit", "", 14100000, 14162000 },
	};
	struct plot p = {
		.title = "version 1.4.0 on slot b: committed",
		.detail =
			"trial; verdict after 14.2 s, tandem-init 520 ms; healthy on trial: the committed slot from now on",
		.items = items,
		.n = ARRAY_SIZE(items),
	};

	(void)state;
	matches(&p, "ok");
}

static void failures_are_marked_as_before(void **state)
{
	struct plot_item items[] = {
		{ PLOT_KERNEL, PLOT_PASSED, "kernel", "", 0, 1210000 },
		{ PLOT_INIT, PLOT_PASSED, "tandem-init", "", 1210000, 1730000 },
		{ PLOT_SYSTEM, PLOT_RUNNING, "system start", "", 1760000, 43000000 },
		{ PLOT_EARLY, PLOT_FAILED, "disk-check", "exit code 1: no space left on /data", 2300000, 2641000 },
		{ PLOT_EARLY, PLOT_NOT_RUN, "data-layout", "skipped: disk-check has failed", 0, 0 },
		{ PLOT_POST, PLOT_FAILED, "feed-check", "not done after 30 s", 9340000, 39340000 },
		{ PLOT_HEALTH, PLOT_FAILED, "health probes", "unit gadget-core.service: failed", 39910000, 42100000 },
		{ PLOT_VERDICT, PLOT_PASSED, "end of the trial", "", 42100000, 42162000 },
	};
	struct plot p = {
		.title = "version 1.5.0 on slot b: failed", .failed = true, .items = items, .n = ARRAY_SIZE(items)
	};

	(void)state;
	matches(&p, "failed");
}

/* Bytes that XML cannot hold, markup, names too long for the picture, times that run backwards. */
static void hostile_text_stays_text(void **state)
{
	struct plot_item items[] = {
		{ PLOT_EARLY, PLOT_FAILED, "a<b>&\"'\x01\x1b[31m\x7f", "</text><script>alert(1)</script>", 5, 3 },
		{ PLOT_EARLY, PLOT_PASSED, "\xff\xfe\xed\xa0\x80\xef\xbf\xbe\xef\xbf\xbf\xc3\xa4", "\xc3", 0, 10 },
		{ PLOT_POST, PLOT_NOT_RUN, "0123456789012345678901234567890123456789012345678901234567890123456789",
		  "\xe2\x82\xac", UINT64_MAX, 0 },
	};
	struct plot p = { .title = "]]><!--", .detail = "&amp;", .items = items, .n = ARRAY_SIZE(items) };

	(void)state;
	matches(&p, "hostile");
}

static void nothing_to_draw_is_a_picture_too(void **state)
{
	struct plot p = { .title = "nothing" };

	(void)state;
	matches(&p, "nothing");
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

/* From nothing to years: an axis of a few ticks, whatever the span. */
static void axis_has_few_ticks_whatever_the_span(void **state)
{
	(void)state;
	for (uint64_t span = 1; span < UINT64_MAX / 20; span *= 3) {
		struct plot_item item = { PLOT_EARLY, PLOT_PASSED, "x", "", 0, span };
		struct plot p = { .title = "t", .items = &item, .n = 1 };
		AUTO_FREE char *text = draw(&p);
		size_t ticks = count(text, "class=\"tick\"") / 2;

		if (ticks < 3 || ticks > 12 || strstr(text, "nan") || strstr(text, "inf"))
			fail_msg("%llu us: %zu ticks", (unsigned long long)span, ticks);
	}
}

static void duration_has_three_digits_or_so(void **state)
{
	static const struct {
		uint64_t us;
		const char *text;
	} cases[] = {
		{ 0, "0.0 ms" },
		{ 3449, "3.4 ms" },
		{ 9949, "9.9 ms" },
		{ 9950, "10 ms" },
		{ 999499, "999 ms" },
		{ 999500, "1.00 s" },
		{ 9994999, "9.99 s" },
		{ 9995000, "10.0 s" },
		{ 99949999, "99.9 s" },
		{ 99950000, "1 min 40 s" },
		{ 119999999, "2 min 00 s" },
		{ 3600000000, "60 min 00 s" },
	};
	char out[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(stageplot_duration(cases[i].us, out), cases[i].text);
}

static void full_disk_is_an_error(void **state)
{
	struct plot p = { .title = "t" };
	AUTO_FILE *f = fopen("/dev/full", "w");
	struct why w = { 0 };

	(void)state;
	assert_non_null(f);
	assert_int_equal(stageplot_write(&p, f, &w), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_boot_is_drawn_as_before),
		cmocka_unit_test(failures_are_marked_as_before),
		cmocka_unit_test(hostile_text_stays_text),
		cmocka_unit_test(nothing_to_draw_is_a_picture_too),
		cmocka_unit_test(axis_has_few_ticks_whatever_the_span),
		cmocka_unit_test(duration_has_three_digits_or_so),
		cmocka_unit_test(full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
