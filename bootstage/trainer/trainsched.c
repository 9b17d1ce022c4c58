#include "bootstage/trainer/trainsched.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/auto.h"
#include "base/parse.h"

#define WEEK_MINUTES (8 * 1440) /* and a day, for a clock that changes */
#define ALL_DAYS     0x7fu
#define WORD_MAX     64u

/* --- words --- */

/* A whole number at the front. */
static bool take_number(const char **at, unsigned int below, unsigned int *ret)
{
	unsigned int v = 0;
	size_t n = 0;

	for (; (*at)[n] >= '0' && (*at)[n] <= '9' && n < 3; n++)
		v = v * 10 + (unsigned int)((*at)[n] - '0');
	if (n == 0 || v >= below)
		return false;
	*at += n;
	*ret = v;
	return true;
}

/* "*", "5", "5..8", "0/15", and several with ',' between them. */
static bool take_set(const char **at, unsigned int below, uint64_t *ret)
{
	uint64_t set = 0;

	do {
		unsigned int from = 0, to, step = 1;

		if (**at == '*') {
			(*at)++;
			to = below - 1;
		} else {
			if (!take_number(at, below, &from))
				return false;
			to = from;
		}
		if (strncmp(*at, "..", 2) == 0) {
			*at += 2;
			if (!take_number(at, below, &to) || to < from)
				return false;
		}
		if (**at == '/') {
			(*at)++;
			if (!take_number(at, below, &step) || step == 0)
				return false;
			to = below - 1;
		}
		for (unsigned int v = from; v <= to; v += step)
			set |= 1ull << v;
	} while (**at == ',' && (*at)++);
	*ret = set;
	return true;
}

static bool take_day(const char **at, unsigned int *ret)
{
	static const char *const names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (strncasecmp(*at, names[i], 3) == 0) {
			*at += 3;
			*ret = i;
			return true;
		}
	return false;
}

/* "Mon..Fri", "Sat,Sun"; none: every day. A range may go over Saturday. */
static bool take_days(const char **at, uint8_t *ret)
{
	unsigned int from = 0, to = 0;
	uint8_t set = 0;

	if (!take_day(at, &from)) {
		*ret = ALL_DAYS;
		return true;
	}
	for (;;) {
		to = from;
		if (strncmp(*at, "..", 2) == 0) {
			*at += 2;
			if (!take_day(at, &to))
				return false;
		}
		for (unsigned int d = from;; d = (d + 1) % 7) {
			set = (uint8_t)(set | 1u << d);
			if (d == to)
				break;
		}
		if (**at != ',')
			break;
		(*at)++;
		if (!take_day(at, &from))
			return false;
	}
	*ret = set;
	return **at == ' ';
}

static void take_blanks(const char **at)
{
	while (**at == ' ')
		(*at)++;
}

