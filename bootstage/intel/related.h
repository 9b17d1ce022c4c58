/*
 * related - what the graph says is related to a node: the query of relquery.h put to one server, or level by level to
 * several.
 * Layer:  bootstage/intel. Act.
 *
 * One server: a single recursive query; except where it would follow telemetry backwards into a day that is still open and
 * has no index for that, which a query for a whole level reads once and the recursive one for every node.
 * Several: one array query a level and server, all servers at once, what was met before dropped here. A recursive query
 * through foreign tables would fetch whole tables each level (docs/intel-scale.md).
 */
#ifndef BOOTSTAGE_INTEL_RELATED_H
#define BOOTSTAGE_INTEL_RELATED_H

#include "bootstage/intel/pg.h"
#include "bootstage/intel/reach.h"
#include "bootstage/intel/relquery.h"

/* One node. Borrowed from the struct answers that it is in. */
struct answer {
	int64_t id;
	struct bytes key, name;
	enum node_kind kind;
	unsigned int depth;
	struct bytes near;  /* with paths: the key of the node that it was reached from; "" else */
	enum edge_kind via; /* over this */
	bool forward;       /* near is the source */
	struct bytes alias; /* of a search: the other name that it was found by; "" else */
};

struct answers {
	struct answer *at; /* by depth, then in the order in which the database knows them */
	size_t n;
	bool cut;        /* there are more; what is missing is no nearer than the last one */
	bool levels;     /* found level by level */
	uint64_t silent; /* bits of servers that did not answer: what only they know is missing */
	PGresult *held;  /* private */
};

void answers_free(struct answers *a);
#define AUTO_ANSWERS CLEANUP(answers_free) struct answers

#define RELATED_SERVERS_MAX  64u
#define RELATED_PREPARED_MAX 16u

/* A server to ask. Start with the first field; the others are kept from one question to the next. */
struct related_server {
	struct pg *pg;                           /* NULL: silent from the beginning */
	char prepared[RELATED_PREPARED_MAX][40]; /* statements that it has, by name */
	unsigned int n_prepared;
};

/**
 * All nodes that the query reaches from `start`, which is not among them, from one server.
 * @ret  to be freed by answers_free(); untouched on failure
 * Returns 0; -ETIMEDOUT over statement_timeout; and what pg.h has.
 */
MUST_USE int related_find(struct related_server *s, const struct relquery *q, int64_t start, struct answers *ret,
			  struct why *w);

/**
 * The same, level by level. The first server that answers is asked for the intel graph and the names of nodes, all of them
 * for their telemetry.
 * @servers  1 to RELATED_SERVERS_MAX; each has all nodes and the whole intel graph
 * Returns 0 as long as one of them answers; see ret->silent.
 */
MUST_USE int related_walk(struct related_server *servers, size_t n, const struct relquery *q, int64_t start,
			  struct answers *ret, struct why *w);

/** related_find() with one server, or where telemetry has no part in the question; related_walk() with several. One has a connection. */
MUST_USE int related_any(struct related_server *servers, size_t n, const struct relquery *q, int64_t start,
			 struct answers *ret, struct why *w);

/* --- for both --- */

/** Prepare a statement, unless this server has it. */
MUST_USE int related_prepare(struct related_server *s, const struct relsql *sql, struct why *w);
/** What the nodes of a walk are called; those that were asked for. */
MUST_USE int related_names(struct related_server *s, const struct relquery *q, const struct reach *k,
			   struct answers *ret, struct why *w);
/** Rows of node_id, key, kind, name, depth, best first; the first `limit` of them. Takes `rows`. -ENOMEM. */
MUST_USE int answers_take(PGresult *rows, uint32_t limit, struct answers *ret, struct why *w);

#endif
