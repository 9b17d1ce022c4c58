#include "bootstage/trainer/trainstate.h"

const struct train_turn *trainstate_find(const struct train_state *s, const char *job)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->at[i].job, job) == 0)
			return &s->at[i];
	return NULL;
}

/* Of a job that is not among the configured ones any more there is no need to know when there are too many. */
static struct train_turn *turn_of(struct train_state *s, const char *job)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->at[i].job, job) == 0)
			return &s->at[i];
	if (s->n == TRAINJOBS_MAX)
		return NULL;
	(void)snprintf(s->at[s->n].job, TRAINJOB_NAME, "%s", job);
	return &s->at[s->n++];
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
