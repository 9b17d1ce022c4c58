#include "updater/trustdir.h"

#include <fcntl.h>
#include <limits.h>

#include "base/io.h"

int chain_add_file(const char *path, uint8_t **chain, size_t *chain_n, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	uint8_t *more;
	int r = file_read(AT_FDCWD, path, TRUSTSET_CHAIN_MAX, &text, &n, w);

	if (r)
		return why_in(w, r, "trust statement");
	if (*chain_n + n + 1 > TRUSTSET_CHAIN_MAX)
		return fail(w, -E2BIG, "%s: more than %u bytes of trust statements", path, TRUSTSET_CHAIN_MAX);
	more = realloc(*chain, *chain_n + n + 1);
	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(more + *chain_n, text, n);
	*chain = more;
	*chain_n += n;
	if (n > 0 && more[*chain_n - 1] != '\n') /* the next one begins a line */
		more[(*chain_n)++] = '\n';
	return 0;
}

static int is_statement(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 6 && d->d_name[0] != '.' && strcmp(d->d_name + n - 6, ".trust") == 0;
}

/* A folder that is not there has none. */
static int read_chain(const char *dir, struct trustdir *ret, struct why *w)
{
	struct dirent **names = NULL;
	char path[PATH_MAX];
	int n = scandir(dir, &names, is_statement, versionsort), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : fail_errno(w, "%s: trust statements", dir);
	for (int i = 0; i < n; i++) {
		if (!r && snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name) >= (int)sizeof(path))
			r = fail(w, -ENAMETOOLONG, "%s: name too long", dir);
		r = r ? r : chain_add_file(path, &ret->chain, &ret->chain_n, w);
		free(names[i]);
	}
	free(names);
	return r;
}

static void add_role(struct trustset *s, const struct trust *keys, enum trust_role role)
{
	s->threshold[role] = keys->threshold;
	for (size_t i = 0; i < keys->n; i++) {
		size_t at = 0;

		while (at < s->n && memcmp(s->keys[at].key.key, keys->keys[i].key, sizeof(keys->keys[i].key)) != 0)
			at++;
		if (at == TRUST_KEYS_MAX)
			continue; /* the caller keeps both together under the limit */
		if (at == s->n) {
			s->n++;
			s->keys[at].key = keys->keys[i];
			(void)minisig_id_format(&keys->keys[i].id, s->keys[at].name);
		}
		s->keys[at].role[role] = true;
	}
}

void trustset_of(const struct trust *keys, const struct trust *roots, struct trustset *ret)
{
	*ret = (struct trustset){ 0 };
	add_role(ret, keys, TRUST_RELEASE);
	add_role(ret, roots ? roots : keys, TRUST_ROOT);
}

/* The set of epoch 0. -ENODATA: no keys. */
static int read_keys(const struct trustdir_from *from, struct trustset *ret, struct why *w)
{
	struct trust keys = { .threshold = from->threshold }, roots, both;
	int r = trust_add_dir(&keys, from->keys, w);

	if (r)
		return r;
	roots = keys;
	if (from->roots && from->roots[0]) {
		roots = (struct trust){ 0 };
		r = trust_add_dir(&roots, from->roots, w);
		both = keys;
		for (size_t i = 0; !r && i < roots.n; i++) /* no id may mean two keys, and all have to fit */
			r = trust_add(&both, &roots.keys[i], from->roots, w);
		if (r)
			return r;
	}
	roots.threshold = from->root_threshold ? from->root_threshold : from->threshold;
	trustset_of(&keys, &roots, ret);
	(void)snprintf(ret->product, sizeof(ret->product), "%s", from->product);
	return 0;
}

/* An image without keys begins with a statement: the history before it is not asked for. */
static int first_statement(struct bytes chain, const char *product, struct trustset *ret, struct why *w)
{
	struct statement s;
	struct trustset set;
	int r = statement_next(&chain, &s, w);

	r = r ? r : trust_own(&s, &set, w);
	if (!r && product[0] && strcmp(set.product, product) != 0)
		r = refuse(w, -EPERM, "its trust statement %llu is for '%s', this is '%s'",
			   (unsigned long long)set.epoch, set.product, product);
	if (!r)
		*ret = set;
	return r;
}

int trustdir_read(const struct trustdir_from *from, struct trustdir *ret, struct why *w)
{
	int r;

	*ret = (struct trustdir){ 0 };
	r = read_chain(from->keys, ret, w);
	if (r)
		return r;
	r = read_keys(from, &ret->anchor, &ret->why);
	if (r == -ENODATA && ret->chain_n > 0) {
		ret->why = (struct why){ 0 };
		r = first_statement(bytes_of(ret->chain, ret->chain_n), from->product, &ret->anchor, &ret->why);
		r = r ? why_in(&ret->why, r, "%s", from->keys) : 0;
	}
	ret->has_anchor = r == 0;
	return 0;
}

void trustdir_done(struct trustdir *d)
{
	free(d->chain);
	*d = (struct trustdir){ 0 };
}
