#include "updater/keys.h"

#include <inttypes.h>
#include <sodium.h>

#include "updater/recipient.h"

#define UNTRUSTED "untrusted comment: "

/* The binary form, 158 bytes, in base64 on line 2. From AT_ID on it is XORed with the scrypt stream when locked. */
#define AT_SIGNATURE_ALGORITHM 0u
#define AT_KDF                 2u
#define AT_CHECKSUM_ALGORITHM  4u
#define AT_SALT                6u
#define AT_OPERATIONS          38u
#define AT_MEMORY              46u
#define AT_ID                  54u
#define AT_KEY                 62u
#define AT_CHECKSUM            126u
#define RAW_BYTES              158u
#define LOCKED_BYTES           (RAW_BYTES - AT_ID)
_Static_assert(AT_OPERATIONS - AT_SALT == crypto_pwhash_scryptsalsa208sha256_SALTBYTES, "salt");
_Static_assert(AT_CHECKSUM - AT_KEY == crypto_sign_SECRETKEYBYTES, "key");

/* libsodium's own pairs of limits have this ratio; it yields N = memory / 1024, r = 8, p = 1. */
#define MEMORY_PER_OPERATION 32u
#define MEMORY_MAX           (4ull << 30)

struct raw_key {
	uint8_t b[RAW_BYTES];
};

static void wipe_raw(struct raw_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

void keys_wipe(struct secret_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

void keys_generate(struct secret_key *ret)
{
	uint8_t public_half[crypto_sign_PUBLICKEYBYTES];

	randombytes_buf(ret->id.b, sizeof(ret->id.b));
	(void)crypto_sign_keypair(public_half, ret->key);
}

struct minisig_key keys_public(const struct secret_key *k)
{
	struct minisig_key ret = { .id = k->id };

	(void)crypto_sign_ed25519_sk_to_pk(ret.key, k->key);
	return ret;
}

/* BLAKE2b-256 of algorithm, id and key. */
static void checksum(const struct raw_key *k, uint8_t ret[32])
{
	crypto_generichash_blake2b_state h;

	(void)crypto_generichash_blake2b_init(&h, NULL, 0, 32);
	(void)crypto_generichash_blake2b_update(&h, k->b + AT_SIGNATURE_ALGORITHM, 2);
	(void)crypto_generichash_blake2b_update(&h, k->b + AT_ID, AT_CHECKSUM - AT_ID);
	(void)crypto_generichash_blake2b_final(&h, ret, 32);
	sodium_memzero(&h, sizeof(h));
}

/* Lock or unlock: XOR with the stream that the password, the salt and the limits in *k give. */
static int apply_password(struct raw_key *k, const char *password, struct why *w)
{
	uint64_t operations = 0, memory = 0;
	uint8_t stream[LOCKED_BYTES];
	struct bytes raw = bytes_of(k->b, sizeof(k->b));

	if (bytes_le64(raw, AT_OPERATIONS, &operations) || bytes_le64(raw, AT_MEMORY, &memory))
		return fail(w, -EBADMSG, "secret key: truncated");
	if (memory > MEMORY_MAX || operations > MEMORY_MAX / MEMORY_PER_OPERATION)
		return fail(w, -E2BIG, "secret key: its password wants %" PRIu64 " bytes of memory, the limit is %llu",
			    memory, MEMORY_MAX);
	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password, strlen(password), k->b + AT_SALT,
					       operations, (size_t)memory))
		return fail(w, -ENOMEM, "secret key: not enough memory for the password, %" PRIu64 " MiB are wanted",
			    memory >> 20);
	for (size_t i = 0; i < sizeof(stream); i++)
		k->b[AT_ID + i] ^= stream[i];
	sodium_memzero(stream, sizeof(stream));
	return 0;
}

/* minisign -W leaves the checksum empty, minisign -C -W does not. */
static int check_unlocked(const struct raw_key *k, bool locked, struct why *w)
{
	uint8_t want[32], seed[crypto_sign_SEEDBYTES], public_half[crypto_sign_PUBLICKEYBYTES], both[64];
	bool same;

	checksum(k, want);
	if (memcmp(want, k->b + AT_CHECKSUM, sizeof(want)) != 0 &&
	    (locked || !sodium_is_zero(k->b + AT_CHECKSUM, sizeof(want))))
		return locked ? fail(w, -EACCES, "secret key: wrong password")
			      : fail(w, -EBADMSG, "secret key: damaged (its checksum is wrong)");
	/* Signing with halves that do not belong together would give the secret away. */
	(void)crypto_sign_ed25519_sk_to_seed(seed, k->b + AT_KEY);
	(void)crypto_sign_seed_keypair(public_half, both, seed);
	same = sodium_memcmp(both, k->b + AT_KEY, sizeof(both)) == 0;
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(both, sizeof(both));
	return same ? 0 : fail(w, -EBADMSG, "secret key: damaged (its two halves do not belong together)");
}

