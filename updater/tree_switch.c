#include "updater/tree_switch.h"

#define ACTIONS_MAX 64u /* a dozen are enough from everywhere; this ends a loop that a lying disk would keep up */

struct runner {
	struct tree_switch *s;
	enum tree_units_state units;
	bool unpacked;
	struct why missed; /* the first error on the way back that did not end it */
};

static void give_up(struct tree_switch *s, enum tree_reason reason, const char *text)
{
	struct tree_outcome o;

	tree_outcome_set(&o, TREE_FAILED, reason, text);
	s->verdict = TREE_BAD;
	s->reason = reason;
	memcpy(s->text, o.text, sizeof(s->text));
}

/* --- records --- */

static int record(struct runner *k, const struct tree_record *changed, struct why *w)
{
	struct tree_switch *s = k->s;
	struct tree_record rec = *changed;
	int r = s->ops->record(s->with, &rec, w);

	/* On the way back the product comes first: it goes on with what should be on the disk, and says so at the end. */
	if (!r || s->verdict == TREE_BAD)
		*s->rec = r ? *changed : rec;
	return r;
}

static int record_phase(struct runner *k, enum tree_phase phase, struct why *w)
{
	struct tree_record rec = *k->s->rec;

	rec.phase = phase;
	return record(k, &rec, w);
}

/* Twice, so that both copies have the new floor. */
static int record_commit(struct runner *k, struct why *w)
{
	struct tree_record rec = *k->s->rec;
	int r;

	tree_record_commit(&rec);
	r = record(k, &rec, w);
	if (!r && record(k, k->s->rec, &k->missed))
		return 0; /* the commit stands all the same */
	return r;
}

static int record_failure(struct runner *k, struct why *w)
{
	struct tree_record rec = *k->s->rec;

	tree_record_fail(&rec, k->s->reason, k->s->text);
	return record(k, &rec, w);
}

/* --- actions --- */

static int unpack(struct runner *k, struct why *w)
{
	int r = k->s->ops->unpack(k->s->with, k->s->rec, w);

	k->unpacked = r == 0;
	return r;
}

static int stop(struct runner *k, struct why *w)
{
	struct tree_switch *s = k->s;
	int r = s->ops->stop(s->with, s->verdict == TREE_BAD, w);

	if (!r || s->verdict == TREE_BAD)
		k->units = TREE_UNITS_STOPPED;
	return r;
}

static int start(struct runner *k, struct why *w)
{
	struct tree_switch *s = k->s;
	int r = s->ops->start(s->with, w);

	if (r)
		return r;
	k->units = TREE_UNITS_STARTED;
	if (s->verdict == TREE_BAD)
		s->returned_ms = s->ops->now_ms(s->with);
	return 0;
}

static int swap_next(struct runner *k, struct why *w)
{
	struct tree_switch *s = k->s;
	int r = s->ops->link(s->with, false, s->rec->next.name, w);

	s->swapped_ms = s->ops->now_ms(s->with); /* an error may mean: swapped, but perhaps not durable */
	return r;
}

static int watch(struct runner *k)
{
	struct tree_switch *s = k->s;
	struct tree_watched seen = { 0 };

	s->ops->watch(s->with, s->swapped_ms, &seen);
	s->served_ms = seen.served_ms;
	if (seen.verdict == TREE_GOOD)
		s->verdict = TREE_GOOD;
	else
		give_up(s, seen.reason, seen.text);
	return 0;
}

