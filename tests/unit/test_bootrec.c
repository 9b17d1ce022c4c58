/* The boot record's format: every offset, every prefix, every byte flipped, every field out of range (bootrec.h). */
#include "partitions/bootrec.h"

#include "tests/support.h"

#define OFF_HASH (BOOTREC_BYTES - HASH_BYTES)

/* A record with another value in every field. */
static struct bootrec full(void)
{
	struct bootrec r = {
		.sequence = 0x0102030405060708,
		.phase = PHASE_TRIAL,
		.committed = SLOT_A,
		.target = SLOT_B,
		.attempts_left = 2,
		.attempts_max = 3,
		.stage = STAGE_USERSPACE,
		.rolled_forward = true,
		.fallback_stale = true,
		.misses = 1,
		.epoch_floor = 0x1112131415161718,
		.trust_epoch = 0x3132333435363738,
	};
	struct boot_outcome *o = &r.outcome;

	memset(r.home, 0x21, sizeof(r.home));
	memset(r.action_id, 0x22, sizeof(r.action_id));
	r.slots[0] = (struct slot_info){ .state = STATE_GOOD, .epoch = 0x23, .version = "1.2.3" };
	r.slots[1] = (struct slot_info){ .state = STATE_WRITING, .epoch = 0x24, .version = "1.3.0-rc.1" };
	memset(r.slots[0].image_id.b, 0x25, HASH_BYTES);
	memset(r.slots[1].image_id.b, 0x26, HASH_BYTES);
	*o = (struct boot_outcome){
		.result = RESULT_FAILED,
		.from = SLOT_A,
		.to = SLOT_B,
		.attempts = 3,
		.reason = REASON_HEALTH,
		.stage = STAGE_HEALTH,
		.from_version = "1.2.3",
		.to_version = "1.2.9",
		.text = "unit x.service is failed",
	};
	memset(o->action_id, 0x27, sizeof(o->action_id));
	memset(o->boot_id, 0x28, sizeof(o->boot_id));
	return r;
}

static void seal(uint8_t *b)
{
	struct hash h = hash_of(bytes_of(b, OFF_HASH));

	memcpy(b + OFF_HASH, h.b, HASH_BYTES);
}

/* The layout of docs/formats/bootrecord.md, written down a second time. */
static void format_has_the_documented_layout(void **state)
{
	static const uint8_t head[72] = {
		'T',  'N',  'D',  'M',  'B',  'O',  'O',  'T',  1,
		0,    0,    0,    0,    0x10, 0,    0,       /* magic, version, size */
		8,    7,    6,    5,    4,    3,    2,    1, /* sequence */
		3,    0,    1,    2,    3,    3,    5,    1, /* phase, committed, target, left, max, stage, flags, misses */
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* floor */
		0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21,
		0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, /* home */
		0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
		0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, /* action */
	};
	const struct bootrec rec = full();
	uint8_t b[BOOTREC_BYTES], want[BOOTREC_BYTES] = { 0 };

	(void)state;
	memcpy(want, head, sizeof(head));
	want[72] = STATE_GOOD;
	want[80] = 0x23;
	memset(want + 88, 0x25, 32);
	memcpy(want + 120, "1.2.3", 5);
	want[184] = STATE_WRITING;
	want[192] = 0x24;
	memset(want + 200, 0x26, 32);
	memcpy(want + 232, "1.3.0-rc.1", 10);
	memcpy(want + 296, (uint8_t[]){ RESULT_FAILED, 0, 1, 3, REASON_HEALTH, STAGE_HEALTH }, 6);
	memset(want + 304, 0x27, 16);
	memset(want + 320, 0x28, 16);
	memcpy(want + 336, "1.2.3", 5);
	memcpy(want + 400, "1.2.9", 5);
	memcpy(want + 464, "unit x.service is failed", 24);
	memcpy(want + 584, (uint8_t[]){ 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31 }, 8);
	seal(want);
	bootrec_format(&rec, b);
	assert_memory_equal(b, want, sizeof(b));
}

static void records_survive_the_round_trip(void **state)
{
	struct bootrec rec = full(), back;
	uint8_t a[BOOTREC_BYTES], b[BOOTREC_BYTES];
	struct why w = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		rec.rolled_forward = i & 1;
		rec.stand_in = i & 2;
		rec.fallback_stale = i & 4;
		bootrec_format(&rec, a);
		assert_ok(bootrec_parse(bytes_of(a, sizeof(a)), &back, &w), w);
		assert_int_equal(back.rolled_forward, rec.rolled_forward);
		assert_int_equal(back.stand_in, rec.stand_in);
		assert_int_equal(back.fallback_stale, rec.fallback_stale);
		assert_int_equal(back.sequence, rec.sequence);
		assert_string_equal(back.outcome.text, rec.outcome.text);
		bootrec_format(&back, b);
		assert_memory_equal(a, b, sizeof(a));
	}
}

