/*
 * bootstate - the boot state machine: which slot starts, and how a record moves from phase to phase.
 * Layer:  partitions; decide. Pure: a record and facts in, a record and a plan out. No I/O, no clock, no allocation.
 * Source: DESIGN section 4; docs/boot.md tells it in words and pictures. tests/unit/test_bootstate.c walks every state
 *         and event; tests/crash replays every prefix of the write sequences that carry these transitions out.
 *
 * Rules that everything here keeps:
 *  - Taking one from attempts_left comes with the authorisation of one start, in the same record.
 *  - Only a start that ended without a verdict is repeated. An explicit verdict ends the trial.
 *  - The committed slot changes only when a trial is committed, or after MISSES_MAX starts in which it could not be used.
 */
#ifndef PARTITIONS_BOOTSTATE_H
#define PARTITIONS_BOOTSTATE_H

#include "partitions/bootrec.h"

#define MISSES_MAX 3u

enum boot_mode {
	MODE_BOOTNEXT = 0, /* firmware starts a slot's own kernel image; a trial is started by BootNext */
	MODE_CHOOSER = 1,  /* one kernel and initramfs; the hook picks the root by the record */
};

/* As what a slot is started. */
enum boot_role {
	ROLE_COMMITTED = 0,
	ROLE_TRIAL = 1,    /* to be committed when healthy, left when not */
	ROLE_STAND_IN = 2, /* for the committed slot, which could not be used; never committed by health */
	ROLE_FOREIGN = 3,  /* nobody authorised this start (firmware menu, firmware fault); never committed */
	ROLE_UNKNOWN = 4,  /* the record is lost; becomes the committed slot once it was healthy */
};

/* What the hook sees before it decides. */
struct boot_facts {
	enum boot_mode mode;
	enum slot running; /* that the kernel command line names; SLOT_NONE in chooser mode */
	bool disagree;     /* BootCurrent names the other slot's entry */
};

struct boot_plan {
	bool start;          /* start `slot`; otherwise reboot */
	enum slot slot;      /* whose root to mount; SLOT_NONE: try a, then b (chooser mode without a record) */
	enum boot_role role; /* of the start */
	bool write;          /* the record changed: make it durable before anything else */
	enum slot next;      /* slot that BootNext must name before the reboot; SLOT_NONE: none */
	const char *note;    /* why, in words, static */
};

/**
 * What this boot does. With rec NULL the record is lost (both regions bad).
 * @rec  changed when ret->write is set; the caller stores it before it acts on the plan
 */
void boot_decide(struct bootrec *rec, const struct boot_facts *facts, struct boot_plan *ret);

/**
 * The slot that plan started could not be opened, mounted or started: what next. A trial gets its verdict; a committed
 * slot is left for this boot, and for good after MISSES_MAX in a row, when the other one is good. Without a better slot
 * the plan is to reboot and try again.
 * @plan  as boot_decide() filled it; replaced
 */
void boot_cannot_start(struct bootrec *rec, const struct boot_facts *facts, const char *text, struct boot_plan *plan);

/**
 * A stage of the trial that plan started refuses to go on: its verdict, and back to the committed slot.
 * @plan  of a start as ROLE_TRIAL of a record in phase TRIAL; replaced
 */
void boot_refused(struct bootrec *rec, const char *text, struct boot_plan *plan);

/**
 * The record that the plan asks for could not be made durable: what may be done all the same. Nothing that leads into a
 * trial may, since it would not be counted; all that leads away from one may.
 * @rec  the record in force, as it was before the decision
 */
void boot_not_durable(const struct bootrec *rec, const struct boot_facts *facts, struct boot_plan *plan);

/** Note the stage that the running trial reached. Returns whether the record changed. */
bool boot_reached(struct bootrec *rec, enum boot_stage stage);

/**
 * install: the target is about to be written with `image` (its state is set here); `attempts` starts will be allowed.
 * -EBUSY (refused): a trial is going on; -EPERM (refused): the target is the committed slot, or `running`, or that is
 * SLOT_NONE (not known), or the target is the only slot that is known to start; -ESTALE (refused): the image's epoch is
 * below the floor.
 */
MUST_USE int boot_write_begin(struct bootrec *rec, enum slot target, enum slot running, const struct slot_info *image,
			      unsigned int attempts, const uint8_t action_id[16], struct why *w);
/** install: everything is written and read back. -EINVAL when nothing was being written. */
MUST_USE int boot_write_end(struct bootrec *rec, struct why *w);

/**
 * Start trying the target: STAGED, or for a rollback IDLE and FAILED with a good other slot.
 * -EPERM (refused): no such slot; -ESTALE (refused): its epoch is below the floor and below_floor was not given.
 */
MUST_USE int boot_arm(struct bootrec *rec, enum boot_mode mode, unsigned int attempts, bool below_floor,
		      const uint8_t action_id[16], struct why *w);

/** The trial is healthy. -EINVAL unless TRIAL or already COMMITTING. */
MUST_USE int boot_commit_begin(struct bootrec *rec, struct why *w);
/** The actuators follow: the target is the committed slot from here on. The floor is raised in the same record. */
MUST_USE int boot_commit_end(struct bootrec *rec, const uint8_t boot_id[16], struct why *w);

/** An explicit verdict against the trial. -EINVAL unless TRIAL or COMMITTING. */
MUST_USE int boot_fail(struct bootrec *rec, enum boot_reason reason, const char *text, const uint8_t boot_id[16],
		       struct why *w);

/** The committed slot was started and healthy: forget its misses. Returns whether the record changed. */
bool boot_settled(struct bootrec *rec);

/** A first record: `committed` is good, the other slot as given (may be NULL: empty). */
struct bootrec boot_first(enum slot committed, const struct slot_info *info, const struct slot_info *other);

/** Slots whose boot entry should exist: the committed one, and the other one when it may be started. */
bool boot_entry_wanted(const struct bootrec *rec, enum slot s);

const char *boot_role_name(enum boot_role r);
const char *boot_mode_name(enum boot_mode m);

#endif