static bool usual_word(const char *text, struct train_times *ret)
{
	static const struct {
		const char *word;
		struct train_times times;
	} words[] = {
		{ "hourly", { ALL_DAYS, 0xffffffu, 1 } },
		{ "daily", { ALL_DAYS, 1, 1 } },
		{ "weekly", { 1u << 1, 1, 1 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, text) == 0) {
			*ret = words[i].times;
			return true;
		}
	return false;
}

int train_times_parse(const char *text, struct train_times *ret, struct why *w)
{
	struct train_times t = { 0 };
	const char *at = text;
	uint64_t hours = 0;
	bool good;

	if (usual_word(text, ret))
		return 0;
	good = take_days(&at, &t.days);
	take_blanks(&at);
	if (good && strncmp(at, "*-*-* ", 6) == 0)
		at += 6;
	take_blanks(&at);
	good = good && take_set(&at, 24, &hours) && *at++ == ':' && take_set(&at, 60, &t.minutes);
	if (good && strcmp(at, ":00") == 0)
		at += 3;
	if (!good || *at)
		return misuse(w, -EINVAL,
			      "'%.100s' is no time: hourly, daily, weekly, '02:30', 'Mon..Fri 02:30', '*:0/15'", text);
	t.hours = (uint32_t)hours;
	*ret = t;
	return 0;
}

static bool take_clock(const char **at, unsigned int *ret)
{
	unsigned int hour = 0, minute = 0;

	if (!take_number(at, 25, &hour) || *(*at)++ != ':' || !take_number(at, 60, &minute) ||
	    hour * 60 + minute > 1440)
		return false;
	*ret = hour * 60 + minute;
	return true;
}

int train_span_parse(const char *text, struct train_span *ret, struct why *w)
{
	struct train_span s = { 0 };
	const char *at = text;
	bool good = take_days(&at, &s.days);

	take_blanks(&at);
	good = good && take_clock(&at, &s.from_minute) && *at++ == '-' && take_clock(&at, &s.to_minute) && !*at;
	if (!good || s.from_minute == 1440)
		return misuse(w, -EINVAL, "'%.100s' is no span of hours: '08:00-18:00', 'Mon..Fri 22:00-06:00'", text);
	*ret = s;
	return 0;
}

int train_pressure_parse(const char *text, unsigned int *ret, struct why *w)
{
	static const char front[] = "some avg10=";
	const char *at = text + strlen(front);
	unsigned int whole = 0, part = 0;

	if (strncmp(text, front, strlen(front)) != 0 || !take_number(&at, 101, &whole) || *at++ != '.' ||
	    !take_number(&at, 100, &part) || *at != ' ')
		return fail(w, -EBADMSG, "no pressure: '%.60s'", text);
	*ret = whole * 100 + part;
	return 0;
}

/* --- decide --- */

static bool at_minute(const struct trainsched *s, int64_t minute)
{
	time_t t = (time_t)(minute * 60);
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return false;
	for (size_t i = 0; i < s->n_times; i++)
		if ((s->times[i].days >> tm.tm_wday & 1) && (s->times[i].hours >> tm.tm_hour & 1) &&
		    (s->times[i].minutes >> tm.tm_min & 1))
			return true;
	return false;
}

static bool in_span(const struct train_span *s, const struct tm *tm)
{
	unsigned int now = (unsigned int)(tm->tm_hour * 60 + tm->tm_min);
	unsigned int today = (unsigned int)tm->tm_wday, before = (today + 6) % 7;

	if (s->from_minute == s->to_minute)
		return s->days >> today & 1;
	if (s->from_minute < s->to_minute)
		return (s->days >> today & 1) && now >= s->from_minute && now < s->to_minute;
	return ((s->days >> today & 1) && now >= s->from_minute) || ((s->days >> before & 1) && now < s->to_minute);
}

static bool quiet(const struct trainsched *s, int64_t now_us)
{
	time_t t = (time_t)(now_us / 1000000);
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return false;
	for (size_t i = 0; i < s->n_quiet; i++)
		if (in_span(&s->quiet[i], &tm))
			return true;
	return false;
}

static bool loaded(const struct trainsched *s, const struct train_load *l)
{
	return l->known &&
	       ((s->cpu_percent && l->cpu >= s->cpu_percent * 100) || (s->io_percent && l->io >= s->io_percent * 100) ||
		(s->memory_percent && l->memory >= s->memory_percent * 100));
}

static bool scheduled(const struct trainsched *s, int64_t last_us, int64_t now_us)
{
	int64_t last = last_us / 60000000, now = now_us / 60000000;

	if (last_us == 0 || last > now || now - last >= WEEK_MINUTES)
		return true;
	for (int64_t m = last + 1; m <= now; m++)
		if (at_minute(s, m))
			return true;
	return false;
}

enum train_due trainsched_due(const struct trainsched *s, int64_t last_us, bool open, int64_t now_us,
			      const struct train_load *load)
{
	if (!open && s->n_times == 0)
		return TRAIN_NO_SCHEDULE;
	if (!open && !scheduled(s, last_us, now_us))
		return TRAIN_LATER;
	if (quiet(s, now_us))
		return TRAIN_QUIET;
	return loaded(s, load) ? TRAIN_LOADED : TRAIN_DUE;
}

const char *train_due_name(enum train_due d)
{
	static const char *const words[] = { "due", "no schedule", "later", "quiet hours", "the machine is busy" };

	return (size_t)d < ARRAY_SIZE(words) ? words[d] : "?";
}

int64_t trainsched_next(const struct trainsched *s, int64_t now_s)
{
	for (int64_t m = now_s / 60 + 1; m <= now_s / 60 + WEEK_MINUTES; m++)
		if (at_minute(s, m))
			return m * 60;
	return 0;
}
