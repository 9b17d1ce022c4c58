/*
 * sequence - the durable steps of install, arm, commit, rollback and healing, in the order that survives a power cut.
 * Layer:  partitions; act. What changes is decided by bootstate and efivars; this file only fixes the order of writes.
 *
 * tests/crash runs these very functions on recording stores and replays every prefix of what they wrote.
 */
#ifndef PARTITIONS_SEQUENCE_H
#define PARTITIONS_SEQUENCE_H

#include "partitions/bootstore.h"
#include "partitions/efivars.h"
#include "partitions/esp.h"
#include "partitions/sysconf.h"

/* Everything a sequence touches. All borrowed. */
struct boot_machine {
	const struct sysconf *conf;
	struct bootstore *store;
	struct bootrec rec;        /* the record in force; every function here keeps it so */
	struct efi_store *efi;     /* NULL: no firmware variables (chooser mode, or none to be had) */
	struct efi_option want[2]; /* our entries; only with efi */
	struct esp *esp;           /* NULL: chooser mode without boot files */
	uint8_t boot_id[16];       /* the kernel's, for outcomes */
};

/**
 * install, first: the record says WRITING, BootNext is gone, and the target's boot file is gone.
 * Nothing of the slot may be written before this returned 0. Errors of boot_write_begin(), of the stores.
 */
MUST_USE int sequence_write_begin(struct boot_machine *m, enum slot target, enum slot running,
				  const struct slot_info *image, const uint8_t action_id[16], struct why *w);

/** install, last but one: the record says STAGED. The slot, its head and its boot file are durable before the call. */
MUST_USE int sequence_write_end(struct boot_machine *m, struct why *w);

/** STAGED (or a good other slot, for a rollback) becomes a TRIAL: entries and order, record, then BootNext. */
MUST_USE int sequence_arm(struct boot_machine *m, bool below_floor, const uint8_t action_id[16], struct why *w);

/**
 * TRIAL or COMMITTING becomes IDLE: record, BootOrder, fallback loader, record. Repeating it after a cut finishes it.
 * -ENODATA: no firmware variables in mode bootnext; an image that cannot reach them is not committed.
 */
MUST_USE int sequence_commit(struct boot_machine *m, struct why *w);

/** An explicit verdict against the trial; the caller reboots when the trial is what runs. */
MUST_USE int sequence_fail(struct boot_machine *m, enum boot_reason reason, const char *text, struct why *w);

/**
 * After a healthy boot of a slot that is not on trial: what the last boots left behind is put right. The record when it
 * was lost (`adopt`: the running slot and its image), misses, a failed trial's boot file, the fallback loader, entries.
 * Writes nothing when nothing differs.
 */
MUST_USE int sequence_settle(struct boot_machine *m, enum slot running, const struct slot_info *adopt, struct why *w);

/** Whether sequence_settle() would need the ESP; otherwise m->esp may be NULL. */
bool sequence_settle_needs_esp(const struct bootrec *rec, enum boot_mode mode, enum slot running, bool adopt);

/** A trust set of this epoch was accepted and is durable: a lower one is not believed any more. Nothing when it is known. */
MUST_USE int sequence_trust(struct boot_machine *m, uint64_t epoch, struct why *w);

/** Re-derive the boot variables from the record; next as for efivars_decide(). Fine without firmware variables. */
MUST_USE int sequence_heal(struct boot_machine *m, enum slot next, struct why *w);

#endif
