/* Job files: every key, every bad value, names, and folders over each other (bootstage/trainer/job.h). */
#include "bootstage/trainer/job.h"

#include <unistd.h>

#include "tests/support.h"

#define HEAD "[job]\nexec=/x\n"
#define GIB  (1ull << 30)
#define MIB  (1ull << 20)

static int parse(const char *text, const char *file, struct trainjob *ret, struct why *w)
{
	*w = (struct why){ 0 };
	return trainjob_parse(bytes_str(text), file, "t.job", ret, w);
}

/* R1 */
static void job_without_keys_gets_defaults_and_the_caps_of_the_three(void **state)
{
	static const struct {
		const char *file;
		uint64_t cap;
		unsigned int order;
	} three[] = { { "10-core.job", 3 * GIB, 10 }, { "05-dpi.job", 3 * GIB, 5 }, { "30-agent.job", 200 * MIB, 30 } };
	struct trainjob j;
	struct why w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(three); i++) {
		assert_ok(parse(HEAD, three[i].file, &j, &w), w);
		assert_int_equal(j.cap_bytes, three[i].cap);
		assert_int_equal(j.order, three[i].order);
		assert_int_equal(trainjob_cap_mb(&j), three[i].cap / MIB);
	}
	assert_int_equal(j.timeout_seconds, 7200);
	assert_int_equal(j.stall_seconds, 600);
	assert_int_equal(j.class, CLASS_LOW);
	assert_false(j.continues);
	assert_false(j.has_floor);
	assert_string_equal(j.exec_seed, TRAINJOB_SEED);
	assert_string_equal(j.folder, "");
	assert_string_equal(j.user, "");
}

static void every_key_is_taken(void **state)
{
	struct trainjob j;
	struct why w;

	(void)state;
	assert_ok(
		parse("[job]\ndescription=d\norder=7\nexec=/x y\nexec-seed=/s\nfolder=/srv/m\ncap=64M\nclass=scavenger\n"
		      "timeout=1\nstall=0\non-failure=continue\nuser=ai\nfloor=0.75\nenvironment=A=1\nenvironment=B=\n",
		      "10-x.job", &j, &w),
		w);
	assert_string_equal(j.name, "x");
	assert_int_equal(j.order, 7);
	assert_string_equal(j.exec, "/x y");
	assert_string_equal(j.exec_seed, "/s");
	assert_string_equal(j.folder, "/srv/m");
	assert_int_equal(j.cap_bytes, 64 * MIB);
	assert_int_equal(j.class, CLASS_SCAVENGER);
	assert_int_equal(j.timeout_seconds, 1);
	assert_int_equal(j.stall_seconds, 0);
	assert_true(j.continues);
	assert_string_equal(j.user, "ai");
	assert_true(j.has_floor && j.floor == 0.75);
	assert_int_equal(j.n_environment, 2);
	assert_ok(parse("[job]\nexec=/x\ncap=1M\nexec-seed=none\n", "10-x.job", &j, &w), w);
	assert_string_equal(j.exec_seed, "");
}

static void refuses(const char *text, const char *file, const char *why)
{
	struct trainjob j, before;
	struct why w;

	memset(&j, 0x5a, sizeof(j));
	memcpy(&before, &j, sizeof(j));
	assert_int_equal(parse(text, file, &j, &w), -EBADMSG);
	assert_int_equal(w.exit, EXIT_USAGE);
	if (!strstr(w.text, why))
		fail_msg("'%s' does not say '%s'", w.text, why);
	assert_memory_equal(&j, &before, sizeof(j));
}

