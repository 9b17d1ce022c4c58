/*
 * fuzz_minisig - any bytes as a public key, a secret key, and signatures that follow one another. What is taken comes out
 * the same when it is written down again, and no input is a good signature by a key that signed nothing.
 */
#include <stdlib.h>

#include "updater/keys.h"
#include "updater/trust.h"

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void public_key(struct bytes in)
{
	struct minisig_key key, back;
	char text[MINISIG_KEY_TEXT_MAX];

	if (minisig_key_parse(in, &key, NULL))
		return;
	must(minisig_key_parse(bytes_of(text, minisig_key_format(&key, text)), &back, NULL) == 0);
	must(memcmp(&key, &back, sizeof(key)) == 0);
}

/* Without a password, so that scrypt's cost does not decide how much is tried. */
static void secret_key(struct bytes in)
{
	struct secret_key key, back;
	char text[KEYS_TEXT_MAX];

	if (keys_parse(in, NULL, &key, NULL))
		return;
	must(keys_format(&key, NULL, 0, text, NULL) == 0);
	must(keys_parse(bytes_str(text), NULL, &back, NULL) == 0);
	must(memcmp(&key, &back, sizeof(key)) == 0);
}

static void one_signature(struct bytes in)
{
	char text[MINISIG_TEXT_MAX];
	struct minisig s, back;
	struct bytes again;

	if (minisig_parse(&in, &s, NULL))
		return;
	must(s.trusted.n <= MINISIG_TRUSTED_MAX);
	again = bytes_of(text, minisig_format(&s, "again", text));
	must(minisig_parse(&again, &back, NULL) == 0 && again.n == 0);
	must(minisig_id_equal(&s.id, &back.id) && s.prehashed == back.prehashed &&
	     bytes_equal(s.trusted, back.trusted));
	must(memcmp(s.signature, back.signature, sizeof(s.signature)) == 0);
	must(memcmp(s.global, back.global, sizeof(s.global)) == 0);
}

static void all_signatures(struct bytes in)
{
	/* 01 02 .. 08 as the id: the seeds have signatures by it, over other messages */
	struct minisig_key key = { .id.b = { 1, 2, 3, 4, 5, 6, 7, 8 }, .key = { 9 } };
	struct trust trust = { .threshold = 1 };
	struct signers list = { 0 };

	if (signatures_list(in, &list, NULL) == 0)
		must(list.n <= TRUST_SIGNATURES_MAX && list.good == 0);
	must(trust_add(&trust, &key, "fuzz", NULL) == 0);
	must(signatures_verify(&trust, bytes_str("message"), in, &list, NULL) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	public_key(bytes_of(data, n));
	secret_key(bytes_of(data, n));
	one_signature(bytes_of(data, n));
	all_signatures(bytes_of(data, n));
	return 0;
}
