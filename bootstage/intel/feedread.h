/*
 * feedread - a feed of any accepted format, record by record, into a sink.
 * Layer:  bootstage/intel.
 * Trust:  the stream is hostile. What is no record is left out, counted and told; the rest is read on.
 * Source: docs/formats/feeds.md: the formats, and what becomes of each.
 */
#ifndef BOOTSTAGE_INTEL_FEEDREAD_H
#define BOOTSTAGE_INTEL_FEEDREAD_H

#include "bootstage/intel/carve.h"
#include "bootstage/intel/graph.h"

#define FEEDREAD_WARNINGS_MAX 10u /* that are told one by one; then their number */

enum feed_drop {
	FEED_DROP_SYNTAX,  /* no JSON, or none that can be stored */
	FEED_DROP_SIZE,    /* over the limit of bytes, of depth, of nodes or edges */
	FEED_DROP_FORMAT,  /* JSON, but no object of STIX or MISP */
	FEED_DROP_CONTENT, /* such an object without what it must have */
	FEED_DROPS,
};

struct feed_stats {
	uint64_t bytes;               /* of JSON that were read */
	uint64_t good;                /* records that the sink took, of these: */
	uint64_t stix, relationships; /* STIX objects that are nodes; those that are edges */
	uint64_t events, attributes;  /* of MISP; attributes inside objects, too */
	uint64_t objects, clusters;   /* of MISP; values of galaxies */
	uint64_t dropped[FEED_DROPS];
	uint64_t nodes, edges;   /* that the records brought */
	uint64_t observables;    /* values that became nodes, once for each record that names them */
	uint64_t refused_values; /* values that are none of their kind, "ip-dst" of "n/a" */
	uint64_t strays;         /* brackets that closed nothing */
	uint64_t left_out;       /* parts of events over a limit */
	struct why first;        /* why the first one was dropped */
};

struct feed_options {
	size_t record_max_bytes; /* 0: CARVE_RECORD_MAX_BYTES */
	/* Told of the first FEEDREAD_WARNINGS_MAX things that were left out, and at the end of how many more; NULL: nobody. */
	void (*warn)(void *arg, const char *text);
	void *arg;
};

/** "syntax", "size", "format", "content". */
const char *feed_drop_name(enum feed_drop d);
uint64_t feed_dropped(const struct feed_stats *s);

/**
 * Read a stream to its end.
 * @name  of the feed, for reasons and warnings
 * @ret   also filled on failure, with what there was until then; added to, so that a feed of several files has one
 * Returns 0, also when records were dropped; -ENODATA when there is nothing in it, or it is JSON but no feed; -EBADMSG when no
 * record of it could be read; what the source or the sink failed with; -ENOMEM.
 */
MUST_USE int feedread_stream(struct carve_source from, const char *name, const struct feed_options *o,
			     const struct record_sink *sink, struct feed_stats *ret, struct why *w);

#endif
