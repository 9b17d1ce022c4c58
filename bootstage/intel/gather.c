#include "bootstage/intel/gather.h"

#include "base/parse.h"
#include "bootstage/intel/jsontext.h"

#define BLOCK_BYTES (64u << 10)

struct gather_block {
	struct gather_block *next;
	size_t room, used;
	uint8_t at[];
};

static void blocks_free(struct gather_block *b)
{
	while (b) {
		struct gather_block *next = b->next;

		free(b);
		b = next;
	}
}

/* One block is enough for nearly every record. */
void gather_reset(struct gather *g)
{
	g->n_nodes = g->n_edges = 0;
	g->block = g->blocks;
	if (!g->block)
		return;
	blocks_free(g->block->next);
	g->block->next = NULL;
	g->block->used = 0;
}

void gather_free(struct gather *g)
{
	blocks_free(g->blocks);
	free(g->nodes);
	free(g->edges);
	*g = (struct gather){ .n_nodes = 0 };
}

/* Put a block of at least n bytes behind the last one. */
static struct gather_block *block_add(struct gather *g, size_t n)
{
	size_t room = n > BLOCK_BYTES ? n : BLOCK_BYTES;
	struct gather_block *b = malloc(sizeof(*b) + room);

	if (!b)
		return NULL;
	*b = (struct gather_block){ .room = room };
	*(g->block ? &g->block->next : &g->blocks) = b;
	g->block = b;
	return b;
}

uint8_t *gather_room(struct gather *g, size_t n)
{
	struct gather_block *b = g->block;

	if (!b || b->room - b->used < n)
		b = block_add(g, n);
	if (!b)
		return NULL;
	b->used += n;
	return b->at + b->used - n;
}

struct bytes gather_join(struct gather *g, const struct bytes *part, size_t n)
{
	size_t total = 0;
	uint8_t *to;

	for (size_t i = 0; i < n; i++)
		total += part[i].n;
	to = gather_room(g, total);
	if (!to)
		return bytes_of(NULL, 0);
	for (size_t i = 0; i < n; i++) {
		if (part[i].n > 0)
			memcpy(to, part[i].p, part[i].n);
		to += part[i].n;
	}
	return bytes_of(to - total, total);
}

struct bytes gather_string(struct gather *g, struct bytes value)
{
	struct bytes said = bytes_of(NULL, 0);
	uint8_t *room = NULL;

	if (jsontext_kind(value) != JSONTEXT_STRING)
		return said;
	if (memchr(value.p, '\\', value.n) && !(room = gather_room(g, value.n)))
		return said;
	IGNORE(jsontext_string(value, room, room ? value.n : 0, &said)); /* it fits */
	return said;
}

/* Room for one more of `size` bytes each. */
static int grow(void **at, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *p;

	if (n < *room)
		return 0;
	p = reallocarray(*at, more, size);
	if (!p)
		return -ENOMEM;
	*at = p;
	*room = more;
	return 0;
}

/* The longest part that ends with a whole character. */
static struct bytes name_cut(struct bytes name)
{
	if (name.n <= GRAPH_NAME_MAX)
		return name;
	name.n = GRAPH_NAME_MAX;
	while (name.n > 0 && (name.p[name.n] & 0xc0) == 0x80)
		name.n--;
	return name;
}

int gather_node(struct gather *g, enum node_kind k, struct bytes key, struct bytes name)
{
	void *at = g->nodes;

	if (key.n == 0 || key.n > GRAPH_KEY_MAX || g->n_nodes == GATHER_MAX)
		return -E2BIG;
	if (grow(&at, g->n_nodes, &g->nodes_room, sizeof(*g->nodes)))
		return -ENOMEM;
	g->nodes = at;
	g->nodes[g->n_nodes++] = (struct node){ .kind = k, .key = key, .name = name_cut(name) };
	return 0;
}

int gather_edge_between(struct gather *g, const struct edge *e)
{
	void *at = g->edges;

	if (e->src.n == 0 || e->src.n > GRAPH_KEY_MAX || e->dst.n == 0 || e->dst.n > GRAPH_KEY_MAX ||
	    g->n_edges == GATHER_MAX)
		return -E2BIG;
	if (grow(&at, g->n_edges, &g->edges_room, sizeof(*g->edges)))
		return -ENOMEM;
	g->edges = at;
	g->edges[g->n_edges++] = *e;
	return 0;
}

int gather_edge(struct gather *g, enum edge_kind k, struct bytes src, struct bytes dst)
{
	return gather_edge_between(
		g, &(struct edge){ .kind = k, .src = src, .dst = dst, .first_us = TIME_NONE, .last_us = TIME_NONE });
}

