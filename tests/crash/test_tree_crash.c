/*
 * Trees when the power goes, or the program is killed, at each durable operation of an install, of a rollback and of the
 * settling itself (C25, I10): afterwards one tree is current, it is whole, it is the committed one, and where units still
 * run, they run that one.
 *
 * The real state machine and its driver run on a simulated folder: every operation is durable when it returns; the one in
 * flight may have happened or not, an unpack may have left remains. When the power goes the units are gone, too; when only
 * the program is killed, they go on.
 */
#include "updater/tree_switch.h"

#include <stdio.h>

#include "tests/support.h"

#define NEVER UINT64_MAX

enum half { NOT_DONE, REMAINS, DONE }; /* the operation in flight */

struct world {
	/* the disk */
	struct tree_record rec;
	char current[TREE_NAME_MAX], next[TREE_NAME_MAX]; /* the links */
	bool old_whole, new_whole, partial;
	/* volatile */
	char runs[TREE_NAME_MAX]; /* what the units run; "": they are stopped */
	/* the plan */
	uint64_t ops, cut_at;
	enum half half;
	bool off;     /* the power is gone, or the program killed */
	bool good;    /* the new tree serves */
	bool no_sync; /* negative control: an unpack says that it is durable, and is not */
	const char *broken;
};

/* Whether the operation takes place; with the power gone it does not. */
static bool does(struct world *x, bool *ret_failed)
{
	bool here = x->ops++ == x->cut_at;

	*ret_failed = x->off || here;
	if (x->off)
		return false;
	x->off = here;
	return !here || x->half == DONE;
}

static int end(bool failed, struct why *w)
{
	return failed ? fail(w, -EIO, "no power") : 0;
}

static int do_record(void *with, struct tree_record *rec, struct why *w)
{
	struct world *x = with;
	bool failed;

	rec->sequence++;
	if (does(x, &failed)) {
		if (rec->epoch_floor < x->rec.epoch_floor)
			x->broken = "the floor fell";
		x->rec = *rec;
	}
	return end(failed, w);
}

static int do_see(void *with, const struct tree_record *rec, struct tree_situation *ret, struct why *w)
{
	const struct world *x = with;

	(void)w;
	ret->at = !x->current[0]                               ? TREE_AT_NONE
		  : strcmp(x->current, rec->current.name) == 0 ? TREE_AT_CURRENT
		  : strcmp(x->current, rec->next.name) == 0    ? TREE_AT_NEXT
							       : TREE_AT_OTHER;
	ret->next_link = x->next[0] != '\0';
	ret->next_right = x->next[0] && strcmp(x->next, rec->next.name) == 0;
	ret->partial = x->partial;
	ret->whole = x->new_whole;
	return 0;
}

static int do_unpack(void *with, const struct tree_record *rec, struct why *w)
{
	struct world *x = with;
	bool failed, done = does(x, &failed);

	(void)rec;
	if (done)
		x->new_whole = true;
	else if (!x->off || (failed && x->half == REMAINS))
		x->partial = true;
	return end(failed, w);
}

static int do_clean(void *with, struct why *w)
{
	struct world *x = with;
	bool failed;

	if (does(x, &failed))
		x->partial = false;
	return end(failed, w);
}

static int do_link(void *with, bool next, const char *name, struct why *w)
{
	struct world *x = with;
	bool failed;

	if (does(x, &failed))
		(void)snprintf(next ? x->next : x->current, TREE_NAME_MAX, "%s", name ? name : "");
	if (!next && x->runs[0] && strcmp(x->runs, x->current) != 0)
		x->broken = "the link changed while units ran";
	return end(failed, w);
}

static int do_stop(void *with, bool soon, struct why *w)
{
	struct world *x = with;
	bool failed;

	(void)soon;
	if (does(x, &failed))
		x->runs[0] = '\0';
	return end(failed, w);
}

static int do_start(void *with, struct why *w)
{
	struct world *x = with;
	bool failed;

	if (does(x, &failed) && !x->runs[0])
		memcpy(x->runs, x->current, sizeof(x->runs));
	return end(failed, w);
}

static void do_watch(void *with, uint64_t swapped_ms, struct tree_watched *ret)
{
	const struct world *x = with;

	(void)swapped_ms;
	*ret = (struct tree_watched){ .verdict = x->good && !x->off ? TREE_GOOD : TREE_BAD,
				      .reason = x->good ? TREE_REASON_NONE : TREE_REASON_HEALTH };
}

static bool do_cancelled(void *with)
{
	(void)with;
	return false;
}

static uint64_t do_now(void *with)
{
	return ((const struct world *)with)->ops;
}

static const struct tree_switch_ops ops = {
	.record = do_record,
	.see = do_see,
	.unpack = do_unpack,
	.remove_partial = do_clean,
	.link = do_link,
	.stop = do_stop,
	.start = do_start,
	.watch = do_watch,
	.cancelled = do_cancelled,
	.now_ms = do_now,
};

static struct tree_release release(const char *version, uint8_t byte, uint64_t epoch)
{
	struct tree_release t = { .epoch = epoch };

