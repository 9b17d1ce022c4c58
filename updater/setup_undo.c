/* Taking back what setup_act.c does; the contract is in setup_act.h. */
#include <sys/stat.h>

#include "base/proc.h"
#include "updater/setup_files.h"

#define UNITS   "/etc/systemd/system/"
#define STOP_MS 120000u
#define TUNE_MS 300000u
#define PG_MS   300000u

#define INTEL   TANDEM_LIBEXEC "/tandem-intel"
#define NOTHING 4 /* its exit code: no database of this machine's own */

/* --- what runs --- */

/* A unit that is not there any more is stopped. */
static void tell_manager(const struct setup_job *j, const char *verb, const char *unit)
{
	const char *const argv[] = { "systemctl", verb, unit, NULL };
	struct proc_result res;

	setup_changing(j);
	IGNORE(proc_run(argv, STOP_MS, &res, NULL));
}

static void stop_units(const struct setup_job *j)
{
	for (size_t i = j->journal->n; i-- > 0;) {
		const struct setup_entry *e = &j->journal->at[i];
		const char *unit = e->name + strlen(UNITS);

		if (e->made == MADE_FILE && strncmp(e->name, UNITS, strlen(UNITS)) == 0 && !strchr(unit, '/'))
			tell_manager(j, "stop", unit);
	}
	tell_manager(j, "stop", SETUP_TRAINER);
	tell_manager(j, "stop", "tandem-train.service");
	tell_manager(j, "stop", SETUP_INTEL);
}

static void drop(struct setup_journal *l, size_t i)
{
	memmove(&l->at[i], &l->at[i + 1], (l->n - i - 1) * sizeof(l->at[0]));
	l->n--;
}

/* Needs the product's name from system.conf, so it comes first; and is dropped once done, since that file goes then. */
static int undo_tuning(const struct setup_job *j, size_t i, struct why *w)
{
	static const char *const argv[] = { TANDEM_LIBEXEC "/tandem-tune", "undo", NULL };
	struct why cause = { 0 };
	int r;

	setup_changing(j);
	r = proc_must(argv, TUNE_MS, &cause);
	if (r)
		return why_next(w, fail(w, r, "%s", cause.text),
				"see to it that 'tandem-tune undo' passes, then run "
				"tandem setup --remove again");
	tell_manager(j, "stop", "tandem-stage@tune.service");
	tell_manager(j, "stop", "tandem-post.service");
	tell_manager(j, "stop", "tandem-early.service");
	drop(j->journal, i);
	return setup_save(j, w);
}

/* Needs the configuration, as tuning does. */
static int stop_database(const struct setup_job *j, struct why *w)
{
	static const char *const argv[] = { INTEL, "stop", NULL };
	struct proc_result res;
	int r;

	if (access(INTEL, X_OK))
		return 0;
	setup_changing(j);
	r = proc_run(argv, PG_MS, &res, w);
	if (!r && res.exit_code != 0 && res.exit_code != NOTHING)
		r = fail(w, -EIO, "%s stop: exit code %d", INTEL, res.exit_code);
	return r ? why_next(w, r, "see to it that 'tandem-intel stop' passes, then run tandem setup --remove again") : 0;
}

/* What the stages and units have left in this boot. */
static int clear_run(const struct setup_job *j, const char *product, struct why *w)
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "/run/%s", product);
	r = setup_remove_all(j, path, false, w);
	(void)snprintf(path, sizeof(path), "/run/lock/%s-resource-fail", product);
	r = r ? r : setup_remove_all(j, path, false, w);
	return r ? r : setup_remove_all(j, "/run/tandem", false, w);
}

static int undo_running(const struct setup_job *j, struct why *w)
{
	const char *product = setup_journal_product(j->journal);
	int r = 0;

	if (!setup_live(j->place))
		return 0;
	stop_units(j);
	if (product)
		r = stop_database(j, w);
	for (size_t i = 0; !r && i < j->journal->n; i++)
		if (j->journal->at[i].made == MADE_TUNING)
			r = undo_tuning(j, i, w);
	return r || !product ? r : clear_run(j, product, w);
}

/* --- what is on the disk --- */

static int remove_account(const struct setup_job *j, const struct setup_entry *e, struct why *w)
{
	const char *tool = e->made == MADE_USER ? "userdel" : "groupdel";
	const char *const here[] = { tool, e->name, NULL };
	const char *const there[] = { tool, "--prefix", j->place->root, e->name, NULL };

	setup_changing(j);
	return proc_must(setup_live(j->place) ? here : there, STOP_MS, w);
}

