/*
 * pgkit - a PostgreSQL server for a unit test: the private cluster (bootstage/intel/cluster.h) in a folder of its own.
 */
#ifndef TESTS_PGKIT_H
#define TESTS_PGKIT_H

#include "bootstage/intel/cluster.h"
#include "bootstage/intel/pg.h"

struct pgkit {
	char dir[64];
	char conninfo[256]; /* of the owner of the database */
	char super[256];    /* of the superuser */
	struct cluster cluster;
	struct machine machine;
};

/** Make and start it. False where PostgreSQL is not installed: the test is skipped. */
bool pgkit_start(struct pgkit *k);
/** Start it again. */
void pgkit_again(struct pgkit *k);
/** SIGKILL to the server and its children. */
void pgkit_kill(struct pgkit *k);
/** Stop it and remove the folder. */
void pgkit_end(struct pgkit *k);
/** A statement by the superuser. */
void pgkit_run(struct pgkit *k, const char *sql);

#endif
