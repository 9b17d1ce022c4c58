/* What follows from the health of a boot (bootstage/verdict.h): the decision over its whole input, and its files. */
#include "bootstage/verdict.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

/* A record as seen by a boot of slot b. */
enum seen { LOST, NEWER, IDLE_A, IDLE_B, TRIAL_B, COMMITTING_B, TRIAL_A, FAILED_B, STAGED_A, SEEN_END };

static struct bootrec record_of(enum seen s)
{
	static const struct {
		enum boot_phase phase;
		enum slot committed;
	} table[SEEN_END] = {
		[IDLE_A] = { PHASE_IDLE, SLOT_A },     [IDLE_B] = { PHASE_IDLE, SLOT_B },
		[TRIAL_B] = { PHASE_TRIAL, SLOT_A },   [COMMITTING_B] = { PHASE_COMMITTING, SLOT_A },
		[TRIAL_A] = { PHASE_TRIAL, SLOT_B },   [FAILED_B] = { PHASE_FAILED, SLOT_A },
		[STAGED_A] = { PHASE_STAGED, SLOT_B },
	};
	struct bootrec rec = { .phase = table[s].phase, .committed = table[s].committed };

	rec.target = rec.phase == PHASE_IDLE ? SLOT_NONE : slot_other(rec.committed);
	rec.stage = STAGE_USERSPACE;
	return rec;
}

static struct verdict_plan decide(enum boot_role role, enum seen seen, enum slot running, bool healthy)
{
	struct bootrec rec = record_of(seen);
	struct verdict_facts f = {
		.handed_over = true,
		.role = role,
		.started = SLOT_B,
		.running = running,
		.rec = seen == LOST || seen == NEWER ? NULL : &rec,
		.newer_record = seen == NEWER,
		.healthy = healthy,
	};
	struct verdict_plan p;

	verdict_decide(&f, &p);
	assert_non_null(p.note);
	return p;
}

static void the_table_of_decisions(void **state)
{
	static const struct {
		enum boot_role role;
		enum seen seen;
		enum slot running;
		bool healthy;
		enum verdict_act act;
		enum verdict_result result;
	} table[] = {
		{ ROLE_TRIAL, TRIAL_B, SLOT_B, true, ACT_COMMIT, VERDICT_COMMITTED },
		{ ROLE_TRIAL, COMMITTING_B, SLOT_B, true, ACT_COMMIT, VERDICT_COMMITTED },
		{ ROLE_TRIAL, TRIAL_B, SLOT_NONE, true, ACT_REPORT, VERDICT_UNDONE },
		{ ROLE_TRIAL, TRIAL_A, SLOT_B, true, ACT_REPORT, VERDICT_UNDONE },
		{ ROLE_TRIAL, TRIAL_B, SLOT_B, false, ACT_END_TRIAL, VERDICT_FAILED },
		{ ROLE_TRIAL, COMMITTING_B, SLOT_B, false, ACT_END_TRIAL, VERDICT_FAILED },
		{ ROLE_TRIAL, TRIAL_B, SLOT_NONE, false, ACT_END_TRIAL, VERDICT_FAILED },
		{ ROLE_TRIAL, IDLE_B, SLOT_B, true, ACT_SETTLE, VERDICT_HEALTHY }, /* `tandem commit` was faster */
		{ ROLE_TRIAL, IDLE_B, SLOT_B, false, ACT_REPORT, VERDICT_UNHEALTHY },
		{ ROLE_TRIAL, FAILED_B, SLOT_B, true, ACT_REPORT, VERDICT_FAILED }, /* `tandem rollback` was faster */
		{ ROLE_TRIAL, FAILED_B, SLOT_B, false, ACT_REPORT, VERDICT_FAILED },
		{ ROLE_TRIAL, LOST, SLOT_B, true, ACT_REPORT, VERDICT_UNDONE },
		{ ROLE_TRIAL, LOST, SLOT_B, false, ACT_END_TRIAL, VERDICT_FAILED },
		{ ROLE_TRIAL, NEWER, SLOT_B, true, ACT_REPORT, VERDICT_UNDONE },

		{ ROLE_COMMITTED, IDLE_B, SLOT_B, true, ACT_SETTLE, VERDICT_HEALTHY },
		{ ROLE_COMMITTED, STAGED_A, SLOT_B, true, ACT_SETTLE, VERDICT_HEALTHY },
		{ ROLE_COMMITTED, TRIAL_A, SLOT_B, true, ACT_REPORT, VERDICT_HEALTHY }, /* its BootNext must stay */
		{ ROLE_COMMITTED, IDLE_B, SLOT_NONE, true, ACT_REPORT, VERDICT_HEALTHY },
		{ ROLE_COMMITTED, IDLE_A, SLOT_B, true, ACT_REPORT, VERDICT_HEALTHY },
		{ ROLE_COMMITTED, IDLE_B, SLOT_B, false, ACT_REPORT, VERDICT_UNHEALTHY },
		{ ROLE_COMMITTED, LOST, SLOT_B, true, ACT_ADOPT, VERDICT_ADOPTED },
		{ ROLE_COMMITTED, NEWER, SLOT_B, true, ACT_REPORT, VERDICT_HEALTHY },

		{ ROLE_UNKNOWN, LOST, SLOT_B, true, ACT_ADOPT, VERDICT_ADOPTED },
		{ ROLE_UNKNOWN, LOST, SLOT_B, false, ACT_REPORT, VERDICT_UNHEALTHY },
		{ ROLE_UNKNOWN, LOST, SLOT_NONE, true, ACT_REPORT, VERDICT_HEALTHY },
		{ ROLE_UNKNOWN, NEWER, SLOT_B, true, ACT_REPORT, VERDICT_HEALTHY },
		{ ROLE_UNKNOWN, IDLE_B, SLOT_B, true, ACT_SETTLE, VERDICT_HEALTHY }, /* made anew already */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct verdict_plan p = decide(table[i].role, table[i].seen, table[i].running, table[i].healthy);

		if (p.act != table[i].act || p.result != table[i].result)
			fail_msg("row %zu: act %d, result %s: %s", i, (int)p.act, verdict_result_name(p.result),
				 p.note);
	}
}

