#include "bootstage/trainer/trainsequence.h"

bool trainsequence_has(const struct trainjob *j, enum train_mode mode, const char *only, bool has_model)
{
	if (mode == TRAIN_DAY_ONE)
		return !has_model && j->exec_seed[0];
	return mode == TRAIN_ALL || strcmp(j->name, only) == 0;
}

static bool over(const struct train_turn *t)
{
	return t->event == TRAIN_FAILED || t->event == TRAIN_SKIPPED || (t->event == TRAIN_DONE && !t->seed);
}

/* One whose training was begun goes on with it; else the seed comes first where there is no model. */
static bool wants_seed(const struct trainjob *j, const struct train_turn *t, bool has_model)
{
	if (t->event == TRAIN_QUEUED || (t->event == TRAIN_DONE && t->seed))
		return !t->seeded && !has_model && j->exec_seed[0];
	return t->seed;
}

static struct trainsequence_next step_of(const struct trainjobs *jobs, const struct train_turn *t, size_t i,
					 bool has_model)
{
	bool seed = wants_seed(&jobs->at[i], t, has_model);

	if (t->event == TRAIN_TRAINED)
		return (struct trainsequence_next){ .step = TRAINSEQUENCE_FINISH, .job = i, .seed = t->seed };
	if (t->seed == seed &&
	    (t->starts >= TRAINSEQUENCE_STARTS_MAX + t->pauses || t->pauses > TRAINSEQUENCE_PAUSES_MAX))
		return (struct trainsequence_next){ .step = TRAINSEQUENCE_GIVE_UP, .job = i, .seed = seed };
	return (struct trainsequence_next){ .step = seed ? TRAINSEQUENCE_SEED : TRAINSEQUENCE_TRAIN,
					    .job = i,
					    .seed = seed };
}

/* A first day is over for a job with its seed. */
static bool turn_over(const struct train_state *s, const struct train_turn *t)
{
	return over(t) || (s->mode == TRAIN_DAY_ONE && t->event == TRAIN_DONE);
}

struct trainsequence_next trainsequence_next(const struct trainjobs *jobs, const struct train_state *s, uint64_t models)
{
	size_t failed = SIZE_MAX;

	for (size_t i = 0; i < jobs->n; i++) {
		const struct train_turn *t = trainstate_find(s, jobs->at[i].name);

		if (!t || t->event == 0)
			continue; /* no part of this cycle */
		if (turn_over(s, t)) {
			if (t->event == TRAIN_FAILED && !jobs->at[i].continues && failed == SIZE_MAX)
				failed = i;
			continue;
		}
		if (failed != SIZE_MAX)
			return (struct trainsequence_next){ .step = TRAINSEQUENCE_SKIP, .job = i, .cause = failed };
		return step_of(jobs, t, i, models & (1ull << i));
	}
	return (struct trainsequence_next){ .step = TRAINSEQUENCE_END };
}

struct trainsequence_next trainsequence_next_seed(const struct trainjobs *jobs, const struct train_state *s,
						  uint64_t models)
{
	for (size_t i = 0; i < jobs->n; i++) {
		const struct train_turn *t = trainstate_find(s, jobs->at[i].name);
		struct trainsequence_next next;

		if (!t || t->event == 0 || turn_over(s, t))
			continue;
		next = step_of(jobs, t, i, models & (1ull << i));
		if (next.seed)
			return next;
	}
	return (struct trainsequence_next){ .step = TRAINSEQUENCE_END };
}
