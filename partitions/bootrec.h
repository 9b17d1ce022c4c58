/*
 * bootrec - the boot record: the only authority on which slot is committed, which one is being tried, and how often yet.
 * Layer:  partitions; format. Pure: no I/O, no allocation.
 * Trust:  read from a raw partition; hostile until parsed.
 * Source: docs/formats/bootrecord.md has the layout; the offsets are in bootrec.c.
 */
#ifndef PARTITIONS_BOOTREC_H
#define PARTITIONS_BOOTREC_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/why.h"

#define BOOTREC_BYTES      4096u
#define BOOTREC_VERSION    1u
#define VERSION_TEXT_BYTES 64u /* with the NUL */
#define REASON_TEXT_BYTES  120u
#define ATTEMPTS_MAX       15u

enum slot { SLOT_A = 0, SLOT_B = 1, SLOT_NONE = 255 };

enum boot_phase {
	PHASE_IDLE = 0,       /* nothing is going on; the committed slot is the one to run */
	PHASE_WRITING = 1,    /* the target is being written and cannot start */
	PHASE_STAGED = 2,     /* the target is whole, not yet armed */
	PHASE_TRIAL = 3,      /* the target may be started; see stage and attempts_left */
	PHASE_COMMITTING = 4, /* the target was healthy and is about to become the committed slot */
	PHASE_FAILED = 5,     /* the last trial ended badly; otherwise as IDLE */
};

enum slot_state { STATE_EMPTY = 0, STATE_WRITING = 1, STATE_GOOD = 2 /* was committed */, STATE_BAD = 3 };

/* How far the latest start of a trial came. */
enum boot_stage {
	STAGE_NONE = 0,
	STAGE_ARMED = 1,     /* one start is authorised and has not reported yet */
	STAGE_INITRAMFS = 2, /* its initramfs runs */
	STAGE_USERSPACE = 3, /* its real init was started */
	STAGE_HEALTH = 4,    /* its health probes run */
};

enum boot_reason {
	REASON_NONE = 0,
	REASON_NO_VERDICT = 1, /* every start ended without one: power cut, hang or panic */
	REASON_HEALTH = 2,     /* health probes not passed in time */
	REASON_STAGE = 3,      /* a required stage failed */
	REASON_HOOK = 4,       /* its root or its init could not be opened, mounted or started */
	REASON_OPERATOR = 5,   /* `tandem rollback` */
	REASON_FIRMWARE = 6,   /* the boot variables could not be set */
	REASON_COMMIT = 7,     /* COMMITTING was not finished by two starts */
};

enum boot_result { RESULT_NONE = 0, RESULT_COMMITTED = 1, RESULT_FAILED = 2, RESULT_DEMOTED = 3 };

struct slot_info {
	enum slot_state state;
	uint64_t epoch;                   /* security epoch of its image */
	struct hash image_id;             /* BLAKE2b-256 of the signed manifest; zero: unknown */
	char version[VERSION_TEXT_BYTES]; /* semantic version; "" unknown */
};

/* What became of the last update; kept until the next one ends. */
struct boot_outcome {
	enum boot_result result;
	enum slot from, to;
	uint32_t attempts; /* starts that were authorised */
	enum boot_reason reason;
	enum boot_stage stage; /* the last one reached */
	uint8_t action_id[16]; /* random, made by the install */
	uint8_t boot_id[16];   /* the kernel's, of the boot that wrote this */
	char from_version[VERSION_TEXT_BYTES];
	char to_version[VERSION_TEXT_BYTES];
	char text[REASON_TEXT_BYTES]; /* the reason in words */
};

struct bootrec {
	uint64_t sequence; /* set by the store; UINT64_MAX is never valid, since nothing could follow it */
	enum boot_phase phase;
	enum slot committed; /* never SLOT_NONE in a valid record */
	enum slot target;    /* SLOT_NONE in IDLE; else the other slot than committed */
	uint32_t attempts_left, attempts_max;
	enum boot_stage stage;
	bool rolled_forward;  /* COMMITTING was given its second chance */
	bool stand_in;        /* the next start of the other slot stands in for the committed one */
	bool fallback_stale;  /* the fallback loader is not (known to be) a copy of the committed slot's boot file */
	uint32_t misses;      /* starts in a row in which the committed slot could not be used */
	uint64_t epoch_floor; /* lowest security epoch that may be installed or armed */
	uint8_t home[16];     /* the disk this record was last used on (diskfind); zero: unknown */
	uint8_t action_id[16];
	struct slot_info slots[2];
	struct boot_outcome outcome;
	uint64_t trust_epoch; /* of the last trust set that was accepted; 0: none (docs/formats/trust.md) */
};

/**
 * Decode one record.
 * @in   BOOTREC_BYTES bytes, hostile; borrowed
 * @ret  filled on success, untouched on failure
 * Returns 0; -ENODATA when all bytes are zero (never written); -EBADMSG malformed or torn; -EPROTONOSUPPORT newer format.
 */
MUST_USE int bootrec_parse(struct bytes in, struct bootrec *ret, struct why *w);
/**
 * Encode into exactly BOOTREC_BYTES bytes. The record must be one that bootrec_parse() would accept; a text that is too
 * long is cut.
 */
void bootrec_format(const struct bootrec *rec, uint8_t out[BOOTREC_BYTES]);

static inline enum slot slot_other(enum slot s)
{
	return s == SLOT_A ? SLOT_B : s == SLOT_B ? SLOT_A : SLOT_NONE;
}

/* Words for people and for --json; "?" for a value out of range. */
const char *slot_name(enum slot s);                           /* "a", "b", "none" */
const char *slot_name_or(enum slot s, const char *otherwise); /* "a", "b", otherwise */
const char *boot_phase_name(enum boot_phase p);
const char *boot_stage_name(enum boot_stage s);
const char *boot_reason_name(enum boot_reason r);
const char *boot_result_name(enum boot_result r);
const char *slot_state_name(enum slot_state s);
/** How a slot is, for people: "staged", "trial" or "committing" while that phase is about it, else its state. */
const char *slot_condition_name(const struct bootrec *rec, enum slot s);

#endif
