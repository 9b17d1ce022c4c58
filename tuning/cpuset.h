/*
 * cpuset - sets of CPU numbers, and the list form in which the kernel and systemd write them: "0-3,8".
 * Layer:  tuning; may include base/ only. Format: no I/O.
 * Source: bitmap list format of Documentation/admin-guide/cputopology.rst, without its strides ("0-7:2/4"), which the
 *         kernel reads but never writes.
 *
 * A set grows with its highest member, so that no number of CPUs is built in below CPUSET_CPUS_MAX. The empty set is
 * { 0 }, holds no memory, and need not be freed.
 */
#ifndef TUNING_CPUSET_H
#define TUNING_CPUSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"

/* One more than the highest CPU number; eight times the largest NR_CPUS that Linux can be built with. */
#define CPUSET_CPUS_MAX 65536u

struct cpuset {
	unsigned long *words; /* private; owned */
	size_t n_words;
};

/** Releases the memory; the set is empty afterwards. */
void cpuset_free(struct cpuset *s);
#define AUTO_CPUSET CLEANUP(cpuset_free) struct cpuset

/**
 * Read the list form. Blanks and a newline at the end do not count, an empty text is the empty set, and ranges may overlap.
 * Returns 0; -EBADMSG not such a list; -E2BIG a number of CPUSET_CPUS_MAX or more; -ENOMEM. *ret is untouched on failure
 * and must be empty before.
 */
MUST_USE int cpuset_parse(const char *text, struct cpuset *ret, struct why *w);
/** The list form, shortest and ascending, in memory that the caller frees; NULL when there is none. */
char *cpuset_format(const struct cpuset *s);

/** Add one CPU below CPUSET_CPUS_MAX. Returns 0 or -ENOMEM. */
MUST_USE int cpuset_add(struct cpuset *s, unsigned int cpu);
/** Make *ret, which must be empty before, a copy. Returns 0 or -ENOMEM. */
MUST_USE int cpuset_copy(const struct cpuset *s, struct cpuset *ret);
/** Keep only what is in `with` as well. */
void cpuset_and(struct cpuset *s, const struct cpuset *with);
/** Remove what is in `what`. */
void cpuset_minus(struct cpuset *s, const struct cpuset *what);

bool cpuset_has(const struct cpuset *s, unsigned int cpu);
size_t cpuset_count(const struct cpuset *s);
/** The lowest member that is at least `from`; CPUSET_CPUS_MAX when there is none. */
unsigned int cpuset_next(const struct cpuset *s, unsigned int from);

/* for (CPUSET_EACH(cpu, &set)): every member, ascending. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared has none */
#define CPUSET_EACH(cpu, s)                                                                                            \
	unsigned int cpu = cpuset_next(s, 0);                                                                          \
	cpu < CPUSET_CPUS_MAX;                                                                                         \
	cpu = cpuset_next(s, cpu + 1)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
