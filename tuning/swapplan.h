/*
 * swapplan - how much swap there has to be, and what is missing.
 * Layer:  tuning; may include base/ only. Decide: no I/O.
 * Source: docs/formats/tuning.conf.md, "Swap": the formulas.
 *
 * Two demands, each by policy: the profile's table, for which everything that is switched on counts, and the guarantee,
 * for which zram does not, since it is RAM. What is missing is met first by switching on files that are there, then by
 * making one. Where the disk is too full for that, a smaller file is made as long as the guarantee is met; else nothing is
 * made, and the product must not start. Planning again after that was done finds nothing to do.
 */
#ifndef TUNING_SWAPPLAN_H
#define TUNING_SWAPPLAN_H

#include "tuning/facts.h"
#include "tuning/swapfile.h"
#include "tuning/tuneconf.h"

enum swap_outcome {
	SWAP_MET,      /* with what is switched on, or after that */
	SWAP_MADE,     /* a file has to be made, and fits */
	SWAP_DEGRADED, /* less than the goal, not less than the guarantee */
	SWAP_REFUSED,  /* the guarantee cannot be given */
};

/** "met", "make", "degraded", "refused". */
const char *swap_outcome_name(enum swap_outcome outcome);

struct swapplan {
	enum swap_outcome outcome;
	uint64_t table_bytes;        /* 0: not by this policy */
	uint64_t floor_bytes;        /* the guarantee; 0: not by this policy */
	uint64_t goal_bytes;         /* the larger */
	uint64_t have_bytes;         /* switched on, all of it */
	uint64_t zram_bytes;         /* of that */
	bool activate[SWAPFILE_MAX]; /* of the files that were found: switch on */
	uint64_t activate_bytes;
	uint64_t missing_bytes; /* after that */
	uint64_t create_bytes;  /* whole MiB; at files->next */
	char reason[160];
	char formula[160];
};

/**
 * @files       what is at the configured place
 * @free_bytes  for anyone on that file system; 0 where files->next is ""
 */
void swapplan_make(const struct facts *f, const struct tuneconf *c, enum profile profile, const struct swapfiles *files,
		   uint64_t free_bytes, struct swapplan *ret);

#endif
