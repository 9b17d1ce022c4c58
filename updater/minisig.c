#include "updater/minisig.h"

#include <sodium.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/parse.h"
#include "updater/recipient.h"

#define UNTRUSTED "untrusted comment: "
#define TRUSTED   "trusted comment: "

/* "Ed" or "ED", key id, and then the public key (32) or the signature (64). */
#define KEY_BYTES       42u
#define SIGNATURE_BYTES 74u
_Static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_BYTES == 64, "Ed25519");

bool minisig_id_equal(const struct minisig_id *a, const struct minisig_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

char *minisig_id_format(const struct minisig_id *id, char out[MINISIG_ID_HEX])
{
	for (size_t i = 0; i < sizeof(id->b); i++)
		(void)snprintf(out + 2 * i, 3, "%02X", id->b[sizeof(id->b) - 1 - i]);
	return out;
}

/* One line off the front of *text, without its end; the last one may lack it. */
static bool next_line(struct bytes *text, struct bytes *ret)
{
	const uint8_t *end;
	size_t n;

	if (text->n == 0)
		return false;
	end = memchr(text->p, '\n', text->n);
	n = end ? (size_t)(end - text->p) : text->n;
	*ret = bytes_of(text->p, n);
	n += end ? 1 : 0;
	*text = bytes_of(text->p + n, text->n - n);
	return true;
}

/* The rest of a line after its prefix. */
static bool after_prefix(struct bytes line, const char *prefix, struct bytes *ret)
{
	size_t n = strlen(prefix);

	if (line.n < n || memcmp(line.p, prefix, n) != 0)
		return false;
	*ret = bytes_of(line.p + n, line.n - n);
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim_end(struct bytes s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

int minisig_key_parse(struct bytes text, struct minisig_key *ret, struct why *w)
{
	uint8_t raw[KEY_BYTES];
	struct bytes line = { 0 }, comment;

	if (text.n > MINISIG_KEY_TEXT_MAX)
		return fail(w, -EBADMSG, "%zu bytes are too many for a public key", text.n);
	if (recipient_is_text(text))
		return fail(w, -EBADMSG, "a key for encryption, not for signatures");
	if (next_line(&text, &line) && after_prefix(line, UNTRUSTED, &comment) && !next_line(&text, &line))
		return fail(w, -EBADMSG, "not a public key: nothing follows the comment line");
	if (!base64_read(trim_end(line), raw, sizeof(raw)) || trim_end(text).n > 0)
		return fail(w, -EBADMSG, "not a public key: want a comment line and %u bytes in base64", KEY_BYTES);
	if (memcmp(raw, "Ed", 2) != 0)
		return fail(w, -EPROTONOSUPPORT, "a public key, but not an Ed25519 one");
	memcpy(ret->id.b, raw + 2, sizeof(ret->id.b));
	memcpy(ret->key, raw + 10, sizeof(ret->key));
	return 0;
}

/* "Ed" or "ED", id and body in base64, with a NUL. */
static void put_base64(const char *algorithm, const struct minisig_id *id, const uint8_t *body, size_t n, char *out)
{
	uint8_t raw[SIGNATURE_BYTES];

	memcpy(raw, algorithm, 2);
	memcpy(raw + 2, id->b, sizeof(id->b));
	memcpy(raw + 10, body, n);
	(void)base64_write(raw, 10 + n, out);
}

size_t minisig_key_format(const struct minisig_key *k, char out[MINISIG_KEY_TEXT_MAX])
{
	char id[MINISIG_ID_HEX], base64[BASE64_TEXT_BYTES(KEY_BYTES)];

	put_base64("Ed", &k->id, k->key, sizeof(k->key), base64);
	return (size_t)snprintf(out, MINISIG_KEY_TEXT_MAX, UNTRUSTED "minisign public key %s\n%s\n",
				minisig_id_format(&k->id, id), base64);
}

static int parse_lines(const struct bytes line[4], struct minisig *ret, struct why *w)
{
	uint8_t raw[SIGNATURE_BYTES];
	struct minisig s = { 0 };
	struct bytes comment;

	if (!after_prefix(line[0], UNTRUSTED, &comment) || line[0].n > MINISIG_COMMENT_MAX)
		return fail(w, -EBADMSG, "signature: does not begin with '%s'", UNTRUSTED);
	if (!base64_read(line[1], raw, sizeof(raw)))
		return fail(w, -EBADMSG, "signature: line 2 is not %u bytes in base64", SIGNATURE_BYTES);
	if (!after_prefix(line[2], TRUSTED, &s.trusted))
		return fail(w, -EBADMSG, "signature: line 3 does not begin with '%s'", TRUSTED);
	if (s.trusted.n > MINISIG_TRUSTED_MAX || !text_printable(s.trusted))
		return fail(w, -EBADMSG, "signature: trusted comment over %u bytes or not printable",
			    MINISIG_TRUSTED_MAX);
	if (!base64_read(line[3], s.global, sizeof(s.global)))
		return fail(w, -EBADMSG, "signature: line 4 is not %zu bytes in base64", sizeof(s.global));
	if (memcmp(raw, "Ed", 2) != 0 && memcmp(raw, "ED", 2) != 0)
		return fail(w, -EPROTONOSUPPORT, "signature: not an Ed25519 one");
	s.prehashed = raw[1] == 'D';
	memcpy(s.id.b, raw + 2, sizeof(s.id.b));
	memcpy(s.signature, raw + 10, sizeof(s.signature));
	*ret = s;
	return 0;
}

int minisig_parse(struct bytes *text, struct minisig *ret, struct why *w)
{
	struct bytes rest = *text, line[4];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(line); i++)
		if (!next_line(&rest, &line[i]))
			return fail(w, -EBADMSG, "signature: ends after line %zu of 4", i);
	r = parse_lines(line, ret, w);
	if (!r)
		*text = rest;
	return r;
}

size_t minisig_format(const struct minisig *s, const char *untrusted, char out[MINISIG_TEXT_MAX])
{
	char base64[BASE64_TEXT_BYTES(SIGNATURE_BYTES)];
	char global[BASE64_TEXT_BYTES(sizeof(s->global))];

	put_base64(s->prehashed ? "ED" : "Ed", &s->id, s->signature, sizeof(s->signature), base64);
	(void)base64_write(s->global, sizeof(s->global), global);
	return (size_t)snprintf(out, MINISIG_TEXT_MAX, UNTRUSTED "%.*s\n%s\n" TRUSTED "%.*s\n%s\n",
				(int)(MINISIG_COMMENT_MAX - sizeof(UNTRUSTED)), untrusted, base64, (int)s->trusted.n,
				(const char *)s->trusted.p, global);
}

void minisig_prehash(struct bytes message, uint8_t ret[64])
{
	(void)crypto_generichash_blake2b(ret, 64, message.p, message.n, NULL, 0);
}

size_t minisig_global_message(const struct minisig *s, uint8_t out[MINISIG_GLOBAL_MAX])
{
	memcpy(out, s->signature, sizeof(s->signature));
	memcpy(out + sizeof(s->signature), s->trusted.p, s->trusted.n);
	return sizeof(s->signature) + s->trusted.n;
}

int minisig_check(const struct minisig *s, const struct minisig_key *k, const uint8_t prehash[64], struct why *w)
{
	uint8_t global[MINISIG_GLOBAL_MAX];
	char id[MINISIG_ID_HEX];
	size_t n;

	(void)minisig_id_format(&s->id, id);
	if (!minisig_id_equal(&s->id, &k->id))
		return refuse(w, -EKEYREJECTED, "signature by key %s: that is another key", id);
	if (!s->prehashed)
		return refuse(w, -EKEYREJECTED,
			      "signature by key %s: of the old kind, which is not accepted; sign "
			      "prehashed (minisign -H)",
			      id);
	if (crypto_sign_verify_detached(s->signature, prehash, 64, k->key))
		return refuse(w, -EKEYREJECTED, "signature by key %s is wrong: the signed text was changed", id);
	n = minisig_global_message(s, global);
	if (crypto_sign_verify_detached(s->global, global, n, k->key))
		return refuse(w, -EKEYREJECTED, "signature by key %s is wrong: its trusted comment was changed", id);
	return 0;
}
