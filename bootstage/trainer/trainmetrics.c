#include "bootstage/trainer/trainmetrics.h"

#include <fcntl.h>
#include <libgen.h>

#include "base/io.h"
#include "base/log.h"
#include "bootstage/trainer/trainer_inside.h"

static void head(FILE *to, const char *name, const char *help)
{
	(void)fprintf(to, "# HELP tandem_trainer_%s %s\n# TYPE tandem_trainer_%s gauge\n", name, help, name);
}

static double seconds(const struct train_record *r)
{
	return r->sequence ? (double)r->time_us / 1e6 : 0;
}

static double last_done(const struct train_turn *t)
{
	return seconds(&t->done);
}

static double last_failed(const struct train_turn *t)
{
	return seconds(&t->failed);
}

static double used(const struct train_turn *t)
{
	return (double)t->last.used_bytes;
}

static double peak(const struct train_turn *t)
{
	return (double)t->last.peak_bytes;
}

static double running(const struct train_turn *t)
{
	return train_turn_runs(t);
}

/* Its last training failed, and none was good since. */
static double failing(const struct train_turn *t)
{
	return t->failed.sequence > t->done.sequence;
}

static double too_large(const struct train_turn *t)
{
	return t->failed.sequence > t->done.sequence &&
	       strncmp(t->failed.text, TRAINER_TOO_LARGE, strlen(TRAINER_TOO_LARGE)) == 0;
}

static const struct {
	const char *name, *help;
	double (*value)(const struct train_turn *t);
} of_jobs[] = {
	{ "job_running", "1 while it trains", running },
	{ "job_failing", "1 when its last training failed", failing },
	{ "job_model_too_large", "1 when its last training failed since its models are over its cap", too_large },
	{ "job_used_bytes", "of its folder, when last looked at", used },
	{ "job_peak_memory_bytes", "of its last training", peak },
	{ "job_last_done_seconds", "when a training was last good, since 1970; 0: never", last_done },
	{ "job_last_failed_seconds", "when a training last failed, since 1970; 0: never", last_failed },
};

void trainmetrics_print(FILE *to, const struct trainjobs *jobs, const struct train_state *s, uint64_t models)
{
	static const struct train_turn none;

	head(to, "cycle", "number of the last cycle");
	(void)fprintf(to, "tandem_trainer_cycle %llu\n", (unsigned long long)s->cycle);
	head(to, "cycle_open", "1 while it has no end");
	(void)fprintf(to, "tandem_trainer_cycle_open %d\n", s->open);
	head(to, "cycle_begun_seconds", "when it began, since 1970");
	(void)fprintf(to, "tandem_trainer_cycle_begun_seconds %.3f\n", (double)s->begun_us / 1e6);
	for (size_t k = 0; k < ARRAY_SIZE(of_jobs); k++) {
		head(to, of_jobs[k].name, of_jobs[k].help);
		for (size_t i = 0; i < jobs->n; i++) {
			const struct train_turn *t = trainstate_find(s, jobs->at[i].name);

			(void)fprintf(to, "tandem_trainer_%s{job=\"%s\"} %.17g\n", of_jobs[k].name, jobs->at[i].name,
				      of_jobs[k].value(t ? t : &none));
		}
	}
	head(to, "job_cap_bytes", "what its folder may take");
	for (size_t i = 0; i < jobs->n; i++)
		(void)fprintf(to, "tandem_trainer_job_cap_bytes{job=\"%s\"} %llu\n", jobs->at[i].name,
			      (unsigned long long)jobs->at[i].cap_bytes);
	head(to, "job_model_valid", "1 when it has a valid model");
	for (size_t i = 0; i < jobs->n; i++)
		(void)fprintf(to, "tandem_trainer_job_model_valid{job=\"%s\"} %d\n", jobs->at[i].name,
			      (int)(models >> i & 1));
}

static int save(const struct trainplaces *p, const char *text, size_t n, struct why *w)
{
	char path[PATH_MAX], folder[PATH_MAX];
	int r = trainplaces_below(p, TRAINMETRICS_FILE, path, w);

	(void)snprintf(folder, sizeof(folder), "%s", path);
	r = r ? r : dir_make(dirname(folder), 0755, w);
	return r ? r : file_replace(AT_FDCWD, path, text, n, 0644, w);
}

void trainmetrics_save(const struct trainplaces *p, const struct trainjobs *jobs, const struct train_state *s,
		       uint64_t models)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return;
	trainmetrics_print(f, jobs, s, models);
	if (fclose(f) == 0 && save(p, text, n, &w))
		log_warn("%s", w.text);
}
