/* Times of RFC 3339, by the Gregorian calendar, without the C library's idea of zones. */
#include "bootstage/intel/jsontext.h"

#define SECOND_US INT64_C(1000000)

struct moment {
	int year, month, day, hour, minute, second;
	int64_t fraction_us;
	int offset_minutes; /* east of Greenwich */
};

/* A number of exactly n digits; -1 when there is none. */
static int number(struct bytes t, size_t off, size_t n)
{
	int value = 0;

	if (!bytes_has(t, off, n))
		return -1;
	for (size_t i = off; i < off + n; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return -1;
		value = value * 10 + (t.p[i] - '0');
	}
	return value;
}

static bool is_at(struct bytes t, size_t off, const char *any)
{
	return off < t.n && t.p[off] && strchr(any, t.p[off]);
}

static int days_in(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool date_and_time(struct bytes t, struct moment *m)
{
	*m = (struct moment){
		.year = number(t, 0, 4),
		.month = number(t, 5, 2),
		.day = number(t, 8, 2),
		.hour = number(t, 11, 2),
		.minute = number(t, 14, 2),
		.second = number(t, 17, 2),
	};
	return is_at(t, 4, "-") && is_at(t, 7, "-") && is_at(t, 10, "Tt") && is_at(t, 13, ":") && is_at(t, 16, ":") &&
	       m->year >= 0 && m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= days_in(m->year, m->month) &&
	       m->hour >= 0 && m->hour < 24 && m->minute >= 0 && m->minute < 60 && m->second >= 0 && m->second <= 60;
}

/* ".123" at *off, if any; false when digits are missing. */
static bool fraction(struct bytes t, size_t *off, int64_t *ret_us)
{
	int64_t unit = SECOND_US;
	size_t from;

	if (!is_at(t, *off, "."))
		return true;
	from = ++*off;
	for (; number(t, *off, 1) >= 0; ++*off)
		*ret_us += number(t, *off, 1) * (unit /= 10);
	return *off > from;
}

/* "Z" or "+01:00" at off, to the end. */
static bool zone(struct bytes t, size_t off, int *ret_minutes)
{
	int hours = number(t, off + 1, 2), minutes = number(t, off + 4, 2);

	if (is_at(t, off, "Zz"))
		return off + 1 == t.n;
	if (!is_at(t, off, "+-") || !is_at(t, off + 3, ":") || off + 6 != t.n)
		return false;
	*ret_minutes = t.p[off] == '-' ? -(hours * 60 + minutes) : hours * 60 + minutes;
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

/* Days from 1970-01-01, with years that begin in March, so that the leap day is the last one. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = year - (month <= 2), m = (month + 9) % 12;
	int64_t leaps = (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 - 97; /* y may be -1 */

	return 365 * y + leaps + (153 * m + 2) / 5 + day - 1 - 719468;
}

int jsontext_time(struct bytes text, int64_t *ret_us)
{
	struct moment m;
	size_t off = 19;
	int64_t minutes;

	if (!date_and_time(text, &m) || !fraction(text, &off, &m.fraction_us) || !zone(text, off, &m.offset_minutes))
		return -EBADMSG;
	minutes = (days_since_1970(m.year, m.month, m.day) * 24 + m.hour) * 60 + m.minute - m.offset_minutes;
	*ret_us = (minutes * 60 + m.second) * SECOND_US + m.fraction_us;
	return 0;
}
