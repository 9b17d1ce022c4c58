/*
 * gather - room in which the nodes and edges of one record are put together; used again for the next.
 * Layer:  bootstage/intel. Pure but for memory.
 * Trust:  keys and names are hostile text; a key longer than GRAPH_KEY_MAX is refused, a name is cut. A record may be made of
 *         nothing but small nodes, each of which takes many times the memory of its text: there are so many at most.
 *
 * Memory grows to what the largest record needed and is given back by gather_free(). What is put in is borrowed, and so is
 * what gather_record() hands out: until the next gather_reset().
 */
#ifndef BOOTSTAGE_INTEL_GATHER_H
#define BOOTSTAGE_INTEL_GATHER_H

#include "bootstage/intel/observable.h"

#define GATHER_MAX 300000u /* nodes of a record, and edges; an event has up to 262,144 members */

struct gather_block;

struct gather {
	struct node *nodes; /* private from here */
	struct edge *edges;
	size_t n_nodes, nodes_room, n_edges, edges_room;
	struct gather_block *blocks, *block; /* all, and the one that is being filled */
	uint64_t n_observables;              /* values that became a node, since the gather began */
	uint64_t n_refused;                  /* values that are none of their kind */
};

void gather_reset(struct gather *g);
void gather_free(struct gather *g);
#define AUTO_GATHER CLEANUP(gather_free) struct gather

/** n bytes that stay until gather_reset(). NULL when there is no memory. */
uint8_t *gather_room(struct gather *g, size_t n);
/** "TEXT TEXT.." in one piece. An empty slice when there is no memory. */
struct bytes gather_join(struct gather *g, const struct bytes *part, size_t n);
/** What a JSON string says (bootstage/intel/jsontext.h); empty when the value is none. */
struct bytes gather_string(struct gather *g, struct bytes value);

/* All of these: -E2BIG beyond GATHER_MAX. */

/** Returns 0; -ENOMEM; -E2BIG for a key that is too long. */
MUST_USE int gather_node(struct gather *g, enum node_kind k, struct bytes key, struct bytes name);
MUST_USE int gather_edge(struct gather *g, enum edge_kind k, struct bytes src, struct bytes dst);
MUST_USE int gather_edge_between(struct gather *g, const struct edge *e);

/**
 * A value's node, and its key; ret->n is 0 when the value is none of its kind, which is counted and no failure.
 * Returns 0; -ENOMEM.
 */
MUST_USE int gather_value(struct gather *g, const struct observable *o, struct bytes *ret_key);
/** gather_value() and an edge from src to it, unless it is src. */
MUST_USE int gather_observable(struct gather *g, struct bytes src, enum edge_kind k, const struct observable *o);
/** The same of a file with a name (may be empty) and a hash that is part of its key; ret_key as gather_value(). */
MUST_USE int gather_file(struct gather *g, struct bytes src, enum edge_kind k, struct bytes name,
			 const struct observable *hash, struct bytes *ret_key);
/** The node x-tag of a name, and its key. */
MUST_USE int gather_tag(struct gather *g, struct bytes name, struct bytes *ret_key);
/**
 * The other names of src: the JSON strings of a list, or one alone, but for `own`, as nodes x-alias that src is known-as.
 * Returns 0; -ENOMEM.
 */
MUST_USE int gather_aliases(struct gather *g, struct bytes src, struct bytes own, struct bytes list);

/** Put what was gathered, and the text, into a record. @edges_tell  the text does not say where the edges lead. */
void gather_record(const struct gather *g, struct bytes text, bool edges_tell, struct record *ret);

#endif
