/*
 * tandem status | slots
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/args.h"
#include "updater/cmd.h"
#include "updater/cmd_view.h"

#define STATUS_USAGE "tandem status [--json]"
#define STATUS_HELP                                                                                                     \
	"Show which slot runs and as what, what the boot record says, both slots, the last update's outcome, and the\n" \
	"firmware's boot entries. Without root only what tandem-init handed over is shown. Changes nothing."
#define SLOTS_USAGE "tandem slots [--json]"
#define SLOTS_HELP  "Show both slots: what they hold, in which state, on which device. Changes nothing."

static const char *or_unknown(const char *s)
{
	return s[0] ? s : "unknown";
}

static void text_running(const struct view *v)
{
	const struct running *r = &v->running;

	if (v->denied.code)
		(void)printf("running:    slot %s by the kernel command line\n", slot_name_or(r->cmdline, "unknown"));
	else if (r->slot != SLOT_NONE)
		(void)printf("running:    slot %s\n", slot_name(r->slot));
	else
		(void)printf("running:    NOT AGREED: command line %s, root %s, firmware %s\n",
			     slot_name_or(r->cmdline, "none"), slot_name_or(r->root, "none"),
			     slot_name_or(r->firmware, "unknown"));
	if (!v->handed_over) {
		(void)printf("boot:       not started by tandem-init\n");
		return;
	}
	(void)printf("boot:       slot %s as %s: %s\n", slot_name(v->handover.slot), boot_role_name(v->handover.role),
		     v->handover.note);
	(void)printf("watchdog:   %s\n", v->handover.watchdog[0] ? v->handover.watchdog
								 : "NONE: a hang on trial ends only by a power cycle");
	(void)printf("data:       %s\n", or_unknown(v->handover.data));
}

static void text_phase(const struct bootrec *rec)
{
	(void)printf("phase:      %s", boot_phase_name(rec->phase));
	if (rec->phase == PHASE_WRITING || rec->phase == PHASE_STAGED)
		(void)printf(": slot %s, version %s", slot_name(rec->target),
			     or_unknown(rec->slots[rec->target].version));
	if (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING)
		(void)printf(": slot %s, stage reached: %s, attempts left: %u of %u", slot_name(rec->target),
			     boot_stage_name(rec->stage), rec->attempts_left, rec->attempts_max);
	(void)printf("\ncommitted:  slot %s%s\n", slot_name(rec->committed),
		     rec->stand_in ? "; the other slot stands in for it" : "");
	if (rec->misses)
		(void)printf("misses:     the committed slot could not be used in %u starts in a row\n", rec->misses);
	if (rec->fallback_stale)
		(void)printf("fallback:   the fallback loader is still to be refreshed\n");
	(void)printf("floor:      security epoch %" PRIu64 "\n", rec->epoch_floor);
	if (rec->trust_epoch)
		(void)printf("trust set:  %" PRIu64 " ('tandem trust show')\n", rec->trust_epoch);
}

static void text_slots(const struct view *v)
{
	const struct bootrec *rec = view_record(v);

	for (enum slot s = SLOT_A; s <= SLOT_B && rec; s++) {
		const struct slot_info *i = &rec->slots[s];
		const char *device = v->a->m.disk.root[s].device;

		(void)printf("slot %s:     %-10s version %s, epoch %" PRIu64 ", %s%s%s\n", slot_name(s),
			     slot_condition_name(rec, s), or_unknown(i->version), i->epoch,
			     device[0] ? device : "NO PARTITION", s == rec->committed ? ", committed" : "",
			     s == v->running.slot ? ", running" : "");
	}
}

static void text_outcome(const struct bootrec *rec)
{
	const struct boot_outcome *o = &rec->outcome;

	if (o->result == RESULT_NONE) {
		(void)printf("last:       no update yet\n");
		return;
	}
	(void)printf("last:       %s: slot %s (%s) to slot %s (%s), %u start%s", boot_result_name(o->result),
		     slot_name(o->from), or_unknown(o->from_version), slot_name(o->to), or_unknown(o->to_version),
		     o->attempts, o->attempts == 1 ? "" : "s");
	if (o->reason != REASON_NONE)
		(void)printf("; %s after stage %s%s%s", boot_reason_name(o->reason), boot_stage_name(o->stage),
			     o->text[0] ? ": " : "", o->text);
	(void)printf("\n");
}

static void text_firmware(const struct view *v)
{
	const struct efi_view *f = &v->a->m.efi_view;

	if (v->a->m.conf.mode == MODE_CHOOSER) {
		(void)printf("firmware:   not used in mode=chooser\n");
		return;
	}
	if (!v->a->m.boot.efi) {
		(void)printf("firmware:   UNUSABLE: %s\n", v->a->m.efi_why.text);
		return;
	}
	(void)printf("firmware:   order");
	for (size_t i = 0; i < f->n_order; i++)
		(void)printf(" %04X%s", f->order[i],
			     f->order[i] == f->entry[SLOT_A]   ? "(a)"
			     : f->order[i] == f->entry[SLOT_B] ? "(b)"
							       : "");
	if (f->next != EFI_NONE)
		(void)printf("; next %04X", f->next);
	if (f->current != EFI_NONE)
		(void)printf("; started %04X", f->current);
	(void)printf("\n");
}

static void text_host(const struct view *v)
{
	const struct sysconf *c = &v->a->m.conf;

	(void)printf("mode:       host: no slots and no boot record; the product is updated as a tree\n");
	(void)printf("product:    %s (compatible with %s)\n", c->product, c->compatible);
	tree_view_text(&v->tree);
}

static void text_status(const struct view *v)
{
	const struct bootrec *rec = view_record(v);

	if (v->host) {
		text_host(v);
		return;
	}
	text_running(v);
	if (!rec) {
		(void)printf("record:     %s: %s\n", v->denied.code ? "not readable" : "LOST", view_record_problem(v));
	} else {
		text_phase(rec);
		text_slots(v);
		text_outcome(rec);
	}
	if (v->denied.code) {
		(void)printf("The boot record, the slots and the firmware's entries are shown to root only.\n");
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (v->a->m.store.damage[i][0])
			(void)printf("record:     DAMAGED copy, the other one is used: %s\n", v->a->m.store.damage[i]);
	text_firmware(v);
	(void)printf("disk:       %s%s\n", v->a->m.disk.disk.device,
		     v->a->m.disk.at_home ? "" : ": not the disk that the boot record was last used on");
	if (v->has_tree)
		tree_view_text(&v->tree);
}

static int print_status(const struct view *v, bool as_json, struct why *w)
{
	if (as_json)
		return view_json(v, w);
	text_status(v);
	return 0;
}

static int print_slots(const struct view *v, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (v->denied.code) {
		*w = v->denied;
		return w->code;
	}
	if (as_json) {
		json_object(&j, NULL);
		view_json_slots(&j, v);
		json_end(&j);
		return json_finish(&j, w);
	}
	if (!view_record(v))
		return fail(w, -ENODATA, "the boot record cannot be used: %s", view_record_problem(v));
	text_slots(v);
	return 0;
}

struct look {
	const char *name, *usage, *help;
	int (*print)(const struct view *v, bool as_json, struct why *w);
};

static int look(const struct look *l, int argc, char **argv)
{
	AUTO_FREE struct view *v = calloc(1, sizeof(*v));
	const char *config = NULL;
	bool as_json = false;
	const struct opt opts[] = {
		{ .name = "json", .help = "print JSON", .flag = &as_json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &config },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(l->usage, l->help, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = v ? view_look(config, v, &w) : fail(&w, -ENOMEM, "out of memory");
	r = r ? r : l->print(v, as_json, &w);
	if (v)
		r = view_done(v, r, &w);
	return r ? why_report(&w, l->name) : EXIT_DONE;
}

int cmd_status(int argc, char **argv)
{
	static const struct look status = { "tandem status", STATUS_USAGE, STATUS_HELP, print_status };

	return look(&status, argc, argv);
}

int cmd_slots(int argc, char **argv)
{
	static const struct look slots = { "tandem slots", SLOTS_USAGE, SLOTS_HELP, print_slots };

	return look(&slots, argc, argv);
}
