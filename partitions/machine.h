/*
 * machine - the running appliance, opened: configuration, boot disk, record, firmware variables, which slot runs.
 * Layer:  partitions; act. The programs of the booted system start here; tandem-init has its own beginning.
 */
#ifndef PARTITIONS_MACHINE_H
#define PARTITIONS_MACHINE_H

#include "partitions/handover.h"
#include "partitions/sequence.h"

#define MACHINE_LOCK HANDOVER_FOLDER "/lock"

/* How long a command waits for who changes the machine: longer than a commit, a rollback or the end of a boot takes. An
 * install takes longer, and whoever meets one had better hear of it. */
#define MACHINE_PATIENCE_MS 10000u

enum machine_mode {
	MACHINE_READ,  /* to look: no lock, the state partition is opened read-only */
	MACHINE_WRITE, /* to change: one at a time, by a lock on MACHINE_LOCK */
};

struct machine {
	struct sysconf conf;
	struct handover handover;
	bool handed_over; /* handover was written by tandem-init in this boot */
	struct bootdisk disk;
	struct blk state;
	struct bootstore store;
	bool has_record;       /* boot.rec is valid */
	struct why record_why; /* otherwise: what is wrong */
	struct efi_store efi;
	struct efi_view efi_view;
	struct why efi_why; /* why boot.efi is NULL; "" when it is not */
	struct running running;
	struct esp esp;
	struct boot_machine boot; /* for the sequences; points into this struct, which must not be moved */
	int lock;
};

/**
 * Open the appliance that runs. conf_path NULL: the usual place.
 * wait_ms: how long MACHINE_WRITE waits for another program.
 * A lost record and missing firmware variables are not failures: see has_record and efi_why.
 * Returns 0; -EOPNOTSUPP (refused) mode=host, ret->conf is valid; -EWOULDBLOCK another program still changes the machine;
 * -ECANCELED interrupted meanwhile; -EPERM not root; or the cause, e.g. no boot disk.
 * @ret  ended by machine_close() in any case
 */
MUST_USE int machine_open(const char *conf_path, enum machine_mode mode, unsigned int wait_ms, struct machine *ret,
			  struct why *w);

/** Mount the ESP, once; boot.esp is set. */
MUST_USE int machine_esp(struct machine *m, struct why *w);

/** Give the lock back early: others may change the machine from here on, this program must not. */
void machine_unlock(struct machine *m);
/** Flush and end everything. All zero is fine. */
MUST_USE int machine_close(struct machine *m, struct why *w);

#endif
