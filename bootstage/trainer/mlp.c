#include "bootstage/trainer/mlp.h"

#include <math.h>
#include <string.h>

#define BETA1   0.9
#define BETA2   0.999
#define EPSILON 1e-8

size_t mlp_parameters(unsigned int hidden)
{
	return hidden > 0 ? (size_t)hidden * (FLOW_FEATURES + 2) + 1 : FLOW_FEATURES + 1;
}

int mlp_init(unsigned int hidden, uint64_t seed, struct mlp *ret, struct why *w)
{
	struct mlp m = { .hidden = hidden, .n = mlp_parameters(hidden) };
	struct flow_random r = { .state = seed };

	m.p = calloc(3 * m.n, sizeof(*m.p));
	if (!m.p)
		return fail(w, -ENOMEM, "no memory for %zu parameters", m.n);
	for (size_t i = 0; i < (size_t)hidden * FLOW_FEATURES; i++)
		mlp_w(&m)[i] = flow_random_normal(&r) * sqrt(2.0 / FLOW_FEATURES);
	for (unsigned int i = 0; i < hidden; i++)
		mlp_v(&m)[i] = flow_random_normal(&r) * sqrt(2.0 / hidden);
	*ret = m;
	return 0;
}

void mlp_done(struct mlp *m)
{
	free(m->p);
	m->p = NULL;
}

static double sigmoid(double z)
{
	return 1 / (1 + exp(-z));
}

/* What unit i of the hidden layer says. */
static double unit(const struct mlp *m, unsigned int i, const double *x)
{
	const double *w = mlp_w(m) + (size_t)i * FLOW_FEATURES;
	double sum = mlp_b(m)[i];

	for (unsigned int k = 0; k < FLOW_FEATURES; k++)
		sum += w[k] * x[k];
	return sum > 0 ? sum : 0;
}

static double logit(const struct mlp *m, const double *x)
{
	double z = *mlp_c(m);

	if (m->hidden == 0)
		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			z += mlp_v(m)[k] * x[k];
	for (unsigned int i = 0; i < m->hidden; i++)
		z += mlp_v(m)[i] * unit(m, i, x);
	return z;
}

double mlp_predict(const struct mlp *m, const double x[FLOW_FEATURES])
{
	return sigmoid(logit(m, x));
}

/* -log of the probability that was given to what is true, without overflow. */
static double cross_entropy(double z, double y)
{
	return fmax(z, 0) - z * y + log1p(exp(-fabs(z)));
}

/* One row's part of the gradient; `error` is the derivative of the loss by the logit. */
static void add_gradient(const struct mlp *m, const double *x, double error, double *gradient)
{
	const struct mlp g = { .hidden = m->hidden, .n = m->n, .p = gradient };

	*mlp_c(&g) += error;
	if (m->hidden == 0)
		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			mlp_v(&g)[k] += error * x[k];
	for (unsigned int i = 0; i < m->hidden; i++) {
		double h = unit(m, i, x), back = error * mlp_v(m)[i];

		if (h <= 0)
			continue;
		mlp_v(&g)[i] += error * h;
		mlp_b(&g)[i] += back;
		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			mlp_w(&g)[(size_t)i * FLOW_FEATURES + k] += back * x[k];
	}
}

static void descend(struct mlp *m, const double *gradient, double rate)
{
	double *first = m->p + m->n, *second = first + m->n;
	double part1, part2;

	m->steps++;
	part1 = 1 - pow(BETA1, (double)m->steps);
	part2 = 1 - pow(BETA2, (double)m->steps);
	for (size_t i = 0; i < m->n; i++) {
		first[i] = BETA1 * first[i] + (1 - BETA1) * gradient[i];
		second[i] = BETA2 * second[i] + (1 - BETA2) * gradient[i] * gradient[i];
		m->p[i] -= rate * (first[i] / part1) / (sqrt(second[i] / part2) + EPSILON);
	}
}

double mlp_step(struct mlp *m, const struct mlp_row *rows, const uint32_t *which, size_t n, double rate,
		double *gradient)
{
	double loss = 0;

	memset(gradient, 0, m->n * sizeof(*gradient));
	for (size_t i = 0; i < n; i++) {
		const struct mlp_row *row = &rows[which[i]];
		double z = logit(m, row->x);

		loss += cross_entropy(z, row->y);
		add_gradient(m, row->x, (sigmoid(z) - row->y) / (double)n, gradient);
	}
	descend(m, gradient, rate);
	return loss / (double)n;
}
