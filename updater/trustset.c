#include "updater/trustset.h"

#include <inttypes.h>

#include "base/ini.h"
#include "base/parse.h"

/* The epoch stands at a fixed place, so that it can be read before anything else is interpreted. */
#define FIRST_LINE "# tandem trust "
#define FORMAT     "1"
#define BEGIN      FIRST_LINE FORMAT "\n[trust]\nepoch="
#define SIGNATURE  "untrusted comment: "

_Static_assert(sizeof("key.") - 1 + TRUSTSET_NAME_MAX - 1 <= 49, "a section's name in base/ini.h");

struct reader {
	struct trustset set;
	bool key_given[TRUST_KEYS_MAX];
};

const char *trust_role_name(enum trust_role role)
{
	return role == TRUST_ROOT ? "root" : "release";
}

bool trustset_is_name(const char *s, size_t room)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(s);

	return n > 0 && n < room && strspn(s, set) == n && !strchr("._-", s[0]);
}

static int copy_name(const char *value, char *ret, size_t room, struct why *w)
{
	if (!trustset_is_name(value, room))
		return fail(w, -EBADMSG,
			    "'%.80s' is no name: letters, digits, '.', '_', '-', at most %zu of them, the first a"
			    " letter or digit",
			    value, room - 1);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

static int set_epoch(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_u64(value, UINT64_MAX, &((struct reader *)into)->set.epoch, w);
}

static int set_product(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return copy_name(value, ((struct reader *)into)->set.product, TRUSTSET_PRODUCT_MAX, w);
}

static int set_threshold(struct reader *r, enum trust_role role, const char *value, struct why *w)
{
	uint64_t n = 0;
	int e = parse_u64(value, TRUST_KEYS_MAX, &n, w);

	r->set.threshold[role] = (unsigned int)n;
	return e;
}

static int set_root_threshold(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_threshold(into, TRUST_ROOT, value, w);
}

static int set_release_threshold(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_threshold(into, TRUST_RELEASE, value, w);
}

/* The key of a section, a new one when the section is. */
static int key_of(struct reader *r, const char *name, struct trustset_key **ret, struct why *w)
{
	struct trustset *s = &r->set;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->keys[i].name, name) == 0) {
			*ret = &s->keys[i];
			return 0;
		}
	}
	if (s->n == TRUST_KEYS_MAX)
		return fail(w, -E2BIG, "more than %u keys", TRUST_KEYS_MAX);
	*ret = &s->keys[s->n];
	s->n++;
	return copy_name(name, (*ret)->name, TRUSTSET_NAME_MAX, w);
}

static int set_key(void *into, const char *sub, const char *value, struct why *w)
{
	struct trustset_key *k = NULL;
	struct reader *r = into;
	int e = key_of(r, sub, &k, w);

	if (e)
		return e;
	r->key_given[k - r->set.keys] = true;
	return minisig_key_parse(bytes_str(value), &k->key, w);
}

static int set_roles(void *into, const char *sub, const char *value, struct why *w)
{
	struct trustset_key *k = NULL;
	int e = key_of(into, sub, &k, w);

	if (e)
		return e;
	while (*value) {
		size_t n = strcspn(value, " ");
		enum trust_role role = n == 4 ? TRUST_ROOT : TRUST_RELEASE;
		const char *name = trust_role_name(role);

		if (strlen(name) != n || strncmp(value, name, n) != 0 || k->role[role])
			return fail(w, -EBADMSG, "want root, release or both, with a blank between them");
		k->role[role] = true;
		value += n;
		value += strspn(value, " ");
	}
	return 0;
}

static const struct ini_key keys[] = {
	{ .section = "trust", .key = "epoch", .set = set_epoch },
	{ .section = "trust", .key = "product", .set = set_product },
	{ .section = "trust", .key = "root-threshold", .set = set_root_threshold },
	{ .section = "trust", .key = "release-threshold", .set = set_release_threshold },
	{ .section = "key.*", .key = "key", .set = set_key },
	{ .section = "key.*", .key = "roles", .set = set_roles },
};

