/* Stage files: every key, every bad value, names, and folders over each other (bootstage/stagefile.h). */
#include "bootstage/stagefile.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/support.h"

#define HEAD "[stage]\nphase=early\nexec=/x\n"

static int parse(const char *text, const char *file, struct stage *ret, struct why *w)
{
	*w = (struct why){ 0 };
	return stagefile_parse(bytes_str(text), file, "t.stage", ret, w);
}

static void missing_keys_get_their_defaults(void **state)
{
	struct stage s;
	struct why w;

	(void)state;
	assert_ok(parse(HEAD, "10-a-b_c.stage", &s, &w), w);
	assert_string_equal(s.name, "a-b_c");
	assert_string_equal(s.file, "10-a-b_c.stage");
	assert_int_equal(s.phase, IN_EARLY);
	assert_string_equal(s.exec, "/x");
	assert_int_equal(s.timeout_seconds, 30);
	assert_int_equal(s.on_failure, FAIL_DEGRADE);
	assert_true(s.required);
	assert_int_equal(s.class, CLASS_NORMAL);
	assert_int_equal(s.n_after + s.n_environment, 0);
}

static void every_key_is_taken(void **state)
{
	struct stage s;
	struct why w;

	(void)state;
	assert_ok(parse("[stage]\ndescription=d \xc3\xa9\nphase=post\nexec=/x y\nafter=a b\nafter=c\ntimeout=86400\n"
			"on-failure=fail-boot\nhealth=optional\nclass=high\nenvironment=A=\nenvironment=B_1=x=y z\n",
			"00-x.stage", &s, &w),
		  w);
	assert_string_equal(s.description, "d \xc3\xa9");
	assert_string_equal(s.exec, "/x y");
	assert_int_equal(s.n_after, 3);
	assert_string_equal(s.after[1], "b");
	assert_int_equal(s.timeout_seconds, 86400);
	assert_int_equal(s.on_failure, FAIL_BOOT);
	assert_false(s.required);
	assert_int_equal(s.class, CLASS_HIGH);
	assert_int_equal(s.n_environment, 2);
	assert_string_equal(s.environment[1], "B_1=x=y z");
}

static void refuses(const char *text, const char *file, const char *why)
{
	struct stage s, before;
	struct why w;

	memset(&s, 0x5a, sizeof(s));
	memcpy(&before, &s, sizeof(s));
	if (parse(text, file, &s, &w) != -EBADMSG || w.exit != EXIT_USAGE || !strstr(w.text, why) ||
	    strncmp(w.text, "t.stage:", 8) != 0)
		fail_msg("'%s': %d '%s', want '%s'", text, w.code, w.text, why);
	assert_memory_equal(&s, &before, sizeof(s));
}

static void each_mistake_is_named(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "phase= is missing" },
		{ "[stage]\nexec=/x\n", "phase= is missing" },
		{ "[stage]\nphase=early\n", "neither exec= nor unit= is there" },
		{ HEAD "unit=a.service\n", "has both exec= and unit=" },
		{ HEAD "retries=1\n", "t.stage:4: unknown key 'retries'" },
		{ HEAD "phase=post\n", "is given twice" },
		{ "[other]\n", "unknown section" },
		{ "[stage]\nphase=late\n", "'late' is none of initramfs, early, post, committed" },
		{ "[stage]\nphase=early\nexec=x\n", "absolute path" },
		{ "[stage]\nphase=early\nunit=a b\n", "not the name of a unit" },
		{ "[stage]\nphase=early\nunit=-a\n", "not the name of a unit" },
		{ "[stage]\nphase=initramfs\nunit=a.service\n", "before units can be started" },
		{ HEAD "timeout=0\n", "'0' is no whole number of seconds from 1 to 86400" },
		{ HEAD "timeout=86401\n", "no whole number" },
		{ HEAD "timeout=5s\n", "no whole number" },
		{ HEAD "after=\n", "is empty" },
		{ HEAD "after=../x\n", "cannot be the name of a stage" },
		{ HEAD "after=x\n", "'x' is to run after itself" },
		{ HEAD "after=a a a a a a a a a a a a a a a a a\n", "more than 16 names" },
		{ HEAD "on-failure=panic\n", "none of ignore, degrade, fail-closed, fail-boot" },
		{ HEAD "health=yes\n", "neither required nor optional" },
		{ HEAD "on-failure=ignore\n", "on-failure=ignore needs health=optional" },
		{ HEAD "class=A\n", "critical, high, normal, low, scavenger" },
		{ HEAD "environment=1A=x\n", "is not NAME=value" },
		{ HEAD "environment=A\n", "is not NAME=value" },
		{ HEAD "description=\x01\n", "control characters" },
	};
	static const char *const names[] = { "x.stage",   "1-x.stage",   "10-.stage", "10-X.stage", "10-a.b.stage",
					     "10x.stage", "10--a.stage", "10-x",      "ab-x.stage", "10-a/b.stage" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		refuses(table[i].text, "10-x.stage", table[i].why);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		refuses(HEAD, names[i], "stage files are named NN-NAME.stage");
}

