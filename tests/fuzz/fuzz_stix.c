/*
 * fuzz_stix - any bytes as a STIX object. What is taken has a key of its own type, text that is JSON, keys and names that can
 * be stored, and edges that begin or end at it or at an observable that it names; read again it is the same record.
 */
#include <stdlib.h>

#include "base/parse.h"
#include "bootstage/intel/stix.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void must_be_utf8(struct bytes b)
{
	for (size_t n; b.n > 0; b = bytes_of(b.p + n, b.n - n)) {
		n = utf8_length(b);
		must(n > 0);
	}
}

static void must_be_key(struct bytes key)
{
	must(key.n > 38 && key.n <= GRAPH_KEY_MAX && memcmp(key.p + key.n - 38, "--", 2) == 0 && text_printable(key));
	for (size_t i = key.n - 36; i < key.n; i++)
		must(key.p[i] < 'A' || key.p[i] > 'F');
}

static bool has_node(const struct record *r, struct bytes key)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		if (bytes_equal(r->nodes[i].key, key))
			return true;
	return false;
}

static void check(const struct record *r)
{
	struct jsontext t;

	must_be_key(r->key);
	must(jsontext_check(r->text, &t, NULL) == 0);
	must(r->is_node == (r->n_nodes > 0) && (!r->is_node || bytes_equal(r->nodes[0].key, r->key)));
	must(r->is_node || r->n_edges == 1);
	for (size_t i = 0; i < r->n_nodes; i++) {
		must_be_key(r->nodes[i].key);
		must(r->nodes[i].kind < NODE_KINDS && r->nodes[i].name.n <= GRAPH_NAME_MAX);
		must_be_utf8(r->nodes[i].name);
		must(i == 0 || !bytes_equal(r->nodes[i].key, r->key));
	}
	for (size_t i = 0; i < r->n_edges; i++) {
		must_be_key(r->edges[i].src);
		must_be_key(r->edges[i].dst);
		must(r->edges[i].kind < EDGE_KINDS && (!r->is_node || has_node(r, r->edges[i].src)));
	}
}

/* Edges count, and so does where they lead. */
static void must_be_same(const struct record *a, const struct record *b)
{
	must(bytes_equal(a->key, b->key) && a->modified_us == b->modified_us && a->revoked == b->revoked);
	must(bytes_equal(a->text, b->text) && a->edges_tell == b->edges_tell);
	must(a->n_nodes == b->n_nodes && a->n_edges == b->n_edges);
	for (size_t i = 0; i < a->n_edges; i++)
		must(bytes_equal(a->edges[i].dst, b->edges[i].dst) && a->edges[i].kind == b->edges[i].kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct gather first, second; /* used again, as for a feed */
	struct jsontext t;
	struct record r, again;
	struct why w = { 0 };
	int e;

	if (jsontext_check(bytes_of(data, n), &t, NULL))
		return 0;
	gather_reset(&first);
	e = stix_record(&t, &first, &r, &w);
	must(e == 0 || ((e == -EBADMSG || e == -E2BIG) && w.text[0]));
	if (e)
		return 0;
	check(&r);
	gather_reset(&second);
	must(jsontext_check(r.text, &t, NULL) == 0 && stix_record(&t, &second, &again, NULL) == 0);
	must_be_same(&r, &again);
	return 0;
}
