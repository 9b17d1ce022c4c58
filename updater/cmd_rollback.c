/*
 * tandem rollback
 */
#include <sodium/randombytes.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/reboot.h"
#include "updater/cmd.h"
#include "updater/cmd_parts.h"
#include "updater/result.h"

#define NAME  "tandem rollback"
#define USAGE "tandem rollback [--below-floor] [--reboot] [--json]"
#define HELP                                                                                                               \
	"On trial: the trial has failed, and the machine reboots into the committed slot. Otherwise: arm the other slot\n" \
	"when it is good, so that the next boot tries it; it is committed when it is healthy."

struct options {
	const char *config;
	bool below_floor, reboot, json;
};

/* What it came to. The slots are SLOT_NONE when it failed. */
struct outcome {
	enum rollback_action action;
	enum slot slot, committed; /* slot: whose trial is over, or that is armed */
	char version[VERSION_TEXT_BYTES];
	bool reboot;
};

static int arm(struct boot_machine *m, bool below_floor, struct why *w)
{
	uint8_t action_id[16];

	randombytes_buf(action_id, sizeof(action_id));
	return sequence_arm(m, below_floor, action_id, w);
}

static int rollback(struct appliance *a, const struct options *o, struct outcome *ret, struct why *w)
{
	struct boot_machine *m = &a->m.boot;
	enum slot other;
	int r;

	if (!a->m.has_record)
		return refuse(w, -ENODATA, "the boot record cannot be used: %s", a->m.record_why.text);
	r = rollback_plan(&m->rec, &ret->action, w);
	if (r)
		return r;
	other = slot_other(m->rec.committed);
	r = ret->action == ROLLBACK_END_TRIAL ? sequence_fail(m, REASON_OPERATOR, "ended by 'tandem rollback'", w)
					      : arm(m, o->below_floor, w);
	if (r)
		return r;
	ret->slot = other;
	ret->committed = m->rec.committed;
	memcpy(ret->version, m->rec.slots[other].version, sizeof(ret->version));
	ret->reboot = o->reboot || (ret->action == ROLLBACK_END_TRIAL && a->m.running.slot != m->rec.committed);
	return 0;
}

static int print_json(const struct outcome *o, const struct why *failed, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	result_json(&j, o->action == ROLLBACK_END_TRIAL ? "trial-ended" : "armed", failed);
	json_string(&j, "slot", slot_name_or(o->slot, NULL));
	json_text(&j, "version", o->version);
	json_string(&j, "committed", slot_name_or(o->committed, NULL));
	json_bool(&j, "reboot", o->reboot);
	json_end(&j);
	return json_finish(&j, w);
}

static void print_text(const struct outcome *o)
{
	if (o->action == ROLLBACK_END_TRIAL)
		(void)printf("slot %s: its trial is over; slot %s stays the committed one\n", slot_name(o->slot),
			     slot_name(o->committed));
	else
		(void)printf("slot %s: version %s is armed: reboot to go back to it\n", slot_name(o->slot), o->version);
}

int cmd_rollback(int argc, char **argv)
{
	struct outcome done = { .action = ROLLBACK_ARM, .slot = SLOT_NONE, .committed = SLOT_NONE };
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "below-floor",
		  .help = "go back even to a security epoch below the floor",
		  .flag = &o.below_floor },
		{ .name = "reboot", .help = "reboot at once", .flag = &o.reboot },
		{ .name = "json", .help = "print the result as JSON", .flag = &o.json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &o.config },
	};
	struct why w = { 0 }, output = { 0 };
	struct appliance *a = NULL;
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = appliance_open(o.config, MACHINE_WRITE, &a, &w);
	r = r ? r : rollback(a, &o, &done, &w);
	r = appliance_close(a, r, &w);
	if (o.json && print_json(&done, r ? &w : NULL, &output) && !r)
		(void)why_report(&output, NAME);
	if (!o.json && !r)
		print_text(&done);
	(void)fflush(stdout);
	if (!r && done.reboot)
		r = reboot_orderly(&w);
	return r ? why_report(&w, NAME) : output.code ? EXIT_FAILED : EXIT_DONE;
}
