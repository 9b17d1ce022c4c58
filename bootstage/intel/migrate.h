/*
 * migrate - the schema of the store: numbered steps, sql/NNNN-NAME.sql, that are part of the program, and that each
 * database has taken up to some number.
 * Layer:  bootstage/intel. Act.
 * Source: docs/formats/intel-schema.md.
 *
 * A step NNNN-NAME.breaking.sql changes what programs of before cannot live with: it waits until the slot that brings it
 * is committed. All others only add, so that the programs of the other slot work on with what is newer than themselves.
 */
#ifndef BOOTSTAGE_INTEL_MIGRATE_H
#define BOOTSTAGE_INTEL_MIGRATE_H

#include "bootstage/intel/pg.h"

#define MIGRATE_SERVER_MIN 140000 /* PostgreSQL 14: lz4 for documents */

struct migration {
	unsigned int number;
	const char *name; /* "0002-telemetry" */
	bool breaking;
	const char *sql;
};

/* In the order of their numbers; migrations.c, from sql/ at build time. */
extern const struct migration migrations[];
extern const size_t n_migrations;

struct schema_state {
	unsigned int number;  /* the highest step that the database has; 0: none */
	unsigned int known;   /* the highest of this program */
	unsigned int pending; /* steps that it lacks */
	const char *missing;  /* the first of them that only adds; NULL */
	bool newer;           /* it has steps that this program does not know; they only add */
	char newest[80];      /* name of the highest; "" */
};

/**
 * What a database has. Changes nothing.
 * Returns 0; -EPROTONOSUPPORT (refused) when a program that is newer than this one has changed it in a way that this one
 * cannot live with, or the server is older than MIGRATE_SERVER_MIN.
 */
MUST_USE int schema_look(struct pg *p, struct schema_state *ret, struct why *w);
/**
 * As schema_look(), for whoever reads or writes: also -ENODATA when steps that only add are missing.
 */
MUST_USE int schema_check(struct pg *p, struct why *w);
/**
 * Take the steps that are missing: all in one transaction, behind a lock that two starters wait for each other at. Of a
 * database that a newer program has changed nothing is touched.
 * @committed  breaking ones as well
 * @ret        as it is now; `ret_taken` counts the steps
 */
MUST_USE int migrate(struct pg *p, bool committed, struct schema_state *ret, unsigned int *ret_taken, struct why *w);

#endif
