#include "updater/cmd_open.h"

#include "base/parse.h"
#include "updater/decryptfile.h"

bool trust_given(const struct trust_options *o)
{
	return o->dir || o->keys.n > 0;
}

static int trust_load(const struct trust_options *o, struct trust *ret, struct why *w)
{
	struct trust t = { 0 };
	uint64_t threshold = 1;
	int r = 0;

	if (o->threshold) {
		r = parse_u64(o->threshold, TRUST_KEYS_MAX, &threshold, w);
		r = r ? why_in(w, r, "--threshold") : 0;
	}
	if (!r && o->dir)
		r = trust_add_dir(&t, o->dir, w);
	for (size_t i = 0; !r && i < o->keys.n; i++)
		r = trust_add_file(&t, o->keys.at[i], w);
	if (r)
		return r;
	t.threshold = (unsigned int)threshold;
	*ret = t;
	return 0;
}

void opened_done(struct opened *o)
{
	bundle_close(&o->bundle);
	source_close(&o->src);
}

static int unlock(const struct trust_options *o, struct bundle *b, struct why *w)
{
	AUTO_DECRYPT struct decrypt_keys keys = { 0 };
	int r = 0;

	for (size_t i = 0; !r && i < o->decrypt.n; i++)
		r = decrypt_keys_load(&keys, o->decrypt.at[i], w);
	return r ? r : bundle_unlock(b, &keys, w);
}

int open_bundle(const char *path, const struct trust_options *t, struct opened *o, struct why *w)
{
	bool verify = trust_given(t);
	int r = 0;

	if (!verify && t->threshold)
		return misuse(w, -EINVAL, "--threshold counts trusted keys: give --trust DIR or --key FILE as well");
	if (verify)
		r = trust_load(t, &o->trust, w);
	r = r ? r : source_file(path, &o->src, w);
	if (r)
		return r;
	r = verify ? bundle_open(&o->src, BUNDLE_WHOLE, &o->trust, &o->bundle, w)
		   : bundle_open_unverified(&o->src, BUNDLE_WHOLE, &o->bundle, w);
	return r || t->decrypt.n == 0 ? r : unlock(t, &o->bundle, w);
}

int opened_need_key(struct opened *o, struct why *w)
{
	int r = bundle_unlock(&o->bundle, NULL, w);

	return r ? why_next(w, r, "give the secret key of one of its recipients: --decrypt-with FILE") : 0;
}
