/*
 * cmd_parts - the appliance that runs, opened for the verbs that install, verify and show.
 */
#ifndef UPDATER_CMD_PARTS_H
#define UPDATER_CMD_PARTS_H

#include "partitions/machine.h"
#include "updater/preflight.h"
#include "updater/trustseat.h"

struct appliance {
	struct machine m;
	struct install_parts parts; /* point into m */
	struct blk slot;            /* the target, once it was opened */
	struct blk base;            /* the running slot, likewise, for reading */
	struct trustseat seat;      /* see appliance_trust() */
	struct why key_why;         /* why a bundle stays locked, for preflight */
};

/** Open it; *ret is ended by appliance_close() in any case. Errors as machine_open(), and -ENOMEM. */
MUST_USE int appliance_open(const char *conf_path, enum machine_mode mode, struct appliance **ret, struct why *w);
/** Find the trust set in force: a->seat is open. Who signs bundles: trustseat_believe(). */
MUST_USE int appliance_trust(struct appliance *a, struct why *w);
/** Statements are going to be kept: on a host, the file for them is made and locked. */
MUST_USE int appliance_trust_keeps(struct appliance *a, struct why *w);
/**
 * Unlock an encrypted bundle with the keys of system.conf, [encryption], which are read only then. -ENOKEY (refused, exit
 * code 3) there are none, or none fits; errors as decrypt_keys_load() and bundle_unlock().
 */
MUST_USE int appliance_unlock(struct appliance *a, struct bundle *b, struct why *w);
/** End it; NULL is fine. Returns r, or the error that only closing brought up. */
MUST_USE int appliance_close(struct appliance *a, int r, struct why *w);

/** "a" or "b" as a slot. -EINVAL (usage). */
MUST_USE int slot_parse(const char *s, enum slot *ret, struct why *w);

#endif
