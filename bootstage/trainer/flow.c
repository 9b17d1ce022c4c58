#include "bootstage/trainer/flow.h"

#include <math.h>

#include "base/auto.h"

const char *const flow_names[FLOW_FEATURES] = { "contacts",     "minutes",     "gap_cv",
						"span_minutes", "night_share", "sources" };

uint64_t flow_random_next(struct flow_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

double flow_random_unit(struct flow_random *r)
{
	return (double)(flow_random_next(r) >> 11) * 0x1p-53;
}

/* The sum of twelve has a variance of 1, and needs no function whose last bit differs between C libraries. */
double flow_random_normal(struct flow_random *r)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += flow_random_unit(r);
	return sum;
}

void flow_shuffle(struct flow_random *r, uint32_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t j = (size_t)(flow_random_next(r) % (i + 1)); /* the bias is n / 2^64 */

		ret[i] = ret[j];
		ret[j] = (uint32_t)i;
	}
}

/*
 * Kinds of traffic: how often among rows of their sort, and the median and spread of each figure; those are of the
 * logarithm where a figure has no upper end. What tells them apart is never one figure: time servers are asked as regularly
 * as a program calls home, but by everybody; backups move at night, but to where others do as well.
 */
struct traffic {
	const char *what;
	double part;
	struct {
		double median, spread;
	} of[FLOW_FEATURES];
};

static const struct traffic good[] = {
	{ "browsing", 0.50, { { 12, 1.0 }, { 6, 0.8 }, { 1.6, 0.35 }, { 90, 1.1 }, { 0.06, 0.08 }, { 9, 1.2 } } },
	{ "time and updates",
	  0.22,
	  { { 60, 0.7 }, { 48, 0.6 }, { 0.25, 0.5 }, { 1300, 0.2 }, { 0.33, 0.06 }, { 300, 0.9 } } },
	{ "backups", 0.10, { { 900, 0.9 }, { 50, 0.6 }, { 0.7, 0.4 }, { 80, 0.5 }, { 0.9, 0.15 }, { 25, 0.8 } } },
	{ "administration", 0.18, { { 40, 0.9 }, { 18, 0.8 }, { 1.3, 0.4 }, { 300, 0.7 }, { 0.1, 0.12 }, { 3, 0.6 } } },
};
static const struct traffic bad[] = {
	{ "calling home",
	  0.55,
	  { { 110, 0.8 }, { 90, 0.7 }, { 0.3, 0.6 }, { 1200, 0.3 }, { 0.33, 0.1 }, { 2.5, 0.7 } } },
	{ "carrying away",
	  0.25,
	  { { 800, 1.0 }, { 35, 0.7 }, { 0.9, 0.4 }, { 90, 0.6 }, { 0.75, 0.3 }, { 1.3, 0.4 } } },
	{ "looking around", 0.20, { { 5, 0.8 }, { 2.5, 0.5 }, { 0.6, 0.7 }, { 6, 0.9 }, { 0.4, 0.45 }, { 1.6, 0.6 } } },
};

static const struct traffic *pick(struct flow_random *r, const struct traffic *of, size_t n)
{
	double u = flow_random_unit(r);

	while (n > 1 && u >= of->part) {
		u -= of->part;
		of++;
		n--;
	}
	return of;
}

static double limited(double x, double least, double most)
{
	return x < least ? least : x > most ? most : x;
}

static struct flow_row row_of(struct flow_random *r, const struct traffic *t)
{
	struct flow_row row = { 0 };
	double f[FLOW_FEATURES];

	for (unsigned int i = 0; i < FLOW_FEATURES; i++) {
		double z = flow_random_normal(r) * t->of[i].spread;

		f[i] = i == FLOW_NIGHT_SHARE ? limited(t->of[i].median + z, 0, 1) : t->of[i].median * exp(z);
	}
	f[FLOW_SPAN] = limited(rint(f[FLOW_SPAN]), 0, 1439);
	f[FLOW_MINUTES] = limited(rint(f[FLOW_MINUTES]), 1, f[FLOW_SPAN] + 1);
	f[FLOW_CONTACTS] = fmax(rint(f[FLOW_CONTACTS]), f[FLOW_MINUTES]);
	f[FLOW_SOURCES] = fmax(rint(f[FLOW_SOURCES]), 1);
	if (f[FLOW_MINUTES] < 3)
		f[FLOW_GAP_CV] = 0; /* fewer than two gaps */
	for (unsigned int i = 0; i < FLOW_FEATURES; i++)
		row.x[i] = (float)f[i];
	return row;
}

void flow_synthesize(uint64_t seed, struct flow_row *ret, size_t n)
{
	struct flow_random r = { .state = seed };

	for (size_t i = 0; i < n; i++) {
		bool is_bad = flow_random_next(&r) & 1;

		ret[i] = is_bad ? row_of(&r, pick(&r, bad, ARRAY_SIZE(bad)))
				: row_of(&r, pick(&r, good, ARRAY_SIZE(good)));
		ret[i].bad = is_bad;
	}
}

struct flow_scale flow_scale_of(const struct flow_row *rows, const uint32_t *which, size_t n)
{
	double sum[FLOW_FEATURES] = { 0 }, squares[FLOW_FEATURES] = { 0 };
	struct flow_scale s;

	for (size_t i = 0; i < n; i++)
		for (unsigned int k = 0; k < FLOW_FEATURES; k++) {
			double v = log1p((double)rows[which[i]].x[k]);

			sum[k] += v;
			squares[k] += v * v;
		}
	for (unsigned int k = 0; k < FLOW_FEATURES; k++) {
		double mean = n > 0 ? sum[k] / (double)n : 0;
		double variance = n > 0 ? squares[k] / (double)n - mean * mean : 0;

		s.mean[k] = (float)mean;
		s.deviation[k] = variance > 1e-6 ? (float)sqrt(variance) : 1.0f; /* a figure that is always the same */
	}
	return s;
}

void flow_scaled(const struct flow_scale *s, const struct flow_row *row, double ret[FLOW_FEATURES])
{
	for (unsigned int k = 0; k < FLOW_FEATURES; k++)
		ret[k] = (log1p((double)row->x[k]) - (double)s->mean[k]) / (double)s->deviation[k];
}
