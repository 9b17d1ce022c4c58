/*
 * Is a new tree good? What systemctl says of units (updater/tree_units.h), and the verdict over time (updater/tree_watch.h);
 * I9, I10, I14.
 */
#include "updater/tree_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support.h"

#define BLOCK(load, active, sub, result, restarts, job)                                                                \
	"LoadState=" load "\nActiveState=" active "\nSubState=" sub "\nResult=" result "\nNRestarts=" restarts "\n" job

static void states_of_units_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum tree_unit_is is;
		bool down;
		const char *said;
	} table[] = {
		{ BLOCK("loaded", "active", "running", "success", "0", ""), TREE_UNIT_ACTIVE, false, "active" },
		{ BLOCK("loaded", "active", "exited", "success", "0", ""), TREE_UNIT_ACTIVE, false, "active" },
		{ BLOCK("loaded", "reloading", "reload", "success", "0", ""), TREE_UNIT_ACTIVE, false, "reloading" },
		{ BLOCK("loaded", "activating", "start", "success", "0", "Job=12\n"), TREE_UNIT_STARTING, false,
		  "activating" },
		{ BLOCK("loaded", "activating", "auto-restart", "exit-code", "0", ""), TREE_UNIT_ENDED, false,
		  "activating (exit-code)" },
		{ BLOCK("loaded", "active", "running", "success", "1", ""), TREE_UNIT_ENDED, false,
		  "ended and was started again (success)" },
		{ BLOCK("loaded", "failed", "failed", "exit-code", "0", ""), TREE_UNIT_ENDED, true,
		  "failed (exit-code)" },
		{ BLOCK("loaded", "failed", "failed", "oom-kill", "0", "Job=3\n"), TREE_UNIT_ENDED, false,
		  "failed (oom-kill)" },
		{ BLOCK("loaded", "inactive", "dead", "success", "0", "Job=7\n"), TREE_UNIT_STARTING, false,
		  "inactive" },
		{ BLOCK("loaded", "inactive", "dead", "success", "0", ""), TREE_UNIT_ENDED, true,
		  "inactive (success)" },
		{ BLOCK("loaded", "deactivating", "stop", "success", "0", ""), TREE_UNIT_ENDED, false,
		  "deactivating (success)" },
		{ BLOCK("not-found", "inactive", "dead", "success", "0", ""), TREE_UNIT_ENDED, true, "not-found" },
		{ "LoadState=loaded\nActiveState=active\n", TREE_UNIT_ACTIVE, false, "active" }, /* a target */
	};
	struct tree_unit u;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct why w = { 0 };

		assert_ok(tree_units_parse(table[i].text, 1, &u, &w), w);
		if (u.is != table[i].is || u.down != table[i].down || strcmp(u.said, table[i].said) != 0)
			fail_msg("row %zu: %d, %d, '%s'", i, u.is, u.down, u.said);
	}
}

static void several_units_are_told_in_order(void **state)
{
	static const char text[] = BLOCK("loaded", "active", "running", "success", "0",
					 "") "\n" BLOCK("loaded", "failed", "failed", "signal", "0", "");
	struct tree_unit u[2];
	struct why w = { 0 };

	(void)state;
	assert_ok(tree_units_parse(text, 2, u, &w), w);
	assert_int_equal(u[0].is, TREE_UNIT_ACTIVE);
	assert_int_equal(u[1].is, TREE_UNIT_ENDED);
	assert_int_equal(tree_units_parse(text, 3, u, NULL), -EBADMSG);
	assert_int_equal(tree_units_parse("", 1, u, NULL), -EBADMSG);
	assert_int_equal(tree_units_parse("Failed to connect to bus\n", 1, u, NULL), -EBADMSG);
}

#define NEVER UINT64_MAX

/* A service as time goes by, in milliseconds. */
struct service {
	uint64_t now;
	uint64_t active_at, answers_at;
	uint64_t ended_at, cancelled_at;  /* 0: never */
	uint64_t request_ms;              /* that an answer takes */
	uint64_t look_ms;                 /* that systemctl takes */
	uint64_t stuck_from, stuck_until; /* it does not answer */
	unsigned int looks, probes;
	bool broken; /* systemctl is */
};

static uint64_t look_takes(const struct service *s)
{
	return s->now >= s->stuck_from && s->now < s->stuck_until ? s->stuck_until - s->now : s->look_ms;
}

static int look(void *with, unsigned int limit_ms, struct tree_unit *ret, struct why *w)
{
	struct service *s = with;
	uint64_t takes = look_takes(s);

	s->looks++;
	if (s->broken)
		return fail(w, -EIO, "systemctl show: exit code 1");
	s->now += takes < limit_ms ? takes : limit_ms;
	if (takes > limit_ms)
		return fail(w, -ETIMEDOUT, "systemctl show: does not answer");
	*ret = (struct tree_unit){ .is = s->ended_at && s->now >= s->ended_at ? TREE_UNIT_ENDED
					 : s->now >= s->active_at             ? TREE_UNIT_ACTIVE
									      : TREE_UNIT_STARTING };
	(void)snprintf(ret->said, sizeof(ret->said), "%s",
		       ret->is == TREE_UNIT_ENDED ? "failed (exit-code)" : "activating");
	return 0;
}

