/*
 * tandem-train plan
 */
#include <inttypes.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/disklook.h"
#include "bootstage/trainer/prunefiles.h"

static const char usage[] = "tandem-train plan [--json] [--config FILE] [--root DIR]";

/* --- JSON --- */

static void disk_json(struct json *j, const struct disklook_disk *d)
{
	json_object(j, NULL);
	json_string(j, "path", d->path);
	json_u64(j, "free_bytes", d->plan.free_bytes);
	json_bool(j, "fits", d->plan.fits);
	json_u64(j, "missing_bytes", d->plan.missing_bytes);
	json_array(j, "claims");
	for (size_t i = 0; i < d->plan.n_claims; i++) {
		json_object(j, NULL);
		json_string(j, "name", d->plan.claim[i].name);
		json_u64(j, "bytes", d->plan.claim[i].bytes);
		json_bool(j, "fits", d->plan.claim[i].fits);
		json_u64(j, "left_bytes", d->plan.claim[i].left_bytes);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

/* What a run would begin with. */
static int look_at_prune(const struct trainconf *c, const struct disklook_job *job, struct prunefiles *ret,
			 struct why *w)
{
	const struct prunefiles_want want = { .folder = job->folder,
					      .cap_bytes = job->job->cap_bytes,
					      .prune_at = c->prune_at,
					      .keep_last = c->keep_last,
					      .dry_run = true };

	return prunefiles_enforce(&want, ret, w);
}

static void job_json(struct json *j, const struct disklook_job *job, const struct prunefiles *p)
{
	json_object(j, NULL);
	json_string(j, "name", job->job->name);
	json_string(j, "folder", job->folder);
	json_u64(j, "cap_bytes", job->job->cap_bytes);
	json_u64(j, "used_bytes", job->usage.allocated_bytes);
	json_u64(j, "size_bytes", job->usage.size_bytes);
	json_u64(j, "files", job->usage.files);
	json_u64(j, "denied", job->usage.denied);
	json_string(j, "cap", cap_kind_name(job->cap.kind));
	json_string(j, "reason", job->cap.said);
	json_u64(j, "prune", p->plan.remove);
	json_u64(j, "prune_bytes", p->plan.freed_bytes);
	json_string(j, "prune_outcome", prune_outcome_name(p->plan.outcome));
	json_end(j);
}

static int print_json(const struct disklook *d, const struct prunefiles *p, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_array(&j, "disks");
	for (size_t i = 0; i < d->n_disks; i++)
		disk_json(&j, &d->disks[i]);
	json_end(&j);
	json_array(&j, "jobs");
	for (size_t i = 0; i < d->n_jobs; i++)
		job_json(&j, &d->jobs[i], &p[i]);
	json_end(&j);
	json_text(&j, "swap_unknown", d->no_swap);
	json_bool(&j, "fits", d->fits);
	json_end(&j);
	return json_finish(&j, w);
}

/* --- for people --- */

static void print_disk(const struct disklook_disk *d)
{
	char size[16], left[16];

	(void)printf("%s: %s free\n", d->path, format_size(d->plan.free_bytes, size));
	for (size_t i = 0; i < d->plan.n_claims; i++) {
		const struct disk_claim *c = &d->plan.claim[i];

		(void)printf("  %-16s %10s  %s%s\n", c->name, format_size(c->bytes, size),
			     c->fits ? "leaves " : "does not fit", c->fits ? format_size(c->left_bytes, left) : "");
	}
	if (!d->plan.fits)
		(void)printf("  %-16s %10s\n", "missing", format_size(d->plan.missing_bytes, size));
}

static void print_job(const struct disklook_job *j, const struct prunefiles *p)
{
	char cap[16], used[16], size[16];

	(void)printf("%s: %s of %s used, sizes add up to %s; cap: %s\n", j->job->name,
		     format_size(j->usage.allocated_bytes, used), format_size(j->job->cap_bytes, cap),
		     format_size(j->usage.size_bytes, size), j->cap.said);
	if (j->usage.denied)
		(void)printf("  %" PRIu64 " folders could not be read and are not counted, '%s' is one\n",
			     j->usage.denied, j->usage.denied_path);
	if (p->plan.remove || p->plan.outcome > PRUNE_OVER_GOAL)
		(void)printf("  a run would begin with pruning: %s\n", p->said);
}

static int print_text(const struct disklook *d, const struct prunefiles *p, struct why *w)
{
	for (size_t i = 0; i < d->n_disks; i++)
		print_disk(&d->disks[i]);
	if (d->no_swap[0])
		(void)printf("swap is not in it: %s\n", d->no_swap);
	for (size_t i = 0; i < d->n_jobs; i++)
		print_job(&d->jobs[i], &p[i]);
	if (d->n_jobs == 0)
		(void)printf("no jobs\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

static int look_and_print(const struct trainconf *conf, const struct disklook *d, bool as_json, struct why *w)
{
	AUTO_FREE struct prunefiles *prune = calloc(d->n_jobs + 1, sizeof(*prune));
	int r = prune ? 0 : fail(w, -ENOMEM, "out of memory");

	for (size_t i = 0; !r && i < d->n_jobs; i++)
		r = look_at_prune(conf, &d->jobs[i], &prune[i], w);
	r = r ? r : as_json ? print_json(d, prune, w) : print_text(d, prune, w);
	for (size_t i = 0; prune && i < d->n_jobs; i++)
		prunefiles_free(&prune[i]);
	return r;
}

static int plan(const struct trainplaces *places, const struct trainconf *conf, const struct trainjobs *jobs,
		bool as_json, struct why *w)
{
	AUTO_DISKLOOK d = { 0 };
	int r = disklook_make(places, conf, jobs, &d, w);

	r = r ? r : look_and_print(conf, &d, as_json, w);
	return r ? r : disklook_verdict(&d, w);
}

int cmd_plan(int argc, char **argv)
{
	bool as_json = false;
	struct trainplaces places = { 0 };
	const struct opt opts[] = {
		{ .name = "json", .help = "print it as JSON", .flag = &as_json },
		PLACES_OPTS(places),
	};
	struct trainconf conf;
	AUTO_TRAINJOBS jobs = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		usage,
		"Print what the trainings need of the disk, behind swap and a reserve, what they have of it, "
		"and\nwhich cap each would get. Nothing is changed; exit code 3 when not all of it fits.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = cmd_load(&places, &conf, &jobs, &w);
	r = r ? r : plan(&places, &conf, &jobs, as_json, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
