/*
 * bench_bundle OLD NEW: what a device that holds OLD's image fetches of NEW, from the tables of the two bundles alone: the
 * head, and every chunk that has a block which is nowhere in OLD. Prints one line of numbers: bytes of NEW; bytes of its head;
 * chunks that are not zeros, their stored bytes; chunks to be fetched, their raw and their stored bytes, in how many runs of
 * neighbours they are stored; of all chunks, the mean and the longest prefix.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "updater/bundle.h"
#include "updater/chunks_build.h"

struct image {
	struct source src;
	struct bundle bundle;
	const struct payload *payload;
	struct chunks table;
};

/* Short hashes of an image's blocks as numbers, sorted. */
struct keys {
	uint64_t *at;
	size_t n;
};

struct sums {
	uint64_t chunks, stored, need_chunks, need_raw, need_stored, runs, prefix, longest_prefix;
};

static void image_close(struct image *i)
{
	chunks_done(&i->table);
	bundle_close(&i->bundle);
	source_close(&i->src);
}

static void keys_free(struct keys *k)
{
	free(k->at);
}

static int image_open(const char *path, struct image *i, struct why *w)
{
	int r = source_file(path, &i->src, w);

	r = r ? r : bundle_open_unverified(&i->src, BUNDLE_WHOLE, &i->bundle, w);
	r = r ? r : manifest_pick(&i->bundle.manifest, PAYLOAD_IMAGE, 'a', &i->payload, w);
	return r ? r : bundle_chunks(&i->bundle, i->payload, &i->table, w);
}

static uint64_t key_of(const uint8_t *p)
{
	uint64_t key = 0;

	memcpy(&key, p, CHUNK_INDEX_BYTES);
	return key;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int keys_read(struct image *i, struct keys *ret, struct why *w)
{
	int r = 0;

	ret->n = (size_t)i->payload->index_blocks + 1;
	ret->at = calloc(ret->n, sizeof(*ret->at));
	if (!ret->at)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t k = 0; !r && k + 1 < ret->n; k++) {
		uint8_t key[CHUNK_INDEX_BYTES];

		r = chunks_index(&i->table, k, 1, key, w);
		ret->at[k] = r ? 0 : key_of(key);
	}
	static const uint8_t zeros[CHUNK_BLOCK_BYTES];
	uint8_t key[CHUNK_INDEX_BYTES];

	chunks_index_make(bytes_of(zeros, sizeof(zeros)), key); /* zeros need no source */
	ret->at[ret->n - 1] = key_of(key);
	qsort(ret->at, ret->n, sizeof(*ret->at), compare);
	return r;
}

static int is_needed(struct image *i, const struct chunk *c, const struct keys *have, bool *ret, struct why *w)
{
	for (uint64_t k = 0; k < chunk_index_blocks(c); k++) {
		uint8_t key[CHUNK_INDEX_BYTES];
		int r = chunks_index(&i->table, c->index_at + k, 1, key, w);
		uint64_t want = key_of(key);

		if (r)
			return r;
		if (!bsearch(&want, have->at, have->n, sizeof(want), compare)) {
			*ret = true;
			return 0;
		}
	}
	return 0;
}

static int add_up(struct image *i, const struct keys *have, struct sums *s, struct why *w)
{
	uint64_t end = UINT64_MAX;
	int r = 0;

	for (uint64_t k = 0; !r && k < i->payload->chunks; k++) {
		bool needed = false;
		struct chunk c;

		r = chunks_get(&i->table, k, &c, w);
		if (r || c.encoding == CHUNK_ZERO)
			continue;
		r = is_needed(i, &c, have, &needed, w);
		s->chunks++;
		s->stored += c.stored_bytes;
		s->prefix += c.prefix_bytes;
		s->longest_prefix = c.prefix_bytes > s->longest_prefix ? c.prefix_bytes : s->longest_prefix;
		if (!needed)
			continue;
		s->need_chunks++;
		s->need_raw += c.raw_bytes;
		s->need_stored += c.stored_bytes;
		s->runs += c.stored_offset != end;
		end = c.stored_offset + c.stored_bytes;
	}
	return r;
}

static int measure(const char *old_path, const char *new_path, struct why *w)
{
	CLEANUP(image_close) struct image old = { 0 }, new = { 0 };
	CLEANUP(keys_free) struct keys have = { 0 };
	struct sums s = { 0 };
	int r = image_open(old_path, &old, w);

	r = r ? r : image_open(new_path, &new, w);
	r = r ? r : keys_read(&old, &have, w);
	r = r ? r : add_up(&new, &have, &s, w);
	if (r)
		return r;
	(void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		     " %" PRIu64 " %" PRIu64 "\n",
		     bundle_bytes(&new.bundle), bundle_head_bytes(&new.bundle), s.chunks, s.stored, s.need_chunks,
		     s.need_raw, s.need_stored, s.runs, s.chunks ? s.prefix / s.chunks : 0, s.longest_prefix);
	return 0;
}

int main(int argc, char **argv)
{
	struct why w = { 0 };

	if (argc != 3 || sodium_init() < 0)
		return EXIT_USAGE;
	return measure(argv[1], argv[2], &w) ? why_report(&w, "bench_bundle") : EXIT_DONE;
}
