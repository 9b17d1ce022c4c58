/*
 * tandem trust init | sign
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/io.h"
#include "base/json.h"
#include "base/parse.h"
#include "updater/cmd.h"
#include "updater/keyfile.h"
#include "updater/trustdir.h"

#define INIT_USAGE                                                                                                     \
	"tandem trust init -o FILE (--product NAME | --after FILE) [--root PUB ...] [--release PUB ...] [--remove KEY ...]"
#define INIT_HELP                                                                                                      \
	"Write the text of a trust set, which is then signed ('tandem trust sign'). Without --after it is the first\n" \
	"one, epoch 1; with it, the one that follows the last statement in that file: its product, thresholds and\n"   \
	"keys, one epoch later, less the keys that --remove names by name or id. A key is named after its file."
#define SIGN_USAGE                                                                                                     \
	"tandem trust sign FILE (--key SECRET | --signature FILE) ... [--previous FILE] [--previous-root PUB ...]"
#define SIGN_HELP                                                                                                         \
	"Add signatures to the trust statement in FILE: made now with a secret key, or elsewhere by minisign over what\n" \
	"'tandem trust show FILE --text OUT' writes. Only a root of the set may sign, and a root of the set before,\n"    \
	"which --previous names by its statement, or --previous-root by its public key (before the first statement)."

struct init {
	const char *output, *product, *after, *root_threshold, *release_threshold;
	struct args_list roots, releases, remove;
	bool as_json;
};

/* "keys/anna.pub" is anna; what does not do as a name is named by its id. */
static void name_key(const char *path, struct trustset_key *k)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t n = strlen(name);

	if (n > 4 && strcmp(name + n - 4, ".pub") == 0)
		n -= 4;
	if (n >= sizeof(k->name))
		n = 0;
	memcpy(k->name, name, n);
	k->name[n] = '\0';
	if (!trustset_is_name(k->name, sizeof(k->name)))
		(void)minisig_id_format(&k->key.id, k->name);
}

static int add_key(struct trustset *s, const char *path, enum trust_role role, struct why *w)
{
	struct trust one = { 0 };
	struct trustset_key *k;
	size_t at = 0;
	int r = trust_add_file(&one, path, w);

	if (r)
		return r;
	while (at < s->n && memcmp(&s->keys[at].key, &one.keys[0], sizeof(one.keys[0])) != 0)
		at++;
	if (at == TRUST_KEYS_MAX)
		return fail(w, -E2BIG, "%s: more than %u keys", path, TRUST_KEYS_MAX);
	k = &s->keys[at];
	if (at == s->n) {
		*k = (struct trustset_key){ .key = one.keys[0] };
		name_key(path, k);
		s->n++;
	}
	for (size_t i = 0; i < s->n; i++)
		if (i != at && strcmp(s->keys[i].name, k->name) == 0)
			return misuse(w, -EINVAL, "%s: another key is called %s already", path, k->name);
	k->role[role] = true;
	return 0;
}

static int remove_key(struct trustset *s, const char *which, struct why *w)
{
	char id[MINISIG_ID_HEX];

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->keys[i].name, which) != 0 &&
		    strcmp(minisig_id_format(&s->keys[i].key.id, id), which) != 0)
			continue;
		memmove(&s->keys[i], &s->keys[i + 1], (s->n - i - 1) * sizeof(s->keys[0]));
		s->n--;
		return 0;
	}
	return misuse(w, -ENOENT, "--remove %s: there is no such key", which);
}

/* The last statement of a file, as a set; its signatures are not looked at. */
static int read_last(const char *path, struct trustset *ret, struct why *w)
{
	AUTO_FREE uint8_t *chain = NULL;
	struct statement s = { 0 };
	struct bytes rest;
	size_t n = 0;
	int r = chain_add_file(path, &chain, &n, w);

	rest = bytes_of(chain, n);
	if (!r && n == 0)
		r = fail(w, -ENODATA, "%s is empty", path);
	while (!r && rest.n > 0)
		r = statement_next(&rest, &s, w);
	r = r ? r : trustset_parse(s.text, ret, w);
	return r ? why_in(w, r, "%s", path) : 0;
}

