/*
 * jsontext - one JSON text (RFC 8259): checked strictly in one pass, its outermost members noted on the way; then walked
 * as often as is wanted. No tree, no allocation: everything is a slice of the text.
 * Layer:  bootstage/intel. Pure.
 * Trust:  the text is hostile until jsontext_check took it. The other functions want slices of a checked text; given
 *         anything else they stay inside of it, and their answers mean nothing.
 *
 * What passes is what PostgreSQL's jsonb can store: valid UTF-8, no "\u0000", no half of a surrogate pair, no number
 * beyond what `numeric` holds; and at most JSONTEXT_DEPTH_MAX containers inside each other. Of members with one name the
 * last counts, as in jsonb.
 *
 *	struct jsontext t;
 *	r = jsontext_check(range, &t, w);
 *	r = r ? r : jsontext_string(jsontext_get(&t, "name"), buf, sizeof(buf), &name);
 *	for (struct jsontext_walk i = jsontext_walk(jsontext_get(&t, "object_refs")); jsontext_element(&i, &value);)
 */
#ifndef BOOTSTAGE_INTEL_JSONTEXT_H
#define BOOTSTAGE_INTEL_JSONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"

#define JSONTEXT_DEPTH_MAX   64u
#define JSONTEXT_MEMBERS_MAX 48u /* noted in passing; those behind are found by walking */

struct jsontext_member {
	struct bytes key;   /* as it is written, without its quotes: compare with jsontext_key_is() */
	struct bytes value; /* as it is written, strings with their quotes */
};

/* A checked text. Borrows it. */
struct jsontext {
	struct bytes text; /* without white space around it */
	size_t n;          /* members that are noted; 0 when the text is no object */
	bool more;         /* there are members behind them */
	struct bytes open; /* when the check failed: key of the outermost member that it failed in; else empty */
	struct jsontext_member at[JSONTEXT_MEMBERS_MAX];
};

enum jsontext_kind {
	JSONTEXT_NONE, /* an empty slice: not there */
	JSONTEXT_OBJECT,
	JSONTEXT_ARRAY,
	JSONTEXT_STRING,
	JSONTEXT_NUMBER,
	JSONTEXT_TRUE,
	JSONTEXT_FALSE,
	JSONTEXT_NULL,
};

/**
 * Check a text: one value, white space around it, nothing else.
 * @ret   on failure of use to jsontext_front() only
 * Returns 0; -EBADMSG when it is no JSON or cannot be stored; -E2BIG when it is nested too deep.
 */
MUST_USE int jsontext_check(struct bytes text, struct jsontext *ret, struct why *w);

/**
 * The same for the value at the front of what has been read so far; what is behind it is not looked at.
 * @whole    nothing comes behind `text`: it is complete
 * @ret      on failure holds the members that were noted until then, and which one it failed in
 * @ret_end  where the value ends, or where it is bad
 * Returns 0; -EAGAIN when the value does not end within `text`, and more may come; otherwise as jsontext_check().
 */
MUST_USE int jsontext_front(struct bytes text, bool whole, struct jsontext *ret, size_t *ret_end, struct why *w);

enum jsontext_kind jsontext_kind(struct bytes value);

/** The value of the outermost member `key`; an empty slice when there is none. */
struct bytes jsontext_get(const struct jsontext *t, const char *key);
/** The same of any object; an empty slice when `object` is none. */
struct bytes jsontext_find(struct bytes object, const char *key);

/* The members of an object or the elements of an array, in order. */
struct jsontext_walk {
	const uint8_t *p, *end;
};
/** Of a value that is neither, nothing comes. */
struct jsontext_walk jsontext_walk(struct bytes value);
/** Whether there was another member. Objects only. */
bool jsontext_member(struct jsontext_walk *i, struct jsontext_member *ret);
/** Whether there was another element; of an object, another member's value, whatever its key is. */
bool jsontext_element(struct jsontext_walk *i, struct bytes *ret);

/** Whether a key (without quotes) says `word`, escapes considered. */
bool jsontext_key_is(struct bytes key, const char *word);
/** Whether a value is the string `word`, escapes considered. */
bool jsontext_string_is(struct bytes value, const char *word);
/** What a key says: itself, or decoded into buf where it has escapes. -E2BIG when that does not fit. */
MUST_USE int jsontext_key(struct bytes key, void *buf, size_t room, struct bytes *ret);
/**
 * What a string says: a slice of the text, or decoded into buf where it has escapes. Never longer than the slice.
 * Returns 0; -EINVAL when the value is no string; -E2BIG when it does not fit into buf.
 */
MUST_USE int jsontext_string(struct bytes value, void *buf, size_t room, struct bytes *ret);
/** A number without fraction and exponent. -EINVAL when it is none; -E2BIG when it does not fit. */
MUST_USE int jsontext_i64(struct bytes value, int64_t *ret);

/**
 * A time of RFC 3339 (STIX 2.1 section 2.16) as microseconds since 1970, UTC; finer fractions are cut off, a leap second
 * is the next minute's first. `text` is what the string says, not its slice. -EBADMSG when it is no date.
 */
MUST_USE int jsontext_time(struct bytes text, int64_t *ret_us);

#endif
