#include "bootstage/intel/timeword.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "bootstage/intel/jsontext.h"

#define SECOND_US INT64_C(1000000)
#define DAYS_MAX  36500u

/* "36h", "3d": 0 when it is one. */
static int ago(const char *text, int64_t now_us, int64_t *ret_us)
{
	size_t n = strlen(text);
	int64_t unit = n == 0               ? 0
		       : text[n - 1] == 'd' ? 86400
		       : text[n - 1] == 'h' ? 3600
		       : text[n - 1] == 'm' ? 60
					    : 0;
	char number[12];
	uint64_t v = 0;

	if (unit == 0 || n > sizeof(number) - 1)
		return -EINVAL;
	(void)snprintf(number, sizeof(number), "%.*s", (int)(n - 1), text);
	if (parse_u64(number, DAYS_MAX * 86400ull / (uint64_t)unit, &v, NULL))
		return -EINVAL;
	*ret_us = now_us - (int64_t)v * unit * SECOND_US;
	return 0;
}

int timeword_parse(const char *text, int64_t now_us, int64_t *ret_us, struct why *w)
{
	char whole[40];

	if (ago(text, now_us, ret_us) == 0 || jsontext_time(bytes_str(text), ret_us) == 0)
		return 0;
	(void)snprintf(whole, sizeof(whole), "%.12sT00:00:00Z", text);
	if (strlen(text) == 10 && jsontext_time(bytes_str(whole), ret_us) == 0)
		return 0;
	return misuse(w, -EINVAL, "'%.60s' is no time: 2026-11-20T10:00:00Z, 2026-11-20, 36h or 3d", text);
}

int64_t timeword_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

void timeword_print(int64_t us, char ret[21])
{
	time_t s = (time_t)(us / SECOND_US - (us % SECOND_US < 0));
	struct tm t;

	if (!gmtime_r(&s, &t) || strftime(ret, 21, "%Y-%m-%dT%H:%M:%SZ", &t) != 20)
		ret[0] = '\0';
}
