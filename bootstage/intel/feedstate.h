/*
 * feedstate - what is known of a feed from before: which version was loaded, how it went, how far a collection was read.
 * Layer:  bootstage/intel. Format: text and back; two calls for the file.
 * Trust:  our own file. One that cannot be read counts as none: the feed is loaded as if it were new, which costs time only.
 */
#ifndef BOOTSTAGE_INTEL_FEEDSTATE_H
#define BOOTSTAGE_INTEL_FEEDSTATE_H

#include "base/hash.h"
#include "bootstage/intel/feedconf.h"

#define FEEDSTATE_FIELD 180u /* bytes of a text with its NUL */

enum feed_result { FEED_NEVER, FEED_LOADED, FEED_UNCHANGED, FEED_FAILED };

struct feedstate {
	enum feed_result result;
	uint64_t began_s, ended_s;        /* of the last run, since 1970 */
	uint64_t loaded_s;                /* of the last one that was good */
	uint64_t failures;                /* since then */
	uint64_t busy_ms;                 /* what the last whole load took of a worker; 0: there was none */
	uint64_t bytes, records, dropped; /* of the last run */
	char reason[FEEDSTATE_FIELD];     /* of a failure */
	/* Which version it was; "" and zeros: not known. */
	char source[FEEDCONF_TEXT];
	char etag[FEEDSTATE_FIELD], modified[FEEDSTATE_FIELD]; /* of a web server */
	char stamp[65];                                        /* of a file or a folder */
	char checksum[65];                                     /* BLAKE2b-256 of its bytes */
	char added_after[FEEDSTATE_FIELD];                     /* of a TAXII collection: read up to here */
};

const char *feed_result_name(enum feed_result r);
/** -E2BIG cannot be: for the caller's buffer of 4 KiB. Returns its length. */
size_t feedstate_format(const struct feedstate *s, char *out, size_t room);
MUST_USE int feedstate_parse(struct bytes text, const char *name, struct feedstate *ret, struct why *w);

/** Of feed `name` below `folder`. Whatever is wrong with the file, there is no state then. */
void feedstate_read(const char *folder, const struct feedconf *f, struct feedstate *ret);
/** Durable when it returns 0. */
MUST_USE int feedstate_write(const char *folder, const struct feedconf *f, const struct feedstate *s, struct why *w);

/**
 * When it is to be loaded again, in seconds since 1970; 0: at once. After failures sooner than its interval. A last run that
 * is still to come was on a clock that went wrong, and says nothing.
 */
uint64_t feedstate_due(const struct feedconf *f, const struct feedstate *s, uint64_t now_s);

#endif
