/* The state machine of trees, over its whole table of inputs, and which old trees go (updater/tree_plan.h); C25, I10. */
#include "updater/tree_plan.h"

#include "tests/support.h"

#define STEPS_MAX 24u

/* What the actions do to the situation. */
struct model {
	struct tree_situation s;
	bool runs_next; /* the units run the next tree; otherwise the committed one, where they run */
	bool committed; /* the next tree is the current one now */
	bool good;      /* what a watch will find */
	unsigned int swaps;
};

static void become_idle(struct model *m, bool commit)
{
	m->s.phase = TREE_IDLE;
	m->s.next_right = false;
	if (!commit) {
		m->s.at = m->s.at == TREE_AT_NEXT ? TREE_AT_OTHER : m->s.at;
		return;
	}
	m->committed = true;
	m->s.has_current = true;
	m->s.at = m->s.at == TREE_AT_NEXT ? TREE_AT_CURRENT : TREE_AT_OTHER;
}

static void swap(struct model *m, enum tree_at to)
{
	if (m->s.has_units && m->s.units != TREE_UNITS_STOPPED)
		fail_msg("the link changes while units run");
	m->s.at = to;
	m->swaps++;
}

static void start(struct model *m)
{
	bool next = m->s.phase == TREE_SWITCHING;

	if (m->s.at != (next ? TREE_AT_NEXT : TREE_AT_CURRENT))
		fail_msg("units are started on the wrong tree");
	m->s.units = TREE_UNITS_STARTED;
	m->runs_next = next;
}

static void apply(struct model *m, enum tree_action action)
{
	struct tree_situation *s = &m->s;

	switch (action) {
	case TREE_DO_UNPACK:
		s->whole = true;
		s->partial = false;
		return;
	case TREE_DO_REMOVE_PARTIAL:
		s->partial = false;
		return;
	case TREE_DO_STAGED:
		s->phase = TREE_STAGED;
		return;
	case TREE_DO_LINK_NEXT:
		s->next_link = s->next_right = true;
		return;
	case TREE_DO_UNLINK_NEXT:
		s->next_link = s->next_right = false;
		return;
	case TREE_DO_SWITCHING:
		s->phase = TREE_SWITCHING;
		return;
	case TREE_DO_STOP:
		s->units = TREE_UNITS_STOPPED;
		return;
	case TREE_DO_SWAP_NEXT:
		swap(m, TREE_AT_NEXT);
		return;
	case TREE_DO_SWAP_CURRENT:
		swap(m, s->has_current ? TREE_AT_CURRENT : TREE_AT_NONE);
		return;
	case TREE_DO_START:
		start(m);
		return;
	case TREE_DO_TRIAL:
		s->phase = TREE_TRIAL;
		return;
	case TREE_DO_WATCH:
		s->verdict = m->good ? TREE_GOOD : TREE_BAD;
		return;
	case TREE_DO_COMMIT:
		if (s->verdict != TREE_GOOD)
			fail_msg("committed without a verdict");
		become_idle(m, true);
		return;
	case TREE_DO_RETURNING:
		s->phase = TREE_RETURNING;
		return;
	case TREE_DO_FAIL:
		become_idle(m, false);
		return;
	case TREE_DO_NOTHING:
		return;
	}
}

static void check_end(const struct model *m, const struct tree_situation *from)
{
	const struct tree_situation *s = &m->s;

	assert_int_equal(s->phase, TREE_IDLE);
	assert_int_equal(s->at, s->has_current ? TREE_AT_CURRENT : TREE_AT_NONE);
	assert_false(s->next_link || s->partial);
	if (s->has_units && m->swaps > 0 && s->has_current)
		assert_int_equal(s->units, TREE_UNITS_STARTED);
	if (s->has_units && s->units == TREE_UNITS_STARTED && m->swaps > 0)
		assert_true(m->runs_next == m->committed);
	if (!s->has_units)
		assert_int_equal(s->units, from->units); /* left alone */
	if (from->verdict == TREE_BAD)
		assert_false(m->committed);
}

static void run(const struct tree_situation *from, bool good)
{
	struct model m = { .s = *from, .good = good };
	enum tree_action action = TREE_DO_NOTHING;
	unsigned int steps = 0;

	do {
		action = tree_decide(&m.s);
		apply(&m, action);
	} while (action != TREE_DO_NOTHING && ++steps < STEPS_MAX);
	assert_true(steps < STEPS_MAX);
	check_end(&m, from);
	/* And again: settling what is settled changes nothing. */
	m.s.verdict = TREE_BAD;
	assert_int_equal(tree_decide(&m.s), TREE_DO_NOTHING);
}

