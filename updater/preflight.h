/*
 * preflight - everything that can be known before the first write of an install: whether it may go on, and whether it fits.
 * Layer:  updater; act, but it changes nothing. Every check leaves a line for the report, passed or not.
 */
#ifndef UPDATER_PREFLIGHT_H
#define UPDATER_PREFLIGHT_H

#include "partitions/handover.h"
#include "partitions/sequence.h"
#include "updater/bundle.h"
#include "updater/plan.h"

#define PREFLIGHT_CHECKS_MAX 20u

/* The appliance, in parts, so that a test can bring its own. All borrowed. */
struct install_parts {
	struct boot_machine *boot; /* boot->rec counts only with has_record */
	bool has_record;
	const char *record_why;    /* without has_record: why */
	const char *efi_why;       /* with boot->efi NULL: why */
	const struct why *key_why; /* of a bundle that is still locked: why */
	const struct running *running;
	struct blk *state;
	uint64_t efi_free_bytes; /* as efi_store_room() has them; UINT64_MAX: not known */
	uint32_t sector_bytes;   /* of the disk */
	uint64_t slot_offset[2]; /* on the disk, in bytes */
	/* Open a slot for writing, alone. -EBUSY (refused) when it is mounted or held. It stays `arg`'s to close. */
	int (*open_slot)(void *arg, enum slot s, struct blk **ret, struct why *w);
	/* Open the running slot for reading: what is in it already need not be fetched. NULL, or an error: it is not made use of. */
	int (*open_base)(void *arg, struct blk **ret, struct why *w);
	/* Unlock what is kept of an encrypted bundle. NULL, or an error: it is not made use of. */
	int (*unlock)(void *arg, struct bundle *b, struct why *w);
	/* Make boot->esp usable. Called in mode=bootnext only. */
	int (*open_esp)(void *arg, struct why *w);
	void *arg;
};

struct install_options {
	enum slot slot; /* asked for; SLOT_NONE: whichever is free */
	bool allow_downgrade;
	bool force_same;
	bool no_base;         /* nothing is copied from the running slot */
	bool no_read_back;    /* what was written is not read again */
	unsigned int workers; /* 0: as pipeline_size() has it */
};

enum check_state { CHECK_PASSED, CHECK_UNKNOWN, CHECK_FAILED };

struct check {
	const char *name;
	enum check_state state;
	enum exit_code exit; /* when it failed */
	int code;            /* negative errno, when it failed */
	char text[256];      /* what was found */
	char next[160];      /* when it failed: what the user can do; may be empty */
};

struct preflight {
	struct check checks[PREFLIGHT_CHECKS_MAX];
	size_t n_checks;
	bool planned; /* the next is valid */
	struct install_plan plan;
	const struct payload *image;     /* in the bundle; set when something is to be written */
	const struct payload *boot_file; /* NULL in mode=chooser */
	struct blk *slot;                /* the target, open, when something is to be written */
	struct blk *origin;              /* of a delta: the running slot, open, which holds what it was made from */
};

/** Check everything. Goes on after a check that failed, where the next ones do not build on it. */
void preflight_run(const struct install_parts *parts, const struct bundle *b, const struct install_options *o,
		   struct preflight *ret);
/** 0 when all passed (unknown counts as passed), or the first failure. */
MUST_USE int preflight_result(const struct preflight *p, struct why *w);

/** "passed", "unknown", "failed". */
const char *check_state_name(enum check_state s);

#endif
