#include "updater/plan.h"

#include "updater/semver.h"

struct install_plan install_plan(const struct bootrec *rec, const struct hash *id, bool force_same)
{
	const struct slot_info *committed = &rec->slots[rec->committed];
	struct install_plan p = { .action = INSTALL_WRITE, .target = slot_other(rec->committed) };

	/* What was begun is finished before anything else is looked at: it was asked for. */
	if (rec->phase == PHASE_STAGED && hash_equal(&rec->slots[p.target].image_id, id))
		p.action = INSTALL_ARM;
	else if (rec->phase == PHASE_WRITING && hash_equal(&rec->slots[p.target].image_id, id))
		p.action = INSTALL_CONTINUE;
	else if (!force_same && committed->state == STATE_GOOD && hash_equal(&committed->image_id, id))
		p.action = INSTALL_NOTHING;
	return p;
}

const char *install_action_name(enum install_action a)
{
	static const char *const words[] = { "write", "continue", "arm", "nothing" };

	return words[a];
}

int commit_check(const struct bootrec *rec, enum slot running, struct why *w)
{
	bool trying = rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING;

	if (running == SLOT_NONE)
		return refuse(w, -EPERM, "which slot runs is not agreed");
	if (trying && running == rec->target)
		return 0;
	if (trying) {
		(void)refuse(w, -EPERM, "slot %s is on trial, but slot %s runs", slot_name(rec->target),
			     slot_name(running));
		return why_next(w, -EPERM, "only what was started on trial can be committed: reboot to try it");
	}
	if (running != rec->committed)
		return refuse(w, -EPERM, "slot %s runs, but not on trial (phase %s)", slot_name(running),
			      boot_phase_name(rec->phase));
	(void)fail(w, -EALREADY, "slot %s is committed already", slot_name(running));
	if (w)
		w->exit = EXIT_NOTHING;
	return -EALREADY;
}

int rollback_plan(const struct bootrec *rec, enum rollback_action *ret, struct why *w)
{
	switch (rec->phase) {
	case PHASE_TRIAL:
	case PHASE_COMMITTING:
		*ret = ROLLBACK_END_TRIAL;
		return 0;
	case PHASE_IDLE:
	case PHASE_FAILED:
		*ret = ROLLBACK_ARM;
		return 0;
	case PHASE_WRITING:
	case PHASE_STAGED:
		break;
	}
	(void)refuse(w, -EPERM,
		     "slot %s holds an update that was never tried (phase %s): there is nothing to go back to",
		     slot_name(rec->target), boot_phase_name(rec->phase));
	return why_next(w, -EPERM, "slot %s stays the committed one as long as it is not armed",
			slot_name(rec->committed));
}

enum version_step version_step(const char *from, const char *to)
{
	struct semver a, b;
	int order;

	if (semver_parse(from, &a, NULL) || semver_parse(to, &b, NULL))
		return VERSION_UNKNOWN;
	order = semver_compare(&a, &b);
	return order < 0 ? VERSION_HIGHER : order == 0 ? VERSION_SAME : VERSION_LOWER;
}
