/*
 * tandem-seedtrain train
 */
#include <inttypes.h>
#include <limits.h>

#include "base/args.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/proc.h"
#include "bootstage/intel/intelconf.h"
#include "bootstage/trainer/cmdseed.h"
#include "bootstage/trainer/seedjob.h"

#define EXIT_NO_ROOM   75 /* EX_TEMPFAIL of sysexits.h */
#define HIDDEN_DEFAULT 16u
#define EPOCHS_DEFAULT 60u
#define EVERY_DEFAULT  10u
#define TELL_EVERY_MS  200u
#define TELL_MAX_MS    3600000u
#define DISK_MB_MAX    (UINT64_C(1) << 40)

struct wanted {
	const char *job, *folder, *out, *max_disk_mb, *model, *hidden, *seed, *rows, *epochs, *every, *source, *tell;
	struct store_opts store;
	bool as_json;
	char out_path[PATH_MAX];
};

/* --- what is told --- */

struct telling {
	bool as_json;
	uint64_t every_ms;
	uint64_t told_ms;
};

static const char *source_name(enum seed_source s)
{
	return s == SEED_TELEMETRY ? "telemetry" : "synthetic";
}

static void put_number(struct json *j, const char *key, double v)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.6f", v);
	json_raw(j, key, text);
}

/* A line that nobody takes is no reason to end: the model is what counts. */
static void end_line(struct json *j)
{
	json_end(j);
	IGNORE(json_finish(j, NULL));
}

static void tell_begun(void *arg, const struct seedrun *s, const char *why_synthetic)
{
	const struct telling *t = arg;
	struct json j = { .to = stdout, .line = true };

	if (!t->as_json) {
		if (why_synthetic[0])
			(void)printf("no telemetry to train with: %s\n", why_synthetic);
		(void)printf("%" PRIu32 " %s rows, %" PRIu32 " of %" PRIu32 " epochs done\n", s->n_rows,
			     source_name(s->source), s->epoch, s->params.epochs);
		return;
	}
	json_object(&j, NULL);
	json_string(&j, "event", "begun");
	json_string(&j, "source", source_name(s->source));
	json_text(&j, "why_synthetic", why_synthetic);
	json_u64(&j, "rows", s->n_rows);
	json_u64(&j, "step", s->epoch);
	json_u64(&j, "of", s->params.epochs);
	end_line(&j);
}

static void tell_epoch(void *arg, const struct seedrun *s)
{
	struct telling *t = arg;
	struct json j = { .to = stdout, .line = true };
	uint64_t now = now_ms();

	if (!seedrun_over(s) && t->told_ms > 0 && now - t->told_ms < t->every_ms)
		return;
	t->told_ms = now;
	if (!t->as_json) {
		(void)printf("epoch %" PRIu32 " of %" PRIu32 ": loss %.6f\n", s->epoch, s->params.epochs, s->loss);
		IGNORE(fflush(stdout));
		return;
	}
	json_object(&j, NULL);
	json_string(&j, "event", "progress");
	json_u64(&j, "step", s->epoch);
	json_u64(&j, "of", s->params.epochs);
	put_number(&j, "loss", s->loss);
	end_line(&j);
}

static bool tell_stop(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

static void print_done(const struct seedjob *job, const struct seedjob_result *s, bool as_json)
{
	struct json j = { .to = stdout, .line = true };

	if (!as_json) {
		(void)printf("%s: %" PRIu64 " bytes, right about %.2f %% of %" PRIu32 " rows held out (%" PRIu32
			     " missed, %" PRIu32 " false alarms)\n",
			     job->out, s->model_bytes, 100 * s->figures.accuracy, s->figures.rows, s->figures.missed,
			     s->figures.false_alarms);
		return;
	}
	json_object(&j, NULL);
	json_string(&j, "event", "done");
	json_string(&j, "model", job->out);
	json_u64(&j, "bytes", s->model_bytes);
	json_string(&j, "provenance", s->source == SEED_TELEMETRY ? "seed-telemetry" : "seed-synthetic");
	put_number(&j, "loss", s->loss);
	put_number(&j, "holdout_accuracy", s->figures.accuracy);
	json_u64(&j, "holdout_rows", s->figures.rows);
	json_u64(&j, "holdout_missed", s->figures.missed);
	json_u64(&j, "holdout_false_alarms", s->figures.false_alarms);
	end_line(&j);
}

/* --- what is asked for --- */

static int number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret, struct why *w)
{
	uint64_t v = *ret;
	int r = text ? parse_u64(text, most, &v, w) : 0;

	if (r || v < least)
		return misuse(w, -EINVAL, "--%s: a number from %" PRIu64 " to %" PRIu64, option, least, most);
	*ret = v;
	return 0;
}

