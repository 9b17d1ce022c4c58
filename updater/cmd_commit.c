/*
 * tandem commit
 */
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "updater/cmd.h"
#include "updater/cmd_parts.h"
#include "updater/result.h"

#define NAME  "tandem commit"
#define USAGE "tandem commit [--json]"
#define HELP                                                                                                            \
	"Commit the slot that runs on trial, without waiting for its health probes. Refused when the running slot is\n" \
	"not on trial. Exit code 4: it is committed already."

/* The committed slot; SLOT_NONE when it came to nothing. */
struct outcome {
	enum slot slot;
	char version[VERSION_TEXT_BYTES];
};

static void note(const struct bootrec *rec, struct outcome *ret)
{
	ret->slot = rec->committed;
	memcpy(ret->version, rec->slots[rec->committed].version, sizeof(ret->version));
}

static int commit(struct appliance *a, struct outcome *ret, struct why *w)
{
	struct boot_machine *m = &a->m.boot;
	int r;

	if (!a->m.has_record)
		return refuse(w, -ENODATA, "the boot record cannot be used: %s", a->m.record_why.text);
	r = commit_check(&m->rec, a->m.running.slot, w);
	if (r == -EALREADY)
		note(&m->rec, ret);
	if (!r && m->conf->mode == MODE_BOOTNEXT)
		r = machine_esp(&a->m, w);
	r = r ? r : sequence_commit(m, w);
	if (!r)
		note(&m->rec, ret);
	return r;
}

static int print_json(const struct outcome *o, const struct why *failed, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	result_json(&j, "committed", failed);
	json_string(&j, "slot", slot_name_or(o->slot, NULL));
	json_text(&j, "version", o->version);
	json_end(&j);
	return json_finish(&j, w);
}

int cmd_commit(int argc, char **argv)
{
	struct outcome o = { .slot = SLOT_NONE };
	const char *config = NULL;
	bool as_json = false;
	const struct opt opts[] = {
		{ .name = "json", .help = "print the result as JSON", .flag = &as_json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &config },
	};
	struct why w = { 0 }, output = { 0 };
	struct appliance *a = NULL;
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = appliance_open(config, MACHINE_WRITE, &a, &w);
	r = r ? r : commit(a, &o, &w);
	r = appliance_close(a, r, &w);
	if (as_json && print_json(&o, r ? &w : NULL, &output) && !r)
		return why_report(&output, NAME);
	if (!as_json && !r)
		(void)printf("slot %s: version %s is committed\n", slot_name(o.slot), o.version);
	return r ? why_report(&w, NAME) : EXIT_DONE;
}