static int check_roles(const struct trustset *s, struct why *w)
{
	for (enum trust_role role = TRUST_ROOT; role <= TRUST_RELEASE; role++) {
		unsigned int have = 0;

		for (size_t i = 0; i < s->n; i++)
			have += s->keys[i].role[role];
		if (s->threshold[role] == 0 || s->threshold[role] > have)
			return fail(w, -EBADMSG, "trust set: %s-threshold is %u, and there %s %u %s key%s",
				    trust_role_name(role), s->threshold[role], have == 1 ? "is" : "are", have,
				    trust_role_name(role), have == 1 ? "" : "s");
	}
	return 0;
}

static int check_keys(const struct trustset *s, struct why *w)
{
	struct trust all = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		const struct trustset_key *k = &s->keys[i];
		int r;

		if (!trustset_is_name(k->name, sizeof(k->name)))
			return fail(w, -EBADMSG, "trust set: '%.41s' is no name of a key", k->name);
		if (!k->role[TRUST_ROOT] && !k->role[TRUST_RELEASE])
			return fail(w, -EBADMSG, "trust set: [key.%s] has no roles", k->name);
		r = trust_add(&all, &k->key, k->name, w);
		if (!r && all.n != i + 1)
			r = fail(w, -EBADMSG, "[key.%s] is there under another name as well", k->name);
		if (r)
			return why_in(w, r, "trust set");
	}
	return 0;
}

int trustset_check(const struct trustset *s, struct why *w)
{
	int r;

	if (s->epoch == 0)
		return fail(w, -EBADMSG, "trust set: epoch is not 1 or more");
	if (!trustset_is_name(s->product, sizeof(s->product)))
		return fail(w, -EBADMSG, "trust set: [trust] lacks product");
	r = check_keys(s, w);
	return r ? r : check_roles(s, w);
}

static int check_begin(struct bytes text, struct why *w)
{
	size_t prefix = strlen(FIRST_LINE);

	if (text.n < prefix || memcmp(text.p, FIRST_LINE, prefix) != 0)
		return fail(w, -EBADMSG, "trust set: its first line is not '" FIRST_LINE FORMAT "'");
	if (text.n <= prefix + 1 || text.p[prefix] != FORMAT[0] || text.p[prefix + 1] != '\n')
		return fail(w, -EPROTONOSUPPORT, "trust set: of a format that is newer than " FORMAT);
	if (text.n < strlen(BEGIN) || memcmp(text.p, BEGIN, strlen(BEGIN)) != 0)
		return fail(w, -EBADMSG, "trust set: its next lines are not '[trust]' and 'epoch='");
	return 0;
}

int trustset_parse(struct bytes text, struct trustset *ret, struct why *w)
{
	struct reader r = { 0 };
	int e = check_begin(text, w);

	if (!e && text.n > TRUSTSET_TEXT_MAX)
		e = fail(w, -E2BIG, "trust set: a text of %zu bytes, the limit is %u", text.n, TRUSTSET_TEXT_MAX);
	e = e ? e : ini_read(text, "trust set", keys, ARRAY_SIZE(keys), &r, w);
	for (size_t i = 0; !e && i < r.set.n; i++)
		if (!r.key_given[i])
			e = fail(w, -EBADMSG, "trust set: [key.%s] has no key", r.set.keys[i].name);
	e = e ? e : trustset_check(&r.set, w);
	if (e) {
		if (w && w->exit == EXIT_USAGE) /* the INI reader's answer to a user's file, which this is not */
			w->exit = EXIT_FAILED;
		return e;
	}
	r.set.text = hash_of(text);
	*ret = r.set;
	return 0;
}

/* The second line of a public key file. */
static void key_line(const struct minisig_key *k, char out[MINISIG_KEY_TEXT_MAX])
{
	char text[MINISIG_KEY_TEXT_MAX];
	const char *line;

	(void)minisig_key_format(k, text);
	line = strchr(text, '\n') + 1;
	(void)snprintf(out, MINISIG_KEY_TEXT_MAX, "%.*s", (int)strcspn(line, "\n"), line);
}

