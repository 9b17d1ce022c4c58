#include "bootstage/trainer/disklook.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/parse.h"
#include "tuning/session.h"

void disklook_free(struct disklook *d)
{
	for (size_t i = 0; i < d->n_jobs; i++)
		free(d->jobs[i].folder);
	for (size_t i = 0; i < d->n_disks; i++)
		free(d->disks[i].path);
	free(d->jobs);
	free(d->disks);
	*d = (struct disklook){ 0 };
}

/* --- disks --- */

/* Cut to what is there. The job's own folder is passed over: a quota makes the whole disk look small from there. */
static int cut_to_there(char *path, struct stat *ret, struct why *w)
{
	for (char *slash; (slash = strrchr(path, '/'));) {
		slash[slash == path] = '\0';
		if (stat(path, ret) == 0)
			return 0;
		if (errno != ENOENT || slash == path)
			break;
	}
	return fail_errno(w, "%s", path);
}

static int add_disk(struct disklook *d, const char *path, dev_t device, size_t *ret, struct why *w)
{
	struct disklook_disk *disk = &d->disks[d->n_disks];

	for (*ret = 0; *ret < d->n_disks; (*ret)++)
		if (d->disks[*ret].device == device)
			return 0;
	disk->device = device;
	disk->path = strdup(path);
	d->n_disks += disk->path != NULL;
	return disk->path ? 0 : fail(w, -ENOMEM, "out of memory");
}

/* Where a folder is a mount point the disk is that which is mounted there. */
static int find_disk(const struct trainconf *c, struct disklook *d, struct disklook_job *j, struct why *w)
{
	char path[PATH_MAX];
	struct stat st, own;
	int r;

	if (c->disk[0]) {
		(void)snprintf(path, sizeof(path), "%s", c->disk);
		r = stat(path, &st) ? fail_errno(w, "%s", path) : 0;
	} else {
		(void)snprintf(path, sizeof(path), "%s", j->folder);
		r = cut_to_there(path, &st, w);
	}
	if (r)
		return r;
	if (!c->disk[0] && j->cap.kind != CAP_LOOP && stat(j->folder, &own) == 0 && own.st_dev != st.st_dev) {
		st = own;
		(void)snprintf(path, sizeof(path), "%s", j->folder);
	}
	return add_disk(d, path, st.st_dev, &j->disk, w);
}

/* --- swap --- */

/* The claim of tandem-tune's own plan, and the disk that it is on; 0 bytes where it plans none. */
static int plan_swap(const char *root, uint64_t *ret_bytes, dev_t *ret_device, struct why *w)
{
	AUTO_SESSION *s = NULL;
	char path[PATH_MAX];
	struct stat st = { 0 };
	int r = session_begin_at(root, &s, w);

	r = r ? r : session_policy(s, NULL, w);
	r = r ? r : session_plan(s, w);
	if (r)
		return r;
	*ret_bytes = s->plan.n_claims && s->in.swap.next[0] ? s->plan.claim[0].bytes : 0;
	if (*ret_bytes == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%s%s", root ? root : "", s->in.swap.next);
	r = cut_to_there(path, &st, w);
	*ret_device = st.st_dev;
	return r;
}

/* --- the whole --- */

static int look_at_job(const struct trainplaces *p, const struct trainconf *c, struct disklook *d,
		       struct disklook_job *j, struct why *w)
{
	char folder[PATH_MAX], images[PATH_MAX];
	struct cap_want want = { .job = j->job->name,
				 .folder = folder,
				 .images = images,
				 .bytes = j->job->cap_bytes,
				 .kind = c->quota,
				 .mount_nothing = p->root != NULL };
	int r = trainplaces_folder(p, j->job, folder, w);

	r = r ? r : trainplaces_state(p, "images", images, w);
	if (r)
		return r;
	j->folder = strdup(folder);
	if (!j->folder)
		return fail(w, -ENOMEM, "out of memory");
	if (access(folder, F_OK) == 0)
		r = usage_scan(AT_FDCWD, folder, NULL, NULL, &j->usage, w);
	r = r ? r : cap_look(&want, &j->cap, w);
	return r ? r : find_disk(c, d, j, w);
}

static uint64_t there_of(const struct disklook_job *j)
{
	return j->cap.kind == CAP_LOOP ? j->cap.taken_bytes : j->usage.allocated_bytes;
}

static int plan_disk(struct disklook *d, size_t disk, uint64_t swap_bytes, uint64_t reserve_bytes, struct why *w)
{
	struct diskplan_job jobs[TRAINJOBS_MAX];
	struct diskplan_want want = { .swap_bytes = swap_bytes, .reserve_bytes = reserve_bytes, .jobs = jobs };
	struct statvfs fs;

	if (statvfs(d->disks[disk].path, &fs))
		return fail_errno(w, "%s", d->disks[disk].path);
	want.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	for (size_t i = 0; i < d->n_jobs; i++)
		if (d->jobs[i].disk == disk)
			jobs[want.n_jobs++] = (struct diskplan_job){ .name = d->jobs[i].job->name,
								     .cap_bytes = d->jobs[i].job->cap_bytes,
								     .there_bytes = there_of(&d->jobs[i]) };
	diskplan_make(&want, &d->disks[disk].plan);
	d->fits = d->fits && d->disks[disk].plan.fits;
	return 0;
}

static int look(const struct trainplaces *p, const struct trainconf *c, const struct trainjobs *jobs,
		struct disklook *d, struct why *w)
{
	struct why no_swap = { 0 };
	dev_t swap_device = 0;
	int r = 0;

	for (; !r && d->n_jobs < jobs->n; d->n_jobs++) {
		d->jobs[d->n_jobs].job = &jobs->at[d->n_jobs];
		r = look_at_job(p, c, d, &d->jobs[d->n_jobs], w);
	}
	if (r)
		return r;
	if (plan_swap(p->root, &d->swap_bytes, &swap_device, &no_swap)) {
		d->swap_bytes = 0;
		(void)snprintf(d->no_swap, sizeof(d->no_swap), "%.199s", no_swap.text);
	}
	d->fits = true;
	for (size_t i = 0; !r && i < d->n_disks; i++)
		r = plan_disk(d, i, d->disks[i].device == swap_device ? d->swap_bytes : 0, c->reserve_bytes, w);
	return r;
}

int disklook_make(const struct trainplaces *p, const struct trainconf *c, const struct trainjobs *jobs,
		  struct disklook *ret, struct why *w)
{
	AUTO_DISKLOOK d = { .jobs = calloc(jobs->n + 1, sizeof(*d.jobs)),
			    .disks = calloc(jobs->n + 1, sizeof(*d.disks)) };
	int r = d.jobs && d.disks ? look(p, c, jobs, &d, w) : fail(w, -ENOMEM, "out of memory");

	if (r)
		return r;
	*ret = d;
	d = (struct disklook){ 0 };
	return 0;
}

int disklook_verdict(const struct disklook *d, struct why *w)
{
	for (size_t i = 0; i < d->n_disks; i++) {
		char free_bytes[16], missing[16];

		if (d->disks[i].plan.fits)
			continue;
		(void)refuse(w, -ENOSPC, "%s: the trainings do not fit: %s free, %s are missing", d->disks[i].path,
			     format_size(d->disks[i].plan.free_bytes, free_bytes),
			     format_size(d->disks[i].plan.missing_bytes, missing));
		return why_next(w, -ENOSPC, "tandem-train plan has the table; make room, or lower caps or reserve");
	}
	return 0;
}
