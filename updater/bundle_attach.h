/*
 * bundle_attach - add signatures and trust statements to a bundle: both lie outside of what is signed.
 * Layer:  updater; the builder's side only.
 *
 * The head is written anew and the rest copied (by copy_file_range(2), which shares the blocks where the file system can), to
 * a new file that replaces the old one at the end: the bundle is the old one or the new one, and no room is kept for
 * signatures that may never come.
 */
#ifndef UPDATER_BUNDLE_ATTACH_H
#define UPDATER_BUNDLE_ATTACH_H

#include "updater/trust.h"

struct attach_job {
	const char *path;          /* of the bundle */
	const char *output;        /* may be the same */
	const struct trust *keys;  /* whose signatures are taken */
	const struct bytes *added; /* signature files, one signature each; borrowed */
	size_t n_added;
	struct bytes statements; /* of trust, in place of the bundle's own; borrowed; n = 0: they stay */
};

/**
 * @ret  the signatures that it has now, checked against job->keys
 * Returns 0; -EKEYREJECTED (refused) a signature that does not fit, or by none of the keys; -EEXIST (refused) one that is
 * there already; -EBADMSG, -E2BIG, errors of the files. On failure the bundle is as it was.
 */
MUST_USE int bundle_attach(const struct attach_job *job, struct signers *ret, struct why *w);

#endif
