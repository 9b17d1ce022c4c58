/*
 * trainsched - when a cycle of trainings starts: a schedule, quiet hours, and the load of the machine.
 * Layer:  bootstage/trainer. Decide: no I/O, the clock is given; local time as TZ says.
 * Source: docs/formats/trainer.conf.md; systemd.time(7), of which the schedule is a part.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINSCHED_H
#define BOOTSTAGE_TRAINER_TRAINSCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

#define TRAINSCHED_MAX 8u

/* Moments: each minute whose day of the week, hour and minute are in the sets. */
struct train_times {
	uint8_t days;     /* bit 0: Sunday */
	uint32_t hours;   /* bit 0: midnight */
	uint64_t minutes; /* bit 0: the full hour */
};

/* A span of the day, which may reach into the next one. */
struct train_span {
	uint8_t days;                        /* on which it begins */
	unsigned int from_minute, to_minute; /* of the day; the last one is not in it. Equal: all day */
};

struct trainsched {
	struct train_times times[TRAINSCHED_MAX];
	size_t n_times; /* 0: no schedule; cycles are started by hand */
	struct train_span quiet[TRAINSCHED_MAX];
	size_t n_quiet;
	/* Per cent of the last ten seconds in which some task waited; 0: no limit. */
	unsigned int cpu_percent, io_percent, memory_percent;
};

/** "hourly", "daily", "weekly", or "[DAYS] [*-*-*] HOURS:MINUTES[:00]": "Mon..Fri 02:30", "*:0/15". -EINVAL (usage). */
MUST_USE int train_times_parse(const char *text, struct train_times *ret, struct why *w);
/** "[DAYS] HH:MM-HH:MM". -EINVAL (usage). */
MUST_USE int train_span_parse(const char *text, struct train_span *ret, struct why *w);

/* Hundredths of a per cent, of /proc/pressure/X: "some avg10". */
struct train_load {
	bool known; /* the kernel tells it */
	unsigned int cpu, io, memory;
};
/** "some avg10=1.50 avg60=..." to 150. -EBADMSG. */
MUST_USE int train_pressure_parse(const char *text, unsigned int *ret, struct why *w);

enum train_due {
	TRAIN_DUE,
	TRAIN_NO_SCHEDULE,
	TRAIN_LATER,  /* nothing was scheduled since the last cycle began */
	TRAIN_QUIET,  /* due, but in quiet hours */
	TRAIN_LOADED, /* due, but the machine is busy */
};

/**
 * Whether a cycle is to start.
 * @last_us  when the last one began, CLOCK_REALTIME; 0: there was none, and then the first is due at once. One in the future
 *           means that the clock was set back: a cycle too many is better than none until then
 * @open     the last one has no end: it goes on as soon as hours and load allow
 */
enum train_due trainsched_due(const struct trainsched *s, int64_t last_us, bool open, int64_t now_us,
			      const struct train_load *load);
/** "due", "no schedule", ... */
const char *train_due_name(enum train_due d);

/** The first scheduled minute after `now`, in seconds; 0: none within a week. */
int64_t trainsched_next(const struct trainsched *s, int64_t now_s);

#endif
