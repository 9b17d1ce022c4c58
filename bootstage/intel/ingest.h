/*
 * ingest - a feed from where it is into the store: a file, standard input, a folder of files or of MISP events; packed or not.
 * Layer:  bootstage/intel. Act.
 * Trust:  the feed is hostile, the names in a manifest as well.
 */
#ifndef BOOTSTAGE_INTEL_INGEST_H
#define BOOTSTAGE_INTEL_INGEST_H

#include "bootstage/intel/feedread.h"
#include "bootstage/intel/load.h"
#include "bootstage/intel/machine.h"

struct ingest_stats {
	struct feed_stats read;
	struct load_stats load;
	uint64_t files;
	uint64_t missing; /* that a manifest names */
	uint64_t bad;     /* that could not be read, or are no feed; only in a folder */
	uint64_t ms;
};

/**
 * Records of a batch (N5) and connections, by how big the machine is. Pure.
 * @lanes  2 keep two cores busy while the one thread of ours reads; more than 16 cores: 4 (N8)
 */
void ingest_sizes(const struct machine *m, struct load_options *ret);
/** Of so many workers with so many connections each, as many as `allowed` connections are enough for. Pure. */
void ingest_fit(unsigned int allowed, unsigned int *workers, unsigned int *lanes);

/* How somebody else has a say in the pace of it; NULL: nobody. */
struct ingest_pace {
	/* Before each read from the source, between records; may wait, best behind load_settle(). */
	int (*before)(void *arg, struct load *l, struct why *w);
	/* What was read, as it came. May be NULL. */
	int (*came)(void *arg, struct bytes in, struct why *w);
	void *arg;
};

/**
 * @path  a file, "-", or a folder: its manifest.json says which files there are (a MISP feed), or else all with the
 *        ending of a feed are, in the order of their names
 * @o     `feed` is set
 * @ret   also filled on failure, with what there was until then
 * Returns 0, also when records were dropped; what feedread_stream() and load.h fail with.
 */
MUST_USE int ingest_path(const char *path, const struct load_options *o, const struct feed_options *f,
			 const struct ingest_pace *pace, struct ingest_stats *ret, struct why *w);
/** The same of a source of the caller's. @name for reasons */
MUST_USE int ingest_stream(struct carve_source from, const char *name, const struct load_options *o,
			   const struct feed_options *f, const struct ingest_pace *pace, struct ingest_stats *ret,
			   struct why *w);

#endif
