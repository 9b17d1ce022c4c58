/*
 * bundle_write - build a signed bundle from a recipe.
 * Layer:  updater; the builder's side only.
 *
 * The same inputs, recipe, libzstd, keys and clock give the same bytes, however many threads there are. Memory: the chunk
 * tables (88 bytes a chunk and up to 128 to find equal ones, 6 bytes a block of 4 KiB) and what updater/packer.h says.
 */
#ifndef UPDATER_BUNDLE_WRITE_H
#define UPDATER_BUNDLE_WRITE_H

#include "updater/keys.h"
#include "updater/recipe.h"
#include "updater/recipient.h"

struct delta_index;

/* How a payload is packed as a delta. */
struct bundle_base {
	const struct delta_index *index; /* of the base; NULL: the payload is packed in full */
	struct bytes image;              /* the payload's own bytes */
};

struct bundle_job {
	const struct recipe *recipe;
	/* One for each payload, whose files hold raw bytes (of trees as well); NULL: none is a delta. */
	const struct bundle_base *bases;
	const struct secret_key *keys; /* none: a bundle to which signatures are attached later */
	size_t n_keys;
	const struct recipients *to; /* for whom it is encrypted, ordered; NULL or empty: it is not */
	struct bytes statements;     /* of trust, that travel with it; borrowed; may be empty */
	const char *path;            /* of the bundle: replaced as a whole at the end, or left alone */
	unsigned int threads;        /* that pack */
	int64_t clock;               /* seconds since 1970, for the signatures' trusted comment */
	/* Called often; a negative errno ends the work with that. May be NULL. */
	int (*step)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
	void *arg;
};

struct bundle_written {
	struct hash id;
	uint64_t raw_bytes;
	uint64_t bundle_bytes;
	uint64_t chunks, zero_chunks, equal_chunks, raw_chunks; /* all; of zeros; stored before; not compressible */
	uint64_t copy_chunks, ref_chunks;                       /* in the base; made with its help */
};

/**
 * Returns 0; errors of the files; -EBADMSG and others for what the recipe says (usage); what `step` returned. On failure
 * there is no new file.
 */
MUST_USE int bundle_write(const struct bundle_job *job, struct bundle_written *ret, struct why *w);

#endif