/* Rules that hold for every input, whatever the table says. */
static void no_input_breaks_a_rule(void **state)
{
	(void)state;
	for (enum boot_role role = ROLE_COMMITTED; role <= ROLE_UNKNOWN; role++)
		for (enum seen seen = LOST; seen < SEEN_END; seen++)
			for (unsigned int i = 0; i < 6; i++) {
				const enum slot slots[] = { SLOT_A, SLOT_B, SLOT_NONE };
				enum slot running = slots[i % 3];
				bool healthy = i / 3;
				struct verdict_plan p = decide(role, seen, running, healthy);

				if (p.act == ACT_COMMIT) {
					assert_int_equal(role, ROLE_TRIAL);
					assert_true(healthy && running == SLOT_B);
				}
				if (p.act == ACT_END_TRIAL)
					assert_true(role == ROLE_TRIAL && !healthy);
				if (p.act == ACT_SETTLE || p.act == ACT_ADOPT)
					assert_true(healthy && running == SLOT_B);
				if (p.act == ACT_ADOPT)
					assert_int_equal(seen, LOST);
				if (role == ROLE_STAND_IN || role == ROLE_FOREIGN)
					assert_int_equal(p.act, ACT_REPORT);
				if (!healthy)
					assert_int_equal(verdict_exit_code(p.result), EXIT_FAILED);
			}
}