size_t trustset_format(const struct trustset *s, char out[TRUSTSET_TEXT_MAX])
{
	char key[MINISIG_KEY_TEXT_MAX];
	size_t n;

	/* At most 32 keys of under 200 bytes. */
	n = (size_t)snprintf(out, TRUSTSET_TEXT_MAX,
			     BEGIN "%" PRIu64 "\nproduct=%s\nroot-threshold=%u\nrelease-threshold=%u\n", s->epoch,
			     s->product, s->threshold[TRUST_ROOT], s->threshold[TRUST_RELEASE]);
	for (size_t i = 0; i < s->n; i++) {
		const struct trustset_key *k = &s->keys[i];

		key_line(&k->key, key);
		n += (size_t)snprintf(out + n, TRUSTSET_TEXT_MAX - n, "\n[key.%s]\nkey=%s\nroles=%s%s%s\n", k->name,
				      key, k->role[TRUST_ROOT] ? "root" : "",
				      k->role[TRUST_ROOT] && k->role[TRUST_RELEASE] ? " " : "",
				      k->role[TRUST_RELEASE] ? "release" : "");
	}
	return n;
}

void trustset_role(const struct trustset *s, enum trust_role role, struct trust *ret)
{
	*ret = (struct trust){ .threshold = s->threshold[role] };
	for (size_t i = 0; i < s->n; i++)
		if (s->keys[i].role[role])
			ret->keys[ret->n++] = s->keys[i].key;
}

const struct trustset_key *trustset_find(const struct trustset *s, const struct minisig_id *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (minisig_id_equal(&s->keys[i].key.id, id))
			return &s->keys[i];
	return NULL;
}

/* Where the first line that begins with `prefix` begins, from `at` on, which is the beginning of a line; else the end. */
static size_t find_line(struct bytes in, size_t at, const char *prefix)
{
	size_t n = strlen(prefix);

	while (at < in.n && !(in.n - at >= n && memcmp(in.p + at, prefix, n) == 0)) {
		const uint8_t *end = memchr(in.p + at, '\n', in.n - at);

		at = end ? (size_t)(end - in.p) + 1 : in.n;
	}
	return at;
}

/* The number behind BEGIN, up to the end of its line. */
static int read_epoch(struct bytes text, uint64_t *ret, struct why *w)
{
	size_t at = strlen(BEGIN), n = 0;
	uint64_t epoch = 0;
	char digits[24];

	while (n < sizeof(digits) - 1 && at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9') {
		digits[n] = (char)text.p[at + n];
		n++;
	}
	digits[n] = '\0';
	if (at + n >= text.n || text.p[at + n] != '\n' || parse_u64(digits, UINT64_MAX, &epoch, NULL) || epoch == 0)
		return fail(w, -EBADMSG, "trust set: epoch is no number from 1 on");
	*ret = epoch;
	return 0;
}

int statement_next(struct bytes *chain, struct statement *ret, struct why *w)
{
	size_t text_end, end;
	struct statement s;
	int r = check_begin(*chain, w);

	if (r)
		return r;
	end = find_line(*chain, strlen(BEGIN) - strlen("epoch="), FIRST_LINE);
	text_end = find_line(bytes_of(chain->p, end), 0, SIGNATURE);
	if (text_end > TRUSTSET_TEXT_MAX || end > TRUSTSET_STATEMENT_MAX)
		return fail(w, -E2BIG, "trust statement: a text of %zu bytes with %zu of signatures is too long",
			    text_end, end - text_end);
	s.text = bytes_of(chain->p, text_end);
	s.signatures = bytes_of(chain->p + text_end, end - text_end);
	r = read_epoch(s.text, &s.epoch, w);
	if (r)
		return r;
	*chain = bytes_of(chain->p + end, chain->n - end);
	*ret = s;
	return 0;
}
