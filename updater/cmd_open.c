#include "updater/cmd_open.h"

#include "base/parse.h"
#include "updater/decryptfile.h"
#include "updater/trustnow.h"

bool trust_given(const struct trust_options *o)
{
	return o->dir || o->keys.n > 0;
}

static int read_threshold(const struct trust_options *o, unsigned int *ret, struct why *w)
{
	uint64_t threshold = 1;
	int r = o->threshold ? parse_u64(o->threshold, TRUST_KEYS_MAX, &threshold, w) : 0;

	*ret = (unsigned int)threshold;
	return r ? why_in(w, r, "--threshold") : 0;
}

static int trust_load(const struct trust_options *o, struct trust *ret, struct why *w)
{
	struct trust t = { 0 };
	int r = read_threshold(o, &t.threshold, w);

	if (!r && o->dir)
		r = trust_add_dir(&t, o->dir, w);
	for (size_t i = 0; !r && i < o->keys.n; i++)
		r = trust_add_file(&t, o->keys.at[i], w);
	if (!r)
		*ret = t;
	return r;
}

/* Where open_bundle() and judge() meet. */
struct asked {
	const struct trust_options *options;
	struct opened *opened;
};

/* As a device does that has this folder, and accepted no statement yet. */
static int judge(void *arg, struct bytes statements, struct trust *ret, struct why *w)
{
	const struct asked *asked = arg;
	struct trustdir_from from = { .keys = asked->options->dir, .product = "" };
	CLEANUP(trustnow_done) struct trustnow now = { 0 };
	int r = read_threshold(asked->options, &from.threshold, w);

	r = r ? r : trustnow_open(&from, NULL, 0, 0, &now, w);
	r = r ? r : trustnow_follow(&now, statements, w);
	r = r ? r : trustnow_release(&now, ret, w);
	if (!r)
		asked->opened->trust = *ret;
	return r;
}

static int open_verified(const struct trust_options *t, struct opened *o, struct why *w)
{
	struct asked asked = { .options = t, .opened = o };
	const struct bundle_judge by = { .keys = judge, .arg = &asked };
	int r;

	if (t->keys.n == 0)
		return bundle_open_by(&o->src, BUNDLE_WHOLE, &by, &o->bundle, w);
	r = trust_load(t, &o->trust, w);
	return r ? r : bundle_open(&o->src, BUNDLE_WHOLE, &o->trust, &o->bundle, w);
}

void opened_done(struct opened *o)
{
	bundle_close(&o->bundle);
	source_close(&o->src);
	headkeep_done(&o->head);
}

int open_bundle(const char *where, const struct trust_options *t, const struct net_options *net, struct opened *o,
		struct why *w)
{
	int r;

	o->options = t;
	if (!trust_given(t) && t->threshold)
		return misuse(w, -EINVAL, "--threshold counts trusted keys: give --trust DIR or --key FILE as well");
	r = source_any(where, net, NULL, &o->src, w);
	if (r)
		return r;
	return trust_given(t) ? open_verified(t, o, w) : bundle_open_unverified(&o->src, BUNDLE_WHOLE, &o->bundle, w);
}

int opened_unlock(struct opened *o, struct why *w)
{
	AUTO_DECRYPT struct decrypt_keys keys = { 0 };
	const struct args_list *files = &o->options->decrypt;
	int r = 0;

	for (size_t i = 0; !r && i < files->n; i++)
		r = decrypt_keys_load(&keys, files->at[i], w);
	return r || files->n == 0 ? r : bundle_unlock(&o->bundle, &keys, w);
}

int opened_need_key(struct opened *o, struct why *w)
{
	int r = opened_unlock(o, w);

	if (r || o->bundle.unlocked)
		return r;
	r = bundle_unlock(&o->bundle, NULL, w);
	return why_next(w, r, "give the secret key of one of its recipients: --decrypt-with FILE");
}

int open_ahead(struct opened *o, struct why *w)
{
	return headkeep(&o->bundle, &o->head, w);
}
