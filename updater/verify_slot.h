/*
 * verify_slot - is a slot what its signed head says: every chunk of its image, and its boot file.
 * Layer:  updater; act. Changes nothing.
 */
#ifndef UPDATER_VERIFY_SLOT_H
#define UPDATER_VERIFY_SLOT_H

#include "partitions/bootrec.h"
#include "partitions/esp.h"
#include "updater/decode.h"
#include "updater/pipeline.h"

enum slot_verdict {
	SLOT_GOOD,
	SLOT_DAMAGED,
	SLOT_UNKNOWN, /* there is nothing to verify it by */
};

struct verify_job {
	enum slot slot;
	const struct bundle *bundle; /* its head is enough */
	struct blk *root;
	struct esp *esp; /* NULL: no boot file is looked at */
	const char *boot_file;
	unsigned int workers;
	void (*step)(void *arg, const struct pipeline_stats *s);
	bool (*cancelled)(void *arg);
	void *arg;
};

struct verify_result {
	enum slot_verdict verdict;
	struct pipeline_stats image; /* bad_chunks, bad_at, bad_bytes: of the first that differs */
	bool boot_file_checked, boot_file_bad;
	char text[256]; /* what is wrong with the boot file */
};

/**
 * Verify a slot. Damage is no failure of the call.
 * Returns 0 with *ret filled; -ENODATA, -EBADMSG the head has not one image for this slot; -ECANCELED; -EIO and others when
 * the slot cannot be read at all.
 */
MUST_USE int verify_slot(const struct verify_job *job, struct verify_result *ret, struct why *w);

/** "good", "damaged", "unknown". */
const char *slot_verdict_name(enum slot_verdict v);

#endif
