#include "bootstage/intel/feedturn.h"

#define BYTES_PER_MS 50000u /* of JSON to stored rows, about; only for the order */
#define UNKNOWN_MS   5000u

unsigned int feed_workers(unsigned int cpus)
{
	return cpus > 16 ? 4 : cpus > 4 ? 2 : 1;
}

static size_t held(const struct feedturn *t, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += t[i].is == TURN_HELD;
	return k;
}

int feedturn_next(const struct feedturn *t, size_t n, unsigned int workers)
{
	int best = -1;

	if (held(t, n) >= workers)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (t[i].is != TURN_WANTED)
			continue;
		if (best < 0 || t[i].used_ms < t[best].used_ms ||
		    (t[i].used_ms == t[best].used_ms && t[i].since_ms < t[best].since_ms))
			best = (int)i;
	}
	return best;
}

/* Turns that were asked back and are not yet given are as good as free. */
static bool somebody_waits(const struct feedturn *t, size_t n, unsigned int workers)
{
	size_t wanted = 0, coming = 0, k = held(t, n);

	for (size_t i = 0; i < n; i++) {
		wanted += t[i].is == TURN_WANTED;
		coming += t[i].is == TURN_HELD && t[i].asked_back;
	}
	return wanted > coming + (workers > k ? workers - k : 0);
}

int feedturn_over(const struct feedturn *t, size_t n, unsigned int workers, uint64_t now_ms)
{
	int longest = -1;

	if (!somebody_waits(t, n, workers))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (t[i].is == TURN_HELD && !t[i].asked_back && now_ms - t[i].since_ms >= FEEDTURN_SLICE_MS &&
		    (longest < 0 || t[i].since_ms < t[longest].since_ms))
			longest = (int)i;
	return longest;
}

uint64_t feedturn_wait_ms(const struct feedturn *t, size_t n, unsigned int workers, uint64_t now_ms)
{
	uint64_t wait = UINT64_MAX;

	if (!somebody_waits(t, n, workers))
		return wait;
	for (size_t i = 0; i < n; i++) {
		uint64_t had = now_ms - t[i].since_ms;

		if (t[i].is != TURN_HELD || t[i].asked_back)
			continue;
		had = had < FEEDTURN_SLICE_MS ? FEEDTURN_SLICE_MS - had : 0;
		wait = had < wait ? had : wait;
	}
	return wait;
}

static uint64_t guess_ms(const struct feed_guess *g)
{
	if (g->busy_ms)
		return g->busy_ms;
	return g->bytes ? g->bytes / BYTES_PER_MS : UNKNOWN_MS;
}

bool feed_before(const struct feed_guess *a, const struct feed_guess *b)
{
	return a->failed != b->failed ? b->failed : guess_ms(a) < guess_ms(b);
}
