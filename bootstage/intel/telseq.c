#include "bootstage/intel/telseq.h"

#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <sys/random.h>

#define SLOTS (1u << 19)
_Static_assert(SLOTS > 2 * TELSEQ_AGENTS_MAX, "a table that is half empty");

int telseqs_init(struct telseqs *t, struct why *w)
{
	*t = (struct telseqs){ .mask = SLOTS - 1 };
	t->at = calloc(SLOTS, sizeof(*t->at)); /* pages come when they are used */
	if (t->at && getrandom(t->key, sizeof(t->key), 0) == (ssize_t)sizeof(t->key))
		return 0;
	telseqs_done(t);
	return fail(w, -ENOMEM, "out of memory");
}

void telseqs_done(struct telseqs *t)
{
	free(t->at);
	*t = (struct telseqs){ 0 };
}

struct telseq *telseqs_get(struct telseqs *t, uint32_t agent)
{
	uint8_t number[4], out[crypto_shorthash_BYTES];
	uint64_t i;

	put_le32(number, agent);
	(void)crypto_shorthash(out, number, sizeof(number), t->key);
	memcpy(&i, out, sizeof(i));
	for (; t->at[i & t->mask].agent; i++)
		if (t->at[i & t->mask].agent == agent)
			return &t->at[i & t->mask];
	if (t->n == TELSEQ_AGENTS_MAX)
		return NULL;
	t->n++;
	t->at[i & t->mask].agent = agent;
	return &t->at[i & t->mask];
}

void telseqs_ask(struct telseqs *t)
{
	for (size_t i = 0; i <= t->mask; i++)
		if (t->at[i].agent)
			t->at[i].stored = 0;
}

struct telseq *telseqs_stored(struct telseqs *t, uint32_t agent, uint64_t seq)
{
	struct telseq *s = telseqs_get(t, agent);

	if (!s)
		return NULL;
	s->stored = seq;
	s->durable = s->durable > seq ? s->durable : seq;
	s->taken = s->taken > s->durable ? s->taken : s->durable;
	return s;
}