static void texts_that_fill_their_field_lose_their_end(void **state)
{
	struct bootrec rec = full(), back;
	uint8_t b[BOOTREC_BYTES];
	struct why w = { 0 };

	(void)state;
	memset(rec.slots[0].version, 'v', sizeof(rec.slots[0].version));
	memset(rec.outcome.text, 't', sizeof(rec.outcome.text));
	bootrec_format(&rec, b);
	assert_ok(bootrec_parse(bytes_of(b, sizeof(b)), &back, &w), w);
	assert_int_equal(strlen(back.slots[0].version), VERSION_TEXT_BYTES - 1);
	assert_int_equal(strlen(back.outcome.text), REASON_TEXT_BYTES - 1);
}

static void refuses(const uint8_t *b, size_t n, int want)
{
	struct bootrec rec, before;
	struct why w = { 0 };

	memset(&rec, 0x5a, sizeof(rec));
	memcpy(&before, &rec, sizeof(rec));
	assert_int_equal(bootrec_parse(bytes_of(b, n), &rec, &w), want);
	assert_memory_equal(&rec, &before, sizeof(rec));
	assert_int_not_equal(w.text[0], '\0');
}

static void every_prefix_and_every_longer_text_is_refused(void **state)
{
	const struct bootrec rec = full();
	uint8_t b[BOOTREC_BYTES + 1];

	(void)state;
	bootrec_format(&rec, b);
	b[BOOTREC_BYTES] = 0;
	for (size_t n = 0; n < BOOTREC_BYTES; n++)
		refuses(b, n, -EBADMSG);
	refuses(b, BOOTREC_BYTES + 1, -EBADMSG);
}

