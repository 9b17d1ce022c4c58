/*
 * feedjob_inside - what the files of feedjob.h share.
 */
#ifndef BOOTSTAGE_INTEL_FEEDJOB_INSIDE_H
#define BOOTSTAGE_INTEL_FEEDJOB_INSIDE_H

#include "base/hash.h"
#include "bootstage/intel/feedhttp.h"
#include "bootstage/intel/feedjob.h"
#include "bootstage/intel/taxii.h"

/* A feed that is being loaded. */
struct work {
	struct feedjob *j;
	struct feed_options options; /* as the job's, but that no more than so many things are told */
	uint64_t warned;
	bool (*stop)(void);
	bool held;             /* the turn */
	bool asked;            /* for it back */
	struct feedhttp *http; /* NULL: a file, which is always ready */
	struct hasher sum;
	uint64_t bytes, refused;
	struct taxii_scan page;
	struct ingest_stats stats;
};

MUST_USE int feedjob_say(const struct work *k, enum feedjob_word word, struct why *w);
/** Wait for a turn, unless it is held. -ECANCELED */
MUST_USE int feedjob_turn_take(struct work *k, struct why *w);
/** Give it back, if it is held, when what l has is stored. l NULL: nothing is under way. */
MUST_USE int feedjob_turn_give(struct work *k, struct load *l, struct why *w);
/** For struct ingest_pace; arg is the work. */
MUST_USE int feedjob_before(void *arg, struct load *l, struct why *w);
MUST_USE int feedjob_came(void *arg, struct bytes in, struct why *w);

/** Each: 0; -EALREADY nothing has changed; a failure. */
MUST_USE int feedjob_http(struct work *k, struct why *w);
MUST_USE int feedjob_taxii(struct work *k, struct why *w);
MUST_USE int feedjob_misp(struct work *k, struct why *w);

#endif
