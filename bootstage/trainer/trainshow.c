#include "bootstage/trainer/trainshow.h"

#include <fcntl.h>
#include <time.h>

#include "base/json.h"
#include "base/parse.h"
#include "bootstage/trainer/promote.h"
#include "bootstage/trainer/trainer_inside.h"
#include "bootstage/trainer/usage.h"

/* --- look --- */

static void look_model(struct trainshow_job *x, int folder)
{
	struct onnx_model prev;
	struct model_names names;
	struct why w = { 0 };
	int r;

	model_names(x->job->name, &names);
	r = model_find(folder, &names, x->model_name, &x->model, &w);
	x->has_model = r == 0;
	x->has_previous = onnx_check_at(folder, names.prev, &prev, NULL) == 0;
	if (r)
		(void)snprintf(x->no_model, sizeof(x->no_model), "%.190s", r == -ENOENT ? "missing" : w.text);
}

static void look_job(const struct trainplaces *p, const struct trainshow *s, struct trainshow_job *x)
{
	char name[TRAINJOB_NAME + 16], path[PATH_MAX];
	struct usage used = { 0 };
	AUTO_FD folder = -1;

	x->turn = trainstate_find(&s->state, x->job->name);
	(void)snprintf(name, sizeof(name), "day-one/%s", x->job->name);
	x->day_one = trainplaces_state(p, name, path, NULL) == 0 && access(path, F_OK) == 0;
	(void)snprintf(x->no_model, sizeof(x->no_model), "missing");
	(void)snprintf(x->state, sizeof(x->state), "%s",
		       !x->turn || x->turn->last.sequence == 0 ? "never"
		       : train_turn_runs(x->turn) && !s->worker[0] && !s->blind
			       ? train_event_name(TRAIN_INTERRUPTED)
			       : train_event_name(x->turn->last.event));
	if (trainer_folder(p, x->job, &folder, NULL))
		return;
	look_model(x, folder);
	if (usage_scan(folder, ".", NULL, NULL, &used, NULL) == 0) {
		x->used_bytes = used.allocated_bytes;
		x->size_bytes = used.size_bytes;
	}
}

static int look_journal(const struct trainplaces *p, struct train_state *ret, struct why *w)
{
	struct trainjournal_disk file;
	AUTO_TRAINJOURNAL journal = { 0 };
	char path[PATH_MAX];
	int r = trainplaces_state(p, "journal", path, w);

	if (r)
		return r;
	trainjournal_disk_open(&file, path);
	r = trainjournal_open(&journal, &trainjournal_disk, &file, w);
	if (!r)
		trainstate_read(&journal, ret);
	return r;
}

int trainshow_look(const struct trainplaces *p, const struct trainconf *c, const struct trainjobs *jobs,
		   struct trainshow *ret, struct why *w)
{
	char path[PATH_MAX];
	int r = trainplaces_below(p, TRAINLOCK_FILE, path, w);

	*ret = (struct trainshow){ .at = calloc(jobs->n + 1, sizeof(*ret->at)), .n = jobs->n };
	if (!r && !ret->at)
		r = fail(w, -ENOMEM, "out of memory");
	if (!r)
		ret->blind = !trainlock_held(path, ret->worker) && access(path, R_OK) && errno == EACCES;
	r = r ? r : look_journal(p, &ret->state, w);
	for (size_t i = 0; !r && i < jobs->n; i++) {
		ret->at[i].job = &jobs->at[i];
		look_job(p, ret, &ret->at[i]);
	}
	ret->next_s = trainsched_next(&c->sched, (int64_t)time(NULL));
	if (r)
		trainshow_free(ret);
	return r;
}

void trainshow_free(struct trainshow *s)
{
	free(s->at);
	s->at = NULL;
	s->n = 0;
}

/* --- print --- */

