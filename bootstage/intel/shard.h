/*
 * shard - telemetry over several servers: which one an agent's goes to, and the statements that join their parts.
 * Layer:  bootstage/intel. Pure: numbers and text.
 * Trust:  connection strings are the administrator's; they are quoted all the same.
 * Source: Lamping, Veach: "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
 *
 * Server 0 has the graph of what feeds say, and numbers all nodes; the others have copies of it by logical replication. Each
 * has the telemetry of its agents in telemetry_edges, with its own number in the column `shard`, which a CHECK there keeps
 * right, as rows that come through foreign tables are checked by nobody else. telemetry_all is the whole, at any of them.
 * When servers are added, what is stored stays where it is: questions go to all of them, and retention does the rest.
 */
#ifndef BOOTSTAGE_INTEL_SHARD_H
#define BOOTSTAGE_INTEL_SHARD_H

#include <stdint.h>

#include "base/why.h"

#define SHARDS_MAX    16u
#define SHARD_SQL_MAX 4096u

/** The server of an agent's telemetry, 0 to n - 1. Of n + 1 servers, the new one takes its share from all, no other moves. */
unsigned int shard_of(uint32_t agent, unsigned int n);

/** At server `shard`: the column and its CHECK, and telemetry_all with its own part. Harmless when repeated. */
void shard_own_sql(unsigned int shard, char ret[SHARD_SQL_MAX]);
/** At any server: the part of telemetry_all that `shard` has, reached by `peer`. -EINVAL (usage) no connection string. */
MUST_USE int shard_other_sql(unsigned int shard, const char *peer, char ret[SHARD_SQL_MAX], struct why *w);
/** At a copy, outside of a transaction: follow server 0, reached by `peer`. */
MUST_USE int shard_follow_sql(unsigned int shard, const char *peer, char ret[SHARD_SQL_MAX], struct why *w);

/* At server 0. */
extern const char shard_publish_sql[];
/* At a copy: nobody but the replication writes to the graph. */
extern const char shard_guard_sql[];
/* At any: take telemetry_all away, so that telemetry_edges can be changed; the telemetry stays. */
extern const char shard_apart_sql[];

#endif