/* What the record and the disk cannot say together. */
static bool possible(const struct tree_situation *s)
{
	if (s->at == TREE_AT_CURRENT && !s->has_current)
		return false;
	if (s->next_right && (!s->next_link || s->phase == TREE_IDLE))
		return false;
	if (s->phase == TREE_IDLE && s->at == TREE_AT_NEXT)
		return false;
	return s->phase != TREE_TRIAL || s->verdict == TREE_BAD || s->at == TREE_AT_NEXT;
}

static struct tree_situation situation(unsigned int n)
{
	struct tree_situation s = { 0 };

	s.phase = (enum tree_phase)(n % 6), n /= 6;
	s.verdict = (enum tree_verdict)(n % 3), n /= 3;
	s.at = (enum tree_at)(n % 4), n /= 4;
	s.units = (enum tree_units_state)(n % 3), n /= 3;
	s.has_current = n & 1;
	s.next_link = n & 2;
	s.next_right = n & 4;
	s.partial = n & 8;
	s.whole = n & 16;
	s.has_units = n & 32;
	return s;
}

static void every_situation_comes_to_one_tree(void **state)
{
	unsigned int tried = 0;

	(void)state;
	for (unsigned int n = 0; n < 6 * 3 * 4 * 3 * 64; n++) {
		struct tree_situation s = situation(n);

		/* A run begins with no verdict or a bad one; what its units do it learns as it goes. */
		if (!possible(&s) || s.verdict == TREE_GOOD || s.units != TREE_UNITS_UNKNOWN)
			continue;
		run(&s, true);
		run(&s, false);
		tried++;
	}
	assert_true(tried > 1000);
}

static void an_install_takes_these_steps(void **state)
{
	static const enum tree_action want[] = {
		TREE_DO_UNPACK, TREE_DO_STAGED,    TREE_DO_LINK_NEXT,   TREE_DO_SWITCHING,
		TREE_DO_STOP,   TREE_DO_SWAP_NEXT, TREE_DO_START,       TREE_DO_TRIAL,
		TREE_DO_WATCH,  TREE_DO_COMMIT,    TREE_DO_UNLINK_NEXT, TREE_DO_NOTHING,
	};
	struct model m = { .good = true };

	(void)state;
	m.s = (struct tree_situation){
		.phase = TREE_UNPACKING, .at = TREE_AT_CURRENT, .has_current = true, .has_units = true
	};
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(tree_decide(&m.s), want[i]);
		apply(&m, want[i]);
	}
	assert_true(m.committed && m.runs_next);
}

/* I10: what is not good goes back, by these steps and no other. */
static void the_way_back_takes_these_steps(void **state)
{
	static const enum tree_action want[] = {
		TREE_DO_RETURNING, TREE_DO_STOP,        TREE_DO_SWAP_CURRENT, TREE_DO_START,
		TREE_DO_FAIL,      TREE_DO_UNLINK_NEXT, TREE_DO_NOTHING,
	};
	struct model m = { 0 };

	(void)state;
	m.s = (struct tree_situation){ .phase = TREE_TRIAL,
				       .verdict = TREE_BAD,
				       .at = TREE_AT_NEXT,
				       .has_current = true,
				       .next_link = true,
				       .next_right = true,
				       .has_units = true,
				       .units = TREE_UNITS_STARTED };
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(tree_decide(&m.s), want[i]);
		apply(&m, want[i]);
	}
	assert_false(m.committed || m.runs_next);
}

/* --- old trees --- */

#define ID(c) "-" #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c

static struct tree_record record(void)
{
	struct tree_record rec = { 0 };

	(void)snprintf(rec.current.name, TREE_NAME_MAX, "3.0.0" ID(3));
	(void)snprintf(rec.previous.name, TREE_NAME_MAX, "1.0.0" ID(1));
	tree_history_add(&rec, "1.0.0" ID(1));
	tree_history_add(&rec, "2.0.0" ID(2));
	tree_history_add(&rec, "3.0.0" ID(3));
	tree_history_add(&rec, "4.0.0" ID(4));
	return rec;
}

