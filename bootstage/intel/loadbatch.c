#include "bootstage/intel/loadbatch.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdlib.h>

#include "base/hash.h"

#define CHUNK (512u << 10)
#define ALIGN 16u
#define GROUP 64u /* of records that are hashed at once */

struct load_chunk {
	struct load_chunk *next;
	size_t n, room;
	_Alignas(ALIGN) uint8_t p[];
};

struct pg_uuid record_number(const struct record *r, struct bytes feed)
{
	crypto_hash_sha256_state s;
	uint8_t out[crypto_hash_sha256_BYTES];
	struct pg_uuid ret;

	(void)crypto_hash_sha256_init(&s);
	(void)crypto_hash_sha256_update(&s, r->key.p, r->key.n);
	if (r->modified_us == TIME_NONE) {
		(void)crypto_hash_sha256_update(&s, (const uint8_t *)"\n", 1);
		(void)crypto_hash_sha256_update(&s, feed.p, feed.n);
	}
	(void)crypto_hash_sha256_final(&s, out);
	memcpy(ret.b, out, sizeof(ret.b));
	return ret;
}

/* --- memory --- */

static struct load_chunk *chunk_new(size_t room)
{
	struct load_chunk *c = malloc(sizeof(*c) + room);

	if (c)
		*c = (struct load_chunk){ .room = room };
	return c;
}

/* One that was used before, where it is large enough. */
static struct load_chunk *chunk_get(struct load_batch *b, size_t need)
{
	struct load_chunk *c = b->spare;

	if (!c || need > CHUNK)
		return chunk_new(need > CHUNK ? need : CHUNK);
	b->spare = c->next;
	return c;
}

/* NULL when there is no memory. What is larger than a chunk has one of its own. */
static void *take(struct load_batch *b, size_t n)
{
	struct load_chunk *c = b->chunks;
	size_t need = (n + ALIGN - 1) / ALIGN * ALIGN;

	if (!c || c->room - c->n < need) {
		c = chunk_get(b, need);
		if (!c)
			return NULL;
		c->next = b->chunks;
		b->chunks = c;
	}
	c->n += need;
	b->bytes += need;
	return c->p + c->n - need;
}

static int copy(struct load_batch *b, struct bytes in, struct bytes *ret)
{
	void *p = take(b, in.n ? in.n : 1);

	if (!p)
		return -ENOMEM;
	if (in.n)
		memcpy(p, in.p, in.n);
	*ret = bytes_of(p, in.n);
	return 0;
}

int load_batch_init(struct load_batch *b, size_t rows_max, size_t bytes_max, struct why *w)
{
	struct load_batch n = { .rows_max = rows_max, .bytes_max = bytes_max, .n_slots = 16 };

	while (n.n_slots < 2 * rows_max)
		n.n_slots *= 2;
	n.at = calloc(rows_max, sizeof(*n.at));
	n.slots = calloc(n.n_slots, sizeof(*n.slots));
	if (!n.at || !n.slots) {
		load_batch_done(&n);
		return fail(w, -ENOMEM, "out of memory for %zu records", rows_max);
	}
	*b = n;
	return 0;
}

