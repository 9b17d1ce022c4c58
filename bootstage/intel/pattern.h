/*
 * pattern - the values that a STIX pattern names.
 * Layer:  bootstage/intel. Pure: no I/O, no allocation, no logging.
 * Trust:  the pattern is hostile.
 * Source: STIX 2.1 section 9.
 *
 * "[file:hashes.MD5 = '..' OR ipv4-addr:value IN ('1.2.3.4', '5.6.7.8')] FOLLOWEDBY [domain-name:value = 'a.example']" names four.
 * A comparison names a value when it is = or IN and not negated. What MATCHES, LIKE, ISSUBSET, ISSUPERSET, !=, < and > say is
 * checked and passed over: they describe many values or none.
 */
#ifndef BOOTSTAGE_INTEL_PATTERN_H
#define BOOTSTAGE_INTEL_PATTERN_H

#include "bootstage/intel/observable.h"

#define PATTERN_DEPTH_MAX 64u /* parentheses within each other */
#define PATTERN_STEPS_MAX 16u /* names of a path, "to_refs[*].value" has two */

/* Who takes the values, as they are written: observable_clean() is up to it. Not 0 ends the reading. */
struct pattern_sink {
	int (*take)(void *arg, const struct observable *o);
	void *arg;
};

/**
 * Read a pattern to its end.
 * @scratch  text.n bytes; values without their escapes are put there, and stay
 * Returns 0; -EBADMSG when the text is no pattern, -E2BIG over a limit: what was named before that was taken; what the sink
 * returned.
 */
MUST_USE int pattern_read(struct bytes text, uint8_t *scratch, const struct pattern_sink *sink, struct why *w);

#endif
