#include "updater/recipient.h"

#include <sodium.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/parse.h"

#define PUBLIC_TYPE "# tandem recipients "
#define SECRET_TYPE "# tandem decryption key "
#define TYPE_PREFIX "# tandem "
#define FORMAT      "1"
_Static_assert(crypto_box_PUBLICKEYBYTES == RECIPIENT_KEY_BYTES && crypto_box_SECRETKEYBYTES == RECIPIENT_KEY_BYTES,
	       "X25519");
_Static_assert(sizeof(struct recipient) == sizeof(struct recipient_id) + RECIPIENT_KEY_BYTES, "compared as bytes");

#define PUBLIC_CHARACTERS (BASE64_TEXT_BYTES(RECIPIENT_KEY_BYTES) - 1)
#define PAIR_BYTES        (2 * RECIPIENT_KEY_BYTES) /* secret half, public half */
#define PAIR_CHARACTERS   (BASE64_TEXT_BYTES(PAIR_BYTES) - 1)

void decrypt_key_wipe(struct decrypt_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

void decrypt_keys_wipe(struct decrypt_keys *k)
{
	sodium_memzero(k, sizeof(*k));
}

struct recipient recipient_of(const uint8_t key[RECIPIENT_KEY_BYTES])
{
	struct hash h = hash_of(bytes_of(key, RECIPIENT_KEY_BYTES));
	struct recipient r;

	memcpy(r.id.b, h.b, sizeof(r.id.b));
	memcpy(r.key, key, sizeof(r.key));
	return r;
}

char *recipient_id_format(const struct recipient_id *id, char out[RECIPIENT_ID_HEX])
{
	return format_hex(id->b, sizeof(id->b), out);
}

static bool begins(struct bytes text, const char *with)
{
	return text.n >= strlen(with) && memcmp(text.p, with, strlen(with)) == 0;
}

bool recipient_is_text(struct bytes text)
{
	return begins(text, PUBLIC_TYPE) || begins(text, SECRET_TYPE);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line off the front of *text, without its end and the blanks before that. */
static struct bytes next_line(struct bytes *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	size_t n = end ? (size_t)(end - text->p) : text->n, whole = end ? n + 1 : n;
	struct bytes line = bytes_of(text->p, n);

	while (line.n > 0 && is_blank(line.p[line.n - 1]))
		line.n--;
	*text = bytes_of(text->p + whole, text->n - whole);
	return line;
}

/* The type line of the file that is wanted; what people confuse it with is named. */
static int check_type(struct bytes line, const char *want, struct why *w)
{
	bool public_wanted = strcmp(want, PUBLIC_TYPE) == 0;

	if (begins(line, want)) {
		if (line.n - strlen(want) == strlen(FORMAT) && line.p[strlen(want)] == FORMAT[0])
			return 0;
		return fail(w, -EPROTONOSUPPORT, "an encryption key of a newer format than " FORMAT);
	}
	if (begins(line, PUBLIC_TYPE))
		return misuse(w, -EINVAL, "a public encryption key; the secret half is wanted here");
	if (begins(line, SECRET_TYPE))
		return misuse(w, -EINVAL,
			      "a secret key that decrypts bundles; its public half (*.recipient) is wanted here");
	if (begins(line, "untrusted comment: ") || begins(line, "RW"))
		return why_next(w, misuse(w, -EINVAL, "a key for signatures, not for encryption"),
				"'tandem key generate --encryption' makes one");
	return fail(w, -EBADMSG, "not %s: does not begin with '%s" FORMAT "'",
		    public_wanted ? "a list of encryption keys" : "a secret key that decrypts", want);
}

static int append(struct recipients *r, const uint8_t key[RECIPIENT_KEY_BYTES], struct why *w)
{
	if (r->n == RECIPIENTS_MAX)
		return fail(w, -E2BIG, "over %u recipients", RECIPIENTS_MAX);
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 16;
		struct recipient *at = realloc(r->at, room * sizeof(*at));

		if (!at)
			return fail(w, -ENOMEM, "out of memory");
		r->at = at;
		r->room = room;
	}
	r->at[r->n++] = recipient_of(key);
	return 0;
}

/* "KEY" or "KEY name"; an empty line or a comment is none. */
static int parse_line(struct recipients *r, struct bytes line, struct why *w)
{
	uint8_t key[RECIPIENT_KEY_BYTES];

	if (begins(line, TYPE_PREFIX)) /* lists can be put one behind the other */
		return check_type(line, PUBLIC_TYPE, w);
	if (line.n == 0 || line.p[0] == '#')
		return 0;
	if (line.n < PUBLIC_CHARACTERS || (line.n > PUBLIC_CHARACTERS && !is_blank(line.p[PUBLIC_CHARACTERS])) ||
	    !base64_read(bytes_of(line.p, PUBLIC_CHARACTERS), key, sizeof(key)))
		return fail(w, -EBADMSG, "not an encryption key: want %u bytes in base64", RECIPIENT_KEY_BYTES);
	return append(r, key, w);
}

int recipients_parse(struct recipients *r, struct bytes text, struct why *w)
{
	size_t before = r->n;
	int e;

	if (text.n == 0)
		return fail(w, -EBADMSG, "empty: not a list of encryption keys");
	if (text.n > RECIPIENTS_TEXT_MAX)
		return fail(w, -E2BIG, "over %u bytes", RECIPIENTS_TEXT_MAX);
	e = check_type(next_line(&text), PUBLIC_TYPE, w);
	for (size_t line = 2; !e && text.n > 0; line++) {
		e = parse_line(r, next_line(&text), w);
		if (e)
			e = why_in(w, e, "line %zu", line);
	}
	if (!e && r->n == before)
		e = fail(w, -EBADMSG, "a list of encryption keys without a key");
	if (e)
		r->n = before;
	return e;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct recipient)); /* the id is its front */
}

