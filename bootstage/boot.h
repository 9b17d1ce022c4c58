/*
 * boot - one boot, from the boot record to a started slot or to a reboot: decide, make durable, act; again when that failed.
 * Layer:  bootstage; act. What is decided is partitions/bootstate; how a slot is mounted and started, and how the machine
 *         reboots, comes in as boot_ops, so that the whole flow runs in a unit test.
 * Source: docs/boot.md.
 */
#ifndef BOOTSTAGE_BOOT_H
#define BOOTSTAGE_BOOT_H

#include "partitions/handover.h"
#include "partitions/sequence.h"

#define BOOT_PAUSE_SECONDS 5u /* before a reboot after a failure, so that the console can be read */

struct boot;
struct boot_ops {
	/* Mount the slot's root and prove that its init can be started. On failure nothing of it stays mounted. */
	int (*mount)(struct boot *b, enum slot s, struct why *w);
	/*
	 * Hand the machine over to what mount() mounted. PID 1 comes back only when that failed, and sets b->left when it
	 * was too late to mount anything else.
	 */
	int (*go)(struct boot *b, struct why *w);
	/* Does not come back, except in a test. */
	void (*reboot)(struct boot *b, unsigned int pause_seconds);
};

struct boot {
	const struct boot_ops *ops;
	const char *cmdline; /* of the kernel */
	struct sysconf conf;
	struct bootdisk disk;
	struct blk state;
	struct bootstore store;
	struct efi_store efi;
	struct boot_machine machine; /* rec, store, efi and the wanted entries; points into this struct */
	bool has_record;             /* machine.rec is valid */
	struct boot_facts facts;
	struct boot_plan plan;
	struct handover handover;
	bool trouble; /* something failed that a person may want to read on the console */
	bool refused; /* go() failed since a stage refuses this trial */
	bool left;    /* the initramfs is gone: from here on only a reboot is left */
};

enum boot_end { BOOT_STARTED, BOOT_AWAY /* rebooting */ };

/**
 * Decide and act until a slot was started or the machine reboots.
 * @b  everything up to `facts` is filled in
 */
enum boot_end boot_run(struct boot *b);

/** The real init is about to be started: note it in the record of a trial. A failure is logged, no more. */
void boot_userspace(struct boot *b);

/** Fill in what the handover says of the decision. */
void boot_handover(struct boot *b);

#endif
