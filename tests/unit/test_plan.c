/* What install, commit and rollback do by the boot record (updater/plan.h), over all phases. */
#include "updater/plan.h"

#include <string.h>

#include "tests/support.h"

static const struct hash old = { .b = { 1 } }, new = { .b = { 2 } }, other = { .b = { 3 } };

/* Slot a committed with image `old`; slot b holds `target`. */
static struct bootrec make(enum boot_phase phase, const struct hash *target)
{
	const struct slot_info info = { .version = "1.0.0", .image_id = old };
	struct bootrec rec = boot_first(SLOT_A, &info, NULL);

	rec.phase = phase;
	rec.target = phase == PHASE_IDLE ? SLOT_NONE : SLOT_B;
	rec.slots[SLOT_B].image_id = *target;
	rec.slots[SLOT_B].state = phase == PHASE_IDLE ? STATE_GOOD : STATE_WRITING;
	return rec;
}

static void check_action(enum boot_phase phase, const struct hash *target, const struct hash *id, bool force,
			 enum install_action want)
{
	struct bootrec rec = make(phase, target);
	struct install_plan p = install_plan(&rec, id, force);

	assert_int_equal(p.action, want);
	assert_int_equal(p.target, SLOT_B);
}

static void install_goes_on_with_what_was_begun_and_else_begins(void **state)
{
	(void)state;
	for (enum boot_phase p = PHASE_IDLE; p <= PHASE_FAILED; p++) {
		bool writing = p == PHASE_WRITING, staged = p == PHASE_STAGED;

		check_action(p, &new, &new, false, staged ? INSTALL_ARM : writing ? INSTALL_CONTINUE : INSTALL_WRITE);
		check_action(p, &new, &other, false, INSTALL_WRITE);
		check_action(p, &new, &old, false, INSTALL_NOTHING);
		check_action(p, &new, &old, true, INSTALL_WRITE);
		check_action(p, &old, &old, false, staged ? INSTALL_ARM : writing ? INSTALL_CONTINUE : INSTALL_NOTHING);
	}
}

static void committed_slot_that_is_bad_is_not_nothing_to_do(void **state)
{
	struct bootrec rec = make(PHASE_IDLE, &new);

	(void)state;
	rec.slots[SLOT_A].state = STATE_BAD;
	assert_int_equal(install_plan(&rec, &old, false).action, INSTALL_WRITE);
}

static void commit_is_for_the_running_trial_only(void **state)
{
	(void)state;
	for (enum boot_phase p = PHASE_IDLE; p <= PHASE_FAILED; p++) {
		struct bootrec rec = make(p, &new);
		bool trying = p == PHASE_TRIAL || p == PHASE_COMMITTING;
		struct why w = { 0 };

		assert_int_equal(commit_check(&rec, SLOT_B, &w), trying ? 0 : -EPERM);
		if (!trying)
			assert_int_equal(w.exit, EXIT_REFUSED);
		w = (struct why){ 0 };
		assert_int_equal(commit_check(&rec, SLOT_A, &w), trying ? -EPERM : -EALREADY);
		assert_int_equal(w.exit, trying ? EXIT_REFUSED : EXIT_NOTHING);
		assert_int_equal(commit_check(&rec, SLOT_NONE, NULL), -EPERM);
		assert_int_equal(commit_check(&rec, SLOT_A, NULL), trying ? -EPERM : -EALREADY);
	}
}

static void rollback_ends_a_trial_or_arms_and_else_is_refused(void **state)
{
	(void)state;
	for (enum boot_phase p = PHASE_IDLE; p <= PHASE_FAILED; p++) {
		struct bootrec rec = make(p, &new);
		enum rollback_action a = ROLLBACK_ARM;
		struct why w = { 0 };
		int r = rollback_plan(&rec, &a, &w);

		if (p == PHASE_WRITING || p == PHASE_STAGED) {
			assert_int_equal(r, -EPERM);
			assert_int_equal(w.exit, EXIT_REFUSED);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(a, p == PHASE_TRIAL || p == PHASE_COMMITTING ? ROLLBACK_END_TRIAL : ROLLBACK_ARM);
	}
}

static void versions_step_as_semver_says(void **state)
{
	(void)state;
	assert_int_equal(version_step("1.0.0", "1.0.1"), VERSION_HIGHER);
	assert_int_equal(version_step("1.0.0", "1.0.0+build"), VERSION_SAME);
	assert_int_equal(version_step("1.0.0", "1.0.0-rc.1"), VERSION_LOWER);
	assert_int_equal(version_step("2.0.0", "1.9.9"), VERSION_LOWER);
	assert_int_equal(version_step("", "1.9.9"), VERSION_UNKNOWN);
	assert_int_equal(version_step("factory", "1.9.9"), VERSION_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(install_goes_on_with_what_was_begun_and_else_begins),
		cmocka_unit_test(committed_slot_that_is_bad_is_not_nothing_to_do),
		cmocka_unit_test(commit_is_for_the_running_trial_only),
		cmocka_unit_test(rollback_ends_a_trial_or_arms_and_else_is_refused),
		cmocka_unit_test(versions_step_as_semver_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
