/*
 * The boot state machine, walked over every record that bootrec_parse() accepts in the fields it decides by, and every
 * event. The six invariants are those of docs/formats/bootrecord.md.
 */
#include "partitions/bootstate.h"
#include "tests/support.h"

#define ATTEMPTS 2u

static const uint8_t action[16] = { 7 }, boot_id[16] = { 9 };

/* Record number n of all there are; false past the last. */
static bool nth_record(uint64_t n, struct bootrec *ret)
{
	struct bootrec r = { .sequence = 5, .epoch_floor = 3, .attempts_max = ATTEMPTS, .trust_epoch = 9 };

	r.phase = n % 6, n /= 6;
	r.committed = n % 2, n /= 2;
	r.target = r.phase == PHASE_IDLE ? SLOT_NONE : slot_other(r.committed);
	r.attempts_left = (uint32_t)(n % (ATTEMPTS + 1)), n /= ATTEMPTS + 1;
	r.stage = n % 5, n /= 5;
	r.rolled_forward = n % 2, n /= 2;
	r.stand_in = n % 2, n /= 2;
	r.fallback_stale = n % 2, n /= 2;
	r.misses = (uint32_t)(n % (MISSES_MAX + 1)), n /= MISSES_MAX + 1;
	r.slots[0].state = n % 4, n /= 4;
	r.slots[1].state = n % 4, n /= 4;
	r.slots[0].epoch = 2 + n % 3, n /= 3; /* below, at and above the floor */
	r.slots[1].epoch = 4;
	r.outcome.from = r.outcome.to = SLOT_NONE;
	*ret = r;
	return n == 0;
}

