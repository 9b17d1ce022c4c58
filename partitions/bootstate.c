#include "partitions/bootstate.h"

#include <stdio.h>

static struct boot_plan start(enum slot slot, enum boot_role role, const char *note)
{
	return (struct boot_plan){ .start = true, .slot = slot, .role = role, .next = SLOT_NONE, .note = note };
}

static struct boot_plan reboot_to(enum slot next, const char *note)
{
	return (struct boot_plan){ .slot = next, .role = ROLE_FOREIGN, .next = next, .note = note };
}

static void set_outcome(struct bootrec *rec, enum boot_result result, enum boot_reason reason, const char *text,
			const uint8_t boot_id[16])
{
	enum slot from = rec->committed, to = slot_other(from);
	struct boot_outcome *o = &rec->outcome;

	*o = (struct boot_outcome){ .result = result, .from = from, .to = to, .reason = reason, .stage = rec->stage };
	o->attempts = rec->attempts_max - rec->attempts_left;
	memcpy(o->action_id, rec->action_id, sizeof(o->action_id));
	if (boot_id)
		memcpy(o->boot_id, boot_id, sizeof(o->boot_id));
	memcpy(o->from_version, rec->slots[from].version, sizeof(o->from_version));
	memcpy(o->to_version, rec->slots[to].version, sizeof(o->to_version));
	(void)snprintf(o->text, sizeof(o->text), "%s", text);
	for (char *c = o->text; *c; c++) /* the record holds printable ASCII */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static void end_trial(struct bootrec *rec, enum boot_reason reason, const char *text, const uint8_t boot_id[16])
{
	set_outcome(rec, RESULT_FAILED, reason, text, boot_id);
	rec->slots[rec->target].state = STATE_BAD;
	rec->phase = PHASE_FAILED;
	rec->stage = STAGE_NONE;
	rec->attempts_left = 0;
	rec->rolled_forward = false;
}

/* Authorise one more start of the trial, or end it. Returns whether there is one more. */
static bool take_attempt(struct bootrec *rec, enum boot_stage stage)
{
	char text[REASON_TEXT_BYTES];

	if (rec->attempts_left > 0) {
		rec->attempts_left--;
		rec->stage = stage;
		return true;
	}
	(void)snprintf(text, sizeof(text), "no verdict after %u start%s; the last one reached: %s", rec->attempts_max,
		       rec->attempts_max == 1 ? "" : "s", boot_stage_name(rec->stage));
	end_trial(rec, REASON_NO_VERDICT, text, NULL);
	return false;
}

/* COMMITTING gets one more start. Returns whether this was it; otherwise the trial is over. */
static bool roll_forward(struct bootrec *rec, enum boot_stage stage)
{
	if (!rec->rolled_forward) {
		rec->rolled_forward = true;
		rec->stage = stage;
		return true;
	}
	end_trial(rec, REASON_COMMIT, "was healthy, but its commit was not finished by two starts", NULL);
	return false;
}

/* One more start of the target, by the phase's rule. Returns false when the trial ended instead. */
static bool again(struct bootrec *rec, enum boot_stage stage)
{
	return rec->phase == PHASE_TRIAL ? take_attempt(rec, stage) : roll_forward(rec, stage);
}

/* The running system is the target of a trial or of an unfinished commit. */
static struct boot_plan decide_on_target(struct bootrec *rec)
{
	struct boot_plan p;

	if (rec->stage == STAGE_ARMED) {
		rec->stage = STAGE_INITRAMFS;
		p = start(rec->target, ROLE_TRIAL, "the authorised start of the trial");
	} else if (again(rec, STAGE_INITRAMFS)) {
		p = start(rec->target, ROLE_TRIAL, "the trial was started again without a verdict");
	} else {
		p = reboot_to(rec->committed, "the trial is over: back to the committed slot");
	}
	p.write = true;
	return p;
}

/* Firmware came back to the committed slot while a trial or a commit is under way. */
static struct boot_plan decide_on_committed(struct bootrec *rec)
{
	struct boot_plan p;

	if (again(rec, STAGE_ARMED))
		p = reboot_to(rec->target, "the last start of the trial ended without a verdict: once more");
	else
		p = start(rec->committed, ROLE_COMMITTED, "the trial failed: the committed slot runs");
	p.write = true;
	return p;
}

static struct boot_plan decide_chooser(struct bootrec *rec)
{
	struct boot_plan p;

	if (rec->phase != PHASE_TRIAL && rec->phase != PHASE_COMMITTING)
		return start(rec->committed, ROLE_COMMITTED, "the committed slot");
	if (again(rec, STAGE_INITRAMFS))
		p = start(rec->target, ROLE_TRIAL, "the trial");
	else
		p = start(rec->committed, ROLE_COMMITTED, "the trial failed: the committed slot runs");
	p.write = true;
	return p;
}

/* The other slot runs, and no trial is under way. */
static struct boot_plan decide_on_other(struct bootrec *rec, enum slot running)
{
	struct boot_plan p;

	if (rec->stand_in)
		return start(running, ROLE_STAND_IN, "stands in for the committed slot, which could not be used");
	if (rec->phase != PHASE_STAGED)
		return start(running, ROLE_FOREIGN, "started by nobody's order: runs, is never committed");
	/* Firmware walked past the committed slot: this is the trial's first start, and it counts. */
	rec->phase = PHASE_TRIAL;
	rec->attempts_left = rec->attempts_max - 1;
	rec->stage = STAGE_INITRAMFS;
	p = start(running, ROLE_TRIAL, "staged, and started before it was armed: counts as a trial");
	p.write = true;
	return p;
}

void boot_decide(struct bootrec *rec, const struct boot_facts *facts, struct boot_plan *ret)
{
	bool trying = rec && (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING);

	if (!rec)
		*ret = start(facts->running, ROLE_UNKNOWN, "the boot record is lost: the slot that was started runs");
	else if (facts->mode == MODE_CHOOSER)
		*ret = decide_chooser(rec);
	else if (facts->running == SLOT_NONE)
		*ret = start(rec->committed, ROLE_FOREIGN, "the command line names no slot: the committed one runs");
	else if (facts->disagree)
		*ret = start(facts->running, ROLE_FOREIGN,
			     "BootCurrent names the other slot: runs, is never committed");
	else if (trying && facts->running == rec->target)
		*ret = decide_on_target(rec);
	else if (trying)
		*ret = decide_on_committed(rec);
	else if (facts->running == rec->committed)
		*ret = start(rec->committed, ROLE_COMMITTED, "the committed slot");
	else
		*ret = decide_on_other(rec, facts->running);
}

/* The committed slot is of no use in this boot. */
static struct boot_plan leave_committed(struct bootrec *rec, enum boot_mode mode, const char *text)
{
	enum slot other = slot_other(rec->committed);
	struct boot_plan p;

	if (rec->slots[other].state != STATE_GOOD)
		return reboot_to(SLOT_NONE, "no other good slot: trying again");
	if (rec->misses < MISSES_MAX)
		rec->misses++;
	rec->stand_in = true;
	p = mode == MODE_CHOOSER ? start(other, ROLE_STAND_IN, "stands in for the committed slot")
				 : reboot_to(other, "the other good slot stands in for this boot");
	if (rec->misses >= MISSES_MAX) {
		set_outcome(rec, RESULT_DEMOTED, REASON_HOOK, text, NULL);
		rec->slots[rec->committed].state = STATE_BAD;
		rec->committed = other;
		rec->phase = PHASE_IDLE;
		rec->target = SLOT_NONE;
		rec->misses = 0;
		rec->stand_in = false;
		rec->fallback_stale = true;
		p.role = ROLE_COMMITTED;
		p.note = "unusable three times in a row: the other good slot is the committed one now";
	}
	p.write = true;
	return p;
}

void boot_refused(struct bootrec *rec, const char *text, struct boot_plan *plan)
{
	end_trial(rec, REASON_STAGE, text, NULL);
	*plan = reboot_to(rec->committed, "a stage refuses the trial: back to the committed slot");
	plan->write = true;
}

void boot_cannot_start(struct bootrec *rec, const struct boot_facts *facts, const char *text, struct boot_plan *plan)
{
	bool trying = rec && (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING);
	enum slot tried = plan->slot;

	if (rec && plan->role == ROLE_TRIAL && trying) {
		end_trial(rec, REASON_HOOK, text, NULL);
		*plan = reboot_to(rec->committed, "the trial cannot be started: back to the committed slot");
		plan->write = true;
	} else if (rec && tried == rec->committed) {
		*plan = leave_committed(rec, facts->mode, text);
	} else if (rec && facts->mode == MODE_BOOTNEXT) {
		*plan = reboot_to(rec->committed, "cannot be started: the committed slot is next");
	} else if (!rec && facts->mode == MODE_BOOTNEXT) {
		*plan = reboot_to(slot_other(tried),
				  "cannot be started, and the record is lost: the other slot is next");
	} else {
		*plan = reboot_to(SLOT_NONE, "cannot be started: trying again");
	}
}

void boot_not_durable(const struct bootrec *rec, const struct boot_facts *facts, struct boot_plan *plan)
{
	bool trying = rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING;
	bool into_trial = plan->start ? plan->role == ROLE_TRIAL : trying && plan->next == rec->target;

	plan->write = false;
	if (!into_trial)
		return;
	if (facts->mode == MODE_CHOOSER || facts->running == rec->committed)
		*plan = start(rec->committed, ROLE_COMMITTED,
			      "the boot record cannot be written: no trial, the committed slot runs");
	else if (trying)
		*plan = reboot_to(rec->committed, "the boot record cannot be written: back to the committed slot");
	else
		*plan = start(facts->running, ROLE_FOREIGN,
			      "the boot record cannot be written: runs, is never committed");
}

bool boot_reached(struct bootrec *rec, enum boot_stage stage)
{
	if ((rec->phase != PHASE_TRIAL && rec->phase != PHASE_COMMITTING) || rec->stage == STAGE_ARMED ||
	    rec->stage >= stage)
		return false;
	rec->stage = stage;
	return true;
}

int boot_write_begin(struct bootrec *rec, enum slot target, enum slot running, const struct slot_info *image,
		     unsigned int attempts, const uint8_t action_id[16], struct why *w)
{
	if (attempts == 0 || attempts > ATTEMPTS_MAX)
		return fail(w, -EINVAL, "%u attempts; 1 to %u are possible", attempts, ATTEMPTS_MAX);
	if (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING) {
		(void)refuse(w, -EBUSY, "slot %s is on trial (phase %s)", slot_name(rec->target),
			     boot_phase_name(rec->phase));
		return why_next(w, -EBUSY, "wait for its verdict, or end it with 'tandem rollback'");
	}
	if (target != slot_other(rec->committed))
		return refuse(w, -EPERM, "slot %s is the committed slot and is never written", slot_name(target));
	if (running == SLOT_NONE)
		return refuse(w, -EPERM, "which slot is running is not known, and the running one is never written");
	if (target == running)
		return refuse(w, -EPERM, "slot %s is running and is never written", slot_name(target));
	if (rec->misses > 0 || rec->slots[rec->committed].state != STATE_GOOD)
		return refuse(w, -EPERM, "slot %s is the only slot that is known to start", slot_name(target));
	if (image->epoch < rec->epoch_floor)
		return refuse(w, -ESTALE, "security epoch %llu is below the floor %llu",
			      (unsigned long long)image->epoch, (unsigned long long)rec->epoch_floor);
	rec->phase = PHASE_WRITING;
	rec->target = target;
	rec->stage = STAGE_NONE;
	rec->attempts_left = 0;
	rec->attempts_max = attempts;
	rec->rolled_forward = false;
	rec->stand_in = false;
	rec->slots[target] = *image;
	rec->slots[target].state = STATE_WRITING;
	memcpy(rec->action_id, action_id, sizeof(rec->action_id));
	return 0;
}

int boot_write_end(struct bootrec *rec, struct why *w)
{
	if (rec->phase != PHASE_WRITING)
		return fail(w, -EINVAL, "nothing is being written (phase %s)", boot_phase_name(rec->phase));
	rec->phase = PHASE_STAGED;
	return 0;
}

int boot_arm(struct bootrec *rec, enum boot_mode mode, unsigned int attempts, bool below_floor,
	     const uint8_t action_id[16], struct why *w)
{
	enum slot other = slot_other(rec->committed);
	bool staged = rec->phase == PHASE_STAGED;

	if (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING)
		return refuse(w, -EBUSY, "slot %s is on trial already", slot_name(rec->target));
	if (attempts == 0 || attempts > ATTEMPTS_MAX)
		return fail(w, -EINVAL, "%u attempts; 1 to %u are possible", attempts, ATTEMPTS_MAX);
	if (!staged && rec->slots[other].state != STATE_GOOD)
		return refuse(w, -EPERM, "slot %s is %s: there is nothing to go back to", slot_name(other),
			      slot_state_name(rec->slots[other].state));
	if (rec->slots[other].epoch < rec->epoch_floor && !below_floor) {
		(void)refuse(w, -ESTALE, "slot %s has security epoch %llu, below the floor %llu", slot_name(other),
			     (unsigned long long)rec->slots[other].epoch, (unsigned long long)rec->epoch_floor);
		return why_next(w, -ESTALE, "an explicit rollback may give --below-floor");
	}
	rec->phase = PHASE_TRIAL;
	rec->target = other;
	rec->attempts_max = attempts;
	rec->attempts_left = mode == MODE_CHOOSER ? attempts : attempts - 1;
	rec->stage = STAGE_ARMED;
	rec->rolled_forward = false;
	rec->stand_in = false;
	memcpy(rec->action_id, action_id, sizeof(rec->action_id));
	return 0;
}

int boot_commit_begin(struct bootrec *rec, struct why *w)
{
	if (rec->phase != PHASE_TRIAL && rec->phase != PHASE_COMMITTING)
		return fail(w, -EINVAL, "no trial to commit (phase %s)", boot_phase_name(rec->phase));
	rec->phase = PHASE_COMMITTING;
	return 0;
}

int boot_commit_end(struct bootrec *rec, const uint8_t boot_id[16], struct why *w)
{
	struct slot_info *now;

	if (rec->phase != PHASE_COMMITTING)
		return fail(w, -EINVAL, "no commit to finish (phase %s)", boot_phase_name(rec->phase));
	set_outcome(rec, RESULT_COMMITTED, REASON_NONE, "", boot_id);
	now = &rec->slots[rec->target];
	now->state = STATE_GOOD;
	if (now->epoch > rec->epoch_floor)
		rec->epoch_floor = now->epoch;
	rec->committed = rec->target;
	rec->target = SLOT_NONE;
	rec->phase = PHASE_IDLE;
	rec->stage = STAGE_NONE;
	rec->attempts_left = 0;
	rec->rolled_forward = false;
	rec->fallback_stale = false;
	rec->misses = 0;
	return 0;
}

int boot_fail(struct bootrec *rec, enum boot_reason reason, const char *text, const uint8_t boot_id[16], struct why *w)
{
	if (rec->phase != PHASE_TRIAL && rec->phase != PHASE_COMMITTING)
		return fail(w, -EINVAL, "no trial to end (phase %s)", boot_phase_name(rec->phase));
	end_trial(rec, reason, text, boot_id);
	return 0;
}

bool boot_settled(struct bootrec *rec)
{
	bool changed = rec->misses > 0 || rec->stand_in;

	rec->misses = 0;
	rec->stand_in = false;
	return changed;
}

struct bootrec boot_first(enum slot committed, const struct slot_info *info, const struct slot_info *other)
{
	struct bootrec rec = { .phase = PHASE_IDLE, .committed = committed, .target = SLOT_NONE };

	rec.slots[committed] = *info;
	rec.slots[committed].state = STATE_GOOD;
	if (other)
		rec.slots[slot_other(committed)] = *other;
	rec.epoch_floor = info->epoch;
	rec.outcome.from = SLOT_NONE;
	rec.outcome.to = SLOT_NONE;
	return rec;
}

bool boot_entry_wanted(const struct bootrec *rec, enum slot s)
{
	if (s == rec->committed || rec->slots[s].state == STATE_GOOD)
		return true;
	return s == rec->target &&
	       (rec->phase == PHASE_STAGED || rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING);
}

const char *boot_role_name(enum boot_role r)
{
	static const char *const words[] = { "committed", "trial", "stand-in", "foreign", "unknown" };

	return r <= ROLE_UNKNOWN ? words[r] : "?";
}

const char *boot_mode_name(enum boot_mode m)
{
	return m == MODE_CHOOSER ? "chooser" : "bootnext";
}