static char *moment(int64_t s, char out[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	out[0] = '\0';
	if (s > 0 && localtime_r(&t, &tm))
		IGNORE(strftime(out, 32, "%Y-%m-%d %H:%M", &tm) == 0);
	return out;
}

static void print_job(const struct trainshow_job *x)
{
	const char *accuracy = onnx_meta(&x->model, "holdout_accuracy");
	const char *provenance = onnx_meta(&x->model, "provenance");
	char used[16], cap[16], since[32] = "";

	if (x->turn)
		(void)moment(x->turn->last.time_us / 1000000, since);
	(void)printf("%-16s %-11s %-16s  %s of %s\n", x->job->name, x->state, since, format_size(x->used_bytes, used),
		     format_size(x->job->cap_bytes, cap));
	if (x->has_model)
		(void)printf("  model: valid%s%s%s%s%s\n", accuracy ? ", holdout_accuracy " : "",
			     accuracy ? accuracy : "", provenance ? ", " : "", provenance ? provenance : "",
			     x->has_previous ? "; one before it is kept" : "");
	else
		(void)printf("  model: %s\n", x->no_model);
	if (x->turn && x->turn->last.text[0] && !train_turn_runs(x->turn))
		(void)printf("  %s\n", x->turn->last.text);
}

int trainshow_print(const struct trainshow *s, struct why *w)
{
	char begun[32], next[32];

	if (s->n == 0)
		(void)printf("no jobs\n");
	for (size_t i = 0; i < s->n; i++)
		print_job(&s->at[i]);
	if (s->state.cycle)
		(void)printf("cycle %llu, begun %s%s\n", (unsigned long long)s->state.cycle,
			     moment(s->state.begun_us / 1000000, begun), s->state.open ? ", not at its end" : "");
	if (s->worker[0])
		(void)printf("at work: %s\n", s->worker);
	if (s->blind)
		(void)printf("whether a trainer is at work is for its user to see\n");
	if (s->next_s)
		(void)printf("next: %s\n", moment(s->next_s, next));
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

/* --- JSON --- */

static void when(struct json *j, const char *key, const struct train_record *r)
{
	if (r && r->sequence)
		json_double(j, key, (double)r->time_us / 1e6);
	else
		json_null(j, key);
}

static void model_json(struct json *j, const struct trainshow_job *x)
{
	json_object(j, "model");
	json_bool(j, "valid", x->has_model);
	if (x->has_model) {
		json_string(j, "name", x->model_name);
		json_u64(j, "parameters", x->model.parameters);
		json_string(j, "holdout_accuracy", onnx_meta(&x->model, "holdout_accuracy"));
		json_string(j, "provenance", onnx_meta(&x->model, "provenance"));
	} else {
		json_string(j, "reason", x->no_model);
	}
	json_bool(j, "previous", x->has_previous);
	json_end(j);
}

static void turn_json(struct json *j, const struct train_turn *t)
{
	json_bool(j, "seed", t && t->seed);
	json_text(j, "reason", t ? t->last.text : "");
	json_i64(j, "exit_code", t ? t->last.exit_code : -1);
	json_i64(j, "signal", t ? t->last.signal : 0);
	json_u64(j, "step", t ? t->last.step : 0);
	json_u64(j, "of", t ? t->last.of : 0);
	json_u64(j, "cpu_us", t ? t->last.cpu_us : 0);
	json_u64(j, "peak_memory_bytes", t ? t->last.peak_bytes : 0);
	when(j, "since", t ? &t->last : NULL);
	when(j, "last_done", t ? &t->done : NULL);
	when(j, "last_failed", t ? &t->failed : NULL);
	when(j, "last_promoted", t ? &t->promoted : NULL);
}

static void job_json(struct json *j, const struct trainshow_job *x)
{
	json_object(j, NULL);
	json_string(j, "name", x->job->name);
	json_text(j, "description", x->job->description);
	json_u64(j, "order", x->job->order);
	json_string(j, "folder", x->job->folder);
	json_string(j, "state", x->state);
	json_u64(j, "cap_bytes", x->job->cap_bytes);
	json_u64(j, "used_bytes", x->used_bytes);
	json_u64(j, "size_bytes", x->size_bytes);
	json_bool(j, "day_one", x->day_one);
	model_json(j, x);
	turn_json(j, x->turn);
	json_end(j);
}

int trainshow_json(const struct trainshow *s, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_array(&j, "jobs");
	for (size_t i = 0; i < s->n; i++)
		job_json(&j, &s->at[i]);
	json_end(&j);
	json_u64(&j, "cycle", s->state.cycle);
	json_bool(&j, "cycle_open", s->state.open);
	json_string(&j, "mode", s->state.cycle ? train_mode_name(s->state.mode) : NULL);
	json_text(&j, "at_work", s->worker);
	if (s->next_s)
		json_i64(&j, "next", s->next_s);
	else
		json_null(&j, "next");
	json_end(&j);
	return json_finish(&j, w);
}