static void without_a_handover_nothing_is_changed(void **state)
{
	struct bootrec rec = record_of(TRIAL_B);
	struct verdict_facts f = { .role = ROLE_TRIAL, .started = SLOT_B, .running = SLOT_B, .rec = &rec };
	struct verdict_plan p;

	(void)state;
	for (int healthy = 0; healthy < 2; healthy++) {
		f.healthy = healthy;
		verdict_decide(&f, &p);
		assert_int_equal(p.act, ACT_REPORT);
		assert_int_equal(p.result, healthy ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
		assert_false(verdict_commit_begun(&f));
	}
}

static void a_commit_that_was_begun_is_recognised(void **state)
{
	(void)state;
	for (enum seen seen = LOST; seen < SEEN_END; seen++) {
		struct bootrec rec = record_of(seen);
		struct verdict_facts f = {
			.handed_over = true,
			.role = ROLE_TRIAL,
			.started = SLOT_B,
			.running = SLOT_B,
			.rec = seen <= NEWER ? NULL : &rec,
		};

		assert_int_equal(verdict_commit_begun(&f), seen == COMMITTING_B);
		f.running = SLOT_NONE;
		assert_false(verdict_commit_begun(&f));
		f.running = SLOT_B;
		f.role = ROLE_COMMITTED;
		assert_false(verdict_commit_begun(&f));
	}
}

static void exit_codes_and_names(void **state)
{
	(void)state;
	assert_int_equal(verdict_exit_code(VERDICT_HEALTHY), EXIT_DONE);
	assert_int_equal(verdict_exit_code(VERDICT_COMMITTED), EXIT_DONE);
	assert_int_equal(verdict_exit_code(VERDICT_ADOPTED), EXIT_DONE);
	assert_int_equal(verdict_exit_code(VERDICT_UNHEALTHY), EXIT_FAILED);
	assert_int_equal(verdict_exit_code(VERDICT_FAILED), EXIT_FAILED);
	assert_int_equal(verdict_exit_code(VERDICT_UNDONE), EXIT_FAILED);
	assert_string_equal(verdict_result_name(VERDICT_UNDONE), "undone");
	assert_string_equal(verdict_result_name((enum verdict_result)(VERDICT_UNDONE + 1)), "?");
}

static void check_file(const char *path, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };

	assert_ok(file_read(AT_FDCWD, path, VERDICT_MAX, &text, NULL, &w), w);
	assert_string_equal(text, want);
}

static void the_files_say_what_was_done(void **state)
{
	struct sysconf conf = { .n_probes = 2,
				.probes = { { PROBE_UNIT, "ssh.service" }, { PROBE_COMMAND, "/bin/x" } } };
	struct health h = { .rounds = 2, .ms = 12345, .n = 2 };
	static struct verdict v = { .result = VERDICT_FAILED, .slot = SLOT_B, .role = ROLE_TRIAL, .rebooting = true };
	struct why w = { 0 };
	char path[600];

	(void)state;
	h.probes[0] = (struct health_probe){ .passed = true, .tries = 2, .said = "active" };
	h.probes[1] = (struct health_probe){ .tries = 2, .said = "exit code 1: \"no\"" };
	(void)snprintf(v.note, sizeof(v.note), "the trial is over");
	verdict_probes(&v, &conf, &h);
	assert_ok(verdict_write(scratch(), &v, &w), w);
	(void)snprintf(path, sizeof(path), "%s" VERDICT_JSON, scratch());
	check_file(path, "{\n"
			 "  \"verdict\": \"failed\",\n"
			 "  \"slot\": \"b\",\n"
			 "  \"role\": \"trial\",\n"
			 "  \"note\": \"the trial is over\",\n"
			 "  \"healthy\": false,\n"
			 "  \"rebooting\": true,\n"
			 "  \"seconds\": 12.345,\n"
			 "  \"rounds\": 2,\n"
			 "  \"start_us\": 0,\n"
			 "  \"probed_us\": 0,\n"
			 "  \"end_us\": 0,\n"
			 "  \"stages\": [],\n"
			 "  \"probes\": [\n"
			 "    {\n"
			 "      \"kind\": \"unit\",\n"
			 "      \"what\": \"ssh.service\",\n"
			 "      \"passed\": true,\n"
			 "      \"tries\": 2,\n"
			 "      \"said\": \"active\"\n"
			 "    },\n"
			 "    {\n"
			 "      \"kind\": \"command\",\n"
			 "      \"what\": \"/bin/x\",\n"
			 "      \"passed\": false,\n"
			 "      \"tries\": 2,\n"
			 "      \"said\": \"exit code 1: \\\"no\\\"\"\n"
			 "    }\n"
			 "  ]\n"
			 "}\n");
	(void)snprintf(path, sizeof(path), "%s" VERDICT_TEXT, scratch());
	check_file(path, "verdict: failed (slot b, trial)\n"
			 "  the trial is over\n"
			 "  ok     unit    ssh.service (active)\n"
			 "  FAILED command /bin/x (exit code 1: \"no\")\n"
			 "  after 12.3 s and 2 rounds\n"
			 "  rebooting\n");
}

