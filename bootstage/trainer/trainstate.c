#include "bootstage/trainer/trainstate.h"

static size_t index_of(const struct train_state *s, const char *job)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->at[i].job, job) != 0)
		i++;
	return i;
}

const struct train_turn *trainstate_find(const struct train_state *s, const char *job)
{
	size_t i = index_of(s, job);

	return i < s->n ? &s->at[i] : NULL;
}

/* The one that nothing was heard of for the longest time, and that is not part of the cycle; s->n: all are. */
static size_t forgotten(const struct train_state *s)
{
	size_t best = s->n;

	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].event == 0 && (best == s->n || s->at[i].last.sequence < s->at[best].last.sequence))
			best = i;
	return best;
}

/* Jobs that are not configured any more make room for those that are. NULL: all take part. */
static struct train_turn *turn_of(struct train_state *s, const char *job)
{
	size_t i = index_of(s, job);

	if (i < s->n)
		return &s->at[i];
	if (i == TRAINJOBS_MAX)
		i = forgotten(s);
	if (i == TRAINJOBS_MAX)
		return NULL;
	s->n += i == s->n;
	s->at[i] = (struct train_turn){ 0 };
	(void)snprintf(s->at[i].job, TRAINJOB_NAME, "%s", job);
	return &s->at[i];
}

static void begin(struct train_state *s, const struct train_record *r)
{
	s->cycle = r->cycle;
	s->mode = r->mode;
	s->open = true;
	s->begun_us = r->time_us;
	if (r->mode != TRAIN_ONE)
		s->due_us = r->time_us;
	(void)snprintf(s->only, sizeof(s->only), "%s", r->job);
	for (size_t i = 0; i < s->n; i++) {
		s->at[i].event = 0;
		s->at[i].seed = s->at[i].seeded = false;
		s->at[i].starts = s->at[i].pauses = 0;
	}
}

static void start(struct train_turn *t, const struct train_record *r)
{
	if (t->seed != r->seed)
		t->starts = t->pauses = 0;
	t->starts++;
	t->begun = *r;
}

static void remember(struct train_turn *t, const struct train_record *r)
{
	if (r->event == TRAIN_DONE)
		t->done = *r;
	if (r->event == TRAIN_FAILED)
		t->failed = *r;
	if (r->event == TRAIN_PROMOTED || r->event == TRAIN_ROLLED_BACK)
		t->promoted = *r;
}

/* PROMOTED and ROLLED_BACK say something about the model, not about the turn. */
static void take(struct train_turn *t, const struct train_record *r)
{
	remember(t, r);
	if (r->event == TRAIN_PROMOTED || r->event == TRAIN_ROLLED_BACK)
		return;
	if (r->event == TRAIN_RUNNING)
		start(t, r);
	if (r->event == TRAIN_PAUSED)
		t->pauses++;
	if (r->event == TRAIN_INTERRUPTED && t->starts > 0)
		t->starts--;
	if (r->event == TRAIN_DONE && r->seed)
		t->seeded = true;
	t->event = r->event;
	t->seed = r->seed;
	t->last = *r;
}

void trainstate_read(const struct trainjournal *j, struct train_state *ret)
{
	*ret = (struct train_state){ 0 };
	for (size_t i = 0; i < j->n; i++) {
		const struct train_record *r = &j->at[i];
		struct train_turn *t = NULL;

		if (r->event == TRAIN_BEGIN)
			begin(ret, r);
		else if (r->event == TRAIN_END)
			ret->open = false;
		else
			t = turn_of(ret, r->job);
		if (t)
			take(t, r);
	}
}
