/*
 * misp_inside - what the files of misp.h share.
 */
#ifndef BOOTSTAGE_INTEL_MISP_INSIDE_H
#define BOOTSTAGE_INTEL_MISP_INSIDE_H

#include "bootstage/intel/misp.h"

/** What a member says, string or number. */
struct bytes misp_text_of(struct gather *g, struct bytes object, const char *member);
/** "x-misp-event--UUID" of a UUID; empty when it is none. */
struct bytes misp_key_of(struct gather *g, enum node_kind k, struct bytes uuid);
/** A key for what has no UUID: of its content. */
struct bytes misp_key_made(struct gather *g, enum node_kind k, const struct bytes *part, size_t n);
/** What every record has: key, time, whether it was deleted. */
void misp_begin(struct gather *g, struct bytes object, struct bytes key, struct record *ret);
/** The reason why a record could not be made, behind all that is gathered. Returns r. */
int misp_end(int r, struct why *w);
MUST_USE int misp_add_tags(struct gather *g, struct bytes src, struct bytes object);
MUST_USE int misp_add_galaxies(struct gather *g, struct bytes src, struct bytes object);
/** The organisation in a member, as a node; ret->n is 0 when there is none with a uuid. */
MUST_USE int misp_add_organisation(struct gather *g, struct bytes object, const char *member, struct bytes *ret);

#endif
