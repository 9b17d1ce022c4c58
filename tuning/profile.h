/*
 * profile - how big a machine is, and the sizes that follow from it for those who ask: network buffers, the database, the
 * loaders of the threat graph.
 * Layer:  tuning; may include base/ only. Decide: no I/O.
 *
 * All figures come from tuning.conf (docs/formats/tuning.conf.md). RAM is what may be used of what is built in
 * (facts.usable_ram_bytes), so that a machine sold with 16 GB counts as 16 GiB.
 */
#ifndef TUNING_PROFILE_H
#define TUNING_PROFILE_H

#include <stdint.h>

enum profile { PROFILE_SMALL, PROFILE_MEDIUM, PROFILE_MASSIVE, PROFILE_COUNT };

/** "small", "medium", "massive". */
const char *profile_name(enum profile p);

struct tuneconf;
struct facts;

enum profile profile_of(const struct tuneconf *c, uint64_t ram_bytes);

/* One size, and how it came about: "clamp(2 * 48 cores + 1 disk, 100, 400) = 100". */
struct derived {
	uint64_t value;
	char formula[160];
};

struct sizes {
	struct derived network_buffer_bytes;
	struct derived db_connections;
	struct derived shared_buffers_bytes;
	struct derived batch_records; /* rows of one insert */
	struct derived workers;       /* feeds that are loaded side by side */
};

void sizes_make(const struct tuneconf *c, const struct facts *f, struct sizes *ret);

#endif
