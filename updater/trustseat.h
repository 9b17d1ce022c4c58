/*
 * trustseat - the trust set of the machine that runs, where it is kept there: on the state partition with the boot record's
 * word on its epoch, or, on a host without slots, in a file.
 * Layer:  updater; act.
 */
#ifndef UPDATER_TRUSTSEAT_H
#define UPDATER_TRUSTSEAT_H

#include "partitions/machine.h"
#include "updater/trustnow.h"

#define TRUSTSEAT_HOST_FILE "/var/lib/tandem/trust" /* layout: docs/formats/trust.md, "Storage" */

struct trustseat {
	struct machine *m; /* borrowed; NULL: a file */
	struct blk file;
	struct trustnow now;
};

enum trustseat_mode { TRUSTSEAT_READ, TRUSTSEAT_WRITE };

/**
 * Find the set in force.
 * @conf  borrowed for the call
 * @m     open
 * @ret   ended by trustseat_done() in any case
 * Errors as trustnow_open().
 */
MUST_USE int trustseat_open(const struct sysconf *conf, struct machine *m, struct trustseat *ret, struct why *w);
/**
 * As trustseat_open() for a file: TRUSTSEAT_HOST_FILE where conf->host. It is made, with its folder, when it is to be
 * written and is not there, and then locked: -EWOULDBLOCK another program changes it.
 * @path  borrowed until trustseat_done()
 */
MUST_USE int trustseat_open_file(const struct sysconf *conf, const char *path, enum trustseat_mode mode,
				 struct trustseat *ret, struct why *w);
void trustseat_done(struct trustseat *s);

/** Keep the set in force, when it is not kept yet, and then its epoch in the boot record: durable. A machine is open for
 * writing. */
MUST_USE int trustseat_keep(struct trustseat *s, struct why *w);
/**
 * Follow statements (a bundle's; may be none), and tell whom the set they lead to lets sign bundles.
 * @keep  it is kept before this returns
 * Errors as trustnow_follow(), trustseat_keep(), trustnow_release().
 */
MUST_USE int trustseat_believe(struct trustseat *s, struct bytes statements, bool keep, struct trust *ret,
			       struct why *w);

/** Where the first set comes from, as system.conf says; borrowed from it. */
struct trustdir_from trustseat_from(const struct sysconf *conf);

#endif
