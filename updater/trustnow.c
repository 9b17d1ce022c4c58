#include "updater/trustnow.h"

#include <assert.h>

/* Keep a copy of the statement that brought the set in force. */
static int hold(struct trustnow *t, const struct statement *s, struct why *w)
{
	size_t n = s->text.n + s->signatures.n;
	uint8_t *copy = malloc(n);

	if (!copy)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(copy, s->text.p, n); /* the signatures lie behind the text */
	free(t->statement);
	t->statement = copy;
	t->statement_n = n;
	return 0;
}

static int choose(struct trustnow *t, struct why *w)
{
	const struct trust_known known = {
		.stored = t->store.state,
		.stored_set = &t->store.set,
		.anchor = t->dir.has_anchor ? &t->dir.anchor : NULL,
		.anchor_why = &t->dir.why,
		.chain = bytes_of(t->dir.chain, t->dir.chain_n),
	};
	struct trust_choice c;
	int r = trust_choose(&known, &c, w);

	if (!r && c.origin == ORIGIN_IMAGE)
		r = hold(t, &c.path.last, w);
	if (r)
		return r;
	t->set = c.path.set;
	t->origin = c.origin;
	t->ignored = c.ignored;
	return 0;
}

int trustnow_open(const struct trustdir_from *from, struct blk *blk, uint64_t at, uint64_t floor, struct trustnow *ret,
		  struct why *w)
{
	int r;

	*ret = (struct trustnow){ .floor = floor };
	r = trustdir_read(from, &ret->dir, w);
	if (!r && blk)
		r = truststore_read(blk, at, &ret->store, w);
	return r ? r : choose(ret, w);
}

void trustnow_done(struct trustnow *t)
{
	trustdir_done(&t->dir);
	truststore_done(&t->store);
	free(t->statement);
	*t = (struct trustnow){ 0 };
}

int trustnow_follow(struct trustnow *t, struct bytes chain, struct why *w)
{
	struct trust_path path;
	int r = trust_follow(&t->set, chain, &path, w);

	if (!r && path.steps > 0)
		r = hold(t, &path.last, w);
	if (r)
		return r;
	t->set = path.set;
	t->steps += path.steps;
	return 0;
}

bool trustnow_unsaved(const struct trustnow *t)
{
	return t->statement != NULL;
}

int trustnow_save(struct trustnow *t, struct why *w)
{
	struct bytes rest = bytes_of(t->statement, t->statement_n);
	struct statement s;
	int r = trust_check_floor(&t->set, t->floor, w);

	if (r || !trustnow_unsaved(t))
		return r;
	assert(t->store.blk);
	r = statement_next(&rest, &s, w);
	r = r ? r : truststore_write(&t->store, &s, w);
	if (r)
		return r;
	free(MOVE(t->statement));
	t->origin = ORIGIN_STORED;
	return 0;
}

int trustnow_release(const struct trustnow *t, struct trust *ret, struct why *w)
{
	int r = trust_check_floor(&t->set, t->floor, w);

	if (!r)
		trustset_role(&t->set, TRUST_RELEASE, ret);
	return r;
}
