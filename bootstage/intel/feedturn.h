/*
 * feedturn - whose turn it is: which feeds are begun first, and which of those that are under way may work.
 * Layer:  bootstage/intel. Decide: pure.
 *
 * A feed that is under way waits for its source by itself, which costs nobody anything. To read, check and store what came
 * it needs one of the turns, of which there are as many as workers (N8). Who has used the least so far goes first: so a small
 * feed that has just begun passes one of 2 GB that has been at it for a minute, also with one worker.
 */
#ifndef BOOTSTAGE_INTEL_FEEDTURN_H
#define BOOTSTAGE_INTEL_FEEDTURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEEDTURN_SLICE_MS 500u /* then a turn ends when another feed waits */
#define FEEDTURN_OPEN_MAX 16u  /* feeds under way at once, most of which wait for their source */

/** Workers by the number of processors (N8): 1 up to 4, 4 above 16, between them 2. */
unsigned int feed_workers(unsigned int cpus);

enum feedturn_is { TURN_NONE, TURN_WANTED, TURN_HELD };

/* A feed that is under way. */
struct feedturn {
	enum feedturn_is is;
	bool asked_back;   /* it was told that another one waits */
	uint64_t used_ms;  /* in turns that are over */
	uint64_t since_ms; /* that it holds or wants one */
};

/** Which one gets a turn now: -1 when nobody wants one, or all are held. Equal ones: who has waited longest. */
int feedturn_next(const struct feedturn *t, size_t n, unsigned int workers);
/** Which one has to give its turn back: it has had its slice, and another one waits; -1 nobody. Each is named once. */
int feedturn_over(const struct feedturn *t, size_t n, unsigned int workers, uint64_t now_ms);
/** Milliseconds until feedturn_over() may name somebody; UINT64_MAX: not by waiting. */
uint64_t feedturn_wait_ms(const struct feedturn *t, size_t n, unsigned int workers, uint64_t now_ms);

/* For the order in which feeds are begun. */
struct feed_guess {
	uint64_t busy_ms; /* what it took the last time; 0: not known */
	uint64_t bytes;   /* that it seems to have; 0: not known */
	bool failed;      /* the last time */
};
/** Whether a goes before b: what failed goes last; then by what it took, or has; what nothing is known of takes five seconds. */
bool feed_before(const struct feed_guess *a, const struct feed_guess *b);

#endif
