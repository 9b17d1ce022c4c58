/*
 * pg - connections to PostgreSQL: every wait has an end, every failure its SQLSTATE in words.
 * Layer:  bootstage/intel. Act.
 * Trust:  the server is ours or the administrator's; what it answers is checked for its form.
 * Source: PostgreSQL 15, "libpq" and appendix A for SQLSTATE.
 *
 * Codes: ENOTCONN the connection is gone, or the server ends; EAGAIN it starts, or takes no more clients: later, on a new
 * one; ETIMEDOUT over statement_timeout, or no answer at all; EBUSY a lock was not had in time; EDEADLK deadlock or a
 * transaction that has to be repeated; EBADMSG a value the server does not take; ENOSPC, ENOMEM; EACCES not allowed to;
 * ENODATA there is no such database or table; EROFS a standby; EIO anything else. After ENOTCONN the connection is of no
 * further use.
 */
#ifndef BOOTSTAGE_INTEL_PG_H
#define BOOTSTAGE_INTEL_PG_H

#include "base/why.h"
#include "bootstage/intel/pgvalue.h"

struct pg {
	PGconn *conn;
	bool dead;               /* it did not answer in time */
	unsigned int timeout_ms; /* statement_timeout; 0: none, and an answer is waited for as long as it takes */
	char sqlstate[6];        /* of the last failure; "" where the server had no part in it */
};

struct pg_options {
	const char *conninfo;              /* libpq's connection string or URI; NULL or "": its defaults */
	unsigned int connect_timeout_s;    /* 0: 5 */
	unsigned int statement_timeout_ms; /* 0: 30 s */
	const char *name;                  /* application_name; NULL: "tandem-intel" */
};

/**
 * Connect; the session is in UTC and UTF-8, and has statement_timeout.
 * @ret  to be closed with pg_close(); untouched on failure
 */
MUST_USE int pg_open(const struct pg_options *o, struct pg *ret, struct why *w);
void pg_close(struct pg *p);
#define AUTO_PG CLEANUP(pg_close) struct pg

/** Whether the connection can still be used, as far as is known without asking the server. */
bool pg_alive(const struct pg *p);
/** Another statement_timeout from now on. */
MUST_USE int pg_set_timeout(struct pg *p, unsigned int statement_timeout_ms, struct why *w);

/* --- queries --- */

static inline void pg_result_free(PGresult **r)
{
	PQclear(*r);
}
#define AUTO_PG_RESULT CLEANUP(pg_result_free) PGresult

/** One or several statements without parameters; results are dropped. */
MUST_USE int pg_run(struct pg *p, const char *sql, struct why *w);
/**
 * One statement.
 * @params  NULL: none
 * @ret     rows in the binary form, for pg_get_*(); NULL: dropped
 */
MUST_USE int pg_query(struct pg *p, const char *sql, const struct pg_params *params, PGresult **ret, struct why *w);
/** The types of parameters are the server's guess: "$1::bigint[]" says one. */
MUST_USE int pg_prepare(struct pg *p, const char *name, const char *sql, struct why *w);
MUST_USE int pg_query_prepared(struct pg *p, const char *name, const struct pg_params *params, PGresult **ret,
			       struct why *w);
/**
 * The two halves of pg_query_prepared(): several servers work at once. What was begun has to be ended before anything else
 * is asked of p.
 */
MUST_USE int pg_query_begin(struct pg *p, const char *name, const struct pg_params *params, struct why *w);
MUST_USE int pg_query_end(struct pg *p, PGresult **ret, struct why *w);
/** 0, or the failure that a result is; for whoever waits on p->conn by himself. r NULL: the connection is gone. */
MUST_USE int pg_result_code(struct pg *p, const PGresult *r, struct why *w);
/** Rows that the statement wrote or returned. */
uint64_t pg_rows_done(const PGresult *r);

/* --- COPY BINARY --- */

/** "COPY ... FROM STDIN (FORMAT binary)" begins; then pg_copy_send() as often as wanted, and pg_copy_end(). */
MUST_USE int pg_copy_begin(struct pg *p, const char *sql, struct why *w);
/** Rows [first, first + n) of r. After a failure the COPY is over. */
MUST_USE int pg_copy_send(struct pg *p, const struct pg_rows *r, size_t first, size_t n, struct why *w);
/** Returns 0 when the server took them all. */
MUST_USE int pg_copy_end(struct pg *p, uint64_t *ret_rows, struct why *w);
/** End it without any of its rows, after a failure of our own. */
void pg_copy_give_up(struct pg *p);
/** All three: rows [first, first + n), in one statement. */
MUST_USE int pg_copy(struct pg *p, const char *sql, const struct pg_rows *r, size_t first, size_t n, struct why *w);

#endif