static int read_model(const struct wanted *o, struct seed_params *p, struct why *w)
{
	bool logistic = o->model && strcmp(o->model, "logistic") == 0;
	uint64_t hidden = HIDDEN_DEFAULT;
	int r;

	if (o->model && !logistic && strcmp(o->model, "mlp") != 0)
		return misuse(w, -EINVAL, "--model is logistic or mlp, not '%s'", o->model);
	if (logistic && o->hidden)
		return misuse(w, -EINVAL, "--hidden: logistic regression has no hidden layer");
	r = number("hidden", o->hidden, 1, MLP_HIDDEN_MAX, &hidden, w);
	p->hidden = logistic ? 0 : (unsigned int)hidden;
	return r;
}

/* Each job its own, and the same on every machine. */
static uint64_t seed_of(const char *job)
{
	struct hash h = hash_of(bytes_str(job));
	uint32_t v = 0;

	IGNORE(bytes_le32(bytes_of(h.b, sizeof(h.b)), 0, &v));
	return v;
}

static int read_params(const struct wanted *o, struct seedjob *j, struct why *w)
{
	uint64_t seed = seed_of(j->name), rows = SEED_ROWS_DEFAULT, epochs = EPOCHS_DEFAULT, every = EVERY_DEFAULT;
	int r = read_model(o, &j->params, w);

	r = r ? r : number("seed", o->seed, 0, INT64_MAX, &seed, w);
	r = r ? r : number("rows", o->rows, SEED_ROWS_MIN, SEED_ROWS_MAX, &rows, w);
	r = r ? r : number("epochs", o->epochs, 1, SEED_EPOCHS_MAX, &epochs, w);
	r = r ? r : number("checkpoint-every", o->every, 1, SEED_EPOCHS_MAX, &every, w);
	j->params.seed = seed;
	j->params.rows = (uint32_t)rows;
	j->params.epochs = (uint32_t)epochs;
	j->checkpoint_every = (uint32_t)every;
	return r;
}

static int read_source(const struct wanted *o, enum seed_from *ret, struct why *w)
{
	static const char *const names[] = { "auto", "telemetry", "synthetic" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(o->source ? o->source : names[0], names[i]) == 0) {
			*ret = (enum seed_from)i;
			return 0;
		}
	return misuse(w, -EINVAL, "--source is auto, telemetry or synthetic, not '%s'", o->source);
}

/* What a job's command is told by its environment, unless an option says otherwise. */
static const char *or_environment(const char *option, const char *name)
{
	const char *v = option ? option : getenv(name);

	return v && v[0] ? v : NULL;
}

static int read_places(struct wanted *o, struct seedjob *j, struct why *w)
{
	uint64_t mb = 0;
	int n, r = number("max-disk-mb", or_environment(o->max_disk_mb, "TANDEM_MAX_DISK_MB"), 0, DISK_MB_MAX, &mb, w);

	if (r)
		return r;
	j->name = or_environment(o->job, "TANDEM_JOB");
	j->name = j->name ? j->name : "seed";
	j->folder = or_environment(o->folder, "TANDEM_FOLDER");
	j->out = or_environment(o->out, "TANDEM_MODEL_NEXT");
	j->cap_bytes = mb << 20;
	if (!j->folder)
		return misuse(w, -EINVAL, "which folder? --folder, or TANDEM_FOLDER");
	if (strlen(j->name) > 64 || strchr(j->name, '/') || !text_printable(bytes_str(j->name)))
		return misuse(w, -EINVAL, "--job: not a name");
	if (j->out)
		return 0;
	n = snprintf(o->out_path, sizeof(o->out_path), "%s/%s.onnx", j->folder, j->name);
	if (n < 0 || (size_t)n >= sizeof(o->out_path))
		return misuse(w, -ENAMETOOLONG, "--folder: too long");
	j->out = o->out_path;
	return 0;
}

