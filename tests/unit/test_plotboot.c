/* What a boot has left behind as lanes (bootstage/plotboot.h): names, times, marks, title; and the verdict read back. */
#include "bootstage/plotboot.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

static struct plot_item items[PLOTBOOT_ITEMS];
static struct stage_results results;
static const struct stages no_stages;

static const struct handover handover = {
	.slot = SLOT_B, .role = ROLE_TRIAL, .note = "armed", .start_us = 1000000, .handover_us = 1500000
};

/* One for all tests: it is large. */
static struct verdict v, back;

static void decided(enum verdict_result result)
{
	memset(&v, 0, sizeof(v));
	v.result = result;
	v.slot = SLOT_B;
	v.role = ROLE_TRIAL;
	v.healthy = result != VERDICT_FAILED;
	v.rounds = 2;
	v.start_us = 9000000;
	v.probed_us = 10000000;
	v.end_us = 10050000;
	v.n = 2;

	(void)snprintf(v.note, sizeof(v.note), "as it was decided");
	for (size_t i = 0; i < v.n; i++) {
		(void)snprintf(v.probes[i].kind, sizeof(v.probes[i].kind), "unit");
		(void)snprintf(v.probes[i].what, sizeof(v.probes[i].what), "u%zu.service", i);
		(void)snprintf(v.probes[i].said, sizeof(v.probes[i].said), "inactive");
		v.probes[i].passed = v.healthy || i == 0;
	}
}

static void is(const struct plot *p, size_t i, enum plot_kind kind, enum plot_mark mark, const char *name,
	       uint64_t start_us, uint64_t end_us, const char *note)
{
	const struct plot_item *it = &p->items[i];

	assert_true(i < p->n);
	assert_string_equal(it->name, name);
	assert_string_equal(it->note, note);
	assert_int_equal(it->kind, kind);
	assert_int_equal(it->mark, mark);
	assert_int_equal(it->start_us, start_us);
	assert_int_equal(it->end_us, end_us);
}

static void whole_boot_has_a_lane_for_each_part(void **state)
{
	struct plotboot b = { .version = "1.2.3",
			      .handover = &handover,
			      .verdict = &v,
			      .stages = &no_stages,
			      .results = &results,
			      .manager = { 1600000, 8000000 } };
	struct plot p;

	(void)state;
	decided(VERDICT_COMMITTED);
	plotboot_make(&b, items, &p);
	assert_int_equal(p.n, 5);
	is(&p, 0, PLOT_KERNEL, PLOT_PASSED, "kernel", 0, 1000000, "");
	is(&p, 1, PLOT_INIT, PLOT_PASSED, "tandem-init", 1000000, 1500000, "");
	is(&p, 2, PLOT_SYSTEM, PLOT_PASSED, "system start", 1600000, 8000000, "");
	is(&p, 3, PLOT_HEALTH, PLOT_PASSED, "health probes", 9000000, 10000000, "2 probes, 2 rounds");
	is(&p, 4, PLOT_VERDICT, PLOT_PASSED, "commit", 10000000, 10050000, "");
	assert_string_equal(p.title, "version 1.2.3 on slot b: committed");
	assert_string_equal(p.detail, "trial; verdict after 10.1 s: as it was decided");
	assert_false(p.failed);
}

static void failed_trial_is_marked(void **state)
{
	struct plotboot b = { .verdict = &v, .stages = &no_stages, .results = &results };
	struct plot p;

	(void)state;
	decided(VERDICT_FAILED);
	plotboot_make(&b, items, &p);
	assert_int_equal(p.n, 2);
	is(&p, 0, PLOT_HEALTH, PLOT_FAILED, "health probes", 9000000, 10000000, "unit u1.service: inactive");
	is(&p, 1, PLOT_VERDICT, PLOT_PASSED, "end of the trial", 10000000, 10050000, "");
	assert_string_equal(p.title, "version unknown on slot b: failed");
	assert_true(p.failed);
	decided(VERDICT_UNDONE);
	plotboot_make(&b, items, &p);
	is(&p, 1, PLOT_VERDICT, PLOT_FAILED, "verdict", 10000000, 10050000, "as it was decided");
}

static void system_that_is_still_starting_is_open(void **state)
{
	struct plotboot b = { .handover = &handover, .stages = &no_stages, .results = &results, .now_us = 3000000 };
	struct plot p;

	(void)state;
	plotboot_make(&b, items, &p);
	assert_int_equal(p.n, 3);
	is(&p, 2, PLOT_SYSTEM, PLOT_RUNNING, "system start", 1500000, 3000000, "");
	assert_string_equal(p.title, "version unknown on slot b: no verdict yet");
	assert_string_equal(p.detail, "trial; armed");
}

