/*
 * loadjob_inside - what loadjob.c, which hears what the server says, and loadjob_send.c, what it is told, have in common.
 */
#ifndef BOOTSTAGE_INTEL_LOADJOB_INSIDE_H
#define BOOTSTAGE_INTEL_LOADJOB_INSIDE_H

#include <stdlib.h>

#include "bootstage/intel/loadjob.h"

/* An array of at least one element: nothing here is NULL for being empty. */
static inline void *array(size_t n, size_t size)
{
	return calloc(n ? n : 1, size);
}

static inline bool is_made(const struct load_key *k)
{
	return k->want != WANT_ID && k->id == 0;
}

/* A node that was there before its record. */
static inline bool is_known(const struct load_key *k)
{
	return k->want == WANT_NODE && !k->fresh && k->owner->state != LOAD_ASIDE;
}

#endif
