/*
 * tandem-train prune
 */
#include <string.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/prunefiles.h"
#include "bootstage/trainer/trainlock.h"

static const char usage[] = "tandem-train prune [--dry-run] [--json] [--config FILE] [--root DIR] [JOB...]";

struct tally {
	size_t removed; /* or would be */
	size_t over;    /* folders that stay over their caps */
};

static void print(const struct trainjob *job, const struct prunefiles *p, bool dry_run)
{
	char size[16];

	for (size_t i = 0; i < p->plan.remove && i < p->n_files; i++)
		(void)printf("%s: %s %s, %s\n", job->name, dry_run ? "would remove" : "removed", p->files[i].path,
			     format_size(p->files[i].bytes, size));
	(void)printf("%s: %s\n", job->name, p->said);
}

static void print_json(struct json *j, const struct trainjob *job, const struct prunefiles *p)
{
	json_object(j, NULL);
	json_string(j, "name", job->name);
	json_string(j, "outcome", prune_outcome_name(p->plan.outcome));
	json_u64(j, "cap_bytes", job->cap_bytes);
	json_u64(j, "before_bytes", usage_of_cap(&p->before));
	json_u64(j, "after_bytes", p->after_bytes);
	json_u64(j, "removed", p->removed);
	json_array(j, "files");
	for (size_t i = 0; i < p->n_files; i++) {
		json_object(j, NULL);
		json_string(j, "path", p->files[i].path);
		json_string(j, "kind", prune_kind_name(p->files[i].kind));
		json_string(j, "verdict", prune_verdict_name(p->files[i].verdict));
		json_u64(j, "bytes", p->files[i].bytes);
		json_end(j);
	}
	json_end(j);
	json_string(j, "reason", p->said);
	json_end(j);
}

static int prune_job(const struct trainplaces *places, const struct prunefiles_want *like, const struct trainjob *job,
		     struct json *j, struct tally *tally, struct why *w)
{
	char folder[PATH_MAX];
	AUTO_PRUNEFILES p = { 0 };
	struct prunefiles_want want = *like;
	int r = trainplaces_folder(places, job, folder, w);

	want.folder = folder;
	want.cap_bytes = job->cap_bytes;
	r = r ? r : prunefiles_enforce(&want, &p, w);
	if (r)
		return r;
	if (j)
		print_json(j, job, &p);
	else
		print(job, &p, want.dry_run);
	tally->removed += want.dry_run ? p.plan.remove : p.removed;
	tally->over += p.plan.outcome == PRUNE_OVER_CAP || p.plan.outcome == PRUNE_TOO_LARGE;
	return 0;
}

static bool wanted(const struct trainjob *job, const struct args *args)
{
	for (int i = 0; i < args->n; i++)
		if (strcmp(args->at[i], job->name) == 0)
			return true;
	return args->n == 0;
}

static int check_names(const struct trainjobs *jobs, const struct args *args, struct why *w)
{
	for (int i = 0; i < args->n; i++)
		if (!trainjobs_find(jobs, args->at[i]))
			return misuse(w, -EINVAL, "there is no job '%s'", args->at[i]);
	return 0;
}

/* A trainer at work may be writing; nobody begins to while this is going on. */
static int guard(const struct trainplaces *p, bool dry_run, bool *ret_running, int *ret_lock, struct why *w)
{
	char path[PATH_MAX], who[TRAINLOCK_TEXT];
	int r = trainplaces_below(p, TRAINLOCK_FILE, path, w);

	if (r)
		return r;
	*ret_running = trainlock_held(path, who);
	if (dry_run || *ret_running)
		return 0;
	r = trainlock_take(path, w);
	if (r < 0)
		return r;
	*ret_lock = r;
	trainlock_say(r, "prunes");
	return 0;
}

static int prune(const struct trainplaces *places, const struct trainjobs *jobs, const struct prunefiles_want *like,
		 const struct args *args, bool as_json, struct tally *tally, struct why *w)
{
	struct json j = { .to = stdout };
	int r = 0;

	if (as_json) {
		json_object(&j, NULL);
		json_array(&j, "jobs");
	}
	for (size_t i = 0; i < jobs->n; i++) { /* one that fails leaves the others theirs */
		int one = wanted(&jobs->at[i], args)
				  ? prune_job(places, like, &jobs->at[i], as_json ? &j : NULL, tally, w)
				  : 0;

		r = r ? r : one;
	}
	if (as_json) {
		int end;

		json_end(&j);
		json_end(&j);
		end = json_finish(&j, w);
		return r ? r : end;
	}
	return fflush(stdout) && !r ? fail_errno(w, "output") : r;
}

int cmd_prune(int argc, char **argv)
{
	bool as_json = false;
	struct trainplaces places = { 0 };
	struct trainconf conf = { 0 };
	struct prunefiles_want like = { 0 };
	struct tally tally = { 0 };
	AUTO_FD lock = -1;
	AUTO_TRAINJOBS jobs = { 0 };
	const struct opt opts[] = {
		{ .name = "dry-run", .help = "only say what would be removed", .flag = &like.dry_run },
		{ .name = "json", .help = "print it as JSON", .flag = &as_json },
		PLACES_OPTS(places),
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(usage,
			   "Remove checkpoints and temporary files, the oldest first, from folders that are near their "
			   "caps;\nover the cap also what else is no model. As before and after each training.",
			   opts, ARRAY_SIZE(opts), argc, argv, 0, (int)TRAINJOBS_MAX, &args);

	if (r >= 0)
		return r;
	r = cmd_load(&places, &conf, &jobs, &w);
	r = r ? r : check_names(&jobs, &args, &w);
	r = r ? r : guard(&places, like.dry_run, &like.running, &lock, &w);
	like.prune_at = conf.prune_at;
	like.keep_last = conf.keep_last;
	r = r ? r : prune(&places, &jobs, &like, &args, as_json, &tally, &w);
	if (r)
		return why_report(&w, PROGRAM);
	return tally.over ? EXIT_FAILED : tally.removed ? EXIT_DONE : EXIT_NOTHING;
}
