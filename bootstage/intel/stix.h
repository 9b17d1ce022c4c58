/*
 * stix - what one STIX object says: itself as a node, its relationships, references and observables as edges.
 * Layer:  bootstage/intel. Pure but for memory (bootstage/intel/gather.h).
 * Trust:  the text is hostile but checked JSON.
 * Source: STIX 2.1, and 2.0 where it differs; docs/formats/feeds.md says what becomes of which property.
 */
#ifndef BOOTSTAGE_INTEL_STIX_H
#define BOOTSTAGE_INTEL_STIX_H

#include "bootstage/intel/gather.h"
#include "bootstage/intel/jsontext.h"

/** Whether a text is meant as a STIX object: it has a type, and an id with "--" in it. */
bool stix_is(const struct jsontext *t);

/** "TYPE--UUID" in lower case out of a JSON string; empty when it says no such thing, or there is no memory. */
struct bytes stix_id(struct gather *g, struct bytes value);

/**
 * Read an object.
 * @g    reset by the caller; what ret borrows is in there and in the text
 * @ret  everything; undefined on failure
 * Returns 0; -EBADMSG when it is no STIX object, or one without what its type needs: the reason says what; -ENOMEM; -E2BIG.
 */
MUST_USE int stix_record(const struct jsontext *t, struct gather *g, struct record *ret, struct why *w);

#endif
