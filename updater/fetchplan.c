#include "updater/fetchplan.h"

#include <assert.h>
#include <stdlib.h>

int fetchplan_init(struct fetchplan *ret, uint64_t n, struct why *w)
{
	uint8_t *bits = calloc(1, (size_t)(n / 4 + 1));

	if (!bits)
		return fail(w, -ENOMEM, "out of memory");
	*ret = (struct fetchplan){ .bits = bits, .n = n };
	return 0;
}

void fetchplan_done(struct fetchplan *p)
{
	free(p->bits);
	*p = (struct fetchplan){ 0 };
}

enum chunk_fate fate_choose(bool same, bool found)
{
	return same ? FATE_HAVE : found ? FATE_COPY : FATE_FETCH;
}

void fetchplan_set(struct fetchplan *p, uint64_t i, enum chunk_fate fate)
{
	unsigned int shift = (unsigned int)(i % 4) * 2;

	assert(i < p->n);
	p->bits[i / 4] = (uint8_t)((p->bits[i / 4] & ~(3u << shift)) | (unsigned int)fate << shift);
}

enum chunk_fate fetchplan_get(const struct fetchplan *p, uint64_t i)
{
	unsigned int shift = (unsigned int)(i % 4) * 2;

	assert(i < p->n);
	return (enum chunk_fate)((unsigned int)p->bits[i / 4] >> shift & 3u);
}
