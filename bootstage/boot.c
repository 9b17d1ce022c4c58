#include "bootstage/boot.h"

#include "base/log.h"

/* Trial, the committed slot, the other one in its place: more are not possible (bootstate), whatever a record says. */
#define ROUNDS_MAX 6

/* The record for the state machine: none when it is lost. */
static struct bootrec *record(struct boot *b)
{
	return b->has_record ? &b->machine.rec : NULL;
}

static void log_plan(const struct boot *b, const struct bootrec *before)
{
	const struct boot_plan *p = &b->plan;

	if (b->has_record)
		log_info(
			"record sequence=%llu phase=%s committed=%s target=%s attempts=%u/%u stage=%s rolled=%d stand-in=%d "
			"misses=%u a=%s b=%s",
			(unsigned long long)before->sequence, boot_phase_name(before->phase),
			slot_name(before->committed), slot_name(before->target), before->attempts_left,
			before->attempts_max, boot_stage_name(before->stage), before->rolled_forward, before->stand_in,
			before->misses, slot_state_name(before->slots[SLOT_A].state),
			slot_state_name(before->slots[SLOT_B].state));
	log_note("decision mode=%s running=%s disagree=%d record=%d do=%s slot=%s role=%s next=%s write=%d why=\"%s\"",
		 boot_mode_name(b->facts.mode), slot_name(b->facts.running), b->facts.disagree, b->has_record,
		 p->start ? "start" : "reboot", slot_name(p->slot), boot_role_name(p->role), slot_name(p->next),
		 p->write, p->note);
}

/*
 * The disk that carries the record is remembered in it, so that a clone can be told from it later. A record that names
 * none is written for that once. One that names other hardware (the disk was moved or copied) is left until it has to be
 * written anyway: as long as nothing is decided on a copy, the original is still the one that is preferred to it.
 * Returns whether the record is to be written for it.
 */
static bool remember_home(struct boot *b)
{
	struct bootrec *rec = &b->machine.rec;
	bool named = !bytes_all_zero(bytes_of(rec->home, sizeof(rec->home)));

	if (bytes_all_zero(bytes_of(b->disk.identity, sizeof(b->disk.identity))))
		return false;
	memcpy(rec->home, b->disk.identity, sizeof(rec->home));
	return !named;
}

static void decide(struct boot *b)
{
	struct bootrec before = b->machine.rec;
	bool home = b->has_record && remember_home(b);

	boot_decide(record(b), &b->facts, &b->plan);
	log_plan(b, &before);
	b->plan.write = b->plan.write || home;
}

/* Make the plan's record durable, or give up the part of the plan that needs it. */
static void make_durable(struct boot *b, const struct bootrec *before)
{
	struct bootrec rec = b->machine.rec;
	struct why w = { 0 };

	if (!b->plan.write || !b->has_record)
		return;
	if (bootstore_write(b->machine.store, &rec, &w) == 0) {
		b->machine.rec = rec;
		b->plan.write = false;
		return;
	}
	b->trouble = true;
	b->machine.rec = *before;
	boot_not_durable(before, &b->facts, &b->plan);
	log_error("the boot record could not be written: %s", w.text);
	log_error("instead do=%s slot=%s role=%s why=\"%s\"", b->plan.start ? "start" : "reboot",
		  slot_name(b->plan.slot), boot_role_name(b->plan.role), b->plan.note);
}

/* Boot variables as the record wants them. On the target of a commit that is left to the commit, which wants others. */
static void heal(struct boot *b)
{
	const struct bootrec *rec = record(b);
	struct why w = { 0 };

	if (!rec || !b->machine.efi || (rec->phase == PHASE_COMMITTING && b->plan.role == ROLE_TRIAL))
		return;
	if (sequence_heal(&b->machine, SLOT_NONE, &w))
		log_warn("boot variables are not as they should be: %s", w.text);
	if (b->machine.efi->writes > 0)
		log_note("boot variables healed, writes=%u", b->machine.efi->writes);
}

/* BootNext alone, by the entries that are there: without a record nobody can say what else should be. */
static int aim_without_record(struct boot *b, struct why *w)
{
	struct efi_change c = { .set_next = true };
	struct efi_view v;
	int r = efivars_observe(b->machine.efi, b->machine.want, &v, w);

	if (!r && v.entry[b->plan.next] == EFI_NONE)
		r = fail(w, -ENOENT, "there is no boot entry for slot %s", slot_name(b->plan.next));
	if (r)
		return r;
	c.next = (uint16_t)v.entry[b->plan.next];
	return efivars_apply(b->machine.efi, b->machine.want, &c, w);
}

