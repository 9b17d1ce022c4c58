/*
 * tandem rollback
 */
#include <sodium/randombytes.h>
#include <stdio.h>

#include "base/args.h"
#include "base/reboot.h"
#include "updater/cmd.h"
#include "updater/cmd_parts.h"

#define NAME  "tandem rollback"
#define USAGE "tandem rollback [--below-floor] [--reboot]"
#define HELP                                                                                                               \
	"On trial: the trial has failed, and the machine reboots into the committed slot. Otherwise: arm the other slot\n" \
	"when it is good, so that the next boot tries it; it is committed when it is healthy."

struct options {
	const char *config;
	bool below_floor, reboot;
};

/* @reboot  set when the machine has to */
static int end_trial(struct appliance *a, bool *reboot, struct why *w)
{
	struct boot_machine *m = &a->m.boot;
	enum slot target = m->rec.target;
	int r = sequence_fail(m, REASON_OPERATOR, "ended by 'tandem rollback'", w);

	if (r)
		return r;
	*reboot = *reboot || a->m.running.slot != m->rec.committed;
	(void)printf("slot %s: its trial is over; slot %s stays the committed one\n", slot_name(target),
		     slot_name(m->rec.committed));
	return 0;
}

static int arm(struct appliance *a, const struct options *o, struct why *w)
{
	struct boot_machine *m = &a->m.boot;
	uint8_t action_id[16];
	int r;

	randombytes_buf(action_id, sizeof(action_id));
	r = sequence_arm(m, o->below_floor, action_id, w);
	if (!r)
		(void)printf("slot %s: version %s is armed: reboot to go back to it\n", slot_name(m->rec.target),
			     m->rec.slots[m->rec.target].version);
	return r;
}

/* @reboot  whether the machine has to */
static int rollback(struct appliance *a, const struct options *o, bool *reboot, struct why *w)
{
	enum rollback_action action = ROLLBACK_ARM;
	int r;

	if (!a->m.has_record)
		return refuse(w, -ENODATA, "the boot record cannot be used: %s", a->m.record_why.text);
	r = rollback_plan(&a->m.boot.rec, &action, w);
	if (r)
		return r;
	*reboot = o->reboot;
	return action == ROLLBACK_END_TRIAL ? end_trial(a, reboot, w) : arm(a, o, w);
}

int cmd_rollback(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "below-floor",
		  .help = "go back even to a security epoch below the floor",
		  .flag = &o.below_floor },
		{ .name = "reboot", .help = "reboot at once", .flag = &o.reboot },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &o.config },
	};
	struct appliance *a = NULL;
	struct why w = { 0 };
	struct args args;
	bool reboot = false;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = appliance_open(o.config, MACHINE_WRITE, &a, &w);
	r = r ? r : rollback(a, &o, &reboot, &w);
	r = appliance_close(a, r, &w);
	if (!r && reboot)
		r = reboot_orderly(&w);
	return r ? why_report(&w, NAME) : EXIT_DONE;
}
