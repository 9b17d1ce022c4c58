#include "bootstage/stageorder.h"

#include <string.h>

static int resolve(const struct stages *s, size_t i, stage_set *ret, struct why *w)
{
	const struct stage *st = &s->at[i];

	*ret = 0;
	for (size_t k = 0; k < st->n_after; k++) {
		const struct stage *other = stages_find(s, st->after[k]);

		if (!other)
			return misuse(w, -EBADMSG, "%s: [stage] after=%s: there is no such stage", st->file,
				      st->after[k]);
		if (other->phase > st->phase)
			return misuse(w, -EBADMSG, "%s: [stage] after=%s: that runs later, in phase %s", st->file,
				      st->after[k], stage_phase_name(other->phase));
		*ret |= STAGE_BIT(other - s->at);
	}
	return 0;
}

/*
 * What is left has a circle in it: every stage of `left` waits for another of `left`. Walk from one to the next until
 * one is met again; from there on the way is the circle.
 */
static int name_circle(const struct stages *s, const struct stageorder *o, stage_set left, struct why *w)
{
	stage_set met = 0, circle = 0;
	size_t at = (size_t)__builtin_ctzll(left), start;
	char text[300];
	size_t n;

	for (; !(met & STAGE_BIT(at)); at = (size_t)__builtin_ctzll(o->after[at] & left))
		met |= STAGE_BIT(at);
	start = at;
	n = (size_t)snprintf(text, sizeof(text), "%s", s->at[start].name);
	do {
		circle |= STAGE_BIT(at);
		at = (size_t)__builtin_ctzll(o->after[at] & left);
		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, " -> %s", s->at[at].name);
	} while (at != start);
	return misuse(w, -EBADMSG, "%d stages wait for each other: %s", __builtin_popcountll(circle), text);
}

/* The first stage of the earliest phase that waits for nothing in `left`; STAGES_MAX: none. */
static size_t first_free(const struct stages *s, const struct stageorder *o, stage_set left)
{
	size_t best = STAGES_MAX;

	for (size_t i = 0; i < s->n; i++)
		if ((left & STAGE_BIT(i)) && !(o->after[i] & left) &&
		    (best == STAGES_MAX || s->at[i].phase < s->at[best].phase))
			best = i;
	return best;
}

int stageorder_make(const struct stages *s, struct stageorder *ret, struct why *w)
{
	struct stageorder o = { 0 };
	stage_set left = 0;

	for (size_t i = 0; i < s->n; i++) {
		int r = resolve(s, i, &o.after[i], w);

		if (r)
			return r;
		left |= STAGE_BIT(i);
	}
	while (left) {
		size_t i = first_free(s, &o, left);

		if (i == STAGES_MAX)
			return name_circle(s, &o, left, w);
		o.at[o.n++] = i;
		left &= ~STAGE_BIT(i);
	}
	*ret = o;
	return 0;
}

enum stage_next stageorder_next(const struct stages *s, const struct stageorder *o, const struct stageorder_now *now,
				size_t i, size_t *ret_cause)
{
	if (o->after[i] & ~now->settled)
		return NEXT_WAIT;
	for (size_t k = 0; k < s->n; k++) {
		bool grave = stage_blocks(&s->at[k]) && !(now->passed & STAGE_BIT(k));

		if ((o->after[i] & STAGE_BIT(k)) && (grave || (now->blocked & STAGE_BIT(k)))) {
			*ret_cause = k;
			return NEXT_SKIP;
		}
	}
	return NEXT_RUN;
}
