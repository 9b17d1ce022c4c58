#include "updater/headkeep.h"

int headkeep(struct bundle *b, struct headkeep *ret, struct why *w)
{
	const struct source_range head = { .bytes = bundle_head_bytes(b) };
	struct source *src = b->src;
	int r;

	if (!source_pays(src))
		return 0;
	ret->text = malloc((size_t)head.bytes);
	if (!ret->text)
		return fail(w, -ENOMEM, "out of memory: its tables have %llu bytes", (unsigned long long)head.bytes);
	source_expect(src, &head, 1);
	r = source_read(src, ret->text, (size_t)head.bytes, 0, w);
	if (r)
		return r;
	ret->memory = source_memory(bytes_of(ret->text, (size_t)head.bytes), src->name);
	ret->joined = source_joined(&ret->memory, src);
	bundle_move(b, &ret->joined);
	return 0;
}

void headkeep_done(struct headkeep *k)
{
	free(k->text);
	*k = (struct headkeep){ 0 };
}
