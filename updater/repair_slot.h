/*
 * repair_slot - put right what of a slot is not what its bundle says, and only that.
 * Layer:  updater; act.
 *
 * Each chunk that is written is the one that the signed table names, and is read back: a repair that is interrupted leaves
 * a slot that is no worse, and is run again.
 */
#ifndef UPDATER_REPAIR_SLOT_H
#define UPDATER_REPAIR_SLOT_H

#include "updater/verify_slot.h"

struct repair_result {
	struct pipeline_stats image; /* written_bytes, zeroed_bytes, fetched_bytes */
	bool boot_file;              /* it was written again */
};

/**
 * As verify_slot() has found it.
 * @job    its bundle can be read as a whole; its root is open for writing, alone
 * @found  what is wrong
 * Returns 0: all of it is right now; -ECANCELED; errors of pipeline_run() and boot_file_write().
 */
MUST_USE int repair_slot(const struct verify_job *job, const struct verify_result *found, struct repair_result *ret,
			 struct why *w);

#endif