static int train(struct wanted *o, struct why *w)
{
	struct telling t = { .as_json = o->as_json || !isatty(STDOUT_FILENO), .every_ms = TELL_EVERY_MS };
	const struct seedjob_tell tell = { tell_begun, tell_epoch, tell_stop, &t };
	struct seedjob_result result = { 0 };
	struct seedjob j = { .store = o->store };
	int r = read_places(o, &j, w);

	r = r ? r : read_params(o, &j, w);
	r = r ? r : read_source(o, &j.from, w);
	r = r ? r : number("tell-every", o->tell, 0, TELL_MAX_MS, &t.every_ms, w);
	if (r)
		return r;
	interrupt_catch();
	r = seedjob_run(&j, &tell, &result, w);
	if (r == 0)
		print_done(&j, &result, t.as_json);
	return r;
}

static bool no_room(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -EFBIG;
}

int cmdseed_train(int argc, char **argv)
{
	struct wanted o = { 0 };
	const struct opt opts[] = {
		{ .name = "job", .arg = "NAME", .help = "whose model it is; else TANDEM_JOB", .value = &o.job },
		{ .name = "folder", .arg = "DIR", .help = "for checkpoints; else TANDEM_FOLDER", .value = &o.folder },
		{ .name = "out",
		  .arg = "FILE",
		  .help = "the model; else TANDEM_MODEL_NEXT, or NAME.onnx in the folder",
		  .value = &o.out },
		{ .name = "max-disk-mb",
		  .arg = "N",
		  .help = "what the folder may take, MiB; else TANDEM_MAX_DISK_MB",
		  .value = &o.max_disk_mb },
		{ .name = "model", .arg = "KIND", .help = "mlp (default) or logistic", .value = &o.model },
		{ .name = "hidden", .arg = "N", .help = "units of the hidden layer (16)", .value = &o.hidden },
		{ .name = "seed",
		  .arg = "N",
		  .help = "of all that is drawn at random; else by the job",
		  .value = &o.seed },
		{ .name = "rows", .arg = "N", .help = "to train with, at most (8000)", .value = &o.rows },
		{ .name = "epochs", .arg = "N", .help = "passes over them (60)", .value = &o.epochs },
		{ .name = "checkpoint-every", .arg = "N", .help = "epochs (10)", .value = &o.every },
		{ .name = "source",
		  .arg = "WHICH",
		  .help = "of the rows: telemetry, synthetic, or auto (default)",
		  .value = &o.source },
		{ .name = "connect",
		  .arg = "CONNINFO",
		  .help = "the threat graph's database, if not the configured one",
		  .value = &o.store.connect },
		{ .name = "config", .arg = "FILE", .help = "instead of " INTELCONF_FILE, .value = &o.store.config },
		{ .name = "tell-every",
		  .arg = "MS",
		  .help = "milliseconds between lines of progress (200); 0: each epoch",
		  .value = &o.tell },
		{ .name = "json", .help = "lines of JSON also on a terminal", .flag = &o.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		SEED_PROGRAM " [train] [--job NAME] [--folder DIR] [--out FILE] [--max-disk-mb N]",
		"Train a small model on flows of the network, and write it as ONNX. What ended it before, it goes\n"
		"on from its checkpoint.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = train(&o, &w);
	if (r == 0)
		return EXIT_DONE;
	(void)why_report(&w, SEED_PROGRAM);
	return no_room(r) ? EXIT_NO_ROOM : (int)(w.exit ? w.exit : EXIT_FAILED);
}
