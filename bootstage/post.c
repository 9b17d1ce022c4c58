#include "bootstage/post.h"

#include <sys/reboot.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "bootstage/early.h"
#include "partitions/imageinfo.h"
#include "partitions/machine.h"

/* How long another program may hold the machine. A trial needs its verdict; anything else can wait for the next boot. */
#define LOCK_TRIAL_MS  120000u
#define LOCK_OTHER_MS  5000u
#define COMMIT_TRIES   3
#define COMMIT_STEP_MS 2000u
#define REBOOT_WAIT_S  90u

static struct machine machine; /* too large for a stack; there is one */

static void facts_of(const struct machine *m, bool healthy, struct verdict_facts *ret)
{
	*ret = (struct verdict_facts){
		.handed_over = m->handed_over,
		.role = m->handed_over ? m->handover.role : ROLE_FOREIGN,
		.started = m->handed_over ? m->handover.slot : m->running.slot,
		.running = m->running.slot,
		.rec = m->has_record ? &m->boot.rec : NULL,
		.newer_record = !m->has_record && m->record_why.code == -EPROTONOSUPPORT,
		.healthy = healthy,
	};
}

static void close_machine(void)
{
	struct why w = { 0 };

	if (machine_close(&machine, &w))
		log_warn("%s", w.text);
}

/* Note in the record that the trial came as far as its probes. A failure costs a detail of a report, no more. */
static void note_stage(const char *conf_path)
{
	struct why w = { 0 };
	struct bootrec rec;
	int r = machine_open(conf_path, MACHINE_WRITE, LOCK_OTHER_MS, &machine, &w);

	if (!r && machine.has_record) {
		rec = machine.boot.rec;
		if (boot_reached(&rec, STAGE_HEALTH))
			r = bootstore_write(machine.boot.store, &rec, &w);
	}
	if (r)
		log_warn("the stage reached could not be recorded: %s", w.text);
	close_machine();
}

static int commit(struct why *w)
{
	int r = machine.conf.mode == MODE_BOOTNEXT ? machine_esp(&machine, w) : 0;

	if (r)
		return r;
	for (int i = 1;; i++) {
		struct why last = { 0 };

		r = sequence_commit(&machine.boot, &last);
		if (r == 0 || i == COMMIT_TRIES) {
			*w = last;
			return r;
		}
		log_warn("commit, try %d: %s", i, last.text);
		sleep_ms(COMMIT_STEP_MS);
	}
}

static int settle(bool adopt, struct why *w)
{
	enum slot running = machine.running.slot;
	struct slot_info info = { 0 };
	int r = adopt ? imageinfo_load(NULL, &info, w) : 0;

	if (r)
		return why_next(w, r, "a new boot record needs to know which image runs; have the image carry %s",
				IMAGEINFO_PATH);
	if (sequence_settle_needs_esp(&machine.boot.rec, machine.conf.mode, running, adopt))
		r = machine_esp(&machine, w);
	return r ? r : sequence_settle(&machine.boot, running, adopt ? &info : NULL, w);
}

/* Why the trial is over, for its record: a stage, or else a probe. */
static int fail_trial(const struct verdict *v, const struct health *h, struct why *w)
{
	char reason[REASON_TEXT_BYTES];

	if (!v->stages_passed)
		return sequence_fail(&machine.boot, REASON_STAGE, v->stages_why, w);
	return sequence_fail(&machine.boot, REASON_HEALTH, health_reason(&machine.conf, h, reason, sizeof(reason)), w);
}

static int carry_out(const struct verdict_plan *p, const struct verdict *v, const struct health *h, struct why *w)
{

	switch (p->act) {
	case ACT_COMMIT:
		return commit(w);
	case ACT_END_TRIAL:
		if (!machine.has_record)
			return fail(w, -ENODATA, "the boot record is lost: %s", machine.record_why.text);
		return fail_trial(v, h, w);
	case ACT_SETTLE:
		return settle(false, w);
	case ACT_ADOPT:
		return settle(true, w);
	case ACT_REPORT:
		break;
	}
	return 0;
}

/* Something that follows from the verdict was not done. */
static void undone(struct verdict *v, const char *what, const struct why *w)
{
	log_error("%s: %s", what, w->text);
	if (w->next[0])
		log_error("next: %s", w->next);
	if (v->result == VERDICT_COMMITTED || v->result == VERDICT_ADOPTED)
		v->result = VERDICT_UNDONE;
	(void)snprintf(v->note, sizeof(v->note), "%s: %.150s", what, w->text);
}

