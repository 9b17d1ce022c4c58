#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "bootstage/trainer/trainer_inside.h"
#include "bootstage/trainer/trainproc.h"

#define END_MS     10000u
#define SWEEPS_MAX 100
#define SWEEP_MS   50u

/* The cgroup that the journal names: it may be one of another unit, or of a login session. */
static int end_group(const char *path, struct why *w)
{
	struct cgroup g;
	struct tree t;
	int r;

	if (path[0] != '/' || strchr(path, ','))
		return 0; /* there was none; see trainproc_result.said */
	r = tree_open(NULL, &t, w);
	if (r)
		return r;
	r = cgroup_open(&t, path + 1, &g, NULL);
	if (!r) {
		log_warn("a training of before is ended: %s", path);
		r = cgroup_end(&g, END_MS, w);
		cgroup_close(&g);
	} else {
		r = 0; /* no such group: nothing is in it */
	}
	tree_close(&t);
	return r;
}

/* What carries the mark of a job, wherever it went. */
static int end_marked(const struct trainer *t, const struct trainjob *j, struct why *w)
{
	char folder[PATH_MAX], mark[512];
	int n = 0, r = trainplaces_folder(t->want->places, j, folder, w);

	if (r)
		return r;
	trainproc_mark(folder, mark);
	for (int i = 0; i < SWEEPS_MAX; i++) {
		n = stagespawn_sweep(mark);
		if (n == 0)
			return 0;
		if (i == 0)
			log_warn("job=%s: processes of before are ended: %d", j->name, n);
		sleep_ms(SWEEP_MS);
	}
	return fail(w, -EBUSY, "job '%s': processes of before do not end by SIGKILL", j->name);
}

int trainleft_end(struct trainer *t, struct why *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < t->state.n; i++)
		if (train_turn_runs(&t->state.at[i]))
			r = end_group(t->state.at[i].begun.text, w);
	for (size_t i = 0; !r && i < t->want->jobs->n; i++)
		r = end_marked(t, &t->want->jobs->at[i], w);
	return r;
}
