/* Waiting for the boot disk: when it is taken, and when the wait is over (bootstage/diskwait.h). */
#include "bootstage/diskwait.h"

#include "tests/support.h"

/* A machine on which things happen at given times. */
enum what { NOTHING, HOME, AWAY, CLONES, NO_NODES };
struct event {
	uint64_t at_ms;
	enum what what;
};

static uint64_t clock_ms;
static const struct event *events;
static unsigned int searches;

static enum what now_there(void)
{
	enum what what = NOTHING;

	for (const struct event *e = events; e->at_ms != UINT64_MAX; e++)
		if (e->at_ms <= clock_ms)
			what = e->what;
	return what;
}

static int find(void *with, struct bootdisk *ret, struct why *w)
{
	enum what what = now_there();

	(void)with;
	searches++;
	memset(ret, 0, sizeof(*ret));
	if (what == NOTHING)
		return fail(w, -ENODATA, "no disk");
	if (what == CLONES)
		return refuse(w, -ENOTUNIQ, "clones");
	ret->at_home = what != AWAY;
	ret->state.number = 2;
	(void)snprintf(ret->state.device, sizeof(ret->state.device), what == NO_NODES ? "" : "/dev/null");
	return 0;
}

/* Time passes until the next event or the timeout. */
static bool wait_event(void *with, unsigned int timeout_ms)
{
	uint64_t end = clock_ms + timeout_ms;

	(void)with;
	for (const struct event *e = events; e->at_ms != UINT64_MAX; e++) {
		if (e->at_ms > clock_ms && e->at_ms <= end) {
			clock_ms = e->at_ms;
			return true;
		}
	}
	clock_ms = end;
	return false;
}

static uint64_t fake_now(void)
{
	return clock_ms;
}

static const struct diskwait_ops ops = { .find = find, .wait = wait_event, .now_ms = fake_now };

#define END                                                                                                            \
	{                                                                                                              \
		UINT64_MAX, NOTHING                                                                                    \
	}

static void the_wait_ends_when_it_should(void **state)
{
	static const struct {
		const char *name;
		struct event events[4];
		int want;
		uint64_t want_ms;
	} table[] = {
		{ "there at once", { { 0, HOME }, END }, 0, 0 },
		{ "comes later", { { 700, HOME }, END }, 0, 700 },
		{ "never comes", { END }, -ENODATA, 30000 },
		{ "a copy is taken after the grace", { { 100, AWAY }, END }, 0, 3100 },
		{ "the real one comes in time", { { 100, AWAY }, { 900, HOME }, END }, 0, 900 },
		{ "clones, then one is told apart", { { 0, CLONES }, { 2000, HOME }, END }, 0, 2000 },
		{ "clones stay clones", { { 500, CLONES }, END }, -ENOTUNIQ, 3500 },
		{ "the grace does not start anew", { { 0, AWAY }, { 2000, CLONES }, END }, -ENOTUNIQ, 3000 },
		{ "a copy at the last moment", { { 29000, AWAY }, END }, 0, 30000 },
		{ "a copy that goes away", { { 0, AWAY }, { 1000, NOTHING }, { 9000, HOME }, END }, 0, 9000 },
		{ "nodes come after the table", { { 0, NO_NODES }, { 40, HOME }, END }, 0, 40 },
		{ "nodes never come", { { 0, NO_NODES }, END }, -ENODATA, 30000 },
	};
	static struct bootdisk disk;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t waited = 0;
		struct why w = { 0 };
		int r;

		clock_ms = 0;
		events = table[i].events;
		r = diskwait(&ops, NULL, 30000, &disk, &waited, &w);
		if (r != table[i].want || clock_ms != table[i].want_ms || waited != clock_ms)
			fail_msg("%s: %d (%s) after %llu ms", table[i].name, r, w.text, (unsigned long long)clock_ms);
		assert_int_equal(w.code, r);
	}
}

static void a_disk_that_is_there_is_searched_for_once(void **state)
{
	static const struct event home[] = { { 0, HOME }, END };
	static struct bootdisk disk;
	uint64_t waited = 1;

	(void)state;
	clock_ms = 5;
	events = home;
	searches = 0;
	assert_int_equal(diskwait(&ops, NULL, 0, &disk, &waited, NULL), 0);
	assert_int_equal(searches, 1);
	assert_int_equal(waited, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wait_ends_when_it_should),
		cmocka_unit_test(a_disk_that_is_there_is_searched_for_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
