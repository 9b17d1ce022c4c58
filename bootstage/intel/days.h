/*
 * days - which days of telemetry there have to be, may go, are closed: by the clock, and by whether it can be believed.
 * Layer:  bootstage/intel. Decide: no I/O, no clock.
 * Source: REQUIREMENTS N3, N4; docs/intel.md says what a wrong clock does.
 *
 * A day is its number since 1970, UTC.
 */
#ifndef BOOTSTAGE_INTEL_DAYS_H
#define BOOTSTAGE_INTEL_DAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"

#define DAYS_PREFIX   "telemetry_edges_" /* then YYYY_MM_DD */
#define DAYS_NAME     32u
#define DAYS_AHEAD    7     /* of the requirement: today and so many days after it */
#define DAYS_AWAY_MAX 8     /* of a day to be made from the newest there is, by a clock that nobody keeps right */
#define DAYS_FIRST    19723 /* 2024-01-01: no clock of a machine that has this program is right about less */
#define DAY_US        INT64_C(86400000000)

struct clock_now {
	int64_t us;  /* since 1970, UTC */
	bool synced; /* the kernel says that somebody keeps it right (NTP), or the administrator does */
};

int64_t day_of(int64_t us);
/** "telemetry_edges_2026_11_21". Days from year 1 to 9999. */
void day_name(int64_t day, char ret[DAYS_NAME]);
/** "2026-11-21". */
void day_date(int64_t day, char ret[DAYS_NAME]);
/** The day that a partition is of. -EBADMSG when the name is no such name, or of no day that there is. */
MUST_USE int day_of_name(struct bytes name, int64_t *ret);

/* Days that are there, in order, each once. */
struct day_list {
	int64_t *at;
	size_t n;
};

/**
 * Whether the clock can be believed, as far as days are to be made or dropped by it: somebody keeps it right, or it fits what
 * is there.
 * @ahead  days that are made in advance
 * Returns 0; -ESTALE (refused) with both days in words.
 */
MUST_USE int clock_check(const struct clock_now *now, unsigned int ahead, const struct day_list *have, struct why *w);

/** How many of today and the `ahead` days after it are missing; the first `room` of them are put into ret. */
size_t days_missing(int64_t today, unsigned int ahead, const struct day_list *have, int64_t *ret, size_t room);
/** How many days that are there, counted from today without a gap, are still to come; -1 when even today's is missing. */
int days_ahead(int64_t today, const struct day_list *have);
/** How many days at the front of the list are older than `keep` full days; 0 when keep is 0. */
size_t days_expired(int64_t today, unsigned int keep, const struct day_list *have);
/** Whether nothing but late rows comes to that day any more: an hour after its end. */
bool day_closed(int64_t day, int64_t now_us);

#endif
