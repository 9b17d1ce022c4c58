/* trainer.conf: every key, every bad value, and files over each other (bootstage/trainer/trainconf.h). */
#include "bootstage/trainer/trainconf.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

#define HEAD "[trainer]\n"

static int parse(const char *text, struct trainconf *ret, struct why *w)
{
	struct trainconf below;

	*w = (struct why){ 0 };
	trainconf_defaults(&below);
	return trainconf_parse(bytes_str(text), "t.conf", &below, ret, w);
}

static void shipped_file_says_what_the_defaults_are(void **state)
{
	struct trainconf c, d;
	struct why w = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	(void)state;
	trainconf_defaults(&d);
	assert_ok(file_read(AT_FDCWD, "scripts/config/trainer.conf", 1u << 20, &text, &n, &w), w);
	memset(&c, 0, sizeof(c));
	assert_ok(trainconf_parse(bytes_of(text, n), "trainer.conf", &d, &c, &w), w);
	assert_int_equal(c.sched.n_times, 1);
	assert_memory_equal(&c.sched.times[0], &d.sched.times[0], sizeof(c.sched.times[0]));
	assert_int_equal(c.sched.n_quiet, 0);
	assert_int_equal(c.sched.cpu_percent + c.sched.io_percent + c.sched.memory_percent, 0);
	assert_int_equal(c.quota, CAP_AUTO);
	assert_int_equal(c.prune_at, 80);
	assert_int_equal(c.keep_last, 2);
	assert_int_equal(c.reserve_bytes, 5ull << 30);
}

static void every_key_is_taken(void **state)
{
	struct trainconf c;
	struct why w;

	(void)state;
	assert_ok(parse(HEAD "schedule=daily\nschedule=Mon 03:00\nquiet-hours=08:00-18:00\nload-limit-cpu=10\n"
			     "load-limit-io=20\nload-limit-memory=30\nquota=loop\nprune-at=1\nkeep-last=9\nreserve=0\n"
			     "disk=/data\n",
			&c, &w),
		  w);
	assert_int_equal(c.sched.n_times, 2); /* the default's is replaced */
	assert_int_equal(c.sched.n_quiet, 1);
	assert_int_equal(c.sched.cpu_percent, 10);
	assert_int_equal(c.sched.io_percent, 20);
	assert_int_equal(c.sched.memory_percent, 30);
	assert_int_equal(c.quota, CAP_LOOP);
	assert_int_equal(c.prune_at, 1);
	assert_int_equal(c.keep_last, 9);
	assert_int_equal(c.reserve_bytes, 0);
	assert_string_equal(c.disk, "/data");
	assert_ok(parse(HEAD "schedule=off\nload-limit-cpu=off\n", &c, &w), w);
	assert_int_equal(c.sched.n_times, 0);
}

static void each_mistake_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = { "schedule=never",    "schedule=02:00\nschedule=off",
					   "quiet-hours=night", "load-limit-cpu=0",
					   "load-limit-io=101", "quota=some",
					   "prune-at=0",        "prune-at=101",
					   "keep-last=0",       "reserve=-1",
					   "disk=data",         "keep-last=1\nkeep-last=2",
					   "max-disk-mb=3072" };
	struct trainconf c, before;
	struct why w;
	char text[200];

	(void)state;
	memset(&c, 0x5a, sizeof(c));
	before = c;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(text, sizeof(text), HEAD "%s\n", bad[i]);
		if (parse(text, &c, &w) != -EBADMSG || w.exit != EXIT_USAGE || !strstr(w.text, "t.conf:"))
			fail_msg("'%s': %s", bad[i], w.text);
		assert_memory_equal(&c, &before, sizeof(c));
	}
}

static void own_file_goes_over_the_shipped_one(void **state)
{
	struct trainconf c;
	struct why w = { 0 };

	(void)state;
	assert_ok(trainconf_load(scratch_path("none"), &c, &w), w);
	assert_int_equal(c.keep_last, 2);
	scratch_put("r/usr/lib/tandem/trainer.conf",
		    HEAD "keep-last=3\nprune-at=70\nschedule=daily\nschedule=weekly\n");
	scratch_put("r/etc/tandem/trainer.conf", HEAD "keep-last=4\nschedule=hourly\n");
	assert_ok(trainconf_load(scratch_path("r"), &c, &w), w);
	assert_int_equal(c.keep_last, 4);
	assert_int_equal(c.prune_at, 70);
	assert_int_equal(c.sched.n_times, 1);
	assert_int_equal(c.sched.times[0].hours, 0xffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_file_says_what_the_defaults_are),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(each_mistake_is_refused_with_its_line),
		cmocka_unit_test(own_file_goes_over_the_shipped_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
