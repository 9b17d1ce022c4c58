/*
 * mlp - the two models that a seed training knows, and a step of their training: logistic regression, and a perceptron
 * with one hidden layer.
 * Layer:  bootstage/trainer. Pure: the same steps give the same bits, on one machine.
 * Source: Kingma, Ba: "Adam: A Method for Stochastic Optimization", 2015; He et al. 2015 for the first weights.
 */
#ifndef BOOTSTAGE_TRAINER_MLP_H
#define BOOTSTAGE_TRAINER_MLP_H

#include "base/why.h"
#include "bootstage/trainer/flow.h"

#define MLP_HIDDEN_MAX 4096u

/*
 * The probability is sigmoid(v . relu(W x + b) + c), or sigmoid(v . x + c) without a hidden layer. All parameters are one
 * array: W by rows, b, v, c.
 */
struct mlp {
	unsigned int hidden; /* 0: logistic regression */
	size_t n;            /* parameters */
	uint64_t steps;      /* done */
	double *p;           /* n parameters, then n first and n second moments of their gradients */
};

size_t mlp_parameters(unsigned int hidden);
/** First weights. -ENOMEM. @ret  to be ended with mlp_done(); untouched on failure */
MUST_USE int mlp_init(unsigned int hidden, uint64_t seed, struct mlp *ret, struct why *w);
void mlp_done(struct mlp *m);
#define AUTO_MLP CLEANUP(mlp_done) struct mlp

/* Where the parts are. */
static inline double *mlp_w(const struct mlp *m)
{
	return m->p;
}
static inline double *mlp_b(const struct mlp *m)
{
	return m->p + (size_t)m->hidden * FLOW_FEATURES;
}
static inline double *mlp_v(const struct mlp *m)
{
	return mlp_b(m) + m->hidden;
}
static inline double *mlp_c(const struct mlp *m)
{
	return m->p + m->n - 1;
}

/** How probable it is that x is bad. x is scaled. */
double mlp_predict(const struct mlp *m, const double x[FLOW_FEATURES]);

/* One row of training. */
struct mlp_row {
	double x[FLOW_FEATURES];
	double y; /* 1: bad */
};

/**
 * One step of Adam over n rows, 1 at least. Returns their mean cross entropy before it.
 * @gradient  room for m->n numbers
 * @rate      0.01 or so
 */
double mlp_step(struct mlp *m, const struct mlp_row *rows, const uint32_t *which, size_t n, double rate,
		double *gradient);

#endif