static void probe(void *with, unsigned int timeout_ms, bool (*stop)(void *arg), void *arg, struct probe_answer *ret)
{
	struct service *s = with;
	uint64_t end = s->now + (s->request_ms < timeout_ms ? s->request_ms : timeout_ms);

	s->probes++;
	for (; s->now + 1000 < end; s->now += 1000)
		if (stop(arg))
			return;
	s->now = end;
	ret->passed = s->now >= s->answers_at && s->request_ms <= timeout_ms;
	(void)snprintf(ret->said, sizeof(ret->said), "%s", ret->passed ? "HTTP status 200" : "HTTP status 503");
}

static bool cancelled(void *with)
{
	const struct service *s = with;

	return s->cancelled_at && s->now >= s->cancelled_at;
}

static uint64_t now(void *with)
{
	return ((const struct service *)with)->now;
}

static void pause_ms(void *with, unsigned int ms)
{
	((struct service *)with)->now += ms;
}

static const struct tree_watch_ops ops = { look, probe, cancelled, now, pause_ms };

static struct tree_watched watch(struct service *s, bool url)
{
	struct sysconf_tree conf = { .n_units = 1, .units = { "core.service" } };
	struct tree_watched ret;

	if (url)
		(void)snprintf(conf.url, sizeof(conf.url), "http://localhost:4000/health");
	tree_watch(&conf, &ops, s, 45000, &ret);
	return ret;
}

#define SERVICE(...) ((struct service){ __VA_ARGS__ })

static void the_first_answer_is_the_verdict(void **state)
{
	struct service s = SERVICE(.active_at = 1000, .answers_at = 7000, .request_ms = 10);
	struct tree_watched r = watch(&s, true);

	(void)state;
	assert_int_equal(r.verdict, TREE_GOOD);
	assert_in_range(s.now, 7000, 7500);
}

/* I14 */
static void a_unit_that_ends_counts_at_once(void **state)
{
	struct service s = SERVICE(.ended_at = 30, .request_ms = 10, .answers_at = NEVER);
	struct tree_watched r = watch(&s, true);

	(void)state;
	assert_int_equal(r.verdict, TREE_BAD);
	assert_int_equal(r.reason, TREE_REASON_UNIT);
	assert_string_equal(r.text, "core.service: failed (exit-code)");
	assert_in_range(s.now, 30, 1000);
	/* Also while the URL is waited for. */
	s = SERVICE(.ended_at = 3000, .request_ms = 60000, .answers_at = NEVER);
	r = watch(&s, true);
	assert_int_equal(r.reason, TREE_REASON_UNIT);
	assert_in_range(s.now, 3000, 5000);
	/* And when it answered, and was gone then. */
	s = SERVICE(.ended_at = 100, .request_ms = 150);
	r = watch(&s, true);
	assert_int_equal(r.verdict, TREE_BAD);
}

/* I10 */
static void without_an_answer_the_deadline_is_the_verdict(void **state)
{
	struct service s = SERVICE(.answers_at = NEVER, .request_ms = 10);
	struct tree_watched r = watch(&s, true);

	(void)state;
	assert_int_equal(r.verdict, TREE_BAD);
	assert_int_equal(r.reason, TREE_REASON_HEALTH);
	assert_string_equal(r.text, "http://localhost:4000/health: HTTP status 503");
	assert_in_range(s.now, 45000, 45300);
	s = SERVICE(.answers_at = NEVER, .request_ms = 1000000);
	r = watch(&s, true);
	assert_int_equal(r.reason, TREE_REASON_HEALTH);
	assert_in_range(s.now, 45000, 46500);
	s = SERVICE(.active_at = NEVER);
	r = watch(&s, true);
	assert_int_equal(r.reason, TREE_REASON_HEALTH);
	assert_string_equal(r.text, "core.service: activating");
	assert_int_equal(s.probes, 0);
	s = SERVICE(.broken = true);
	r = watch(&s, true);
	assert_int_equal(r.reason, TREE_REASON_HEALTH);
	assert_string_equal(r.text, "units: systemctl show: exit code 1");
}

