/*
 * lookup - nodes by what people call them: a key, TYPE:VALUE, a name; and what comes near to a text.
 * Layer:  bootstage/intel. Act; every question is answered by an index.
 * Trust:  the text is anybody's: it goes into parameters only.
 */
#ifndef BOOTSTAGE_INTEL_LOOKUP_H
#define BOOTSTAGE_INTEL_LOOKUP_H

#include "bootstage/intel/observable.h"
#include "bootstage/intel/related.h"

#define LOOKUP_TEXT_MAX 1024u /* bytes of what is looked for */

/**
 * The one node that is meant.
 * @ret_near  what else it could be when it is not found, or when several have that name; to be freed by answers_free()
 * Returns 0 with one answer in *ret; -ENODATA no such node, -ENOTUNIQ several, both with *ret_near; -EINVAL (usage).
 */
MUST_USE int lookup_node(struct pg *p, const char *text, struct answers *ret, struct answers *ret_near, struct why *w);

/**
 * The value that the text is, nodes whose key or name begins with it, and those whose name has words that begin with its
 * words; the same of other names that feeds have for nodes. Best ones first.
 * @kinds  only these; 0: all
 */
MUST_USE int lookup_search(struct pg *p, const char *text, kind_bits kinds, uint32_t limit, struct answers *ret,
			   struct why *w);

/* --- pure --- */

/* What a text may mean besides the key or the name that it is. */
struct lookup_meaning {
	char key[OBSERVABLE_KEY_MAX]; /* of a value; "": it is none */
	enum node_kind kind;          /* in front of the colon; NODE_OTHER: any */
	const char *name;             /* what is behind it, or the whole text */
};

/**
 * "ipv4-addr:192.0.2.1", "sha-256:...", "domain-name:example.com", "malware:Name"; a value alone that looks like what it is:
 * an address, a domain, a URL, the hexadecimal digits of a hash. Text of at most LOOKUP_TEXT_MAX bytes.
 */
void lookup_mean(const char *text, struct lookup_meaning *ret);

#define LOOKUP_PATTERN_MAX (4 * LOOKUP_TEXT_MAX + 8)

/** A LIKE pattern: what begins with the text. */
void lookup_like(const char *text, char ret[LOOKUP_PATTERN_MAX]);
/** A tsquery: every word of the text begins a word. "" when it has none. */
void lookup_words(const char *text, char ret[LOOKUP_PATTERN_MAX]);

#endif