/* What did not pass now does not fail a trial that comes. Without it the trial is held to more: no reason to fail here. */
static void note_baseline(const struct verdict *v)
{
	enum slot running = machine.running.slot;
	struct baseline b;
	struct why w = { 0 };

	if (!machine.has_record || running == SLOT_NONE || machine.boot.rec.committed != running || !v->stages_known)
		return;
	verdict_baseline(v, running, &b);
	if (baseline_write(&machine.state, &b, &w))
		log_warn("what this boot failed at could not be noted: %s", w.text);
}

/*
 * The decision is made on what the machine looks like once nobody else can change it; the probes took their time.
 * A trial that failed is left by a reboot even when the record cannot say so: the boot is then one without a verdict.
 */
static void decide_and_act(const char *conf_path, const struct health *h, bool on_trial, struct verdict *v)
{
	struct verdict_facts f;
	struct verdict_plan p = { .act = ACT_REPORT };
	struct why w = { 0 };

	v->probed_us = early_time_us();
	if (machine_open(conf_path, MACHINE_WRITE, on_trial ? LOCK_TRIAL_MS : LOCK_OTHER_MS, &machine, &w)) {
		v->result = on_trial ? (v->healthy ? VERDICT_UNDONE : VERDICT_FAILED)
				     : (v->healthy ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
		undone(v, "the machine cannot be changed", &w);
		v->rebooting = v->result == VERDICT_FAILED;
		close_machine();
		return;
	}
	facts_of(&machine, v->healthy, &f);
	verdict_decide(&f, &p);
	v->result = p.result;
	(void)snprintf(v->note, sizeof(v->note), "%s", p.note);
	v->rebooting = p.act == ACT_END_TRIAL;
	if (carry_out(&p, v, h, &w))
		undone(v, p.note, &w);
	v->committed = (machine.has_record || v->result == VERDICT_ADOPTED) &&
		       machine.boot.rec.committed == machine.running.slot &&
		       machine.boot.rec.phase != PHASE_COMMITTING && v->role != ROLE_FOREIGN;
	note_baseline(v);
	close_machine();
}

/* The machine cannot be looked at. Whether this is a trial is all that matters then. */
static void cannot_look(const struct why *w, struct verdict *v)
{
	struct handover handover;
	bool trial = handover_read("", &handover, NULL) == 0 && handover.role == ROLE_TRIAL;

	if (trial) {
		v->slot = handover.slot;
		v->role = handover.role;
	}
	v->result = trial ? VERDICT_FAILED : VERDICT_UNHEALTHY;
	v->rebooting = trial;
	undone(v, "this boot cannot be judged", w);
}

/* Which slot's baseline counts, and whether it does; while the machine is open. */
static const struct baseline *baseline_of(const struct verdict_facts *f, struct baseline *ret)
{
	struct why w = { 0 };
	int r;

	if (f->role != ROLE_TRIAL || !f->rec || machine.conf.baseline_strict)
		return NULL;
	r = baseline_read(&machine.state, ret, &w);
	if (r && r != -ENODATA)
		log_warn("no stage is excused: %s", w.text);
	return r ? NULL : ret;
}

/* What has come of the stages so far. Without knowing them nothing is healthy. */
static void weigh_stages(const struct phase_run *run, const struct why *unknown, const struct verdict_facts *f,
			 stage_set which, struct verdict *v)
{
	static struct baseline base;

	v->stages_known = !unknown->code;
	if (v->stages_known)
		verdict_stages(v, &run->plan, which, &run->results, baseline_of(f, &base),
			       f->rec ? f->rec->committed : SLOT_NONE);
	else
		(void)snprintf(v->stages_why, sizeof(v->stages_why), "%.150s", unknown->text);
	if (v->stages_why[0])
		log_error("%s", v->stages_why);
}

static void probe(const struct sysconf *conf, struct health *h)
{
	health_run(conf, &health_real, NULL, now_ms() + 1000ull * conf->health_deadline_seconds, h);
}

/* mode=host: no trial, nothing to go back to. What is wrong is reported; the product's tree has its own way back. */
static void judge_host(const struct sysconf *conf, const struct phase_run *run, const struct why *unknown,
		       struct verdict *v)
{
	const struct verdict_facts none = { .role = ROLE_FOREIGN };
	struct health health = { 0 };

	weigh_stages(run, unknown, &none, ~stagerun_phase(&run->plan.stages, IN_COMMITTED), v);
	v->start_us = early_time_us();
	probe(conf, &health);
	v->probed_us = early_time_us();
	verdict_probes(v, conf, &health);
	v->healthy = health.passed && v->stages_passed;
	v->result = v->healthy ? VERDICT_HEALTHY : VERDICT_UNHEALTHY;
	v->committed = true;
	(void)snprintf(v->note, sizeof(v->note), "mode=host: no slots, reported, no more");
}

static void judge(const char *conf_path, const struct phase_run *run, const struct why *unknown, struct verdict *v)
{
	static struct sysconf conf;
	struct verdict_facts f;
	struct health health = { 0 };
	struct why w = { 0 };
	int r = machine_open(conf_path, MACHINE_READ, 0, &machine, &w);
	bool begun;

	conf = machine.conf;
	if (r) {
		IGNORE(machine_close(&machine, NULL));
		if (r == -EOPNOTSUPP)
			judge_host(&conf, run, unknown, v);
		else
			cannot_look(&w, v);
		return;
	}
	facts_of(&machine, true, &f);
	v->slot = f.started;
	v->role = f.role;
	begun = verdict_commit_begun(&f);
	weigh_stages(run, unknown, &f, ~stagerun_phase(&run->plan.stages, IN_COMMITTED), v);
	close_machine();
	health.passed = begun;
	if (f.role == ROLE_TRIAL && !begun)
		note_stage(conf_path);
	v->start_us = early_time_us();
	/* A trial that a stage has failed needs no probes; on the committed slot they are part of the report. */
	if (!begun && (v->stages_passed || f.role != ROLE_TRIAL))
		probe(&conf, &health);
	verdict_probes(v, &conf, &health);
	v->healthy = begun || (health.passed && v->stages_passed);
	decide_and_act(conf_path, &health, f.role == ROLE_TRIAL, v);
}

static void write_down(struct verdict *v)
{
	struct why w = { 0 };

	v->end_us = early_time_us();
	if (verdict_write("", v, &w))
		log_error("the verdict could not be written down: %s", w.text);
}

/* What must not be undone: only when nothing leads back to another slot. Its results are for the status. */
static void run_committed(const struct stageplaces *p, struct phase_run *run)
{
	struct why w = { 0 };

	if (phase_run(p, IN_COMMITTED, false, run, &w))
		log_error("phase committed: %s", w.text);
	else
		phase_free(run);
}

void post_run(const char *conf_path, struct verdict *ret)
{
	static struct phase_run run;
	const struct stageplaces places = { .conf = conf_path };
	struct why unknown = { 0 };

	*ret = (struct verdict){ .slot = SLOT_NONE, .role = ROLE_FOREIGN };
	IGNORE(phase_run(&places, IN_POST, false, &run, &unknown)); /* unknown says it */
	judge(conf_path, &run, &unknown, ret);
	phase_free(&run);
	write_down(ret);
	if (ret->committed && !ret->rebooting)
		run_committed(&places, &run);
}

bool post_refused(const char *conf_path, const struct phase_run *run, struct verdict *ret)
{
	static const struct health none;
	static const struct why known;
	struct verdict_facts f;
	struct why w = { 0 };
	int r = machine_open(conf_path, MACHINE_READ, 0, &machine, &w);

	*ret = (struct verdict){ .slot = SLOT_NONE, .role = ROLE_FOREIGN };
	if (r == -EOPNOTSUPP) {
		IGNORE(machine_close(&machine, NULL));
		return false; /* mode=host: the product stays down, no more */
	}
	if (r) {
		IGNORE(machine_close(&machine, NULL));
		cannot_look(&w, ret);
	} else {
		facts_of(&machine, true, &f);
		ret->slot = f.started;
		ret->role = f.role;
		weigh_stages(run, &known, &f, run->run.refused, ret);
		close_machine();
		if (f.role != ROLE_TRIAL || verdict_commit_begun(&f) || ret->stages_passed)
			return false;      /* the verdict at the end of the boot has it */
		ret->stages_known = false; /* not all of them */
		decide_and_act(conf_path, &none, true, ret);
	}
	if (ret->rebooting)
		write_down(ret);
	return ret->rebooting;
}

int post_reboot(struct why *w)
{
	static const char *const argv[] = { "systemctl", "--no-block", "reboot", NULL };
	struct why asked = { 0 };

	if (proc_must(argv, 30000, &asked))
		log_warn("reboot through the service manager: %s", asked.text);
	else
		(void)sleep(REBOOT_WAIT_S); /* it stops us on the way */
	sync();
	(void)reboot(RB_AUTOBOOT);
	return fail_errno(w, "reboot");
}
