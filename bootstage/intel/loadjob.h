/*
 * loadjob - a part of a batch on its way into the store: which of its records are new there, which numbers their nodes
 * have, and the rows that follow.
 * Layer:  bootstage/intel. Format: memory only; loadlane.c sends and receives.
 *
 * In this order: ask, told; names, made, fresh, keys, ids; edges; then rows. What dangles and finds room in `aside` is left to
 * whoever loads that: it is not wanted any more after `edges`, and marked LOAD_ASIDE. Everything that is written in the order of keys or
 * numbers is so that two loaders cannot wait for each other.
 */
#ifndef BOOTSTAGE_INTEL_LOADJOB_H
#define BOOTSTAGE_INTEL_LOADJOB_H

#include "bootstage/intel/loadbatch.h"
#include "bootstage/intel/loadids.h"

enum load_want {
	WANT_ID,         /* only looked up: the end of an edge */
	WANT_OBSERVABLE, /* is made when it is not there */
	WANT_NODE,       /* a record of the batch is this node */
};

struct load_key {
	struct bytes key, name;
	struct load_mark mark; /* of key */
	enum node_kind kind;
	enum load_want want;
	const struct load_entry *owner; /* WANT_NODE: the record */
	int64_t id;                     /* 0: not there */
	bool fresh;                     /* made just now, with all that the record says of it */
};

struct load_edge {
	int64_t src, dst;
	int64_t first_us, last_us;
	int32_t n;
	int16_t kind;
	bool there; /* the table has it already, and what is said more was added */
};

/* A record that is wanted, where the ends of its edges are in `ends`, and its own node in `keys`, if it is one. */
struct load_wanted {
	struct load_entry *e;
	size_t ends_at;
	uint32_t node;
};

struct load_dangling {
	const struct load_entry *e;
	const struct edge *edge;
};

/* Start with { 0 } and the first few. */
struct load_job {
	struct load_batch *batch;
	size_t first, n; /* records of the batch */
	int32_t feed;
	bool careful; /* others store the same edges now: each by itself, whether it is there or not */
	bool sure;    /* no edge is there, unless an older version of its record said it: nobody looks */
	const struct load_batch *aside;   /* NULL: what dangles waits in the store */
	const struct load_ids *known_ids; /* NULL: none */

	struct load_wanted *wanted;
	size_t n_wanted, n_newer, n_refused;
	size_t n_aside, aside_bytes;
	struct load_key *keys;
	size_t n_keys;
	uint32_t *slots; /* of keys: index + 1 */
	size_t n_slots;
	size_t n_made;           /* of keys, nodes that are to be there, and of which nobody knows whether they are */
	size_t n_fresh, n_known; /* of WANT_NODE: made just now; there before, and to become what the record says */
	uint32_t *ends;          /* indices of keys: source, destination */
	size_t n_ends;
	struct load_edge *edges; /* each once, by their key */
	size_t n_edges, n_there;
	struct load_dangling *dangling;
	size_t n_dangling;
	int64_t *claims;        /* room for those of the record with the most edges */
	struct load_edge *gone; /* edges that nothing said any more when old versions were taken back */
	size_t n_gone;
};

void load_job_free(struct load_job *j);

/** Numbers, hashes and times of the records, $1 to $3. */
void load_job_ask(const struct load_job *j, struct pg_params *p);
/** Rows of (place in the arrays from 1, whether it is there already, whether it is in quarantine): what the store wants. */
MUST_USE int load_job_told(struct load_job *j, const PGresult *rows, struct why *w);

/** The nodes that what is wanted names, each once. */
MUST_USE int load_job_names(struct load_job *j, struct why *w);
/** Kinds, keys, names, times, revoked and whether they are records, $1 to $6, of the n_made nodes. */
void load_job_made(const struct load_job *j, struct pg_params *p);
/** Rows of (key, number): those that were not there before. */
MUST_USE int load_job_fresh(struct load_job *j, const PGresult *rows, struct why *w);
/** Keys whose numbers are not known, $1. */
void load_job_keys(const struct load_job *j, struct pg_params *p);
/** Rows of (place from 1, number: 0 there is none). */
MUST_USE int load_job_ids(struct load_job *j, const PGresult *rows, struct why *w);
/** Keep the numbers; what made the nodes is durable. */
void load_job_keep_ids(const struct load_job *j, struct load_ids *ids);
/** Sort the edges into those that can be stored and those that dangle, and put aside what can be. */
MUST_USE int load_job_edges(struct load_job *j, struct why *w);

/** Numbers and times of the records of which an older version is there, $1 and $2. */
void load_job_newer(const struct load_job *j, struct pg_params *p);
/** Rows of (src, kind, dst). */
MUST_USE int load_job_gone(struct load_job *j, const PGresult *rows, struct why *w);
void load_job_gone_again(const struct load_job *j, struct pg_params *p); /* $1 to $3 */
/** Numbers, kinds, names, times and revoked of nodes that are there, $1 to $5. */
void load_job_known_nodes(const struct load_job *j, struct pg_params *p);
/** src, kind, dst, first, last and n, $1 to $6. */
void load_job_edge_arrays(const struct load_job *j, struct pg_params *p);
/** Rows of (src, kind, dst): the edges that are there. */
MUST_USE int load_job_there(struct load_job *j, const PGresult *rows, struct why *w);

/* Rows for COPY, one of number i below the count; no row where there is none to write. */
void load_job_record_row(const struct load_job *j, size_t i, struct pg_rows *rows);  /* wanted */
void load_job_edge_row(const struct load_job *j, size_t i, struct pg_rows *rows);    /* edges */
void load_job_pending_row(const struct load_job *j, size_t i, struct pg_rows *rows); /* dangling */

#endif
