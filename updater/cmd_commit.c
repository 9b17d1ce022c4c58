/*
 * tandem commit
 */
#include <stdio.h>

#include "base/args.h"
#include "updater/cmd.h"
#include "updater/cmd_parts.h"

#define NAME  "tandem commit"
#define USAGE "tandem commit"
#define HELP                                                                                                            \
	"Commit the slot that runs on trial, without waiting for its health probes. Refused when the running slot is\n" \
	"not on trial. Exit code 4: it is committed already."

static int commit(struct appliance *a, struct why *w)
{
	struct boot_machine *m = &a->m.boot;
	int r;

	if (!a->m.has_record)
		return refuse(w, -ENODATA, "the boot record cannot be used: %s", a->m.record_why.text);
	r = commit_check(&m->rec, a->m.running.slot, w);
	if (!r && m->conf->mode == MODE_BOOTNEXT)
		r = machine_esp(&a->m, w);
	r = r ? r : sequence_commit(m, w);
	if (!r)
		(void)printf("slot %s: version %s is committed\n", slot_name(m->rec.committed),
			     m->rec.slots[m->rec.committed].version);
	return r;
}

int cmd_commit(int argc, char **argv)
{
	const char *config = NULL;
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &config },
	};
	struct appliance *a = NULL;
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = appliance_open(config, MACHINE_WRITE, &a, &w);
	r = r ? r : commit(a, &w);
	r = appliance_close(a, r, &w);
	return r ? why_report(&w, NAME) : EXIT_DONE;
}
