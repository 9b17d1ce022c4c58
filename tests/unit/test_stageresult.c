/* The file of a stage's result, and its bounded log (bootstage/stageresult.h, bootstage/stagelog.h). */
#include "bootstage/stageresult.h"

#include <fcntl.h>

#include "base/io.h"
#include "bootstage/stagelog.h"
#include "tests/support.h"

static const struct stage_result sample = {
	.name = "swap",
	.phase = IN_EARLY,
	.end = END_FAILED,
	.exit_code = 3,
	.start_us = 1000,
	.end_us = 2500,
	.reason = "exit code 3: \"no\troom\" \xc3\xa9",
	.required = true,
	.on_failure = FAIL_CLOSED,
	.class = CLASS_HIGH,
	.cgroup = "/sys/fs/cgroup/tandem/stage-swap",
	.peak_memory_bytes = 1 << 20,
	.cpu_us = 7,
	.output_bytes = UINT32_MAX + 1ull,
};

static void a_result_is_read_as_it_was_written(void **state)
{
	AUTO_FREE char *folder = strdup(scratch_path("run")), *results = strdup(scratch_path("run/stages"));
	const struct stageplaces places = { .state = folder };
	struct stage_result r;
	struct why w = { 0 };

	(void)state;
	assert_ok(dir_make(results, 0755, &w), w);
	assert_int_equal(stageresult_read(&places, "swap", &r, NULL), -ENOENT);
	assert_ok(stageresult_write(&places, &sample, &w), w);
	assert_ok(stageresult_read(&places, "swap", &r, &w), w);
	assert_string_equal(r.reason, sample.reason);
	assert_string_equal(r.cgroup, sample.cgroup);
	assert_int_equal(r.phase, IN_EARLY);
	assert_int_equal(r.end, END_FAILED);
	assert_int_equal(r.exit_code, 3);
	assert_int_equal(r.on_failure, FAIL_CLOSED);
	assert_int_equal(r.class, CLASS_HIGH);
	assert_int_equal(r.start_us, 1000);
	assert_int_equal(r.end_us, 2500);
	assert_true(r.output_bytes == sample.output_bytes);
	assert_true(r.required);
	assert_int_equal(stageresult_read(&places, "none", &r, NULL), -ENOENT);
}

#define GOOD                                                                                                                 \
	"{\"name\":\"a\",\"phase\":\"post\",\"result\":\"passed\",\"exit_code\":0,\"signal\":0,\"start_us\":1,\"end_us\":2," \
	"\"reason\":\"\",\"health\":\"optional\",\"on_failure\":\"ignore\",\"class\":\"low\",\"cgroup\":\"\","               \
	"\"peak_memory_bytes\":0,\"cpu_us\":0,\"output_bytes\":0}"

static void each_damage_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} table[] = {
		{ "\"a\"", "\"../a\"" },
		{ "post", "late" },
		{ "passed", "won" },
		{ "\"exit_code\":0", "\"exit_code\":256" },
		{ "\"signal\":0", "\"signal\":\"9\"" },
		{ "\"start_us\":1", "\"start_us\":3" },
		{ "\"cpu_us\":0", "\"cpu_us\":-1" },
		{ "\"cpu_us\":0", "\"cpu_us\":0,\"cpu_us\":0" },
		{ "\"low\"", "\"lowest\"" },
		{ "ignore", "forget" },
		{ "\"reason\":\"\",", "" },
		{ "}", "" },
		{ "{", "[{" },
		{ GOOD, "" },
	};
	struct stage_result r, before;
	struct why w = { 0 };
	char text[1024];

	(void)state;
	assert_ok(stageresult_parse(bytes_str(GOOD), "t", &r, &w), w);
	assert_false(r.required);
	memset(&r, 0x5a, sizeof(r));
	memcpy(&before, &r, sizeof(r));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *at = strstr(GOOD, table[i].from);

		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, table[i].to,
			       at + strlen(table[i].from));
		if (stageresult_parse(bytes_str(text), "t", &r, NULL) != -EBADMSG)
			fail_msg("taken: %s", text);
		assert_memory_equal(&r, &before, sizeof(r));
	}
}

static unsigned int lines;

static void count(void *arg, const char *text)
{
	(void)arg;
	assert_true(text[0] && strlen(text) < STAGELOG_LINE);
	lines++;
}

static void output_is_kept_from_both_ends(void **state)
{
	static struct stagelog l;
	AUTO_FREE char *text = NULL, *big = NULL;
	char line[32];
	size_t n = 0;

	(void)state;
	lines = 0;
	stagelog_add(&l, "a\n\nb\x1b[1m", 8, count, NULL);
	assert_int_equal(lines, 1);
	stagelog_end(&l, count, NULL);
	assert_int_equal(lines, 2);
	assert_string_equal(l.last, "b?[1m");
	text = stagelog_text(&l, &n);
	assert_int_equal(n, 8);
	assert_memory_equal(text, "a\n\nb\x1b[1m", 8);
	for (unsigned int i = 0; i < 100000; i++) {
		(void)snprintf(line, sizeof(line), "%07u\n", i);
		stagelog_add(&l, line, 8, count, NULL);
	}
	big = stagelog_text(&l, &n);
	assert_true(n > STAGELOG_MAX && n < STAGELOG_MAX + 100);
	assert_memory_equal(big + n - 16, "0099998\n0099999\n", 16);
	assert_non_null(strstr(big, "0000000\n"));
	assert_non_null(strstr(big, "[... 734472 bytes left out ...]"));
	assert_string_equal(l.last, "0099999");
	assert_true(lines < STAGELOG_MAX / 8 + 10); /* what is shown is bounded as well */
}

static void output_of_just_the_limit_is_whole(void **state)
{
	static struct stagelog l;
	AUTO_FREE char *text = NULL;
	static char all[STAGELOG_MAX];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < sizeof(all); i += 1024)
		stagelog_add(&l, all + i, 1024, count, NULL);
	text = stagelog_text(&l, &n);
	assert_int_equal(n, sizeof(all));
	assert_memory_equal(text, all, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_is_read_as_it_was_written),
		cmocka_unit_test(each_damage_is_refused),
		cmocka_unit_test(output_is_kept_from_both_ends),
		cmocka_unit_test(output_of_just_the_limit_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
