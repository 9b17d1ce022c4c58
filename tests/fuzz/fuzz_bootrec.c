/*
 * fuzz_bootrec - any bytes as a boot record, as they are and under a checksum that fits. What is taken keeps the format's
 * ranges and comes out the same when it is written and read again; every decision about it ends with a record that is
 * taken as well.
 */
#include <stdlib.h>

#include "partitions/bootstate.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_ranges(const struct bootrec *r)
{
	must(r->sequence != UINT64_MAX && r->phase <= PHASE_FAILED && r->committed <= SLOT_B);
	must(r->target == (r->phase == PHASE_IDLE ? SLOT_NONE : slot_other(r->committed)));
	must(r->attempts_left <= r->attempts_max && r->attempts_max <= ATTEMPTS_MAX && r->stage <= STAGE_HEALTH);
	must(r->phase == PHASE_IDLE || r->attempts_max > 0);
	for (int i = 0; i < 2; i++)
		must(r->slots[i].state <= STATE_BAD &&
		     strnlen(r->slots[i].version, VERSION_TEXT_BYTES) < VERSION_TEXT_BYTES);
	must(r->outcome.result <= RESULT_DEMOTED && r->outcome.reason <= REASON_COMMIT);
	must(strnlen(r->outcome.text, REASON_TEXT_BYTES) < REASON_TEXT_BYTES);
}

/* Writing it down and reading it again changes nothing. */
static void check_round_trip(const struct bootrec *r)
{
	uint8_t a[BOOTREC_BYTES], b[BOOTREC_BYTES];
	struct bootrec back;

	bootrec_format(r, a);
	must(bootrec_parse(bytes_of(a, sizeof(a)), &back, NULL) == 0);
	check_ranges(&back);
	bootrec_format(&back, b);
	must(memcmp(a, b, sizeof(a)) == 0);
}

/* Every decision of the hook, and one that could not be carried out. */
static void check_decisions(const struct bootrec *r)
{
	for (int i = 0; i < 12; i++) {
		struct boot_facts facts = {
			.mode = i & 1 ? MODE_CHOOSER : MODE_BOOTNEXT,
			.running = i / 4 == 0   ? SLOT_A
				   : i / 4 == 1 ? SLOT_B
						: SLOT_NONE,
			.disagree = i & 2,
		};
		struct bootrec rec = *r;
		struct boot_plan plan;

		boot_decide(&rec, &facts, &plan);
		must(plan.note && (!plan.start || plan.slot <= SLOT_B));
		must(plan.role != ROLE_TRIAL || rec.phase == PHASE_TRIAL || rec.phase == PHASE_COMMITTING);
		must(rec.committed == r->committed && rec.epoch_floor == r->epoch_floor);
		check_round_trip(&rec);
		if (!plan.start)
			continue;
		boot_cannot_start(&rec, &facts, "fuzz", &plan);
		must(plan.note && rec.epoch_floor == r->epoch_floor);
		must(rec.committed == r->committed || rec.slots[rec.committed].state == STATE_GOOD);
		check_round_trip(&rec);
	}
}

static void check(const uint8_t *in, size_t n)
{
	struct bootrec r;
	struct why w = { 0 };

	if (bootrec_parse(bytes_of(in, n), &r, &w)) {
		must(w.text[0] != '\0');
		return;
	}
	check_ranges(&r);
	check_round_trip(&r);
	check_decisions(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t sealed[BOOTREC_BYTES] = { 0 };
	struct hash h;

	check(data, n);
	memcpy(sealed, data, n < sizeof(sealed) - HASH_BYTES ? n : sizeof(sealed) - HASH_BYTES);
	h = hash_of(bytes_of(sealed, sizeof(sealed) - HASH_BYTES));
	memcpy(sealed + sizeof(sealed) - HASH_BYTES, h.b, HASH_BYTES);
	check(sealed, sizeof(sealed));
	return 0;
}