static void every_bit_flipped_is_refused(void **state)
{
	const struct bootrec rec = full();
	uint8_t b[BOOTREC_BYTES];

	(void)state;
	bootrec_format(&rec, b);
	for (size_t bit = 0; bit < 8 * BOOTREC_BYTES; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuses(b, sizeof(b), -EBADMSG);
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* Whatever sectors of a write reached the medium, the result is the old record, the new one, or none. */
static void every_torn_write_is_refused(void **state)
{
	struct bootrec rec = full(), back;
	uint8_t old[BOOTREC_BYTES], new[BOOTREC_BYTES], b[BOOTREC_BYTES];
	struct why w = { 0 };

	(void)state;
	bootrec_format(&rec, old);
	rec.sequence++;
	rec.phase = PHASE_COMMITTING;
	rec.outcome.text[3]++;
	bootrec_format(&rec, new);
	for (unsigned int kept = 0; kept < 1u << (BOOTREC_BYTES / 512); kept++) {
		for (size_t i = 0; i < BOOTREC_BYTES; i++)
			b[i] = kept >> (i / 512) & 1 ? new[i] : old[i];
		if (memcmp(b, old, sizeof(b)) == 0 || memcmp(b, new, sizeof(b)) == 0)
			assert_ok(bootrec_parse(bytes_of(b, sizeof(b)), &back, &w), w);
		else
			refuses(b, sizeof(b), -EBADMSG);
	}
}

static void zeros_are_a_record_that_was_never_written(void **state)
{
	uint8_t b[BOOTREC_BYTES] = { 0 };

	(void)state;
	refuses(b, sizeof(b), -ENODATA);
	b[BOOTREC_BYTES - 1] = 1;
	refuses(b, sizeof(b), -EBADMSG);
	memset(b, 0xff, sizeof(b));
	refuses(b, sizeof(b), -EBADMSG);
}

/* One byte changed under a checksum that fits. */
static const struct {
	const char *what;
	size_t at;
	uint8_t to;
	int want;
} changes[] = {
	{ "as it is", 24, PHASE_TRIAL, 0 },
	{ "version 0", 8, 0, -EBADMSG },
	{ "version 2", 8, 2, -EPROTONOSUPPORT },
	{ "version 257", 9, 1, -EPROTONOSUPPORT },
	{ "version 2^24+1", 11, 1, -EPROTONOSUPPORT },
	{ "size 4097", 12, 1, -EBADMSG },
	{ "size 0", 13, 0, -EBADMSG },
	{ "idle with a target", 24, PHASE_IDLE, -EBADMSG },
	{ "writing", 24, PHASE_WRITING, 0 },
	{ "staged", 24, PHASE_STAGED, 0 },
	{ "committing", 24, PHASE_COMMITTING, 0 },
	{ "failed", 24, PHASE_FAILED, 0 },
	{ "phase 6", 24, 6, -EBADMSG },
	{ "phase 255", 24, 255, -EBADMSG },
	{ "committed = target", 25, SLOT_B, -EBADMSG },
	{ "committed 2", 25, 2, -EBADMSG },
	{ "committed none", 25, SLOT_NONE, -EBADMSG },
	{ "target = committed", 26, SLOT_A, -EBADMSG },
	{ "target 2", 26, 2, -EBADMSG },
	{ "target none", 26, SLOT_NONE, -EBADMSG },
	{ "left 3 of 3", 27, 3, 0 },
	{ "left 4 of 3", 27, 4, -EBADMSG },
	{ "max 15", 28, 15, 0 },
	{ "max 16", 28, 16, -EBADMSG },
	{ "max below left", 28, 1, -EBADMSG },
	{ "stage 4", 29, 4, 0 },
	{ "stage 5", 29, 5, -EBADMSG },
	{ "all flags", 30, 7, 0 },
	{ "flag 8", 30, 8, -EBADMSG },
	{ "flag 128", 30, 0x80, -EBADMSG },
	{ "misses 255", 31, 255, 0 },
	{ "state a 3", 72, 3, 0 },
	{ "state a 4", 72, 4, -EBADMSG },
	{ "state b 4", 184, 4, -EBADMSG },
	{ "reserved in slot a", 73, 1, 0 },
	{ "version a with a control character", 120, 0x1f, -EBADMSG },
	{ "version a with DEL", 120, 0x7f, -EBADMSG },
	{ "version a with 0x80", 120, 0x80, -EBADMSG },
	{ "version a with a NUL inside", 121, 0, -EBADMSG },
	{ "version a with something behind its NUL", 120 + 63, 'x', -EBADMSG },
	{ "version b with something behind its NUL", 232 + 63, 'x', -EBADMSG },
	{ "result 3", 296, 3, 0 },
	{ "result 4", 296, 4, -EBADMSG },
	{ "no result", 296, 0, 0 },
	{ "from 2", 297, 2, -EBADMSG },
	{ "from none", 297, SLOT_NONE, -EBADMSG },
	{ "to 2", 298, 2, -EBADMSG },
	{ "to none", 298, SLOT_NONE, -EBADMSG },
	{ "15 attempts", 299, 15, 0 },
	{ "16 attempts", 299, 16, -EBADMSG },
	{ "reason 7", 300, 7, 0 },
	{ "reason 8", 300, 8, -EBADMSG },
	{ "outcome's stage 5", 301, 5, -EBADMSG },
	{ "reserved in the outcome", 302, 1, 0 },
	{ "outcome's from-version", 336, 0x01, -EBADMSG },
	{ "outcome's to-version", 400 + 63, 'x', -EBADMSG },
	{ "outcome's text", 464 + 119, 'x', -EBADMSG },
	{ "reserved behind the trust epoch", 592, 1, 0 },
	{ "reserved before the checksum", OFF_HASH - 1, 1, 0 },
};

static void every_field_out_of_range_is_refused(void **state)
{
	const struct bootrec rec = full();
	uint8_t b[BOOTREC_BYTES];
	struct bootrec back;
	struct why w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		bootrec_format(&rec, b);
		b[changes[i].at] = changes[i].to;
		seal(b);
		if (changes[i].want == 0 && bootrec_parse(bytes_of(b, sizeof(b)), &back, &w))
			fail_msg("%s: %s", changes[i].what, w.text);
		if (changes[i].want)
			refuses(b, sizeof(b), changes[i].want);
	}
}

static void idle_needs_no_attempts_and_every_other_phase_does(void **state)
{
	struct bootrec rec = full(), back;
	uint8_t b[BOOTREC_BYTES];
	struct why w = { 0 };

	(void)state;
	rec.attempts_left = 0;
	rec.attempts_max = 0;
	for (enum boot_phase p = PHASE_WRITING; p <= PHASE_FAILED; p++) {
		rec.phase = p;
		bootrec_format(&rec, b);
		refuses(b, sizeof(b), -EBADMSG);
	}
	rec.phase = PHASE_IDLE;
	rec.target = SLOT_NONE;
	bootrec_format(&rec, b);
	assert_ok(bootrec_parse(bytes_of(b, sizeof(b)), &back, &w), w);
}

static void last_sequence_is_refused_since_nothing_could_follow(void **state)
{
	struct bootrec rec = full(), back;
	uint8_t b[BOOTREC_BYTES];
	struct why w = { 0 };

	(void)state;
	rec.sequence = UINT64_MAX;
	bootrec_format(&rec, b);
	refuses(b, sizeof(b), -EBADMSG);
	rec.sequence = UINT64_MAX - 1;
	bootrec_format(&rec, b);
	assert_ok(bootrec_parse(bytes_of(b, sizeof(b)), &back, &w), w);
}

static void outcome_without_a_result_may_name_no_slots(void **state)
{
	struct bootrec rec = full(), back;
	uint8_t b[BOOTREC_BYTES];
	struct why w = { 0 };

	(void)state;
	rec.outcome = (struct boot_outcome){ .from = SLOT_NONE, .to = SLOT_NONE };
	bootrec_format(&rec, b);
	assert_ok(bootrec_parse(bytes_of(b, sizeof(b)), &back, &w), w);
	assert_int_equal(back.outcome.from, SLOT_NONE);
	b[297] = 7;
	seal(b);
	refuses(b, sizeof(b), -EBADMSG);
}

static void words_are_there_for_every_value_and_for_none(void **state)
{
	(void)state;
	assert_string_equal(slot_name(SLOT_A), "a");
	assert_string_equal(slot_name(SLOT_B), "b");
	assert_string_equal(slot_name(SLOT_NONE), "none");
	assert_string_equal(slot_name_or(SLOT_B, NULL), "b");
	assert_null(slot_name_or(SLOT_NONE, NULL));
	assert_string_equal(boot_phase_name(PHASE_IDLE), "idle");
	assert_string_equal(boot_phase_name(PHASE_FAILED), "failed");
	assert_string_equal(boot_stage_name(STAGE_HEALTH), "health");
	assert_string_equal(boot_reason_name(REASON_COMMIT), "commit");
	assert_string_equal(boot_result_name(RESULT_DEMOTED), "demoted");
	assert_string_equal(slot_state_name(STATE_BAD), "bad");
	assert_string_equal(boot_phase_name((enum boot_phase)99), "?");
	assert_string_equal(boot_stage_name((enum boot_stage)99), "?");
	assert_string_equal(boot_reason_name((enum boot_reason)99), "?");
	assert_string_equal(boot_result_name((enum boot_result)99), "?");
	assert_string_equal(slot_state_name((enum slot_state)99), "?");
	assert_int_equal(slot_other(SLOT_A), SLOT_B);
	assert_int_equal(slot_other(SLOT_B), SLOT_A);
	assert_int_equal(slot_other(SLOT_NONE), SLOT_NONE);
}

static void condition_of_a_slot_is_what_the_phase_makes_of_it(void **state)
{
	static const struct {
		enum boot_phase phase;
		enum slot_state is;
		const char *want;
	} table[] = {
		{ PHASE_IDLE, STATE_EMPTY, "empty" },      { PHASE_WRITING, STATE_WRITING, "writing" },
		{ PHASE_STAGED, STATE_WRITING, "staged" }, { PHASE_TRIAL, STATE_WRITING, "trial" },
		{ PHASE_TRIAL, STATE_GOOD, "trial" },      { PHASE_COMMITTING, STATE_WRITING, "committing" },
		{ PHASE_FAILED, STATE_BAD, "bad" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct bootrec rec = { .phase = table[i].phase, .committed = SLOT_A, .target = SLOT_B };

		rec.slots[SLOT_A].state = STATE_GOOD;
		rec.slots[SLOT_B].state = table[i].is;
		assert_string_equal(slot_condition_name(&rec, SLOT_A), "good");
		assert_string_equal(slot_condition_name(&rec, SLOT_B), table[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_has_the_documented_layout),
		cmocka_unit_test(records_survive_the_round_trip),
		cmocka_unit_test(texts_that_fill_their_field_lose_their_end),
		cmocka_unit_test(every_prefix_and_every_longer_text_is_refused),
		cmocka_unit_test(every_bit_flipped_is_refused),
		cmocka_unit_test(every_torn_write_is_refused),
		cmocka_unit_test(zeros_are_a_record_that_was_never_written),
		cmocka_unit_test(every_field_out_of_range_is_refused),
		cmocka_unit_test(idle_needs_no_attempts_and_every_other_phase_does),
		cmocka_unit_test(last_sequence_is_refused_since_nothing_could_follow),
		cmocka_unit_test(outcome_without_a_result_may_name_no_slots),
		cmocka_unit_test(words_are_there_for_every_value_and_for_none),
		cmocka_unit_test(condition_of_a_slot_is_what_the_phase_makes_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
