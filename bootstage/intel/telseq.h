/*
 * telseq - how far each agent's frames have come: stored in the database, durable, taken. A bounded hash table.
 * Layer:  bootstage/intel. Decide: pure but for its memory.
 */
#ifndef BOOTSTAGE_INTEL_TELSEQ_H
#define BOOTSTAGE_INTEL_TELSEQ_H

#include "bootstage/intel/telframe.h"

#define TELSEQ_AGENTS_MAX 200000u /* N10 has 50,000 */

/* stored <= durable <= taken. */
struct telseq {
	uint32_t agent;   /* 0: free */
	uint64_t stored;  /* the highest number in the database */
	uint64_t durable; /* there, or in the spool */
	uint64_t taken;   /* or in the batch that is being gathered */
};

struct telseqs {
	struct telseq *at; /* private from here */
	size_t n, mask;
	uint8_t key[16];
};

MUST_USE int telseqs_init(struct telseqs *t, struct why *w);
void telseqs_done(struct telseqs *t);
/** The agent's, made when it is new; NULL: there are TELSEQ_AGENTS_MAX others. */
struct telseq *telseqs_get(struct telseqs *t, uint32_t agent);
/** The database is asked anew: what it has stored is not known. Durable and taken stay. */
void telseqs_ask(struct telseqs *t);
/** The database says: so far. What is durable or taken is not less. NULL as above. */
struct telseq *telseqs_stored(struct telseqs *t, uint32_t agent, uint64_t seq);

#endif
