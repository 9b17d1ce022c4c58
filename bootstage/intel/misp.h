/*
 * misp - what MISP's events, objects, attributes and galaxies say, as records.
 * Layer:  bootstage/intel. Pure but for memory (bootstage/intel/gather.h).
 * Trust:  texts are hostile but checked JSON (bootstage/intel/jsontext.h).
 * Source: MISP's core and object formats; docs/formats/feeds.md says what becomes of which property.
 *
 * An event is read while its attributes and objects pass by: its own members are put together until its end, and of those that
 * came before its uuid the keys are kept.
 */
#ifndef BOOTSTAGE_INTEL_MISP_H
#define BOOTSTAGE_INTEL_MISP_H

#include "bootstage/intel/gather.h"

#define MISP_KEY_MAX 64u /* "x-misp-attribute--UUID" and its end */
#define MISP_EVENT_BYTES                                                                                               \
	(4u << 20) /* of an event without its attributes and objects; what is more is left out of its text */
#define MISP_MEMBERS_MAX 262144u /* keys that are kept of what came before an event's uuid */

/* Whom a record belongs to. */
struct misp_parent {
	const char *key; /* NULL or "" when there is none, or it is not known yet */
	bool knows;      /* its own record has the edge to this one */
};

struct misp_member {
	bool object;
	uint8_t uuid[16];
};

/* An event that is on its way. Start with { 0 }, then misp_event_begin(). */
struct misp_event {
	char key[MISP_KEY_MAX]; /* "" as long as it is not known */
	char *text;             /* private from here */
	size_t n, room;
	struct misp_member *members;
	size_t n_members, members_room;
	bool info;
	uint64_t left_out; /* of members and of keys, over the limits */
};

void misp_event_begin(struct misp_event *e);
void misp_event_free(struct misp_event *e);
/** A member that is neither a list of attributes nor one of objects. @key as it is written, without quotes. Returns 0; -ENOMEM. */
MUST_USE int misp_event_member(struct misp_event *e, struct bytes key, struct bytes value, struct gather *g);
/** Whether an "info" was among the members, which only events have. */
bool misp_event_has_info(const struct misp_event *e);
/** An attribute or object that passed by: kept when the event's key is not known, so that the edge to it is not lost. */
MUST_USE int misp_event_passed(struct misp_event *e, struct bytes key);
/**
 * The event's record, at its end. One without a uuid gets a key made of what it says.
 * Returns 0; -EBADMSG when it is none: it has neither uuid nor info, and nothing in it; -ENOMEM.
 */
MUST_USE int misp_event_record(struct misp_event *e, struct gather *g, struct record *ret, struct why *w);

/** Whether an object that stands alone is meant as an event, as an attribute. */
bool misp_is_event(struct bytes object);
bool misp_is_attribute(struct bytes object);
/** Whether it is the list of a feed's events: UUIDs, and what each event is about. */
bool misp_is_manifest(struct bytes object);

/* Each: -EBADMSG with the reason when the text is no such thing; -ENOMEM. The gather is reset by the caller. */
MUST_USE int misp_attribute(struct bytes object, struct misp_parent parent, struct gather *g, struct record *ret,
			    struct why *w);
/** An object without its attributes, which are records of their own; it has edges to them. */
MUST_USE int misp_object(struct bytes object, struct misp_parent parent, struct gather *g, struct record *ret,
			 struct why *w);
/** A galaxy's value. @type  the galaxy's, "threat-actor"; may be empty */
MUST_USE int misp_cluster(struct bytes object, struct bytes type, struct gather *g, struct record *ret, struct why *w);

/* The elements of a list that may be an array, an object with numbers for keys, or one element that stands for itself. */
struct misp_walk {
	struct bytes one;
	const uint8_t *p, *end;
};
struct misp_walk misp_walk(struct bytes list);
bool misp_walk_next(struct misp_walk *i, struct bytes *ret);

#endif
