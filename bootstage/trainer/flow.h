/*
 * flow - what a seed model looks at: six figures of one source that talks to one destination, within a day.
 * Layer:  bootstage/trainer. Pure: the same seed gives the same rows.
 * Source: docs/formats/model.md, "Features".
 */
#ifndef BOOTSTAGE_TRAINER_FLOW_H
#define BOOTSTAGE_TRAINER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_FEATURES 6u

enum flow_feature {
	FLOW_CONTACTS,    /* how often */
	FLOW_MINUTES,     /* in how many minutes of the day */
	FLOW_GAP_CV,      /* of the gaps between those: standard deviation by mean; 0 is a clockwork */
	FLOW_SPAN,        /* minutes from the first to the last */
	FLOW_NIGHT_SHARE, /* of the contacts, those from 22 to 6 o'clock, UTC: 0 to 1 */
	FLOW_SOURCES,     /* how many sources talk to that destination */
};

extern const char *const flow_names[FLOW_FEATURES];

struct flow_row {
	float x[FLOW_FEATURES]; /* finite, not below 0 */
	bool bad;               /* the destination is one that feeds speak of */
};

/**
 * Made-up rows, for a machine that has seen nothing yet: half of them as the traffic of an office and its servers, half as
 * that of programs that call home, carry data away or look around. The two overlap.
 */
void flow_synthesize(uint64_t seed, struct flow_row *ret, size_t n);

/* Logarithms of figures (of 1 + x, as some are 0), then mean 0 and standard deviation 1 over the rows of training. */
struct flow_scale {
	float mean[FLOW_FEATURES];
	float deviation[FLOW_FEATURES]; /* above 0 */
};

/** @which  indices of n of the rows */
struct flow_scale flow_scale_of(const struct flow_row *rows, const uint32_t *which, size_t n);
void flow_scaled(const struct flow_scale *s, const struct flow_row *row, double ret[FLOW_FEATURES]);

/* --- pseudo-random numbers: splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014) --- */

struct flow_random {
	uint64_t state;
};

uint64_t flow_random_next(struct flow_random *r);
/** 0 to below 1. */
double flow_random_unit(struct flow_random *r);
/** About normal: mean 0, standard deviation 1, never beyond 6. */
double flow_random_normal(struct flow_random *r);
/** 0 .. n-1 in a random order. */
void flow_shuffle(struct flow_random *r, uint32_t *ret, size_t n);

#endif