static void boot_of_which_nothing_is_known_has_no_lanes(void **state)
{
	struct plotboot b = { .stages = &no_stages, .results = &results, .now_us = 5 };
	struct plot p;

	(void)state;
	plotboot_make(&b, items, &p);
	assert_int_equal(p.n, 0);
	assert_string_equal(p.title, "version unknown: no verdict yet");
}

static void stages_have_the_mark_of_their_result(void **state)
{
	static const struct {
		enum stage_end end;
		uint64_t end_us;
		enum plot_mark mark;
		const char *note;
	} cases[] = {
		{ END_PASSED, 20, PLOT_PASSED, "" },
		{ END_FAILED, 20, PLOT_FAILED, "exit code 7" },
		{ END_TIMEOUT, 20, PLOT_FAILED, "timeout" },
		{ END_KILLED, 20, PLOT_FAILED, "killed" },
		{ END_MISSING, 10, PLOT_FAILED, "missing" },
		{ END_SKIPPED, 10, PLOT_NOT_RUN, "skipped" },
		{ END_CANCELLED, 10, PLOT_NOT_RUN, "cancelled" },
		{ END_CANCELLED, 20, PLOT_FAILED, "cancelled" },
	};
	static struct stage stage = { .name = "x" };
	const struct stages one = { .at = &stage, .n = 1 };
	struct plotboot b = { .stages = &one, .results = &results };
	struct plot p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		results.have = STAGE_BIT(0);
		results.at[0] = (struct stage_result){
			.name = "x", .phase = IN_POST, .end = cases[i].end, .start_us = 10, .end_us = cases[i].end_us
		};
		if (cases[i].end == END_FAILED)
			(void)snprintf(results.at[0].reason, sizeof(results.at[0].reason), "exit code 7");
		plotboot_make(&b, items, &p);
		is(&p, 0, PLOT_POST, cases[i].mark, "x", 10, cases[i].end_us, cases[i].note);
	}
	results.have = 0;
}

static void manager_tells_when_it_was_done(void **state)
{
	struct plotboot_manager m;

	(void)state;
	m = plotboot_manager_parse("UserspaceTimestampMonotonic=123\nFinishTimestampMonotonic=456\n");
	assert_int_equal(m.start_us, 123);
	assert_int_equal(m.finish_us, 456);
	m = plotboot_manager_parse("FinishTimestampMonotonic=0\nXUserspaceTimestampMonotonic=1\n");
	assert_int_equal(m.start_us, 0);
	assert_int_equal(m.finish_us, 0);
	m = plotboot_manager_parse(
		"UserspaceTimestampMonotonic=99999999999999999999999999\nFinishTimestampMonotonic=x\n");
	assert_int_equal(m.start_us, 0);
	assert_int_equal(m.finish_us, 0);
}

static void verdict_is_read_as_it_was_written(void **state)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	decided(VERDICT_FAILED);
	v.ms = 1001;
	v.rebooting = true;
	v.probes[1].tries = 3;
	assert_ok(verdict_write(scratch(), &v, &w), w);
	assert_ok(file_read(AT_FDCWD, scratch_path("run/tandem/verdict.json"), VERDICT_MAX, &text, &n, &w), w);
	assert_ok(verdict_parse(bytes_of(text, n), "v", &back, &w), w);
	assert_memory_equal(&back, &v, sizeof(v));
}

static void text_that_is_no_verdict_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{}", "{\"verdict\": \"great\"}", "{\"verdict\": \"failed\"}"
	};

	(void)state;
	v.n = 7;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct why w = { 0 };

		assert_int_equal(verdict_parse(bytes_str(texts[i]), "v.json", &v, &w), -EBADMSG);
		assert_non_null(strstr(w.text, "v.json: not a verdict"));
	}
	assert_int_equal(v.n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_boot_has_a_lane_for_each_part),
		cmocka_unit_test(failed_trial_is_marked),
		cmocka_unit_test(system_that_is_still_starting_is_open),
		cmocka_unit_test(boot_of_which_nothing_is_known_has_no_lanes),
		cmocka_unit_test(stages_have_the_mark_of_their_result),
		cmocka_unit_test(manager_tells_when_it_was_done),
		cmocka_unit_test(verdict_is_read_as_it_was_written),
		cmocka_unit_test(text_that_is_no_verdict_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