static size_t stock_of(struct tree_stock *s)
{
	static const char *const names[] = { "4.0.0" ID(4), "3.0.0" ID(3), "2.0.0" ID(2), "1.0.0" ID(1),
					     "9.0.0" ID(9) };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		s[i] = (struct tree_stock){ .bytes = 100 };
		(void)snprintf(s[i].name, TREE_NAME_MAX, "%s", names[i]);
	}
	return ARRAY_SIZE(names);
}

static void dropped_are(const struct tree_stock *s, size_t n, const char *want)
{
	char got[16] = "";

	for (size_t i = 0, k = 0; i < n; i++)
		if (s[i].drop)
			got[k++] = s[i].name[0];
	assert_string_equal(got, want);
}

static void the_oldest_go_and_never_what_is_in_use(void **state)
{
	static const struct {
		unsigned int keep;
		uint64_t free_bytes, want_bytes;
		const char *drops;
		uint64_t then;
	} table[] = {
		{ 5, 0, 0, "", 0 },          { 4, 0, 0, "9", 100 },      { 3, 0, 0, "92", 200 },
		{ 2, 0, 0, "924", 300 },     { 1, 0, 0, "924", 300 },    { 5, 50, 51, "9", 150 },
		{ 5, 50, 151, "92", 250 },   { 9, 0, 1000, "924", 300 }, { 4, 900, 1000, "9", 1000 },
		{ 9, 1000, 1000, "", 1000 },
	};
	struct tree_record rec = record();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct tree_prune p = { .keep = table[i].keep,
					      .free_bytes = table[i].free_bytes,
					      .want_bytes = table[i].want_bytes };
		struct tree_stock stock[8];
		size_t n = stock_of(stock);

		tree_stock_sort(&rec, stock, n);
		assert_string_equal(stock[0].name, "9.0.0" ID(9)); /* in no history */
		assert_string_equal(stock[1].name, "1.0.0" ID(1));
		assert_string_equal(stock[4].name, "4.0.0" ID(4));
		assert_int_equal(tree_prune(&rec, &p, stock, n), table[i].then);
		dropped_are(stock, n, table[i].drops);
	}
	(void)snprintf(rec.next.name, TREE_NAME_MAX, "9.0.0" ID(9));
	{
		const struct tree_prune p = { .keep = 1, .want_bytes = UINT64_MAX };
		struct tree_stock stock[8];
		size_t n = stock_of(stock);

		tree_stock_sort(&rec, stock, n);
		(void)tree_prune(&rec, &p, stock, n);
		dropped_are(stock, n, "24");
	}
}

static void a_commit_raises_the_floor_and_a_failure_does_not(void **state)
{
	struct tree_record rec = record(), failed;

	(void)state;
	rec.phase = TREE_TRIAL;
	rec.epoch_floor = 3;
	rec.next.epoch = 7;
	(void)snprintf(rec.next.name, TREE_NAME_MAX, "4.0.0" ID(4));
	failed = rec;
	tree_record_fail(&failed, TREE_REASON_HEALTH, "no answer; at\tall");
	assert_int_equal(failed.phase, TREE_IDLE);
	assert_int_equal(failed.epoch_floor, 3);
	assert_string_equal(failed.current.name, "3.0.0" ID(3));
	assert_string_equal(failed.previous.name, "1.0.0" ID(1));
	assert_string_equal(failed.next.name, "");
	assert_string_equal(failed.outcome.text, "no answer? at?all");
	assert_string_equal(failed.outcome.to, "4.0.0" ID(4));
	tree_record_commit(&rec);
	assert_int_equal(rec.phase, TREE_IDLE);
	assert_int_equal(rec.epoch_floor, 7);
	assert_string_equal(rec.current.name, "4.0.0" ID(4));
	assert_string_equal(rec.previous.name, "3.0.0" ID(3));
	rec.next = rec.previous;
	rec.next.epoch = 1;
	rec.phase = TREE_TRIAL;
	tree_record_commit(&rec);
	assert_int_equal(rec.epoch_floor, 7); /* it never falls */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_situation_comes_to_one_tree),
		cmocka_unit_test(an_install_takes_these_steps),
		cmocka_unit_test(the_way_back_takes_these_steps),
		cmocka_unit_test(the_oldest_go_and_never_what_is_in_use),
		cmocka_unit_test(a_commit_raises_the_floor_and_a_failure_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