/* With what an interrupted write has left beside it. */
static int remove_file(const struct setup_job *j, const struct setup_entry *e, bool also, struct why *w)
{
	char full[PATH_MAX], temp[PATH_MAX + 4];
	int r = setup_path(j->place, e->name, full, w);

	if (r)
		return r;
	setup_changing(j);
	if (also && unlink(full) && errno != ENOENT)
		return fail_errno(w, "%s", full);
	(void)snprintf(temp, sizeof(temp), "%s.tmp", full);
	return unlink(temp) && errno != ENOENT && errno != ENOTDIR ? fail_errno(w, "%s", temp) : 0;
}

/* Tandem's own folder goes with the journal, at the very end. */
static int remove_folder(const struct setup_job *j, const struct setup_entry *e, enum setup_undo *ret, struct why *w)
{
	char full[PATH_MAX];
	int r = setup_path(j->place, e->name, full, w);

	if (r || strcmp(e->name, SETUP_STATE) == 0)
		return r;
	setup_changing(j);
	if (rmdir(full) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EBUSY)
		return fail_errno(w, "%s", full);
	*ret = UNDO_KEEP;
	return 0;
}

static int take_away(const struct setup_job *j, const struct setup_entry *e, enum setup_undo *ret, struct why *w)
{
	switch (e->made) {
	case MADE_USER:
	case MADE_GROUP:
		return remove_account(j, e, w);
	case MADE_FILE:
	case MADE_LINK:
		return remove_file(j, e, true, w);
	case MADE_FOLDER:
		return remove_folder(j, e, ret, w);
	case MADE_DATA:
	case MADE_TREES:
		return setup_remove_all(j, e->name, strcmp(e->value, SETUP_INSIDE) == 0, w);
	case MADE_PRODUCT:
	case MADE_TUNING:
		break;
	}
	return 0;
}

/* A file that was given several contents has several entries. */
static bool is_last(const struct setup_journal *l, size_t i)
{
	for (size_t k = i + 1; k < l->n; k++)
		if (l->at[k].made == l->at[i].made && strcmp(l->at[k].name, l->at[i].name) == 0)
			return false;
	return true;
}

static int undo_one(const struct setup_job *j, const struct setup_entry *e, bool keep_data, bool dry_run, struct why *w)
{
	struct setup_remains rest;
	enum setup_undo what;
	int r = setup_remains(j->place, j->journal, e, &rest, w);

	if (r)
		return r;
	what = setup_undo_decide(e, &rest, keep_data);
	if (!dry_run && what == UNDO_REMOVE)
		r = take_away(j, e, &what, w);
	else if (!dry_run && (e->made == MADE_FILE || e->made == MADE_LINK))
		r = remove_file(j, e, false, w);
	if (!r && j->watch && j->watch->undo)
		j->watch->undo(j->watch->arg, e, what);
	return r;
}

/* What was kept is still ours: a later setup finds it, a later removal takes it. */
static int keep_kept(const struct setup_job *j, struct why *w)
{
	for (size_t i = j->journal->n; i-- > 0;) {
		const struct setup_entry *e = &j->journal->at[i];

		if (e->made != MADE_PRODUCT && e->made != MADE_USER && e->made != MADE_GROUP && e->made != MADE_DATA &&
		    strcmp(e->name, SETUP_STATE) != 0)
			drop(j->journal, i);
	}
	return setup_save(j, w);
}

int setup_undo(const struct setup_job *j, bool keep_data, bool dry_run, struct why *w)
{
	static const char *const reread[] = { "systemctl", "daemon-reload", NULL };
	int r = 0;

	if (j->journal->n == 0) {
		r = dry_run ? 0 : setup_clear(j, w);
		return r ? r : fail(w, -ENODATA, "nothing was set up here: there is no %s", SETUP_JOURNAL);
	}
	r = dry_run ? 0 : undo_running(j, w);
	for (size_t i = j->journal->n; i-- > 0 && !r;)
		if (is_last(j->journal, i))
			r = undo_one(j, &j->journal->at[i], keep_data, dry_run, w);
	if (!r && !dry_run && setup_live(j->place))
		r = proc_must(reread, STOP_MS, w);
	if (!r && !dry_run)
		r = keep_data ? keep_kept(j, w) : setup_forget(j, w);
	return r ? why_next(w, r, "put it right and run tandem setup --remove again") : 0;
}