static void chunks_free(struct load_chunk *c)
{
	while (c) {
		struct load_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void load_batch_done(struct load_batch *b)
{
	chunks_free(b->chunks);
	chunks_free(b->spare);
	free(b->at);
	free(b->slots);
	*b = (struct load_batch){ 0 };
}

/* To be used again, but for those of large records. */
static void chunks_spare(struct load_batch *b)
{
	while (b->chunks) {
		struct load_chunk *c = b->chunks;

		b->chunks = c->next;
		if (c->room > CHUNK) {
			free(c);
			continue;
		}
		*c = (struct load_chunk){ .next = b->spare, .room = c->room };
		b->spare = c;
	}
}

void load_batch_reset(struct load_batch *b)
{
	chunks_spare(b);
	memset(b->slots, 0, b->n_slots * sizeof(*b->slots));
	b->n = b->bytes = 0;
	b->doubles = 0;
}

bool load_batch_full(const struct load_batch *b)
{
	return !load_batch_room(b, 0, 0);
}

bool load_batch_room(const struct load_batch *b, size_t records, size_t bytes)
{
	return b->n + records < b->rows_max && b->bytes + bytes < b->bytes_max;
}

/* --- records --- */

static int copy_nodes(struct load_batch *b, struct record *r, size_t n)
{
	const struct node *in = r->nodes;
	struct node *nodes = take(b, n ? n * sizeof(*nodes) : 1);
	int bad = nodes ? 0 : -ENOMEM;

	for (size_t i = 0; !bad && i < n; i++) {
		nodes[i].kind = in[i].kind;
		bad = bytes_equal(in[i].key, r->key) ? 0 : copy(b, in[i].key, &nodes[i].key);
		if (bytes_equal(in[i].key, r->key))
			nodes[i].key = r->key;
		bad = bad ? bad : copy(b, in[i].name, &nodes[i].name);
	}
	r->nodes = nodes;
	r->n_nodes = n;
	return bad;
}

static int copy_edges(struct load_batch *b, struct record *r, size_t n)
{
	const struct edge *in = r->edges;
	struct edge *edges = take(b, n ? n * sizeof(*edges) : 1);
	int bad = edges ? 0 : -ENOMEM;

	for (size_t i = 0; !bad && i < n; i++) {
		edges[i] = in[i];
		bad = copy(b, in[i].src, &edges[i].src);
		bad = bad ? bad : copy(b, in[i].dst, &edges[i].dst);
	}
	r->edges = edges;
	r->n_edges = n;
	return bad;
}

/* What is revoked says nothing any more; it is still there to be found. */
static int copy_record(struct load_batch *b, const struct record *in, struct record *ret)
{
	size_t nodes = in->revoked && in->n_nodes > in->is_node ? in->is_node : in->n_nodes;
	struct record r = *in;
	int bad = copy(b, in->key, &r.key);

	bad = bad ? bad : copy(b, in->text, &r.text);
	bad = bad ? bad : copy_nodes(b, &r, nodes);
	bad = bad ? bad : copy_edges(b, &r, in->revoked ? 0 : in->n_edges);
	if (!bad)
		*ret = r;
	return bad;
}

/* The number is a digest: any of its bytes spread well. */
static uint32_t *slot_of(const struct load_batch *b, const struct pg_uuid *rec)
{
	size_t at;

	memcpy(&at, rec->b + 8, sizeof(at));
	for (at &= b->n_slots - 1; b->slots[at]; at = (at + 1) & (b->n_slots - 1))
		if (memcmp(b->at[b->slots[at] - 1].rec.b, rec->b, sizeof(rec->b)) == 0)
			break;
	return &b->slots[at];
}

int load_batch_put(struct load_batch *b, const struct load_entry *in, struct why *w)
{
	uint32_t *slot = slot_of(b, &in->rec);
	size_t before = b->bytes;
	struct load_entry e = *in;

	if (*slot) {
		b->doubles++;
		if (b->at[*slot - 1].r.modified_us > in->r.modified_us)
			return 0;
	}
	if (copy_record(b, &in->r, &e.r))
		return fail(w, -ENOMEM, "out of memory for a record of %zu bytes", in->r.text.n);
	if (!*slot)
		*slot = (uint32_t)++b->n;
	e.state = LOAD_ASK;
	e.bytes = b->bytes - before;
	b->at[*slot - 1] = e;
	return 0;
}

int load_batch_add(struct load_batch *b, const struct pg_uuid *rec, const struct record *r, struct why *w)
{
	return load_batch_put(b, &(struct load_entry){ .rec = *rec, .r = *r }, w);
}

void load_batch_forget(struct load_batch *b, const struct load_entry *later)
{
	uint32_t slot = *slot_of(b, &later->rec);

	if (slot && b->at[slot - 1].r.modified_us <= later->r.modified_us)
		b->at[slot - 1].state = LOAD_KNOWN;
}

/* --- hashes --- */

static struct hash hash_with_edges(const struct hash *text, const struct record *r)
{
	struct hasher h;

	hasher_init(&h);
	hasher_add(&h, bytes_of(text->b, sizeof(text->b)));
	for (size_t i = 0; i < r->n_edges; i++)
		hasher_add(&h, r->edges[i].dst);
	return hasher_end(&h);
}

/* At most GROUP. */
static void hash_some(struct load_entry *at, size_t n)
{
	struct bytes texts[GROUP] = { 0 };
	struct hash hashes[GROUP];

	for (size_t i = 0; i < n; i++)
		texts[i] = at[i].r.text;
	hash_many(texts, n, hashes);
	for (size_t i = 0; i < n; i++) {
		if (at[i].r.edges_tell)
			hashes[i] = hash_with_edges(&hashes[i], &at[i].r);
		memcpy(at[i].hash.b, hashes[i].b, sizeof(at[i].hash.b));
	}
}

void load_batch_close(struct load_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].state != LOAD_KNOWN)
			b->at[n++] = b->at[i];
	b->doubles += b->n - n;
	b->n = n;
	for (size_t i = 0; i < n; i += GROUP)
		hash_some(b->at + i, n - i < GROUP ? n - i : GROUP);
}