static void each_mistake_is_refused_with_its_line(void **state)
{
	static const char *const lines[][2] = {
		{ "order=x", "no whole number" },
		{ "exec-seed=seed", "absolute path" },
		{ "folder=m", "absolute path" },
		{ "folder=/a/../b", "absolute path" },
		{ "folder=/a/..", "absolute path" },
		{ "folder=/a/.", "absolute path" },
		{ "folder=/a/", "absolute path" },
		{ "folder=/", "absolute path" },
		{ "cap=0", "whole MiB" },
		{ "cap=1000", "whole MiB" },
		{ "cap=999999999999999G", "whole MiB" },
		{ "class=some", "none of critical" },
		{ "timeout=0", "no whole number" },
		{ "timeout=604801", "no whole number" },
		{ "stall=-1", "no whole number" },
		{ "on-failure=ignore", "neither stop nor continue" },
		{ "user=a b", "name of a user" },
		{ "user=-a", "name of a user" },
		{ "floor=1.5", "0 to 1" },
		{ "floor=nan", "0 to 1" },
		{ "floor=0x1", "0 to 1" },
		{ "environment=1A=b", "NAME=value" },
		{ "retries=3", "unknown key" },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		(void)snprintf(text, sizeof(text), HEAD "%s\n", lines[i][0]);
		refuses(text, "10-core.job", lines[i][1]);
		refuses(text, "10-core.job", "t.job:3");
	}
	refuses("[job]\ncap=1M\n", "10-x.job", "exec= is missing");
	refuses("[job]\nexec=x\n", "10-x.job", "absolute path");
	refuses(HEAD, "10-x.job", "cap= is missing");
	refuses(HEAD, "1-x.job", "NN-NAME.job");
	refuses(HEAD, "10-X.job", "NN-NAME.job");
	refuses(HEAD, "10-x.stage", "NN-NAME.job");
}

/* R4: the order of core, dpi, agent is that of their numbers. */
static void folders_over_each_other_give_jobs_in_their_order(void **state)
{
	struct trainjobs jobs;
	struct why w = { 0 };
	char path[256];

	(void)state;
	scratch_put("r/usr/lib/tandem/jobs.d/30-agent.job", HEAD);
	scratch_put("r/usr/lib/tandem/jobs.d/10-core.job", HEAD);
	scratch_put("r/usr/lib/tandem/jobs.d/20-dpi.job", HEAD);
	scratch_put("r/usr/lib/tandem/jobs.d/40-gone.job", HEAD "cap=1M\n");
	scratch_put("r/etc/tandem/jobs.d/20-dpi.job", HEAD "cap=1M\n");
	scratch_put("r/etc/tandem/jobs.d/90-first.job", HEAD "cap=1M\norder=1\nfolder=/srv/first\n");
	(void)snprintf(path, sizeof(path), "%s", scratch_path("r/etc/tandem/jobs.d/40-gone.job"));
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_ok(trainjobs_load(scratch_path("r"), "prod", &jobs, &w), w);
	assert_int_equal(jobs.n, 4);
	assert_string_equal(jobs.at[0].name, "first");
	assert_string_equal(jobs.at[0].folder, "/srv/first");
	assert_string_equal(jobs.at[1].name, "core");
	assert_string_equal(jobs.at[1].folder, "/var/lib/prod/models/core");
	assert_string_equal(jobs.at[2].name, "dpi");
	assert_int_equal(jobs.at[2].cap_bytes, MIB);
	assert_string_equal(jobs.at[3].name, "agent");
	assert_ptr_equal(trainjobs_find(&jobs, "dpi"), &jobs.at[2]);
	assert_null(trainjobs_find(&jobs, "gone"));
	trainjobs_free(&jobs);
}

static void jobs_that_get_in_each_others_way_are_refused(void **state)
{
	struct trainjobs jobs = { 0 };
	struct why w = { 0 };

	(void)state;
	scratch_put("twice/etc/tandem/jobs.d/10-core.job", HEAD);
	scratch_put("twice/etc/tandem/jobs.d/20-core.job", HEAD);
	assert_int_equal(trainjobs_load(scratch_path("twice"), "p", &jobs, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "there is a job 'core' already, in 10-core.job"));
	w = (struct why){ 0 };
	scratch_put("inside/etc/tandem/jobs.d/10-core.job", HEAD "folder=/m\n");
	scratch_put("inside/etc/tandem/jobs.d/20-dpi.job", HEAD "folder=/m/dpi\n");
	assert_int_equal(trainjobs_load(scratch_path("inside"), "p", &jobs, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "are in each other"));
	assert_int_equal(jobs.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(job_without_keys_gets_defaults_and_the_caps_of_the_three),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(each_mistake_is_refused_with_its_line),
		cmocka_unit_test(folders_over_each_other_give_jobs_in_their_order),
		cmocka_unit_test(jobs_that_get_in_each_others_way_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
