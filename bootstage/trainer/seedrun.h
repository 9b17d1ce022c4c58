/*
 * seedrun - a seed training in memory: rows, a model, and how far it is. What it does next depends on nothing else, so that
 * one that was saved and loaded again ends with the same bytes as one that was never interrupted.
 * Layer:  bootstage/trainer. Pure: memory only.
 * Trust:  what is loaded is hostile.
 * Source: docs/formats/model.md, "Seed models".
 */
#ifndef BOOTSTAGE_TRAINER_SEEDRUN_H
#define BOOTSTAGE_TRAINER_SEEDRUN_H

#include "base/bytes.h"
#include "bootstage/trainer/mlp.h"
#include "bootstage/trainer/pb.h"

#define SEED_ROWS_MIN   100u
#define SEED_ROWS_MAX   200000u
#define SEED_EPOCHS_MAX 10000u

enum seed_source { SEED_SYNTHETIC, SEED_TELEMETRY };

struct seed_params {
	unsigned int hidden; /* of the model: 0 logistic regression */
	uint64_t seed;
	uint32_t rows;   /* at most */
	uint32_t epochs; /* passes over them */
};

struct seedrun {
	struct seed_params params;
	enum seed_source source;
	uint32_t epoch; /* done */
	double loss;    /* of the last one */
	struct mlp model;
	struct flow_row *rows;
	uint32_t n_rows;
	uint32_t *order; /* of the rows, by the seed: the first n_train are trained with, the others held out */
	uint32_t n_train;
	struct flow_scale scale;
	struct mlp_row *scaled; /* rows to train with */
	double *gradient;
};

void seedrun_done(struct seedrun *s);
#define AUTO_SEEDRUN CLEANUP(seedrun_done) struct seedrun

/**
 * Begin.
 * @rows  taken, n of them, SEED_ROWS_MIN at least; NULL: params->rows made-up ones
 * @ret   to be ended with seedrun_done(); untouched on failure
 * Returns 0; -ENOMEM.
 */
MUST_USE int seedrun_begin(const struct seed_params *params, struct flow_row *rows, uint32_t n, struct seedrun *ret,
			   struct why *w);

/** One more pass over the rows. */
void seedrun_epoch(struct seedrun *s);
static inline bool seedrun_over(const struct seedrun *s)
{
	return s->epoch >= s->params.epochs;
}

/** Bytes of what seedrun_save() makes. */
size_t seedrun_saved_bytes(const struct seed_params *p, enum seed_source source, uint32_t n_rows);
/** What a checkpoint has. -ENOMEM. @ret  allocated, to be freed by the caller */
MUST_USE int seedrun_save(const struct seedrun *s, uint8_t **ret, size_t *ret_n, struct why *w);
/**
 * Go on from one.
 * @ret  as seedrun_begin(); untouched on failure
 * Returns 0; -ESTALE another training's, begun with other params; -EBADMSG damaged; -ENOMEM.
 */
MUST_USE int seedrun_load(const struct seed_params *params, struct bytes in, struct seedrun *ret, struct why *w);

/* What the rows that were held out say about a model. */
struct seed_figures {
	double accuracy; /* share of them that it is right about, at 0.5 */
	uint32_t rows;
	uint32_t caught; /* bad ones that it says are */
	uint32_t missed;
	uint32_t false_alarms;
};

/**
 * The model as a file of ONNX. Its figures come from that file's own weights, evaluated.
 * @job  name of the graph
 */
MUST_USE int seedrun_model(const struct seedrun *s, const char *job, struct pb_out *ret,
			   struct seed_figures *ret_figures, struct why *w);

#endif
