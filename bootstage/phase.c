#include "bootstage/phase.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "tuning/failclosed.h"

/* Whose tokens: NULL when that cannot be told, and then the product stays down, since nobody makes them. */
static const char *product_of(const struct stageplaces *p, struct sysconf *conf)
{
	char path[PATH_MAX];
	struct why w = { 0 };
	int r = 0;

	if (p->state && !p->root)
		return NULL; /* not this machine's boot */
	if (p->conf)
		(void)snprintf(path, sizeof(path), "%s", p->conf);
	else
		r = stageplaces_below(p, SYSCONF_PATH, path, &w);
	r = r ? r : sysconf_load(path, conf, &w);
	if (r)
		log_error("no tokens for the product: %s", w.text);
	return r ? NULL : conf->product;
}

static void lock_again(const struct stageplaces *p, const struct phase_run *run, const char *product)
{
	struct why w = { 0 };
	struct tree t;
	int r = tree_open(p->root, &t, &w);

	for (size_t i = 0; !r && i < run->plan.stages.n; i++) {
		const struct stage_result *res = &run->results.at[i];

		if ((run->results.have & STAGE_BIT(i)) && res->phase == IN_INITRAMFS && res->end != END_PASSED &&
		    res->on_failure == FAIL_CLOSED && failclosed_fail(&t, product, res->name, res->reason, &w))
			log_error("%s", w.text);
	}
	if (r)
		log_error("%s", w.text);
	else
		tree_close(&t);
}

static int refused_text(const struct phase_run *run, char **ret, size_t *ret_n, struct why *w)
{
	FILE *f = open_memstream(ret, ret_n);

	for (size_t i = 0; f && i < run->plan.stages.n; i++)
		if (run->run.refused & STAGE_BIT(i))
			(void)fprintf(f, "%s: %s\n", run->plan.stages.at[i].name, run->results.at[i].reason);
	return !f || fclose(f) ? fail(w, -ENOMEM, "out of memory") : 0;
}

/* For tandem-init, which reads no JSON. */
static int write_refused(const struct stageplaces *p, const struct phase_run *run, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t n = 0;
	int r = 0;

	if (p->state)
		(void)snprintf(path, sizeof(path), "%s/refused", p->state);
	else
		r = stageplaces_below(p, REFUSED_PATH, path, w);
	if (!r && !run->run.refused)
		return unlink(path) && errno != ENOENT ? fail_errno(w, "%s", path) : 0;
	r = r ? r : refused_text(run, &text, &n, w);
	return r ? r : file_replace(AT_FDCWD, path, text, n, 0644, w);
}

static int run_stages(const struct stageplaces *p, enum stage_phase phase, bool first, struct phase_run *ret,
		      struct why *w)
{
	static struct sysconf conf;
	struct stagerun run = { .places = p, .plan = &ret->plan, .first = first };
	struct why unsaid = { 0 };
	stage_set before;
	int r = stageplan_load(p, &ret->plan, w);

	if (r)
		return r;
	stageresults_read(p, &ret->plan.stages, &ret->results);
	ret->which = stagerun_phase(&ret->plan.stages, phase);
	before = stagerun_phase(&ret->plan.stages, IN_INITRAMFS) & ~ret->results.have;
	if (phase == IN_EARLY)
		ret->which |= before;
	run.product = ret->plan.stages.n > 0 ? product_of(p, &conf) : NULL;
	if (phase == IN_EARLY && run.product)
		lock_again(p, ret, run.product);
	r = stagerun(&run, ret->which, &ret->results, &ret->run, w);
	if (!r && write_refused(p, ret, &unsaid)) {
		log_error("%s", unsaid.text);
		ret->run.unwritten = true;
	}
	return r;
}

int phase_run(const struct stageplaces *p, enum stage_phase phase, bool first, struct phase_run *ret, struct why *w)
{
	int r;

	*ret = (struct phase_run){ 0 };
	r = run_stages(p, phase, first, ret, w);
	if (r)
		phase_free(ret);
	return r;
}

void phase_free(struct phase_run *p)
{
	stageplan_free(&p->plan);
}
