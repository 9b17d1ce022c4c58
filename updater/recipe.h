/*
 * recipe - bundle.conf: what `tandem bundle create` puts into a bundle.
 * Layer:  updater; the builder's side only.
 * Trust:  the builder's own configuration.
 * Source: docs/formats/bundle.md, "bundle.conf".
 */
#ifndef UPDATER_RECIPE_H
#define UPDATER_RECIPE_H

#include "updater/manifest.h"

#define RECIPE_CHUNK_BYTES (64u << 10) /* defaults; docs/formats/bundle.md has the figures behind them */
#define RECIPE_GROUP_BYTES (4u << 20)
#define RECIPE_LEVEL       9

struct recipe {
	/* compatible, version, description, epoch; of each payload: name, kind, slot, file_name, chunk_bytes,
	 * group_bytes */
	struct manifest manifest;
	char *files[MANIFEST_PAYLOADS_MAX]; /* where each payload's bytes are; owned */
	int level;                          /* of zstd */
	bool no_index;                      /* devices cannot tell what they have already, and tables are smaller */
};

/**
 * Read a bundle.conf. Names of files in it count from its own folder.
 * @ret  on success ended by recipe_done(); untouched on failure
 * Returns 0; -EBADMSG and other errors of the text (usage); -ENOENT and the like when it cannot be read.
 */
MUST_USE int recipe_read(const char *path, struct recipe *ret, struct why *w);
void recipe_done(struct recipe *r);

#endif
