/*
 * tandem-train plan
 */
#include <inttypes.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/disklook.h"

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

static void job_json(struct json *j, const struct disklook_job *job)
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
	json_end(j);
}

static int print_json(const struct disklook *d, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_array(&j, "disks");
	for (size_t i = 0; i < d->n_disks; i++)
		disk_json(&j, &d->disks[i]);
	json_end(&j);
	json_array(&j, "jobs");
	for (size_t i = 0; i < d->n_jobs; i++)
		job_json(&j, &d->jobs[i]);
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

static void print_job(const struct disklook_job *j)
{
	char cap[16], used[16], size[16];

	(void)printf("%s: %s of %s used, sizes add up to %s; cap: %s\n", j->job->name,
		     format_size(j->usage.allocated_bytes, used), format_size(j->job->cap_bytes, cap),
		     format_size(j->usage.size_bytes, size), j->cap.said);
	if (j->usage.denied)
		(void)printf("  %" PRIu64 " folders could not be read and are not counted, '%s' is one\n",
			     j->usage.denied, j->usage.denied_path);
}

static int print_text(const struct disklook *d, struct why *w)
{
	for (size_t i = 0; i < d->n_disks; i++)
		print_disk(&d->disks[i]);
	if (d->no_swap[0])
		(void)printf("swap is not in it: %s\n", d->no_swap);
	for (size_t i = 0; i < d->n_jobs; i++)
		print_job(&d->jobs[i]);
	if (d->n_jobs == 0)
		(void)printf("no jobs\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
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
	AUTO_DISKLOOK d = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		usage,
		"Print what the trainings need of the disk, behind swap and a reserve, what they have of it, "
		"and\nwhich cap each would get. Nothing is changed; exit code 3 when not all of it fits.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = trainplaces_open(&places, &w);
	r = r ? r : trainconf_load(places.root, &conf, &w);
	r = r ? r : trainjobs_load(places.root, places.sys.product, &jobs, &w);
	r = r ? r : disklook_make(&places, &conf, &jobs, &d, &w);
	r = r ? r : as_json ? print_json(&d, &w) : print_text(&d, &w);
	r = r ? r : disklook_verdict(&d, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