static int begin_set(const struct init *o, struct trustset *ret, struct why *w)
{
	*ret = (struct trustset){ .epoch = 1, .threshold = { 1, 1 } };
	if (o->after) {
		int r = read_last(o->after, ret, w);

		if (!r && ret->epoch == UINT64_MAX)
			r = fail(w, -E2BIG, "%s: no epoch can follow", o->after);
		if (r)
			return r;
		ret->epoch++;
	}
	if (o->product && o->after)
		return misuse(w, -EINVAL, "--product and --after exclude each other: it cannot change");
	if (!o->product && !o->after)
		return misuse(w, -EINVAL, "whose devices is it for? give --product NAME, as in their system.conf");
	if (o->product && strlen(o->product) >= sizeof(ret->product))
		return misuse(w, -EINVAL, "--product: too long");
	if (o->product)
		memcpy(ret->product, o->product, strlen(o->product) + 1);
	return 0;
}

static int set_threshold(const char *option, const char *name, unsigned int *ret, struct why *w)
{
	uint64_t n = *ret;
	int r = option ? parse_u64(option, TRUST_KEYS_MAX, &n, w) : 0;

	*ret = (unsigned int)n;
	return r ? why_in(w, r, "%s", name) : 0;
}

static int make_set(const struct init *o, struct trustset *s, struct why *w)
{
	int r = begin_set(o, s, w);

	r = r ? r : set_threshold(o->root_threshold, "--root-threshold", &s->threshold[TRUST_ROOT], w);
	r = r ? r : set_threshold(o->release_threshold, "--release-threshold", &s->threshold[TRUST_RELEASE], w);
	for (size_t i = 0; !r && i < o->remove.n; i++)
		r = remove_key(s, o->remove.at[i], w);
	for (size_t i = 0; !r && i < o->roots.n; i++)
		r = add_key(s, o->roots.at[i], TRUST_ROOT, w);
	for (size_t i = 0; !r && i < o->releases.n; i++)
		r = add_key(s, o->releases.at[i], TRUST_RELEASE, w);
	return r ? r : trustset_check(s, w);
}

static int init(const struct init *o, struct why *w)
{
	struct json j = { .to = stdout };
	char text[TRUSTSET_TEXT_MAX];
	struct trustset s;
	int r;

	if (!o->output)
		return misuse(w, -EINVAL, "no name for the text: give -o FILE");
	r = make_set(o, &s, w);
	r = r ? r : file_replace(AT_FDCWD, o->output, text, trustset_format(&s, text), 0644, w);
	if (r)
		return r;
	if (!o->as_json) {
		(void)printf("%s: trust set %" PRIu64 " for %s, %zu key%s, not signed yet\n", o->output, s.epoch,
			     s.product, s.n, s.n == 1 ? "" : "s");
		return 0;
	}
	json_object(&j, NULL);
	json_string(&j, "file", o->output);
	json_u64(&j, "epoch", s.epoch);
	json_u64(&j, "keys", s.n);
	json_end(&j);
	return json_finish(&j, w);
}

