#include "updater/trustchain.h"

#include <inttypes.h>

enum trust_step trust_step(uint64_t present, uint64_t statement)
{
	if (statement <= present)
		return statement == present ? TRUST_SAME : TRUST_OLDER;
	return statement - present == 1 ? TRUST_NEXT : TRUST_GAP;
}

static int by_roots(const struct trustset *of, const struct statement *s, const char *whose, struct why *w)
{
	struct signers signers;
	struct why own = { 0 };
	struct trust roots;
	int r;

	trustset_role(of, TRUST_ROOT, &roots);
	r = signatures_verify(&roots, s->text, s->signatures, &signers, &own);
	if (!r)
		return 0;
	(void)fail(w, r, "trust statement %" PRIu64 ", by the roots of %s: %s", s->epoch, whose, own.text);
	if (w)
		w->exit = own.exit;
	return r;
}

int trust_own(const struct statement *s, struct trustset *ret, struct why *w)
{
	struct trustset set;
	int r = trustset_parse(s->text, &set, w);

	if (r)
		return why_in(w, r, "trust statement %" PRIu64, s->epoch);
	r = by_roots(&set, s, "its own set", w);
	if (!r)
		*ret = set;
	return r;
}

static int missing(uint64_t present, uint64_t epoch, struct why *w)
{
	if (epoch - present == 2)
		(void)refuse(w, -ESTALE,
			     "the trust set in force is %" PRIu64 ", the next statement here is %" PRIu64
			     ": statement %" PRIu64 " is missing",
			     present, epoch, present + 1);
	else
		(void)refuse(w, -ESTALE,
			     "the trust set in force is %" PRIu64 ", the next statement here is %" PRIu64
			     ": statements %" PRIu64 " to %" PRIu64 " are missing",
			     present, epoch, present + 1, epoch - 1);
	return why_next(w, -ESTALE,
			"give all statements in order: 'tandem trust update FILE', or a bundle that has them");
}

int trust_take(const struct trustset *present, const struct statement *s, struct trustset *ret, struct why *w)
{
	enum trust_step step = trust_step(present->epoch, s->epoch);
	struct trustset next;
	int r;

	if (step == TRUST_GAP)
		return missing(present->epoch, s->epoch, w);
	if (step != TRUST_NEXT)
		return refuse(w, -ESTALE, "trust statement %" PRIu64 " does not follow the set in force, %" PRIu64,
			      s->epoch, present->epoch);
	r = by_roots(present, s, "the set in force", w); /* before a byte of it is parsed */
	r = r ? r : trust_own(s, &next, w);
	if (r)
		return r;
	if (present->product[0] && strcmp(present->product, next.product) != 0)
		return refuse(w, -EPERM, "trust statement %" PRIu64 " is for '%s', this is '%s'", s->epoch,
			      next.product, present->product);
	*ret = next;
	return 0;
}

/* Another text of the same epoch: two sets that exclude each other were signed. */
static int check_same(const struct trustset *present, const struct statement *s, struct why *w)
{
	struct hash text = hash_of(s->text);

	if (hash_equal(&text, &present->text))
		return 0;
	return refuse(w, -ESTALE, "trust statement %" PRIu64 " is not the one that is in force with this number",
		      s->epoch);
}

static int follow_one(struct trust_path *p, const struct statement *s, struct why *w)
{
	enum trust_step step = trust_step(p->set.epoch, s->epoch);
	int r;

	if (step == TRUST_OLDER)
		return 0;
	r = step == TRUST_SAME ? check_same(&p->set, s, w) : trust_take(&p->set, s, &p->set, w);
	if (r)
		return r;
	p->last = *s;
	p->steps += step == TRUST_NEXT;
	return 0;
}

int trust_follow(const struct trustset *present, struct bytes chain, struct trust_path *ret, struct why *w)
{
	struct trust_path p = { .set = *present };
	int r = 0;

	while (!r && chain.n > 0) {
		struct statement s;

		r = statement_next(&chain, &s, w);
		r = r ? r : follow_one(&p, &s, w);
	}
	if (!r)
		*ret = p;
	return r;
}

int trust_history(struct bytes chain, struct trustset *ret, struct why *w)
{
	struct trust_path path;
	struct trustset first;
	struct bytes rest = chain;
	struct statement s;
	int r = chain.n ? statement_next(&rest, &s, w) : fail(w, -ENODATA, "no trust statement");

	r = r ? r : trust_own(&s, &first, w);
	r = r ? r : trust_follow(&first, chain, &path, w);
	if (!r)
		*ret = path.set;
	return r;
}

static int choose_from_image(const struct trust_known *k, struct trust_choice *ret, struct why *w)
{
	struct trust_choice c = { 0 };
	int r;

	if (!k->anchor) {
		if (w)
			*w = *k->anchor_why;
		return k->anchor_why->code;
	}
	r = trust_follow(k->anchor, k->chain, &c.path, w);
	if (r)
		return r;
	c.origin = c.path.set.epoch > 0 ? ORIGIN_IMAGE : ORIGIN_FOLDER;
	*ret = c;
	return 0;
}

/* What an image brings counts when it follows what was accepted; when it does not, that is its own affair. */
static void choose_from_stored(const struct trust_known *k, struct trust_choice *ret)
{
	struct trust_choice c = { .origin = ORIGIN_STORED };

	if (trust_follow(k->stored_set, k->chain, &c.path, &c.ignored))
		c.path = (struct trust_path){ .set = *k->stored_set };
	if (c.path.steps > 0)
		c.origin = ORIGIN_IMAGE;
	*ret = c;
}

int trust_choose(const struct trust_known *k, struct trust_choice *ret, struct why *w)
{
	switch (k->stored) {
	case STORED_NEWER:
		(void)fail(w, -EPROTONOSUPPORT, "the stored trust set is a newer program's");
		return why_next(w, -EPROTONOSUPPORT, "start the image whose program wrote it, and update from there");
	case STORED_VALID:
		choose_from_stored(k, ret);
		return 0;
	case STORED_NEVER:
	case STORED_DAMAGED:
		break;
	}
	return choose_from_image(k, ret, w);
}

int trust_check_floor(const struct trustset *s, uint64_t floor, struct why *w)
{
	if (s->epoch >= floor)
		return 0;
	(void)refuse(w, -ESTALE,
		     "trust set %" PRIu64 " was in force, and what is left here is %" PRIu64
		     ": the stored set was lost",
		     floor, s->epoch);
	return why_next(w, -ESTALE,
			"bring the statements back: 'tandem trust update FILE' with those from %" PRIu64 " on",
			s->epoch + 1);
}

const char *trust_origin_name(enum trust_origin o)
{
	static const char *const words[] = { "folder", "image", "stored" };

	return words[o];
}