/* Line 2 in base64; line 1 is a comment. */
static int decode(struct bytes text, struct raw_key *ret, struct why *w)
{
	const uint8_t *line = text.n ? memchr(text.p, '\n', text.n) : NULL;
	size_t got = 0, left;

	if (recipient_is_text(text))
		return why_next(w, fail(w, -EBADMSG, "a key for encryption, which cannot sign"),
				"'tandem key generate' makes one that can");
	if (!line || text.n < strlen(UNTRUSTED) || memcmp(text.p, UNTRUSTED, strlen(UNTRUSTED)) != 0)
		return fail(w, -EBADMSG, "not a secret key: does not begin with '%s'", UNTRUSTED);
	line++;
	left = text.n - (size_t)(line - text.p);
	if (sodium_base642bin(ret->b, sizeof(ret->b), (const char *)line, left, " \r\n", &got, NULL,
			      sodium_base64_VARIANT_ORIGINAL) ||
	    got != sizeof(ret->b))
		return fail(w, -EBADMSG, "not a secret key: line 2 is not %u bytes in base64", RAW_BYTES);
	if (memcmp(ret->b + AT_SIGNATURE_ALGORITHM, "Ed", 2) != 0 ||
	    memcmp(ret->b + AT_CHECKSUM_ALGORITHM, "B2", 2) != 0)
		return fail(w, -EPROTONOSUPPORT, "a secret key, but not an Ed25519 one");
	return 0;
}

int keys_parse(struct bytes text, const char *password, struct secret_key *ret, struct why *w)
{
	CLEANUP(wipe_raw) struct raw_key k = { 0 };
	bool locked;
	int r = decode(text, &k, w);

	if (r)
		return r;
	locked = memcmp(k.b + AT_KDF, "Sc", 2) == 0;
	if (!locked && memcmp(k.b + AT_KDF, "\0\0", 2) != 0)
		return fail(w, -EPROTONOSUPPORT, "secret key: locked in a way that is not known here");
	if (locked && !password)
		return fail(w, -ENOKEY, "secret key: it is locked with a password, and none was given");
	r = locked ? apply_password(&k, password, w) : 0;
	r = r ? r : check_unlocked(&k, locked, w);
	if (r)
		return r;
	memcpy(ret->id.b, k.b + AT_ID, sizeof(ret->id.b));
	memcpy(ret->key, k.b + AT_KEY, sizeof(ret->key));
	return 0;
}

int keys_format(const struct secret_key *k, const char *password, uint64_t memory_bytes, char out[KEYS_TEXT_MAX],
		struct why *w)
{
	char base64[sodium_base64_ENCODED_LEN(RAW_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	CLEANUP(wipe_raw) struct raw_key raw = { 0 };
	int r = 0;

	memcpy(raw.b + AT_SIGNATURE_ALGORITHM, "Ed", 2);
	memcpy(raw.b + AT_KDF, password ? "Sc" : "\0\0", 2);
	memcpy(raw.b + AT_CHECKSUM_ALGORITHM, "B2", 2);
	memcpy(raw.b + AT_ID, k->id.b, sizeof(k->id.b));
	memcpy(raw.b + AT_KEY, k->key, sizeof(k->key));
	checksum(&raw, raw.b + AT_CHECKSUM);
	if (password) {
		randombytes_buf(raw.b + AT_SALT, AT_OPERATIONS - AT_SALT);
		put_le64(raw.b + AT_OPERATIONS, memory_bytes / MEMORY_PER_OPERATION);
		put_le64(raw.b + AT_MEMORY, memory_bytes);
		r = apply_password(&raw, password, w);
	}
	if (r)
		return r;
	(void)sodium_bin2base64(base64, sizeof(base64), raw.b, sizeof(raw.b), sodium_base64_VARIANT_ORIGINAL);
	(void)snprintf(out, KEYS_TEXT_MAX, UNTRUSTED "minisign %s secret key\n%s\n",
		       password ? "encrypted" : "unencrypted", base64);
	sodium_memzero(base64, sizeof(base64));
	return 0;
}

size_t keys_sign(const struct secret_key *k, struct bytes message, const char *trusted, char out[MINISIG_TEXT_MAX])
{
	struct minisig s = { .prehashed = true, .id = k->id, .trusted = bytes_str(trusted) };
	uint8_t prehash[64], global[MINISIG_GLOBAL_MAX];

	minisig_prehash(message, prehash);
	(void)crypto_sign_detached(s.signature, NULL, prehash, sizeof(prehash), k->key);
	(void)crypto_sign_detached(s.global, NULL, global, minisig_global_message(&s, global), k->key);
	return minisig_format(&s, "signature from a tandem bundle", out);
}
