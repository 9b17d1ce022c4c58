/*
 * pgkit - a PostgreSQL server for a group of unit tests: the private cluster (bootstage/intel/cluster.h) in a folder of its own.
 */
#ifndef TESTS_PGKIT_H
#define TESTS_PGKIT_H

#include "bootstage/intel/cluster.h"
#include "bootstage/intel/pg.h"

struct pgkit {
	bool there; /* else PostgreSQL is not installed: tests of it are skipped */
	char dir[64];
	char conninfo[256]; /* of the owner of the database */
	char super[256];    /* of the superuser */
	struct cluster cluster;
	struct machine machine;
};
extern struct pgkit pgkit;

/** For cmocka_run_group_tests(): make and start it; stop it and remove the folder. */
int pgkit_start(void **state);
int pgkit_end(void **state);
/** Start it again. */
void pgkit_again(void);
/** SIGKILL to the server and its children. */
void pgkit_kill(void);
/** A statement by the superuser. */
void pgkit_run(const char *sql);

#endif