void recipients_sort(struct recipients *r)
{
	size_t kept = 0;

	if (r->n == 0)
		return;
	qsort(r->at, r->n, sizeof(*r->at), compare);
	for (size_t i = 1; i < r->n; i++)
		if (compare(&r->at[kept], &r->at[i]) != 0)
			r->at[++kept] = r->at[i];
	r->n = kept + 1;
}

void recipients_done(struct recipients *r)
{
	free(r->at);
	*r = (struct recipients){ 0 };
}

size_t recipient_format(const struct recipient *r, const char *name, char out[RECIPIENT_TEXT_MAX])
{
	char base64[BASE64_TEXT_BYTES(RECIPIENT_KEY_BYTES)];

	return (size_t)snprintf(out, RECIPIENT_TEXT_MAX, PUBLIC_TYPE FORMAT "\n%s%s%.64s\n",
				base64_write(r->key, sizeof(r->key), base64), name ? " " : "", name ? name : "");
}

void decrypt_key_generate(struct decrypt_key *ret)
{
	uint8_t public_half[RECIPIENT_KEY_BYTES];

	(void)crypto_box_keypair(public_half, ret->secret);
	ret->recipient = recipient_of(public_half);
}

int decrypt_key_parse(struct bytes text, struct decrypt_key *ret, struct why *w)
{
	uint8_t pair[PAIR_BYTES], public_half[RECIPIENT_KEY_BYTES];
	struct bytes line = { 0 };
	int r;

	if (text.n == 0 || text.n > RECIPIENT_TEXT_MAX * 2)
		return fail(w, -EBADMSG, "%zu bytes are not a secret key", text.n);
	r = check_type(next_line(&text), SECRET_TYPE, w);
	if (r)
		return r;
	if (text.n > 0)
		line = next_line(&text);
	if (line.n != PAIR_CHARACTERS || !base64_read(line, pair, sizeof(pair)) || text.n > 0)
		r = fail(w, -EBADMSG, "secret key: want one line of %u bytes in base64", PAIR_BYTES);
	if (!r && (crypto_scalarmult_base(public_half, pair) ||
		   sodium_memcmp(public_half, pair + RECIPIENT_KEY_BYTES, sizeof(public_half)) != 0))
		r = fail(w, -EBADMSG, "secret key: damaged (its two halves do not belong together)");
	if (!r) {
		memcpy(ret->secret, pair, sizeof(ret->secret));
		ret->recipient = recipient_of(public_half);
	}
	sodium_memzero(pair, sizeof(pair));
	return r;
}

size_t decrypt_key_format(const struct decrypt_key *k, char out[RECIPIENT_TEXT_MAX])
{
	char base64[BASE64_TEXT_BYTES(PAIR_BYTES)];
	uint8_t pair[PAIR_BYTES];
	size_t n;

	memcpy(pair, k->secret, RECIPIENT_KEY_BYTES);
	memcpy(pair + RECIPIENT_KEY_BYTES, k->recipient.key, RECIPIENT_KEY_BYTES);
	n = (size_t)snprintf(out, RECIPIENT_TEXT_MAX, SECRET_TYPE FORMAT "\n%s\n",
			     base64_write(pair, sizeof(pair), base64));
	sodium_memzero(pair, sizeof(pair));
	sodium_memzero(base64, sizeof(base64));
	return n;
}