/* An overloaded machine is no sick product. */
static void a_slow_systemctl_is_asked_again_until_the_deadline(void **state)
{
	struct service s = SERVICE(.look_ms = 12000, .request_ms = 10);
	struct tree_watched r = watch(&s, true);

	(void)state;
	assert_int_equal(r.verdict, TREE_GOOD);
	s = SERVICE(.stuck_until = 29000, .request_ms = 10);
	r = watch(&s, true);
	assert_int_equal(r.verdict, TREE_GOOD);
	assert_in_range(s.now, 29000, 31000);
	s = SERVICE(.stuck_until = NEVER, .request_ms = 10);
	r = watch(&s, true);
	assert_int_equal(r.reason, TREE_REASON_HEALTH);
	assert_string_equal(r.text, "units: systemctl show: does not answer");
	assert_in_range(s.now, 45000, 47000);
	/* I10: nor does a look that hangs at the end put the deadline off. */
	s = SERVICE(.stuck_from = 44000, .stuck_until = NEVER, .answers_at = NEVER, .request_ms = 10);
	r = watch(&s, true);
	assert_int_equal(r.reason, TREE_REASON_HEALTH);
	assert_in_range(s.now, 45000, 47000);
}

static void an_answer_without_a_look_at_the_units_does_not_count(void **state)
{
	struct service s = SERVICE(.stuck_from = 100, .stuck_until = 20000, .ended_at = 15000, .request_ms = 150);
	struct tree_watched r = watch(&s, true);

	(void)state;
	assert_int_equal(r.verdict, TREE_BAD);
	assert_int_equal(r.reason, TREE_REASON_UNIT);
	s = SERVICE(.stuck_from = 2000, .stuck_until = 20000, .ended_at = 15000);
	r = watch(&s, false);
	assert_int_equal(r.verdict, TREE_BAD);
}

/* Against a systemctl that takes its time. */
static void a_look_waits_as_long_as_it_is_told_to(void **state)
{
	static const struct sysconf_tree conf = { .n_units = 1, .units = { "core.service" } };
	char path[4096], first[8200];
	struct tree_unit u;
	struct why w = { 0 };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", getenv("PATH"));
	(void)snprintf(first, sizeof(first), "%s:%s", scratch(), path);
	scratch_put("systemctl",
		    "#!/bin/sh\nsleep 0.3\nprintf 'LoadState=loaded\\nActiveState=active\\nNRestarts=0\\n'\n");
	assert_int_equal(chmod(scratch_path("systemctl"), 0755), 0);
	assert_int_equal(setenv("PATH", first, 1), 0);
	assert_int_equal(tree_units_look(&conf, 50, &u, &w), -ETIMEDOUT);
	w = (struct why){ 0 };
	assert_ok(tree_units_look(&conf, TREE_UNITS_LOOK_MS, &u, &w), w);
	assert_int_equal(u.is, TREE_UNIT_ACTIVE);
	assert_int_equal(setenv("PATH", path, 1), 0);
}

static void without_a_url_units_have_to_stay_active(void **state)
{
	struct service s = SERVICE(.active_at = 1000);
	struct tree_watched r = watch(&s, false);

	(void)state;
	assert_int_equal(r.verdict, TREE_GOOD);
	assert_in_range(s.now, 6000, 6500);
	s = SERVICE(.ended_at = 4000);
	r = watch(&s, false);
	assert_int_equal(r.verdict, TREE_BAD);
}

static void the_operator_ends_it(void **state)
{
	struct service s = SERVICE(.answers_at = NEVER, .request_ms = 60000, .cancelled_at = 2000);
	struct tree_watched r = watch(&s, true);

	(void)state;
	assert_int_equal(r.verdict, TREE_BAD);
	assert_int_equal(r.reason, TREE_REASON_INTERRUPTED);
	assert_in_range(s.now, 2000, 4000);
}

/* The way back has to fit behind it. */
static void a_slow_machine_has_a_shorter_deadline(void **state)
{
	struct sysconf_tree conf = { .deadline_seconds = 45 };

	(void)state;
	assert_int_equal(tree_watch_deadline_ms(&conf, 0), 45000);
	assert_int_equal(tree_watch_deadline_ms(&conf, 1000), 45000);
	assert_int_equal(tree_watch_deadline_ms(&conf, 4000), 36000);
	assert_int_equal(tree_watch_deadline_ms(&conf, 100000), 22500);
	assert_int_equal(tree_watch_deadline_ms(&conf, UINT64_MAX), 22500);
	conf.deadline_seconds = 3600;
	assert_int_equal(tree_watch_deadline_ms(&conf, 4000), 3591000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_of_units_are_told_apart),
		cmocka_unit_test(several_units_are_told_in_order),
		cmocka_unit_test(the_first_answer_is_the_verdict),
		cmocka_unit_test(a_unit_that_ends_counts_at_once),
		cmocka_unit_test(without_an_answer_the_deadline_is_the_verdict),
		cmocka_unit_test(a_slow_systemctl_is_asked_again_until_the_deadline),
		cmocka_unit_test(an_answer_without_a_look_at_the_units_does_not_count),
		cmocka_unit_test(a_look_waits_as_long_as_it_is_told_to),
		cmocka_unit_test(without_a_url_units_have_to_stay_active),
		cmocka_unit_test(the_operator_ends_it),
		cmocka_unit_test(a_slow_machine_has_a_shorter_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