/* Records here are copies of one another, so that padding is equal too. */
static bool same(const struct bootrec *a, const struct bootrec *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What every transition keeps. */
static void check_kept(const struct bootrec *before, const struct bootrec *after, bool may_move)
{
	static uint64_t calls;
	uint8_t bytes[BOOTREC_BYTES];
	struct bootrec back;
	struct why w = { 0 };

	/* That what comes out can be stored and read again is tried for a part: it costs a hash of 4 KiB twice. */
	if (calls++ % 211 == 0) {
		bootrec_format(after, bytes);
		assert_ok(bootrec_parse(bytes_of(bytes, sizeof(bytes)), &back, &w), w);
		assert_true(back.phase == after->phase && back.committed == after->committed);
	}
	assert_true(after->target == (after->phase == PHASE_IDLE ? SLOT_NONE : slot_other(after->committed)));
	assert_true(after->attempts_left <= after->attempts_max);
	assert_true(after->epoch_floor >= before->epoch_floor); /* invariant 4 */
	assert_int_equal(after->trust_epoch, before->trust_epoch);
	if (after->committed != before->committed)
		assert_true(may_move); /* invariant 6 */
}

/* A start of the target, now or by BootNext, must have been paid for in this record (invariant 2). */
static void check_paid(const struct bootrec *before, const struct bootrec *after, bool starts_target)
{
	bool took = after->attempts_left + 1 == before->attempts_left;
	bool was_armed = before->stage == STAGE_ARMED && after->stage == STAGE_INITRAMFS;
	bool second_chance = before->phase == PHASE_COMMITTING && !before->rolled_forward && after->rolled_forward;
	bool unarmed = before->phase == PHASE_STAGED && after->attempts_left + 1 == after->attempts_max;

	if (starts_target)
		assert_true(took || was_armed || second_chance || unarmed);
}

static void check_decision(const struct bootrec *before, const struct boot_facts *f)
{
	struct bootrec after = *before;
	struct boot_plan p;
	bool trial;

	boot_decide(&after, f, &p);
	check_kept(before, &after, false);
	assert_int_equal(p.write, !same(before, &after));
	assert_non_null(p.note);
	trial = after.phase == PHASE_TRIAL || after.phase == PHASE_COMMITTING;
	if (p.start && p.role == ROLE_TRIAL) {
		assert_true(trial && p.slot == after.target && p.write);
		check_paid(before, &after, true);
	}
	if (p.start && p.role == ROLE_COMMITTED)
		assert_true(p.slot == after.committed);
	if (p.start && f->running != SLOT_NONE && f->mode == MODE_BOOTNEXT)
		assert_true(p.slot == f->running); /* the kernel that runs fits no other slot */
	if (!p.start) {
		assert_true(f->mode == MODE_BOOTNEXT && p.next != SLOT_NONE && p.next != f->running);
		check_paid(before, &after, p.next == after.target && trial);
	}
	if (f->disagree && f->running != SLOT_NONE && f->mode == MODE_BOOTNEXT)
		assert_true(p.start && p.role == ROLE_FOREIGN && !p.write);
}

static void check_cannot_start(const struct bootrec *before, const struct boot_facts *f)
{
	struct bootrec decided = *before, after;
	struct boot_plan p;
	bool demoted;

	boot_decide(&decided, f, &p);
	if (!p.start)
		return;
	after = decided;
	boot_cannot_start(&after, f, "no root", &p);
	demoted = after.committed != decided.committed;
	check_kept(&decided, &after, true);
	assert_int_equal(p.write, !same(&decided, &after));
	if (demoted) { /* only to a slot that was good, and only after as many misses */
		assert_true(decided.misses + 1 >= MISSES_MAX);
		assert_int_equal(decided.slots[after.committed].state, STATE_GOOD);
		assert_int_equal(after.outcome.result, RESULT_DEMOTED);
	}
	if (p.start)
		assert_true(f->mode == MODE_CHOOSER && decided.slots[p.slot].state == STATE_GOOD);
}

static void check_commands(const struct bootrec *before)
{
	const struct slot_info image = { .epoch = 3, .version = "2.0.0" }, old = { .epoch = 2 };
	bool trying = before->phase == PHASE_TRIAL || before->phase == PHASE_COMMITTING;
	enum slot other = slot_other(before->committed);
	struct bootrec r = *before;

	/* invariant 3: the committed, the running, the only good slot */
	assert_int_not_equal(boot_write_begin(&r, before->committed, SLOT_NONE, &image, 3, action, NULL), 0);
	assert_int_not_equal(boot_write_begin(&r, other, other, &image, 3, action, NULL), 0);
	assert_int_not_equal(boot_write_begin(&r, other, before->committed, &old, 3, action, NULL), 0);
	assert_true(same(before, &r));
	if (boot_write_begin(&r, other, before->committed, &image, 3, action, NULL) == 0) {
		assert_true(!trying && before->misses == 0 && before->slots[before->committed].state == STATE_GOOD);
		assert_true(r.phase == PHASE_WRITING && r.slots[other].state == STATE_WRITING);
		check_kept(before, &r, false);
		/* invariant 5: the same step again is fine */
		assert_int_equal(boot_write_begin(&r, other, before->committed, &image, 3, action, NULL), 0);
	} else {
		assert_true(same(before, &r));
	}
	r = *before;
	if (boot_arm(&r, MODE_BOOTNEXT, 3, false, action, NULL) == 0) {
		assert_true(before->phase == PHASE_STAGED || before->slots[other].state == STATE_GOOD);
		assert_true(before->slots[other].epoch >= before->epoch_floor && !trying);
		assert_true(r.phase == PHASE_TRIAL && r.attempts_left == 2 && r.stage == STAGE_ARMED);
		check_kept(before, &r, false);
	} else {
		assert_true(same(before, &r));
	}
	r = *before;
	assert_int_equal(boot_write_end(&r, NULL) == 0, before->phase == PHASE_WRITING);
	check_kept(before, &r, false);
}

static void check_verdicts(const struct bootrec *before)
{
	bool trying = before->phase == PHASE_TRIAL || before->phase == PHASE_COMMITTING;
	struct bootrec r = *before;

	assert_int_equal(boot_fail(&r, REASON_HEALTH, "bad\nnews \xff", boot_id, NULL) == 0, trying);
	check_kept(before, &r, false);
	if (trying) {
		assert_int_equal(r.phase, PHASE_FAILED);
		assert_int_equal(r.slots[before->target].state, STATE_BAD);
		assert_string_equal(r.outcome.text, "bad?news ?");
	}
	r = *before;
	assert_int_equal(boot_commit_begin(&r, NULL) == 0, trying);
	check_kept(before, &r, false);
	if (trying) {
		struct bootrec mid = r;

		assert_int_equal(boot_commit_end(&r, boot_id, NULL), 0);
		check_kept(&mid, &r, true);
		assert_true(r.phase == PHASE_IDLE && r.committed == before->target && !r.fallback_stale);
		assert_true(r.epoch_floor >= r.slots[r.committed].epoch);
		assert_int_equal(boot_commit_end(&r, boot_id, NULL), -EINVAL);
	}
	r = *before;
	if (boot_reached(&r, STAGE_HEALTH))
		assert_true(trying && before->stage < STAGE_HEALTH && before->stage != STAGE_ARMED);
	check_kept(before, &r, false);
	(void)boot_settled(&r);
	check_kept(before, &r, false);
	assert_int_equal(r.misses, 0);
}

static void every_state_and_event_keeps_the_invariants(void **state)
{
	uint64_t n = 0, events = 0;
	struct bootrec rec;

	(void)state;
	for (; nth_record(n, &rec); n++) {
		for (unsigned int mode = 0; mode < 2; mode++) {
			for (unsigned int running = 0; running < 3; running++) {
				for (unsigned int disagree = 0; disagree < 2; disagree++) {
					const struct boot_facts f = {
						.mode = mode,
						.running = running == 2 || mode == MODE_CHOOSER ? SLOT_NONE : running,
						.disagree = disagree,
					};

					check_decision(&rec, &f);
					check_cannot_start(&rec, &f);
					events += 2;
				}
			}
		}
		check_commands(&rec);
		check_verdicts(&rec);
		events += 10;
	}
	print_message("# %llu states, %llu events\n", (unsigned long long)n, (unsigned long long)events);
	assert_true(n > 100000);
}

static void a_lost_record_boots_the_slot_that_was_started(void **state)
{
	const struct boot_facts b = { .running = SLOT_B }, none = { .mode = MODE_CHOOSER, .running = SLOT_NONE };
	struct boot_plan p;

	(void)state;
	boot_decide(NULL, &b, &p);
	assert_true(p.start && p.slot == SLOT_B && p.role == ROLE_UNKNOWN && !p.write);
	boot_decide(NULL, &none, &p);
	assert_true(p.start && p.slot == SLOT_NONE && p.role == ROLE_UNKNOWN);
}

/* A committed slot that cannot be used: stood in for twice, demoted at the third time, in both modes. */
static void three_misses_in_a_row_demote_the_committed_slot(void **state)
{
	const struct slot_info one = { .epoch = 1, .version = "1.0.0" }, two = { .state = STATE_GOOD, .epoch = 1 };

	(void)state;
	for (unsigned int mode = 0; mode < 2; mode++) {
		const struct boot_facts f = { .mode = mode, .running = mode == MODE_CHOOSER ? SLOT_NONE : SLOT_A };
		struct bootrec rec = boot_first(SLOT_A, &one, &two);
		struct boot_plan p;

		for (unsigned int miss = 1; miss <= MISSES_MAX; miss++) {
			boot_decide(&rec, &f, &p);
			assert_true(p.start && p.slot == SLOT_A && p.role == ROLE_COMMITTED);
			boot_cannot_start(&rec, &f, "root is damaged", &p);
			assert_true(p.write);
			assert_int_equal(mode == MODE_CHOOSER ? p.slot : p.next, SLOT_B);
			assert_int_equal(rec.committed, miss < MISSES_MAX ? SLOT_A : SLOT_B);
		}
		assert_int_equal(rec.slots[SLOT_A].state, STATE_BAD);
		assert_string_equal(rec.outcome.text, "root is damaged");
	}
}

static void a_healthy_boot_forgets_the_misses(void **state)
{
	const struct slot_info one = { .epoch = 1 };
	struct bootrec rec = boot_first(SLOT_A, &one, NULL);

	(void)state;
	rec.misses = 2;
	rec.stand_in = true;
	assert_true(boot_settled(&rec));
	assert_true(rec.misses == 0 && !rec.stand_in);
	assert_false(boot_settled(&rec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_event_keeps_the_invariants),
		cmocka_unit_test(a_lost_record_boots_the_slot_that_was_started),
		cmocka_unit_test(three_misses_in_a_row_demote_the_committed_slot),
		cmocka_unit_test(a_healthy_boot_forgets_the_misses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
