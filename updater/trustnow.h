/*
 * trustnow - the trust set in force on a device: found, led on by statements, and kept.
 * Layer:  updater; act.
 *
 *	r = trustnow_open(&from, &state, STATE_TRUST_OFFSET, floor, &now, &w);
 *	r = r ? r : trustnow_follow(&now, chain, &w);      // in memory only
 *	r = r ? r : trustnow_save(&now, &w);               // durable
 *	r = r ? r : trustnow_release(&now, &trust, &w);    // the keys that sign bundles
 */
#ifndef UPDATER_TRUSTNOW_H
#define UPDATER_TRUSTNOW_H

#include "updater/trustdir.h"
#include "updater/truststore.h"

struct trustnow {
	struct trustset set; /* in force */
	enum trust_origin origin;
	struct why ignored; /* why statements of the image were left out; code 0: they were not */
	uint64_t floor;
	unsigned int steps; /* statements that trustnow_follow() has taken */
	struct trustdir dir;
	struct truststore store;
	uint8_t *statement; /* of `set`, when it is not stored yet; owned */
	size_t statement_n;
};

/**
 * Find the set in force.
 * @blk    where statements are kept; borrowed; NULL: nowhere yet, and trustnow_save() is not called
 * @at     see truststore_read()
 * @floor  the boot record's trust epoch; 0 where there is none
 * @ret    ended by trustnow_done() in any case
 * Errors as trustdir_read(), truststore_read(), trust_choose().
 */
MUST_USE int trustnow_open(const struct trustdir_from *from, struct blk *blk, uint64_t at, uint64_t floor,
			   struct trustnow *ret, struct why *w);
void trustnow_done(struct trustnow *t);

/** Follow statements, all or none of them; in memory only. Errors as trust_follow(); *t stays on failure. */
MUST_USE int trustnow_follow(struct trustnow *t, struct bytes chain, struct why *w);
/** Whether the set in force is one that trustnow_save() has to keep. */
bool trustnow_unsaved(const struct trustnow *t);
/** Keep the set in force; nothing is written when it is kept already. Refuses one below the floor. */
MUST_USE int trustnow_save(struct trustnow *t, struct why *w);

/** The keys that sign bundles, and how many of them have to. -ESTALE (refused) below the floor. */
MUST_USE int trustnow_release(const struct trustnow *t, struct trust *ret, struct why *w);

#endif