/* Set BootNext for the reboot. */
static int aim(struct boot *b, struct why *w)
{
	if (b->plan.next == SLOT_NONE || b->facts.mode != MODE_BOOTNEXT)
		return 0;
	if (!b->machine.efi)
		return fail(w, -ENODATA, "there are no firmware variables to say which slot is next");
	return b->has_record ? sequence_heal(&b->machine, b->plan.next, w) : aim_without_record(b, w);
}

/*
 * The trial cannot be started once more, since the firmware does not take the order. That is a verdict: rebooting would
 * only lead back to here until the attempts are used up. The committed slot is what runs; it is started.
 */
static bool end_unreachable_trial(struct boot *b, const struct why *cause)
{
	struct bootrec *rec = record(b);

	if (!rec || rec->target != b->plan.next || b->facts.running != rec->committed ||
	    boot_fail(rec, REASON_FIRMWARE, cause->text, NULL, NULL))
		return false;
	decide(b);
	b->plan.write = true;
	return true;
}

/* Reboot as planned. Returns false when the boot goes on here instead, by a new plan. */
static bool leave(struct boot *b)
{
	struct why w = { 0 };

	/* The kernel and the initramfs are every slot's: no need to come back to the same place by a reboot. */
	if (b->facts.mode == MODE_CHOOSER && b->plan.slot != SLOT_NONE && !b->left) {
		decide(b);
		return false;
	}
	if (aim(b, &w)) {
		b->trouble = true;
		log_error("BootNext could not be set for slot %s: %s", slot_name(b->plan.next), w.text);
		if (!b->left && end_unreachable_trial(b, &w))
			return false;
	}
	b->ops->reboot(b, b->trouble ? BOOT_PAUSE_SECONDS : 0);
	return true;
}

/* Mount the plan's slot; without one (no record to say) the first that works. */
static int mount_planned(struct boot *b, struct why *w)
{
	struct why second = { 0 };

	if (b->plan.slot != SLOT_NONE)
		return b->ops->mount(b, b->plan.slot, w);
	b->plan.slot = SLOT_A;
	if (b->ops->mount(b, SLOT_A, w) == 0)
		return 0;
	log_error("slot=a cannot be used: %s", w->text);
	b->plan.slot = SLOT_B;
	if (b->ops->mount(b, SLOT_B, &second) == 0)
		return 0;
	*w = second;
	return w->code;
}

static bool start(struct boot *b)
{
	struct bootrec before = b->machine.rec;
	struct why w = { 0 };
	int r;

	heal(b);
	r = mount_planned(b, &w);
	r = r ? r : b->ops->go(b, &w);
	if (!r)
		return true;
	b->trouble = true;
	log_error("slot=%s role=%s cannot be started: %s", slot_name(b->plan.slot), boot_role_name(b->plan.role),
		  w.text);
	if (b->refused && record(b))
		boot_refused(record(b), w.text, &b->plan);
	else
		boot_cannot_start(record(b), &b->facts, w.text, &b->plan);
	log_plan(b, &before);
	make_durable(b, &before);
	return false;
}

enum boot_end boot_run(struct boot *b)
{
	struct bootrec before = b->machine.rec;

	decide(b);
	for (int i = 0; i < ROUNDS_MAX && !(b->left && b->plan.start); i++) {
		make_durable(b, &before);
		if (b->plan.start && start(b))
			return BOOT_STARTED;
		before = b->machine.rec;
		if (!b->plan.start && leave(b))
			return BOOT_AWAY;
	}
	b->ops->reboot(b, BOOT_PAUSE_SECONDS);
	return BOOT_AWAY;
}

void boot_userspace(struct boot *b)
{
	struct bootrec rec = b->machine.rec;
	struct why w = { 0 };

	if (!b->has_record || b->plan.role != ROLE_TRIAL || !boot_reached(&rec, STAGE_USERSPACE))
		return;
	if (bootstore_write(b->machine.store, &rec, &w))
		log_warn("the stage reached could not be recorded: %s", w.text);
	else
		b->machine.rec = rec;
}

void boot_handover(struct boot *b)
{
	struct handover *h = &b->handover;

	h->slot = b->plan.slot;
	h->role = b->plan.role;
	h->mode = b->facts.mode;
	(void)snprintf(h->note, sizeof(h->note), "%s", b->plan.note);
	(void)snprintf(h->disk, sizeof(h->disk), "%.63s", b->disk.disk.device);
	(void)snprintf(h->esp_partuuid, sizeof(h->esp_partuuid), "%s", b->disk.esp.partuuid);
	(void)snprintf(h->root, sizeof(h->root), "%s", b->disk.root[b->plan.slot].device);
	h->efi_writes = b->machine.efi ? b->machine.efi->writes : 0;
}