/* --- stages --- */

static struct stage stage_table[4];
static struct stageplan stage_plan = { .stages = { .at = stage_table, .n = 4 },
				       .order = { .at = { 0, 1, 2, 3 }, .n = 4 } };

/* Four stages: needed, optional, optional but failing closed, needed without a result. */
static void set_stages(struct stage_results *res, enum stage_end first, enum stage_end second, enum stage_end third)
{
	static const char *const names[] = { "needed", "optional", "closed", "silent" };
	const enum stage_end ends[] = { first, second, third, END_PASSED };

	memset(stage_table, 0, sizeof(stage_table));
	*res = (struct stage_results){ .have = 7 };
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(stage_table[i].name, STAGE_NAME_MAX, "%s", names[i]);
		stage_table[i].required = i == 0 || i == 3;
		stage_table[i].on_failure = i == 2 ? FAIL_CLOSED : FAIL_DEGRADE;
		res->at[i].end = ends[i];
		(void)snprintf(res->at[i].reason, sizeof(res->at[i].reason), "%s", ends[i] ? "why" : "");
	}
}

static void every_needed_stage_has_to_pass(void **state)
{
	static struct stage_results res;
	static struct verdict v;

	(void)state;
	set_stages(&res, END_PASSED, END_FAILED, END_PASSED);
	verdict_stages(&v, &stage_plan, 7, &res, NULL, SLOT_A);
	assert_true(v.stages_passed);
	assert_int_equal(v.n_stages, 3);
	assert_string_equal(v.stages_why, "");
	set_stages(&res, END_TIMEOUT, END_PASSED, END_FAILED);
	verdict_stages(&v, &stage_plan, 7, &res, NULL, SLOT_A);
	assert_false(v.stages_passed);
	assert_string_equal(v.stages_why, "stage needed: timeout: why");
	set_stages(&res, END_PASSED, END_PASSED, END_KILLED); /* fails closed, which is grave even when optional */
	verdict_stages(&v, &stage_plan, 7, &res, NULL, SLOT_A);
	assert_string_equal(v.stages_why, "stage closed: killed: why");
	set_stages(&res, END_PASSED, END_PASSED, END_PASSED); /* a runner that crashed leaves no result */
	verdict_stages(&v, &stage_plan, 15, &res, NULL, SLOT_A);
	assert_string_equal(v.stages_why, "stage silent: none: has no result in this boot");
}

static void the_baseline_excuses_what_the_committed_slot_failed_at(void **state)
{
	static struct stage_results res;
	static struct verdict v;
	struct baseline base;

	(void)state;
	set_stages(&res, END_PASSED, END_FAILED, END_FAILED);
	verdict_stages(&v, &stage_plan, 7, &res, NULL, SLOT_A);
	verdict_baseline(&v, SLOT_A, &base);
	assert_int_equal(base.n, 1);
	assert_string_equal(base.names[0], "closed");
	verdict_stages(&v, &stage_plan, 7, &res, &base, SLOT_A);
	assert_true(v.stages_passed);
	assert_true(v.stages[2].excused);
	verdict_stages(&v, &stage_plan, 7, &res, &base, SLOT_B); /* of a slot that is not committed any more */
	assert_false(v.stages_passed);
	set_stages(&res, END_FAILED, END_FAILED, END_FAILED); /* one more than there */
	verdict_stages(&v, &stage_plan, 7, &res, &base, SLOT_A);
	assert_string_equal(v.stages_why, "stage needed: failed: why");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_decisions),
		cmocka_unit_test(no_input_breaks_a_rule),
		cmocka_unit_test(without_a_handover_nothing_is_changed),
		cmocka_unit_test(a_commit_that_was_begun_is_recognised),
		cmocka_unit_test(exit_codes_and_names),
		cmocka_unit_test(the_files_say_what_was_done),
		cmocka_unit_test(every_needed_stage_has_to_pass),
		cmocka_unit_test(the_baseline_excuses_what_the_committed_slot_failed_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
