/*
 * relquery - what is asked of the graph: from one node so many steps, over which kinds of edges, in which direction; and the
 * statement that answers it.
 * Layer:  bootstage/intel. Pure: structs to SQL and back, no I/O.
 * Trust:  numbers only go into the text of a statement; what people or feeds wrote goes into parameters.
 *
 * The walk is one recursive query that remembers (node, depth), with UNION: it counts nodes, where a path for each row counts
 * ways, which explode at hubs (docs/intel-scale.md has the figures). Its rows come in the order of their depth, and a
 * LIMIT around it ends the recursion: what is cut off is what is furthest.
 */
#ifndef BOOTSTAGE_INTEL_RELQUERY_H
#define BOOTSTAGE_INTEL_RELQUERY_H

#include "bootstage/intel/graph.h"
#include "bootstage/intel/pgvalue.h"

#define RELQUERY_DEPTH_MAX     64u
#define RELQUERY_LIMIT_MAX     1000000u
#define RELQUERY_LIMIT_DEFAULT 10000u
#define RELQUERY_DAYS_DEFAULT  3u
#define RELQUERY_SQL_MAX       2048u

enum direction {
	DIRECTION_OUT = 1, /* from source to target */
	DIRECTION_IN = 2,
	DIRECTION_BOTH = DIRECTION_OUT | DIRECTION_IN,
};

/* Kinds by their number's bit. */
typedef uint64_t kind_bits;
#define KIND_BIT(k) (UINT64_C(1) << (k))
_Static_assert(NODE_KINDS <= 64 && EDGE_KINDS <= 64, "a kind is a bit");

/*
 * Edges to what nearly everything is joined to: who wrote a record, how it is marked, how it is tagged; and to other names,
 * which two may have that are not the same.
 */
#define HUB_EDGES (KIND_BIT(EDGE_CREATED_BY) | KIND_BIT(EDGE_MARKED) | KIND_BIT(EDGE_TAGGED) | KIND_BIT(EDGE_KNOWN_AS))
/* What telemetry says. */
#define TELEMETRY_EDGES                                                                                                \
	(KIND_BIT(EDGE_CONNECTED) | KIND_BIT(EDGE_EXECUTED) | KIND_BIT(EDGE_OPENED) | KIND_BIT(EDGE_RESOLVED))

struct relquery {
	unsigned int depth; /* 1 to RELQUERY_DEPTH_MAX */
	enum direction direction;
	kind_bits edges;        /* only these; 0: all but HUB_EDGES */
	kind_bits nodes;        /* only these are answers, whatever the walk goes through; 0: all */
	bool hubs;              /* HUB_EDGES as well */
	bool paths;             /* also over which edge each was reached; then the walk goes level by level */
	int64_t from_us, to_us; /* telemetry of from <= time < to; TIME_NONE: none */
	uint32_t limit;         /* answers; 1 to RELQUERY_LIMIT_MAX */
};

struct relsql {
	char name[40]; /* of the prepared statement: one for each shape */
	char text[RELQUERY_SQL_MAX];
};

/** Both directions, three steps, the last RELQUERY_DAYS_DEFAULT days of telemetry before `now_us`. */
struct relquery relquery_default(int64_t now_us);
/** Whether the query is within its bounds. -EINVAL (usage) with what is not. */
MUST_USE int relquery_check(const struct relquery *q, struct why *w);
/** A kind of edges or of nodes, as --kind has it, into q. -EINVAL (usage) when there is none of that name. */
MUST_USE int relquery_kind(struct relquery *q, const char *name, struct why *w);
/** "out", "in" or "both". -EINVAL (usage). */
MUST_USE int relquery_direction(struct relquery *q, const char *name, struct why *w);
/** Whether telemetry can have edges of the kinds that are asked for. */
bool relquery_has_telemetry(const struct relquery *q);
const char *direction_name(enum direction d);

/** Nodes that a walk keeps: one more than the answers, and the start; answers of one kind may lie anywhere. */
size_t relquery_most(const struct relquery *q);
/** Rows that come at most: a node has one for each depth that it is met at. */
int64_t relquery_rows(const struct relquery *q);
/**
 * The recursive query. Rows: id, depth; the start is the first, and a node comes first at its least depth.
 * @telemetry  whether telemetry is part of it; relquery_has_telemetry() at most
 */
void relquery_sql(const struct relquery *q, bool telemetry, struct relsql *ret);
/** Its parameters, in the same order; to be freed by pg_params_free(). */
void relquery_params(const struct relquery *q, bool telemetry, int64_t start, struct pg_params *ret);

/** The kinds of nodes that are answers, as an array; NULL: all. */
void relquery_nodes_param(const struct relquery *q, struct pg_params *ret);

/* What one level of a walk asks of a server: part of the graph that it has. */
enum level_part {
	LEVEL_INTEL = 1,
	LEVEL_TELEMETRY = 2,
	LEVEL_BOTH = LEVEL_INTEL | LEVEL_TELEMETRY,
};
/** All neighbours of an array of nodes, without the depth. Rows: id, at most the last parameter; with
 * paths also near, kind and whether near is the source, of one edge. */
void relquery_level_sql(const struct relquery *q, enum level_part part, struct relsql *ret);
void relquery_level_params(const struct relquery *q, enum level_part part, const int64_t *nodes, size_t n, int64_t most,
			   struct pg_params *ret);

#endif