int cmd_trust_init(int argc, char **argv)
{
	struct init o = { 0 };
	const struct opt opts[] = {
		{ .name = "output", .letter = 'o', .arg = "FILE", .help = "the text", .value = &o.output },
		{ .name = "product",
		  .arg = "NAME",
		  .help = "product= of the devices' system.conf",
		  .value = &o.product },
		{ .name = "after", .arg = "FILE", .help = "it follows the last statement there", .value = &o.after },
		{ .name = "root", .arg = "PUB", .help = "public key that signs trust sets", .list = &o.roots },
		{ .name = "release", .arg = "PUB", .help = "public key that signs bundles", .list = &o.releases },
		{ .name = "remove", .arg = "KEY", .help = "without this key of --after's", .list = &o.remove },
		{ .name = "root-threshold", .arg = "N", .help = "roots that must sign; 1", .value = &o.root_threshold },
		{ .name = "release-threshold",
		  .arg = "N",
		  .help = "release keys that must sign; 1",
		  .value = &o.release_threshold },
		{ .name = "json", .help = "print JSON", .flag = &o.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(INIT_USAGE, INIT_HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = init(&o, &w);
	return r ? why_report(&w, "tandem trust init") : EXIT_DONE;
}

/* Sign */

struct sign {
	const char *path, *previous, *password_file;
	struct args_list keys, signatures, previous_roots;
	bool as_json;
	struct trustset set;
	struct trust own, before; /* roots; before.threshold 0: not known */
	uint8_t *file;            /* the statement as it grows; owned */
	size_t n, text_n;
};

static void sign_done(struct sign *s)
{
	free(s->file);
}

static int open_statement(struct sign *s, struct why *w)
{
	struct statement st;
	struct bytes rest;
	int r = chain_add_file(s->path, &s->file, &s->n, w);

	if (r)
		return r;
	rest = bytes_of(s->file, s->n);
	r = statement_next(&rest, &st, w);
	if (!r && rest.n > 0)
		r = fail(w, -EINVAL, "there are several statements in it; sign each by itself");
	r = r ? r : trustset_parse(st.text, &s->set, w);
	if (r)
		return why_in(w, r, "%s", s->path);
	s->text_n = st.text.n;
	trustset_role(&s->set, TRUST_ROOT, &s->own);
	return 0;
}

static int read_previous(struct sign *s, struct why *w)
{
	struct trustset set;
	int r;

	if (s->previous) {
		r = read_last(s->previous, &set, w);
		if (!r && set.epoch + 1 != s->set.epoch)
			r = fail(w, -EINVAL, "%s: trust set %" PRIu64 " does not precede %" PRIu64, s->previous,
				 set.epoch, s->set.epoch);
		if (r)
			return r;
		trustset_role(&set, TRUST_ROOT, &s->before);
	}
	for (size_t i = 0; i < s->previous_roots.n; i++) {
		r = trust_add_file(&s->before, s->previous_roots.at[i], w);
		if (r)
			return r;
	}
	return 0;
}

static const struct minisig_key *find_root(const struct sign *s, const struct minisig_id *id)
{
	const struct trust *const sets[] = { &s->own, &s->before };

	for (size_t k = 0; k < ARRAY_SIZE(sets); k++)
		for (size_t i = 0; i < sets[k]->n; i++)
			if (minisig_id_equal(&sets[k]->keys[i].id, id))
				return &sets[k]->keys[i];
	return NULL;
}

/* One signature file's text, behind what is there, when it is good and by somebody who may. */
static int append(struct sign *s, struct bytes text, const char *from, struct why *w)
{
	struct bytes rest = text, there = bytes_of(s->file + s->text_n, s->n - s->text_n);
	const struct minisig_key *key;
	struct signers signers = { 0 };
	uint8_t prehash[64], *more;
	char id[MINISIG_ID_HEX];
	struct minisig sig;
	int r = minisig_parse(&rest, &sig, w);

	if (r)
		return why_in(w, r, "%s", from);
	(void)minisig_id_format(&sig.id, id);
	key = find_root(s, &sig.id);
	if (!key) {
		(void)refuse(w, -EKEYREJECTED, "%s: key %s is no root of this set", from, id);
		return why_next(w, -EKEYREJECTED, "a root of the set before: --previous FILE or --previous-root PUB");
	}
	minisig_prehash(bytes_of(s->file, s->text_n), prehash);
	r = minisig_check(&sig, key, prehash, w);
	r = r ? r : signatures_list(there, &signers, w);
	for (size_t i = 0; !r && i < signers.n; i++)
		if (minisig_id_equal(&signers.at[i].id, &sig.id))
			r = refuse(w, -EEXIST, "key %s has signed already", id);
	if (r)
		return why_in(w, r, "%s", from);
	more = realloc(s->file, s->n + text.n - rest.n + 1);
	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(more + s->n, text.p, text.n - rest.n);
	s->file = more;
	s->n += text.n - rest.n;
	if (more[s->n - 1] != '\n')
		more[s->n++] = '\n';
	return 0;
}

static int sign_by_key(struct sign *s, const char *path, struct why *w)
{
	AUTO_SECRET struct secret_key key = { 0 };
	char text[MINISIG_TEXT_MAX], comment[TRUSTSET_PRODUCT_MAX + 64];
	size_t n;
	int r = keyfile_load(path, s->password_file, &key, w);

	if (r)
		return r;
	(void)snprintf(comment, sizeof(comment), "trust set %" PRIu64 " for %s", s->set.epoch, s->set.product);
	n = keys_sign(&key, bytes_of(s->file, s->text_n), comment, text);
	return append(s, bytes_of(text, n), path, w);
}

static int sign_by_file(struct sign *s, const char *path, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, path, MINISIG_TEXT_MAX, &text, &n, w);

	return r ? r : append(s, bytes_of(text, n), path, w);
}

static int count(const struct sign *s, const struct trust *roots, unsigned int *ret, struct why *w)
{
	struct signers signers = { 0 };
	int r = signatures_count(roots, bytes_of(s->file, s->text_n), bytes_of(s->file + s->text_n, s->n - s->text_n),
				 &signers, w);

	*ret = signers.good;
	return r;
}

static int tell(const struct sign *s, struct why *w)
{
	struct json j = { .to = stdout };
	unsigned int own = 0, before = 0;
	int r = count(s, &s->own, &own, w);

	r = r ? r : count(s, &s->before, &before, w);
	if (r)
		return r;
	if (!s->as_json) {
		(void)printf("%s: signed by its own roots: %u of %u\n", s->path, own, s->own.threshold);
		if (s->before.threshold)
			(void)printf("%s: signed by the roots before: %u of %u\n", s->path, before,
				     s->before.threshold);
		else if (s->before.n)
			(void)printf("%s: signed by the roots before: %u\n", s->path, before);
		return 0;
	}
	json_object(&j, NULL);
	json_string(&j, "file", s->path);
	json_u64(&j, "epoch", s->set.epoch);
	json_u64(&j, "own_roots_signed", own);
	json_u64(&j, "own_threshold", s->own.threshold);
	json_u64(&j, "roots_before_signed", before);
	json_end(&j);
	return json_finish(&j, w);
}

static int sign(struct sign *s, struct why *w)
{
	int r;

	if (s->keys.n + s->signatures.n == 0)
		return misuse(w, -EINVAL, "who signs? give --key SECRET or --signature FILE");
	r = open_statement(s, w);
	r = r ? r : read_previous(s, w);
	for (size_t i = 0; !r && i < s->keys.n; i++)
		r = sign_by_key(s, s->keys.at[i], w);
	for (size_t i = 0; !r && i < s->signatures.n; i++)
		r = sign_by_file(s, s->signatures.at[i], w);
	if (!r && s->n > TRUSTSET_STATEMENT_MAX)
		r = fail(w, -E2BIG, "%s: too many signatures", s->path);
	r = r ? r : file_replace(AT_FDCWD, s->path, s->file, s->n, 0644, w);
	return r ? r : tell(s, w);
}

int cmd_trust_sign(int argc, char **argv)
{
	CLEANUP(sign_done) struct sign s = { 0 };
	const struct opt opts[] = {
		{ .name = "key", .arg = "SECRET", .help = "sign with this secret key", .list = &s.keys },
		{ .name = "signature", .arg = "FILE", .help = "add this signature by minisign", .list = &s.signatures },
		{ .name = "previous", .arg = "FILE", .help = "statement of the set before", .value = &s.previous },
		{ .name = "previous-root", .arg = "PUB", .help = "root of the set before", .list = &s.previous_roots },
		{ .name = "password-file",
		  .arg = "FILE",
		  .help = "the first line of FILE unlocks the keys",
		  .value = &s.password_file },
		{ .name = "json", .help = "print JSON", .flag = &s.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(SIGN_USAGE, SIGN_HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	s.path = args.at[0];
	r = sign(&s, &w);
	return r ? why_report(&w, "tandem trust sign") : EXIT_DONE;
}
