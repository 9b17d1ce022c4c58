/*
 * taxii - pages of a TAXII 2.1 collection: how one is asked for, and what its envelope says besides its objects.
 * Layer:  bootstage/intel. Format: memory only; the objects go to the reader of feeds as they are.
 * Trust:  hostile. Memory is fixed; what is too long counts as not given.
 * Source: TAXII 2.1 sections 3.7 (envelope), 3.4 (filters: added_after), 5.4 (objects), 3.3 (X-TAXII-Date-Added-Last).
 */
#ifndef BOOTSTAGE_INTEL_TAXII_H
#define BOOTSTAGE_INTEL_TAXII_H

#include "base/bytes.h"
#include "base/why.h"

#define TAXII_ACCEPT   "application/taxii+json;version=2.1"
#define TAXII_LAST     "X-TAXII-Date-Added-Last"
#define TAXII_NEXT_MAX 512u
#define TAXII_URL_MAX  2048u
#define TAXII_DATE_MAX 64u

/**
 * The URL of a page.
 * @collection   ".../collections/ID/" or ".../collections/ID/objects/"
 * @added_after  "" all
 * @next         what the page before gave; "" the first
 * -E2BIG too long.
 */
MUST_USE int taxii_url(const char *collection, const char *added_after, const char *next, uint64_t limit,
		       char ret[TAXII_URL_MAX], struct why *w);

/* An envelope that goes by: { "more": true, "next": "...", "objects": [...] }. All zero is the beginning. */
struct taxii_scan {
	bool more;
	char next[TAXII_NEXT_MAX]; /* "" not given */
	/* private from here */
	unsigned int depth;
	bool in_string, escape, is_value, too_long;
	enum { TAXII_KEY_OTHER, TAXII_KEY_MORE, TAXII_KEY_NEXT } key;
	char word[TAXII_NEXT_MAX];
	size_t word_n;
};

/** The next bytes of it, cut anywhere. */
void taxii_scan(struct taxii_scan *s, struct bytes in);

/*
 * The way through a collection. Its objects come in the order in which they were added, many at one moment: what was added at
 * the moment that a page ends with may go on in the next one, and `added_after` would leave it out.
 */
struct taxii_way {
	char from[TAXII_DATE_MAX]; /* added_after of the page that is asked for next; "" all */
	char next[TAXII_NEXT_MAX]; /* what it is asked for by; "" by `from` alone */
	char read[TAXII_DATE_MAX]; /* everything up to there was read: where another run may begin; "" not known */
	enum { TAXII_MORE, TAXII_END, TAXII_LOST /* the server says that there is more, and not where */ } is;
	char last[TAXII_DATE_MAX]; /* private: what the page before ended with */
};
/** Behind a page: go on. @last  its X-TAXII-Date-Added-Last; "" not given */
void taxii_go_on(struct taxii_way *way, const struct taxii_scan *page, const char *last);

#endif
