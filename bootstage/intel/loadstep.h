/*
 * loadstep - what is asked of the server for a part of a batch, step by step, and the statements around them.
 * Layer:  bootstage/intel. Format: SQL; loadlane.c sends it.
 * Source: docs/loading.md.
 */
#ifndef BOOTSTAGE_INTEL_LOADSTEP_H
#define BOOTSTAGE_INTEL_LOADSTEP_H

#include "bootstage/intel/loadjob.h"

/* A statement that was prepared under its own number, or, without parameters, one as it is; row: it is a COPY. */
struct load_step {
	const char *sql;
	bool (*needed)(const struct load_job *j); /* NULL: always */
	void (*params)(const struct load_job *j, struct pg_params *p);
	int (*got)(struct load_job *j, const PGresult *rows, struct why *w);
	void (*row)(const struct load_job *j, size_t i, struct pg_rows *rows);
	size_t rows_at; /* offset of the count in struct load_job */
};

/* In this order. */
extern const struct load_step load_steps[];
extern const size_t n_load_steps;

/* Of a connection, before anything else. */
extern const char *const load_session_sql;
/* A record that was refused: numbers of record and text, feed, key, text, SQLSTATE and reason, $1 to $6. */
extern const char *const load_quarantine_sql;

/*
 * What is made ahead need not be durable by itself: whoever refers to it commits later, and that waits for the disk as the
 * server is set up to, for all that was written before as well.
 */
#define LOAD_BEGIN "BEGIN; SET LOCAL synchronous_commit TO DEFAULT"

/* A transaction that makes edges of what is pending: alone. */
#define LOAD_BEGIN_PENDING LOAD_BEGIN "; SELECT pg_advisory_xact_lock(" LOAD_LOCK ")"
/* Shared: old versions are taken back; alone: what was pending becomes claims. */
#define LOAD_LOCK "72410005"
/* Edges that can be made, of so many that are pending, $2, above a number, $1. One row: the highest number, how many were made. */
extern const char *const load_pending_sql;

#endif
