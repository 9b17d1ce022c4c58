/* Figures for a monitor (bootstage/trainer/trainmetrics.h). R3: too large a model is an alarm until a training is good again. */
#include "bootstage/trainer/trainmetrics.h"

#include "tests/support.h"

static struct trainjob two[] = { { .name = "core", .cap_bytes = 3ull << 30 },
				 { .name = "dpi", .cap_bytes = 1u << 20 } };
static const struct trainjobs jobs = { .at = two, .n = 2 };

static char *text_of(const struct train_state *s, uint64_t models)
{
	static char text[16384];
	FILE *f = fmemopen(text, sizeof(text), "w");

	assert_non_null(f);
	trainmetrics_print(f, &jobs, s, models);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no '%s' in:\n%s", line, text);
}

static void every_job_has_every_figure(void **state)
{
	static struct train_state s = { .cycle = 3, .open = true, .begun_us = 1500000, .n = 1 };
	char *text;

	(void)state;
	(void)snprintf(s.at[0].job, sizeof(s.at[0].job), "core");
	s.at[0].event = TRAIN_RUNNING;
	s.at[0].last.used_bytes = 1ull << 31;
	s.at[0].done = (struct train_record){ .sequence = 1, .time_us = 2000000 };
	text = text_of(&s, 1);
	has(text, "# TYPE tandem_trainer_cycle gauge\ntandem_trainer_cycle 3\n");
	has(text, "tandem_trainer_cycle_open 1\n");
	has(text, "tandem_trainer_cycle_begun_seconds 1.500\n");
	has(text, "tandem_trainer_job_running{job=\"core\"} 1\ntandem_trainer_job_running{job=\"dpi\"} 0\n");
	has(text, "tandem_trainer_job_used_bytes{job=\"core\"} 2147483648\n");
	has(text, "tandem_trainer_job_cap_bytes{job=\"core\"} 3221225472\n");
	has(text, "tandem_trainer_job_last_done_seconds{job=\"core\"} 2\n");
	has(text, "tandem_trainer_job_model_valid{job=\"core\"} 1\ntandem_trainer_job_model_valid{job=\"dpi\"} 0\n");
}

static void failure_is_one_until_a_training_is_good_again(void **state)
{
	static struct train_state s = { .cycle = 1, .n = 1 };
	char *text;

	(void)state;
	(void)snprintf(s.at[0].job, sizeof(s.at[0].job), "dpi");
	s.at[0].failed = (struct train_record){ .sequence = 2, .text = "Model too large for quota: models take 2 MiB" };
	text = text_of(&s, 0);
	has(text, "tandem_trainer_job_failing{job=\"dpi\"} 1\n");
	has(text, "tandem_trainer_job_model_too_large{job=\"dpi\"} 1\n");
	(void)snprintf(s.at[0].failed.text, sizeof(s.at[0].failed.text), "exit code 1");
	has(text_of(&s, 0), "tandem_trainer_job_model_too_large{job=\"dpi\"} 0\n");
	s.at[0].done.sequence = 3;
	has(text_of(&s, 0), "tandem_trainer_job_failing{job=\"dpi\"} 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_has_every_figure),
		cmocka_unit_test(failure_is_one_until_a_training_is_good_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
