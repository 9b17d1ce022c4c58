/*
 * trainshow - the trainings as they stand, for people and for programs.
 * Layer:  bootstage/trainer. trainshow_look() acts: it reads; the others format.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINSHOW_H
#define BOOTSTAGE_TRAINER_TRAINSHOW_H

#include "bootstage/trainer/onnx.h"
#include "bootstage/trainer/places.h"
#include "bootstage/trainer/trainconf.h"
#include "bootstage/trainer/trainlock.h"
#include "bootstage/trainer/trainstate.h"

struct trainshow_job {
	const struct trainjob *job;
	const struct train_turn *turn; /* NULL: it never had one */
	char state[32];                /* "queued", ..., "interrupted", "never" */
	uint64_t used_bytes, size_bytes;
	bool has_model; /* a valid one */
	char model_name[NAME_MAX + 1];
	struct onnx_model model;
	char no_model[200]; /* why not */
	bool has_previous;
	bool day_one; /* its first model was made */
};

struct trainshow {
	struct train_state state;
	char worker[TRAINLOCK_TEXT]; /* "": nobody is at work, as far as we may see */
	bool blind;                  /* we may not */
	int64_t next_s;              /* of the schedule; 0: none */
	struct trainshow_job *at;    /* in the order of the jobs */
	size_t n;
};

MUST_USE int trainshow_look(const struct trainplaces *p, const struct trainconf *c, const struct trainjobs *jobs,
			    struct trainshow *ret, struct why *w);
void trainshow_free(struct trainshow *s);

MUST_USE int trainshow_print(const struct trainshow *s, struct why *w);
MUST_USE int trainshow_json(const struct trainshow *s, struct why *w);

#endif
