#include "updater/setup_act.h"

#include <sys/stat.h>
#include <time.h>

#include "base/proc.h"
#include "updater/setup_files.h"

#define RELOAD_MS   60000u
#define STAGES_MS   900000u /* its stages have their own times */
#define WAIT_MS     60000u
#define DATABASE_MS 600000u
#define SERVE_MS    45000u /* as [tree] deadline= */
#define STEP_MS     250u

static int reload(const struct setup_job *j, struct why *w)
{
	static const char *const argv[] = { "systemctl", "daemon-reload", NULL };

	if (!setup_live(j->place))
		return 0;
	setup_changing(j);
	return proc_must(argv, RELOAD_MS, w);
}

/* The stage runs with all others of its phase, as in a boot. What it did is asked for in words. */
static int run_tuning(const struct setup_job *j, struct why *w)
{
	static const char *const run[] = { "systemctl", "restart", "tandem-early.service", NULL };
	static const char *const wait[] = { TANDEM_LIBEXEC "/tandem-stage", "wait", "tune", NULL };
	struct proc_result res;
	int r = setup_note(j, MADE_TUNING, "tune", "", w);

	setup_changing(j);
	r = r ? r : proc_run(run, STAGES_MS, &res, w); /* fails when the stage does; the next one says why */
	r = r ? r : proc_must(wait, WAIT_MS, w);
	return r ? why_next(w, r,
			    "'tandem-tune plan' shows what this machine lacks, /etc/tandem/tuning.conf is the policy; "
			    "then run tandem setup again")
		 : 0;
}

static int start_unit(const struct setup_job *j, const char *unit, struct why *w)
{
	const char *const argv[] = { "systemctl", "start", unit, NULL };
	int r;

	setup_changing(j);
	r = proc_must(argv, RELOAD_MS, w);
	return r ? why_next(w, r, "'journalctl -u %.100s' has what it said", unit) : 0;
}

static int ensure_database(const struct setup_job *j, struct why *w)
{
	static const char *const argv[] = { TANDEM_LIBEXEC "/tandem-intel", "ensure", NULL };
	int r;

	setup_changing(j);
	r = proc_must(argv, DATABASE_MS, w);
	return r ? r : start_unit(j, SETUP_INTEL, w);
}

static void pause_ms(unsigned int ms)
{
	const struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int start_product(const struct setup_job *j, struct why *w)
{
	uint64_t end = now_ms() + SERVE_MS;
	char said[SETUP_SAID_MAX], unit[SETUP_NAME_MAX];
	int r = start_unit(j, SETUP_TRAINER, w);

	for (size_t i = 0; !r && i < j->wish->templates->n; i++) {
		if (!setup_is_service(j->wish->templates->at[i].name))
			continue;
		setup_unit_name(j->wish->product, j->wish->templates->at[i].name, unit);
		r = start_unit(j, unit, w);
	}
	while (!r && !setup_serves(j->wish, said)) {
		if (now_ms() > end) {
			(void)fail(w, -ETIMEDOUT, "the product does not serve after %u s: %s", SERVE_MS / 1000, said);
			return why_next(w, -ETIMEDOUT, "'journalctl -b' has what its units said");
		}
		pause_ms(STEP_MS);
	}
	return r;
}

static int make(const struct setup_job *j, const struct setup_item *i, struct why *w)
{
	switch (i->kind) {
	case SETUP_GROUP:
		return setup_make_group(j, i->name, w);
	case SETUP_USER:
		return setup_make_user(j, i->name, w);
	case SETUP_FOLDER:
		return setup_make_folder(j, i, MADE_FOLDER, w);
	case SETUP_DATA:
		return setup_make_folder(j, i, MADE_DATA, w);
	case SETUP_TREES:
		return setup_make_folder(j, i, MADE_TREES, w);
	case SETUP_FILE:
		return setup_make_file(j, i, w);
	case SETUP_LINK:
		return setup_make_link(j, i, w);
	case SETUP_TUNING:
		return run_tuning(j, w);
	case SETUP_DATABASE:
		return ensure_database(j, w);
	case SETUP_TREE:
		setup_changing(j);
		return j->install_tree(j->arg, w);
	case SETUP_SERVICE:
		return start_product(j, w);
	case SETUP_SYSTEM:
	case SETUP_PORT:
	case SETUP_SPACE:
		break;
	}
	return 0;
}

static int do_step(const struct setup_job *j, const struct setup_step *s, bool *unread, struct why *w)
{
	int r = 0;

	if (s->state != SETUP_CREATE && s->state != SETUP_CHANGE)
		return 0;
	if (j->watch && j->watch->step)
		j->watch->step(j->watch->arg, s);
	/* Before anything is started, also when an earlier run wrote the units and was stopped then. */
	if (*unread && s->item->kind >= SETUP_TUNING) {
		r = reload(j, w);
		*unread = false;
	}
	r = r ? r : make(j, s->item, w);
	return r ? why_in(w, r, "%s %s", setup_kind_name(s->item->kind), s->item->name) : 0;
}

int setup_check(const struct setup_plan *p, struct why *w)
{
	const struct setup_step *s = setup_plan_foreign(p);

	if (!s)
		return 0;
	(void)refuse(w, -EEXIST, "%s %s: %s", setup_kind_name(s->item->kind), s->item->name, s->sight.said);
	return s->sight.next[0] ? why_next(w, -EEXIST, "%s", s->sight.next) : -EEXIST;
}

int setup_act(const struct setup_job *j, const struct setup_plan *p, struct why *w)
{
	bool unread = true;
	int r = setup_check(p, w);

	if (r || setup_plan_todo(p) == 0)
		return r;
	(void)umask(022);
	r = setup_clear(j, w);
	r = r ? r : setup_note(j, MADE_PRODUCT, j->wish->product, j->wish->user, w);
	for (size_t i = 0; !r && i < p->n; i++)
		r = do_step(j, &p->at[i], &unread, w);
	if (!r && unread)
		r = reload(j, w);
	return r ? why_next(w, r, "put it right and run tandem setup again; it goes on from there") : 0;
}
