#include "bootstage/post.h"

#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "partitions/imageinfo.h"
#include "partitions/machine.h"

/* How long another program may hold the machine. A trial needs its verdict; anything else can wait for the next boot. */
#define LOCK_TRIAL_MS  120000u
#define LOCK_OTHER_MS  5000u
#define LOCK_STEP_MS   250u
#define COMMIT_TRIES   3
#define COMMIT_STEP_MS 2000u
#define REBOOT_WAIT_S  90u

static struct machine machine; /* too large for a stack; there is one */

static void sleep_ms(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

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

/* Open for writing; wait while another program has the machine. */
static int open_to_write(const char *conf_path, unsigned int wait_ms, struct why *w)
{
	uint64_t end = now_ms() + wait_ms;

	for (;;) {
		struct why last = { 0 };
		int r = machine_open(conf_path, MACHINE_WRITE, &machine, &last);

		if (r == 0)
			return 0;
		IGNORE(machine_close(&machine, NULL)); /* nothing was written */
		if (r != -EWOULDBLOCK || now_ms() >= end) {
			*w = last;
			return r;
		}
		sleep_ms(LOCK_STEP_MS);
	}
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
	int r = open_to_write(conf_path, LOCK_OTHER_MS, &w);

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

static int carry_out(const struct verdict_plan *p, const struct health *h, struct why *w)
{
	char reason[REASON_TEXT_BYTES];

	switch (p->act) {
	case ACT_COMMIT:
		return commit(w);
	case ACT_END_TRIAL:
		if (!machine.has_record)
			return fail(w, -ENODATA, "the boot record is lost: %s", machine.record_why.text);
		return sequence_fail(&machine.boot, REASON_HEALTH,
				     health_reason(&machine.conf, h, reason, sizeof(reason)), w);
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

/*
 * The decision is made on what the machine looks like once nobody else can change it; the probes took their time.
 * A trial that failed is left by a reboot even when the record cannot say so: the boot is then one without a verdict.
 */
static void decide_and_act(const char *conf_path, const struct health *h, bool on_trial, struct verdict *v)
{
	struct verdict_facts f;
	struct verdict_plan p = { .act = ACT_REPORT };
	struct why w = { 0 };

	if (open_to_write(conf_path, on_trial ? LOCK_TRIAL_MS : LOCK_OTHER_MS, &w)) {
		v->result = on_trial ? (h->passed ? VERDICT_UNDONE : VERDICT_FAILED)
				     : (h->passed ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
		undone(v, "the machine cannot be changed", &w);
		v->rebooting = v->result == VERDICT_FAILED;
		return;
	}
	facts_of(&machine, h->passed, &f);
	verdict_decide(&f, &p);
	v->result = p.result;
	(void)snprintf(v->note, sizeof(v->note), "%s", p.note);
	v->rebooting = p.act == ACT_END_TRIAL;
	if (carry_out(&p, h, &w))
		undone(v, p.note, &w);
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

static void judge(const char *conf_path, struct verdict *v)
{
	static struct sysconf conf;
	struct verdict_facts f;
	struct health health = { 0 };
	struct why w = { 0 };
	int r = machine_open(conf_path, MACHINE_READ, &machine, &w);

	if (r) {
		IGNORE(machine_close(&machine, NULL));
		cannot_look(&w, v);
		return;
	}
	facts_of(&machine, true, &f);
	conf = machine.conf;
	v->slot = f.started;
	v->role = f.role;
	health.passed = verdict_commit_begun(&f);
	close_machine();
	if (f.role == ROLE_TRIAL && !health.passed)
		note_stage(conf_path);
	if (!health.passed)
		health_run(&conf, &health_real, NULL, now_ms() + 1000ull * conf.health_deadline_seconds, &health);
	verdict_probes(v, &conf, &health);
	decide_and_act(conf_path, &health, f.role == ROLE_TRIAL, v);
}

void post_run(const char *conf_path, struct verdict *ret)
{
	struct why w = { 0 };

	*ret = (struct verdict){ .slot = SLOT_NONE, .role = ROLE_FOREIGN };
	judge(conf_path, ret);
	if (verdict_write("", ret, &w))
		log_error("the verdict could not be written down: %s", w.text);
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
