/*
 * timeword - moments as people write them: "2026-11-20T10:00:00Z", "2026-11-20" (its first moment, UTC), "36h" or "3d" ago.
 * Layer:  bootstage/intel. Pure.
 */
#ifndef BOOTSTAGE_INTEL_TIMEWORD_H
#define BOOTSTAGE_INTEL_TIMEWORD_H

#include <stdint.h>

#include "base/why.h"

/** Microseconds since 1970, UTC. -EINVAL (usage) when it is none of these; a time without a zone is none (N14). */
MUST_USE int timeword_parse(const char *text, int64_t now_us, int64_t *ret_us, struct why *w);
/** CLOCK_REALTIME. */
int64_t timeword_now(void);
/** "2026-11-20T10:00:00Z", whole seconds; "" for what has no year of four digits. */
void timeword_print(int64_t us, char ret[21]);

#endif
