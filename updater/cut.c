#include "updater/cut.h"

#define TAIL_BYTES 32u

void cutter_begin(struct cutter *k, const struct cut_rules *rules)
{
	*k = (struct cutter){ .rules = *rules };
}

void cutter_done(struct cutter *k)
{
	free(k->at);
	*k = (struct cutter){ 0 };
}

static int put(struct cutter *k, uint64_t n, bool zero, struct why *w)
{
	if (k->n == k->room) {
		size_t room = k->room ? 2 * k->room : 1024;
		struct cut *at = realloc(k->at, room * sizeof(*at));

		if (!at)
			return fail(w, -ENOMEM, "out of memory");
		k->at = at;
		k->room = room;
	}
	k->at[k->n++] = (struct cut){ .bytes = (uint32_t)n, .zero = zero };
	k->done += n;
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What is known to be data goes into the list, but for a last chunk of less than `keep`. */
static int put_data(struct cutter *k, uint64_t keep, struct why *w)
{
	int r = 0;

	while (!r && k->data > 0) {
		uint64_t room = k->rules.group_bytes - k->done % k->rules.group_bytes;
		uint64_t max = least(room, k->rules.chunk_bytes), n = least(k->data, max);

		if (n < max && n < keep)
			break;
		r = put(k, n, false, w);
		k->data -= n;
	}
	return r;
}

/* A run of zeros has ended: it is long enough for chunks of its own, or data. */
static int end_zeros(struct cutter *k, struct why *w)
{
	int r;

	if (k->zeros < k->rules.zero_bytes) {
		k->data += k->zeros;
		k->zeros = 0;
		return 0;
	}
	r = put_data(k, 0, w);
	while (!r && k->zeros > 0) {
		uint64_t n = least(k->zeros, CHUNK_ZERO_MAX);

		r = put(k, n, true, w);
		k->zeros -= n;
	}
	return r;
}

/* A file system fills a file's last block up with zeros. */
static bool ends_file(const uint8_t *block, size_t n)
{
	return n < CHUNK_ALIGN || bytes_all_zero(bytes_of(block + n - TAIL_BYTES, TAIL_BYTES));
}

int cutter_add(struct cutter *k, struct bytes raw, struct why *w)
{
	int r = 0;

	for (size_t at = 0; !r && at < raw.n; at += CHUNK_ALIGN) {
		size_t n = least(raw.n - at, CHUNK_ALIGN);

		if (bytes_all_zero(bytes_of(raw.p + at, n))) {
			k->zeros += n;
			continue;
		}
		if (k->zeros > 0)
			r = end_zeros(k, w);
		k->data += n;
		if (!r && ends_file(raw.p + at, n))
			r = put_data(k, k->rules.file_bytes, w);
	}
	return r;
}

int cutter_end(struct cutter *k, struct why *w)
{
	int r = k->zeros > 0 ? end_zeros(k, w) : 0;

	return r ? r : put_data(k, 0, w);
}

uint64_t cutter_index_blocks(const struct cutter *k)
{
	uint64_t blocks = 0;

	for (size_t i = 0; i < k->n; i++)
		if (!k->at[i].zero)
			blocks += (k->at[i].bytes + CHUNK_BLOCK_BYTES - 1) / CHUNK_BLOCK_BYTES;
	return blocks;
}
