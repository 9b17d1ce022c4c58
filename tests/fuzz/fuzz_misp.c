/*
 * fuzz_misp - any bytes as a feed; the seeds are events, objects and galaxies of MISP. Whatever the pieces are that they come in,
 * the same records come of them; each has text that is JSON, and keys and names that can be stored; what was counted is what
 * came.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/parse.h"
#include "bootstage/intel/feedread.h"
#include "bootstage/intel/jsontext.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct reading {
	struct bytes left;
	size_t piece;
	struct hasher h; /* over all that came */
	uint64_t records, nodes, edges;
};

static int give(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct reading *g = arg;
	size_t n = g->piece < room ? g->piece : room;

	(void)w;
	n = n < g->left.n ? n : g->left.n;
	if (n > 0)
		memcpy(buf, g->left.p, n);
	g->left = bytes_of(g->left.p + n, g->left.n - n);
	*ret_n = n;
	return 0;
}

static void add(struct reading *g, struct bytes b)
{
	hasher_add(&g->h, bytes_of(&b.n, sizeof(b.n)));
	hasher_add(&g->h, b);
}

static void add_key(struct reading *g, struct bytes key)
{
	must(key.n > 38 && key.n <= GRAPH_KEY_MAX && memcmp(key.p + key.n - 38, "--", 2) == 0 && text_printable(key));
	add(g, key);
}

static int take(void *arg, const struct record *r, struct why *w)
{
	struct reading *g = arg;
	struct jsontext t;

	(void)w;
	must(jsontext_check(r->text, &t, NULL) == 0 && jsontext_kind(r->text) == JSONTEXT_OBJECT);
	must(r->is_node == (r->n_nodes > 0) && (!r->is_node || bytes_equal(r->nodes[0].key, r->key)));
	add_key(g, r->key);
	add(g, r->text);
	for (size_t i = 0; i < r->n_nodes; i++) {
		add_key(g, r->nodes[i].key);
		must(r->nodes[i].name.n <= GRAPH_NAME_MAX);
		add(g, r->nodes[i].name);
		for (struct bytes b = r->nodes[i].name; b.n > 0;) {
			size_t n = utf8_length(b);

			must(n > 0);
			b = bytes_of(b.p + n, b.n - n);
		}
	}
	for (size_t i = 0; i < r->n_edges; i++) {
		add_key(g, r->edges[i].src);
		add_key(g, r->edges[i].dst);
		must(r->edges[i].kind < EDGE_KINDS);
	}
	g->records++;
	g->nodes += r->n_nodes;
	g->edges += r->n_edges;
	return 0;
}

static int read_all(struct bytes feed, size_t piece, struct reading *g, struct feed_stats *s)
{
	struct feed_options o = { .record_max_bytes = 4096 };
	struct record_sink sink = { take, g };
	struct why w = { 0 };
	int r;

	*g = (struct reading){ .left = feed, .piece = piece };
	hasher_init(&g->h);
	r = feedread_stream((struct carve_source){ give, g }, "fuzz", &o, &sink, s, &w);
	must(r == 0 || ((r == -EBADMSG || r == -ENODATA) && w.text[0]));
	must(s->good == g->records && s->nodes == g->nodes && s->edges == g->edges && s->bytes == feed.n);
	must(s->good == s->stix + s->relationships + s->events + s->attributes + s->objects + s->clusters);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct reading one, two;
	struct feed_stats a = { 0 }, b = { 0 };
	struct hash ha, hb;
	int r;

	r = read_all(bytes_of(data, n), SIZE_MAX, &one, &a);
	must(read_all(bytes_of(data, n), 7, &two, &b) == r);
	ha = hasher_end(&one.h);
	hb = hasher_end(&two.h);
	must(hash_equal(&ha, &hb) && feed_dropped(&a) == feed_dropped(&b));
	return 0;
}