static void every_prefix_is_read_or_refused(void **state)
{
	AUTO_FREE char *text = NULL;
	struct stage s;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(file_read(AT_FDCWD, "tests/data/stagefile/ok-every-key.stage", 4096, &text, &n, &w), w);
	for (size_t i = 0; i <= n; i++)
		if (stagefile_parse(bytes_of(text, i), "10-x.stage", "t", &s, &w))
			w = (struct why){ 0 };
	assert_int_equal(s.n_environment, 2);
}

/* A folder below the scratch folder, made; the caller frees the name. */
static char *folder_of(const char *name)
{
	char *path = strdup(scratch_path(name));
	struct why w = { 0 };

	assert_ok(dir_make(path, 0755, &w), w);
	return path;
}

/* Without a file, or with one that is taken away, a stage is not there; a folder that is missing is empty. */
static void a_later_folder_overrides_and_masks(void **state)
{
	AUTO_FREE char *usr = folder_of("usr"), *etc = folder_of("etc");
	const char *folders[] = { usr, etc, "/nowhere" };
	struct why w = { 0 };

	(void)state;
	scratch_put("usr/20-b.stage", HEAD);
	scratch_put("usr/10-a.stage", HEAD);
	scratch_put("usr/30-c.stage", HEAD);
	scratch_put("usr/README", "no stage");
	scratch_put("etc/20-b.stage", HEAD "timeout=7\n");
	scratch_put("etc/40-d.stage", HEAD);
	assert_return_code(symlink("/dev/null", scratch_path("etc/30-c.stage")), 0);
	AUTO_STAGES s = { 0 };
	assert_ok(stages_load(folders, 3, &s, &w), w);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.at[0].name, "a");
	assert_string_equal(s.at[1].name, "b");
	assert_int_equal(s.at[1].timeout_seconds, 7);
	assert_string_equal(s.at[2].name, "d");
	assert_ptr_equal(stages_find(&s, "d"), &s.at[2]);
	assert_null(stages_find(&s, "c"));
}

static void two_files_with_one_name_are_refused(void **state)
{
	AUTO_FREE char *path = folder_of("twice");
	const char *folder = path;
	struct why w = { 0 };
	struct stages s;

	(void)state;
	scratch_put("twice/10-a.stage", HEAD);
	scratch_put("twice/20-a.stage", HEAD);
	assert_int_equal(stages_load(&folder, 1, &s, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "there is a stage 'a' already, in 10-a.stage"));
}

static void more_than_the_limit_is_refused(void **state)
{
	AUTO_FREE char *path = folder_of("many");
	const char *folder = path;
	struct why w = { 0 };
	struct stages s;
	char name[32];

	(void)state;
	for (unsigned int i = 0; i <= STAGES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "many/10-s%u.stage", i);
		scratch_put(name, HEAD);
	}
	assert_int_equal(stages_load(&folder, 1, &s, &w), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_keys_get_their_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(each_mistake_is_named),
		cmocka_unit_test(every_prefix_is_read_or_refused),
		cmocka_unit_test(a_later_folder_overrides_and_masks),
		cmocka_unit_test(two_files_with_one_name_are_refused),
		cmocka_unit_test(more_than_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