static int act(struct runner *k, enum tree_action action, struct why *w)
{
	struct tree_switch *s = k->s;

	switch (action) {
	case TREE_DO_UNPACK:
		return unpack(k, w);
	case TREE_DO_REMOVE_PARTIAL:
		return s->ops->remove_partial(s->with, w);
	case TREE_DO_STAGED:
		return record_phase(k, TREE_STAGED, w);
	case TREE_DO_LINK_NEXT:
		return s->ops->link(s->with, true, s->rec->next.name, w);
	case TREE_DO_UNLINK_NEXT:
		return s->ops->link(s->with, true, NULL, w);
	case TREE_DO_SWITCHING:
		return record_phase(k, TREE_SWITCHING, w);
	case TREE_DO_STOP:
		return stop(k, w);
	case TREE_DO_SWAP_NEXT:
		return swap_next(k, w);
	case TREE_DO_SWAP_CURRENT:
		return s->ops->link(s->with, false, s->rec->current.name[0] ? s->rec->current.name : NULL, w);
	case TREE_DO_START:
		return start(k, w);
	case TREE_DO_TRIAL:
		return record_phase(k, TREE_TRIAL, w);
	case TREE_DO_WATCH:
		return watch(k);
	case TREE_DO_COMMIT:
		return record_commit(k, w);
	case TREE_DO_RETURNING:
		return record_phase(k, TREE_RETURNING, w);
	case TREE_DO_FAIL:
		return record_failure(k, w);
	case TREE_DO_NOTHING:
		break;
	}
	return 0;
}

/*
 * On the way back, what cannot be done but leaves the product running is passed over. Units that cannot be started are not:
 * the journal stays as it is, and a later settling tries again.
 */
static bool may_go_on(enum tree_action action)
{
	return action == TREE_DO_STOP || action == TREE_DO_RETURNING || action == TREE_DO_FAIL;
}

/* An action failed that was begun with the verdict `before`. Returns 0 to go on. */
static int failed(struct runner *k, enum tree_action action, enum tree_verdict before, int r, const struct why *e)
{
	struct tree_switch *s = k->s;

	if (before == TREE_OPEN || (before == TREE_GOOD && action == TREE_DO_COMMIT)) {
		give_up(s,
			r == -ECANCELED           ? TREE_REASON_INTERRUPTED
			: action == TREE_DO_START ? TREE_REASON_UNIT
						  : TREE_REASON_ERROR,
			e->text);
		s->why = *e;
		return 0;
	}
	if (!k->missed.code)
		k->missed = *e;
	return may_go_on(action) ? 0 : r;
}

static int look(struct runner *k, struct tree_situation *ret, struct why *w)
{
	struct tree_switch *s = k->s;

	*ret = (struct tree_situation){
		.phase = s->rec->phase,
		.verdict = s->verdict,
		.has_current = s->rec->current.name[0] != '\0',
		.has_units = s->has_units,
		.units = k->units,
	};
	return s->ops->see(s->with, s->rec, ret, w);
}

static int one_action(struct runner *k, bool *ret_done, struct why *w)
{
	struct tree_switch *s = k->s;
	struct tree_situation now;
	enum tree_verdict before;
	enum tree_action action;
	struct why e = { 0 };
	int r;

	if (s->verdict == TREE_OPEN && s->ops->cancelled(s->with)) {
		(void)fail(&s->why, -ECANCELED, "interrupted");
		give_up(s, TREE_REASON_INTERRUPTED, "interrupted");
	}
	r = look(k, &now, w);
	if (r)
		return r;
	if (s->unpacks)
		now.whole = k->unpacked; /* one of that name that is there already is replaced */
	action = tree_decide(&now);
	*ret_done = action == TREE_DO_NOTHING;
	if (s->ops->step)
		s->ops->step(s->with, action);
	before = s->verdict;
	r = act(k, action, &e);
	if (!r || failed(k, action, before, r, &e) == 0)
		return 0;
	*w = e;
	return r;
}

int tree_switch_run(struct tree_switch *s, struct why *w)
{
	struct runner k = { .s = s };
	bool done = false;
	struct why own = { 0 };
	int r = 0;

	for (unsigned int i = 0; !r && !done; i++)
		r = i < ACTIONS_MAX ? one_action(&k, &done, &own) : fail(&own, -EIO, "the trees do not settle");
	if (!r && k.missed.code) {
		own = k.missed;
		r = own.code;
	}
	if (r && w && !w->code)
		*w = own;
	return r;
}