/* The last n bytes that gather_room() gave are not needed any more. */
static void give_back(struct gather *g, size_t n)
{
	g->block->used -= n;
}

static int value_node(struct gather *g, const struct observable *o, struct bytes *ret_key)
{
	size_t n = observable_key_room(o->value);
	char *key = (char *)gather_room(g, OBSERVABLE_KEY_MAX);
	uint8_t *room = gather_room(g, n);

	if (!room || !key)
		return -ENOMEM;
	observable_key(o, room, key);
	give_back(g, n);
	*ret_key = bytes_str(key);
	g->n_observables++;
	return gather_node(g, o->kind, *ret_key, o->value);
}

/* A value in its form; its length is 0 when it is none of its kind. */
static int value_clean(struct gather *g, struct observable *o)
{
	uint8_t *buf = gather_room(g, o->value.n + OBSERVABLE_ROOM);

	if (!buf)
		return -ENOMEM;
	if (o->value.n > 0 && observable_clean(o, buf)) {
		g->n_refused++;
		o->value.n = 0;
	}
	return 0;
}

int gather_value(struct gather *g, const struct observable *o, struct bytes *ret_key)
{
	struct observable one = *o;
	int r = value_clean(g, &one);

	*ret_key = bytes_of(NULL, 0);
	return r || one.value.n == 0 ? r : value_node(g, &one, ret_key);
}

/* An edge to the node that was put in last, or no node where it is src itself. */
static int edge_to_last(struct gather *g, struct bytes src, enum edge_kind k, struct bytes key)
{
	if (!bytes_equal(key, src))
		return gather_edge(g, k, src, key);
	g->n_nodes--;
	return 0;
}

int gather_observable(struct gather *g, struct bytes src, enum edge_kind k, const struct observable *o)
{
	struct bytes key;
	int r = gather_value(g, o, &key);

	return r || key.n == 0 ? r : edge_to_last(g, src, k, key);
}

int gather_file(struct gather *g, struct bytes src, enum edge_kind k, struct bytes name, const struct observable *hash,
		struct bytes *ret_key)
{
	struct observable file = { .kind = NODE_FILE, .value = name }, h = *hash;
	int r = value_clean(g, &file);
	uint8_t *room;
	char *key;

	*ret_key = bytes_of(NULL, 0);
	r = r ? r : value_clean(g, &h);
	if (r || h.value.n == 0)
		return r;
	room = gather_room(g, observable_key_room(h.value) + observable_key_room(file.value));
	key = (char *)gather_room(g, OBSERVABLE_KEY_MAX);
	if (!room || !key)
		return -ENOMEM;
	observable_file_key(file.value, &h, room, key);
	*ret_key = bytes_str(key);
	g->n_observables++;
	r = gather_node(g, NODE_FILE, *ret_key, file.value);
	return r ? r : edge_to_last(g, src, k, *ret_key);
}

int gather_tag(struct gather *g, struct bytes name, struct bytes *ret_key)
{
	return value_node(g, &(struct observable){ .kind = NODE_TAG, .value = name_cut(name) }, ret_key);
}

static int gather_alias(struct gather *g, struct bytes src, struct bytes own, struct bytes value)
{
	struct observable o = { .kind = NODE_ALIAS, .value = name_cut(gather_string(g, value)) };
	struct bytes key;
	int r;

	if (o.value.n == 0 || bytes_equal(o.value, own))
		return 0;
	r = value_node(g, &o, &key);
	return r ? r : gather_edge(g, EDGE_KNOWN_AS, src, key);
}

int gather_aliases(struct gather *g, struct bytes src, struct bytes own, struct bytes list)
{
	enum jsontext_kind k = jsontext_kind(list);
	struct jsontext_walk i = jsontext_walk(list);
	struct bytes one;
	int r = 0;

	if (k == JSONTEXT_STRING)
		return gather_alias(g, src, own, list);
	while ((k == JSONTEXT_ARRAY || k == JSONTEXT_OBJECT) && r == 0 && jsontext_element(&i, &one))
		r = gather_alias(g, src, own, one);
	return r;
}

void gather_record(const struct gather *g, struct bytes text, bool edges_tell, struct record *ret)
{
	ret->nodes = g->nodes;
	ret->n_nodes = g->n_nodes;
	ret->edges = g->edges;
	ret->n_edges = g->n_edges;
	ret->edges_tell = edges_tell;
	ret->text = text;
}
