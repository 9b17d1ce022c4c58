#include "bootstage/intel/days.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define GRACE_US INT64_C(3600000000)

int64_t day_of(int64_t us)
{
	return us / DAY_US - (us % DAY_US < 0);
}

static struct tm date_of(int64_t day)
{
	time_t t = (time_t)(day * 86400);
	struct tm tm = { 0 };

	(void)gmtime_r(&t, &tm);
	return tm;
}

void day_name(int64_t day, char ret[DAYS_NAME])
{
	struct tm tm = date_of(day);

	(void)strftime(ret, DAYS_NAME, DAYS_PREFIX "%Y_%m_%d", &tm);
}

void day_date(int64_t day, char ret[DAYS_NAME])
{
	struct tm tm = date_of(day);

	(void)strftime(ret, DAYS_NAME, "%Y-%m-%d", &tm);
}

static bool number(const uint8_t *p, size_t n, int *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*ret = *ret * 10 + (p[i] - '0');
	}
	return true;
}

int day_of_name(struct bytes name, int64_t *ret)
{
	const size_t head = strlen(DAYS_PREFIX);
	char again[DAYS_NAME];
	struct tm tm = { 0 };
	int64_t day;

	if (name.n != head + 10 || memcmp(name.p, DAYS_PREFIX, head) != 0 || !number(name.p + head, 4, &tm.tm_year) ||
	    !number(name.p + head + 5, 2, &tm.tm_mon) || !number(name.p + head + 8, 2, &tm.tm_mday) || tm.tm_year == 0)
		return -EBADMSG;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	day = timegm(&tm) / 86400;
	day_name(day, again); /* the 30th of February is another day */
	if (!bytes_equal(name, bytes_str(again)))
		return -EBADMSG;
	*ret = day;
	return 0;
}

int clock_check(const struct clock_now *now, unsigned int ahead, const struct day_list *have, struct why *w)
{
	int64_t today = day_of(now->us), newest = have->n ? have->at[have->n - 1] : today;
	char is[DAYS_NAME], last[DAYS_NAME];
	int r = 0;

	day_date(today, is);
	day_date(newest, last);
	if (today < DAYS_FIRST)
		r = refuse(w, -ESTALE, "the clock says %s: that cannot be", is);
	else if (!now->synced && today - newest > DAYS_AWAY_MAX - DAYS_AHEAD)
		r = refuse(w, -ESTALE, "the clock says %s, telemetry goes up to %s, and nobody keeps the clock right",
			   is, last);
	else if (!now->synced &&
		 newest - today > DAYS_AWAY_MAX - DAYS_AHEAD + (ahead > DAYS_AHEAD ? ahead : DAYS_AHEAD))
		r = refuse(w, -ESTALE, "the clock says %s, telemetry goes on to %s, and nobody keeps the clock right",
			   is, last);
	return r ? why_next(w, r, "set the clock, and let NTP keep it; or say clock=trust in intel.conf") : 0;
}

static bool has(const struct day_list *have, int64_t day)
{
	size_t lo = 0, hi = have->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (have->at[mid] < day)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < have->n && have->at[lo] == day;
}

size_t days_missing(int64_t today, unsigned int ahead, const struct day_list *have, int64_t *ret, size_t room)
{
	size_t n = 0;

	for (int64_t d = today; d <= today + ahead; d++)
		if (!has(have, d)) {
			if (n < room)
				ret[n] = d;
			n++;
		}
	return n;
}

int days_ahead(int64_t today, const struct day_list *have)
{
	int n = -1;

	while (has(have, today + n + 1))
		n++;
	return n;
}

size_t days_expired(int64_t today, unsigned int keep, const struct day_list *have)
{
	size_t n = 0;

	while (keep > 0 && n < have->n && have->at[n] < today - keep)
		n++;
	return n;
}

bool day_closed(int64_t day, int64_t now_us)
{
	return now_us >= (day + 1) * DAY_US + GRACE_US;
}