	memset(t.id.b, byte, sizeof(t.id.b));
	tree_name(version, &t.id, t.name);
	return t;
}

/* A tree serves, or none was ever installed; the next one is on its way. */
static struct world begin(bool first, bool back)
{
	struct world x = { .cut_at = NEVER, .old_whole = true, .rec.sequence = 3, .rec.epoch_floor = 4 };

	x.rec.next = release("2.0.0", 2, 5);
	x.rec.phase = back ? TREE_STAGED : TREE_UNPACKING;
	x.new_whole = back;
	if (!first) {
		x.rec.current = release("1.0.0", 1, 4);
		memcpy(x.current, x.rec.current.name, sizeof(x.current));
		memcpy(x.runs, x.current, sizeof(x.runs));
	}
	return x;
}

static void go(struct world *x, enum tree_verdict verdict, bool units)
{
	struct tree_record rec = x->rec; /* as a program has read it */
	struct tree_switch s = { .ops = &ops, .with = x, .rec = &rec, .has_units = units, .verdict = verdict };

	s.reason = verdict == TREE_BAD ? TREE_REASON_CUT : TREE_REASON_NONE;
	s.unpacks = rec.phase == TREE_UNPACKING;
	IGNORE(tree_switch_run(&s, NULL)); /* what is on the disk counts */
}

static void power_on(struct world *x, bool power)
{
	if (power) {
		x->runs[0] = '\0';
		if (x->no_sync)
			x->new_whole = false;
	}
	x->off = false;
	x->ops = 0;
	x->cut_at = NEVER;
}

static const char *judge(const struct world *x, const struct world *from, bool power)
{
	bool committed = strcmp(x->rec.current.name, from->rec.current.name) != 0;

	if (x->broken)
		return x->broken;
	if (x->rec.phase != TREE_IDLE || x->partial || x->next[0])
		return "not settled";
	if (strcmp(x->current, x->rec.current.name) != 0)
		return "the link names another tree than the record";
	if (committed && (!from->good || strcmp(x->current, from->rec.next.name) != 0))
		return "committed what was not good";
	if (committed ? !x->new_whole : !x->old_whole)
		return "the current tree is not whole";
	if (!power && strcmp(x->runs, x->current) != 0)
		return "units run another tree";
	if (power && x->runs[0])
		return "units were started at boot";
	return NULL;
}

struct variant {
	bool first, back, good, power, no_sync;
	enum half half, again;
};

/* Cut `from` at operation `at`, and settling at `again`; settle at last. Returns whether there was such an operation. */
static bool cut(const struct variant *v, uint64_t at, uint64_t again, const char **ret_broken)
{
	struct world from = begin(v->first, v->back), x;
	bool reached;

	from.good = v->good;
	from.no_sync = v->no_sync;
	x = from;
	x.cut_at = at;
	x.half = v->half;
	go(&x, TREE_OPEN, true);
	reached = x.off;
	power_on(&x, v->power);
	if (again != NEVER) {
		x.cut_at = again;
		x.half = v->again;
		go(&x, TREE_BAD, !v->power);
		reached = reached && x.off;
		power_on(&x, v->power);
	}
	go(&x, TREE_BAD, !v->power);
	*ret_broken = judge(&x, &from, v->power);
	return reached;
}

static struct variant variant(unsigned int n)
{
	return (struct variant){
		.first = n & 1,
		.back = n & 2,
		.good = n & 4,
		.power = n & 8,
		.half = (enum half)(n / 16 % 3),
		.again = (enum half)(n / 48 % 3),
	};
}

static void say(const struct variant *v, uint64_t at, uint64_t again, const char *broken)
{
	fail_msg("%s (first %d, back %d, good %d, power %d, half %d, again %d; cut at %llu, %llu)", broken, v->first,
		 v->back, v->good, v->power, v->half, v->again, (unsigned long long)at, (unsigned long long)again);
}

static void every_cut_is_settled(void **state)
{
	unsigned int cuts = 0;

	(void)state;
	for (unsigned int n = 0; n < 144; n++) {
		struct variant v = variant(n);
		const char *broken = NULL;

		if (v.first && v.back)
			continue;
		for (uint64_t at = 0; cut(&v, at, NEVER, &broken); at++) {
			if (broken)
				say(&v, at, NEVER, broken);
			for (uint64_t again = 0; cut(&v, at, again, &broken); again++, cuts++)
				if (broken)
					say(&v, at, again, broken);
			cuts++;
		}
		if (broken) /* without a cut */
			say(&v, NEVER, NEVER, broken);
	}
	print_message("# %u cuts\n", cuts);
	assert_true(cuts > 3000);
}

/* Would the test see an unpack that is not durable before it counts? */
static void an_unpack_that_is_not_durable_is_seen(void **state)
{
	struct variant v = { .good = true, .power = true, .no_sync = true };
	const char *broken = NULL;
	bool seen = false;

	(void)state;
	for (uint64_t at = 0; cut(&v, at, NEVER, &broken); at++)
		seen = seen || (broken && strcmp(broken, "the current tree is not whole") == 0);
	assert_true(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_is_settled),
		cmocka_unit_test(an_unpack_that_is_not_durable_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
