#include "updater/trust.h"

#include <fcntl.h>
#include <limits.h>

#include "base/io.h"

/* A growing list of words in a fixed room, for reasons; what does not fit is left out. */
struct words {
	size_t n;
	char text[160];
};

static void words_add(struct words *l, const char *word)
{
	int n = snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s%s", l->n ? ", " : "", word);

	if (n > 0 && l->n + (size_t)n < sizeof(l->text))
		l->n += (size_t)n;
	else
		l->text[l->n] = '\0';
}

static void words_add_id(struct words *l, const struct minisig_id *id)
{
	char hex[MINISIG_ID_HEX];

	words_add(l, minisig_id_format(id, hex));
}

int trust_add(struct trust *t, const struct minisig_key *k, const char *name, struct why *w)
{
	char id[MINISIG_ID_HEX];

	for (size_t i = 0; i < t->n; i++) {
		bool same_id = minisig_id_equal(&t->keys[i].id, &k->id);
		bool same_key = memcmp(t->keys[i].key, k->key, sizeof(k->key)) == 0;

		if (same_id && same_key)
			return 0;
		if (same_id || same_key)
			return fail(w, -EBADMSG, "%s: key id %s: %s", name, minisig_id_format(&k->id, id),
				    same_id ? "two different keys have this id" : "this key is there under two ids");
	}
	if (t->n == TRUST_KEYS_MAX)
		return fail(w, -E2BIG, "%s: more than %u keys", name, TRUST_KEYS_MAX);
	t->keys[t->n++] = *k;
	return 0;
}

int trust_add_file(struct trust *t, const char *path, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct minisig_key key;
	size_t n = 0;
	int r;

	r = file_read(AT_FDCWD, path, MINISIG_KEY_TEXT_MAX, &text, &n, w);
	if (r)
		return r;
	r = minisig_key_parse(bytes_of(text, n), &key, w);
	return r ? why_in(w, r, "%s", path) : trust_add(t, &key, path, w);
}

static int is_public_key(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && d->d_name[0] != '.' && strcmp(d->d_name + n - 4, ".pub") == 0;
}

int trust_add_dir(struct trust *t, const char *dir, struct why *w)
{
	struct dirent **names = NULL;
	struct trust all = *t;
	char path[PATH_MAX];
	int n, r = 0;

	n = scandir(dir, &names, is_public_key, alphasort);
	if (n < 0)
		return fail_errno(w, "%s: trusted keys", dir);
	for (int i = 0; i < n; i++) {
		if (!r && snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name) >= (int)sizeof(path))
			r = fail(w, -ENAMETOOLONG, "%s: name too long", dir);
		if (!r)
			r = trust_add_file(&all, path, w);
		free(names[i]);
	}
	free(names);
	if (r)
		return r;
	if (n == 0)
		return why_next(w, fail(w, -ENODATA, "%s: no public key (*.pub) is there", dir),
				"put the public key of whoever signs your bundles there");
	*t = all;
	return 0;
}

static const struct minisig_key *find_key(const struct trust *t, const struct minisig_id *id)
{
	for (size_t i = 0; i < t->n; i++)
		if (minisig_id_equal(&t->keys[i].id, id))
			return &t->keys[i];
	return NULL;
}

/* How the text is walked, with t == NULL for the unchecked list. */
static int walk(const struct trust *t, const uint8_t prehash[64], struct bytes text, struct signers *ret, struct why *w)
{
	bool counted[TRUST_KEYS_MAX] = { false };
	struct signers all = { .required = t ? t->threshold : 0 };
	int r;

	while (text.n > 0) {
		const struct minisig_key *key;
		struct minisig s;

		if (all.n == TRUST_SIGNATURES_MAX)
			return fail(w, -E2BIG, "more than %u signatures", TRUST_SIGNATURES_MAX);
		r = minisig_parse(&text, &s, w);
		if (r)
			return why_in(w, r, "signature %zu", all.n + 1);
		key = t ? find_key(t, &s.id) : NULL;
		r = key ? minisig_check(&s, key, prehash, w) : 0;
		if (r)
			return r;
		if (key && !counted[key - t->keys]) {
			counted[key - t->keys] = true;
			all.good++;
		}
		all.at[all.n++] = (struct signer){ .id = s.id, .comment = s.trusted, .trusted = key != NULL };
	}
	*ret = all;
	return 0;
}

static int too_few(const struct trust *t, const struct signers *s, struct why *w)
{
	struct words good = { 0 }, unknown = { 0 }, trusted = { 0 };

	for (size_t i = 0; i < s->n; i++)
		words_add_id(s->at[i].trusted ? &good : &unknown, &s->at[i].id);
	for (size_t i = 0; i < t->n; i++)
		words_add_id(&trusted, &t->keys[i].id);
	(void)refuse(w, -EKEYREJECTED, "%u of %u required signatures (good: %s; by unknown keys: %s)", s->good,
		     t->threshold, good.n ? good.text : "none", unknown.n ? unknown.text : "none");
	return why_next(w, -EKEYREJECTED, "use a bundle signed by %u of the trusted keys: %s", t->threshold,
			trusted.text);
}

int signatures_verify(const struct trust *t, struct bytes message, struct bytes signatures, struct signers *ret,
		      struct why *w)
{
	struct signers all;
	uint8_t prehash[64];
	int r;

	if (t->threshold == 0 || t->threshold > t->n)
		return misuse(w, -EINVAL, "%u signatures are required, but there %s %zu trusted key%s", t->threshold,
			      t->n == 1 ? "is" : "are", t->n, t->n == 1 ? "" : "s");
	minisig_prehash(message, prehash);
	r = walk(t, prehash, signatures, &all, w);
	if (r)
		return r;
	if (all.good < t->threshold)
		return too_few(t, &all, w);
	*ret = all;
	return 0;
}

int signatures_count(const struct trust *t, struct bytes message, struct bytes signatures, struct signers *ret,
		     struct why *w)
{
	uint8_t prehash[64];

	minisig_prehash(message, prehash);
	return walk(t, prehash, signatures, ret, w);
}

int signatures_list(struct bytes signatures, struct signers *ret, struct why *w)
{
	return walk(NULL, NULL, signatures, ret, w);
}
