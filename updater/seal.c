#include "updater/seal.h"

#include <inttypes.h>
#include <sodium.h>

_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == SEAL_KEY_BYTES, "key");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == SEAL_TAG_BYTES, "tag");

/* The nonce, and behind it what the associated data adds to the content id. */
#define NONCE_BYTES  24u
#define NONCE_AT     0u
#define NONCE_NUMBER 8u
#define NONCE_KIND   12u
#define DATA_BYTES   (HASH_BYTES + NONCE_BYTES + 4u)
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == NONCE_BYTES, "nonce");

static const char id_text[] = "tandem content key 1";
static const char mask_text[8] = "hidden 1";

void content_key_wipe(struct content_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

void content_key_generate(struct content_key *ret)
{
	randombytes_buf(ret->key, sizeof(ret->key));
	ret->id = content_key_id(ret->key);
}

struct hash content_key_id(const uint8_t key[SEAL_KEY_BYTES])
{
	struct hash id;

	(void)crypto_generichash_blake2b(id.b, sizeof(id.b), (const uint8_t *)id_text, strlen(id_text), key,
					 SEAL_KEY_BYTES);
	return id;
}

/* Nonce and associated data of a place. */
struct place {
	uint8_t nonce[NONCE_BYTES];
	uint8_t data[DATA_BYTES];
};

static struct place place_of(const struct content_key *k, const struct seal_place *at)
{
	struct place p = { 0 };

	put_le64(p.nonce + NONCE_AT, at->at);
	put_le32(p.nonce + NONCE_NUMBER, at->payload);
	p.nonce[NONCE_KIND] = (uint8_t)at->kind;
	memcpy(p.data, k->id.b, HASH_BYTES);
	memcpy(p.data + HASH_BYTES, p.nonce, NONCE_BYTES);
	put_le32(p.data + HASH_BYTES + NONCE_BYTES, at->raw_bytes);
	return p;
}

void seal_lock(const struct content_key *k, const struct seal_place *at, struct bytes clear, uint8_t *ret)
{
	struct place p = place_of(k, at);

	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(ret, NULL, clear.p, clear.n, p.data, sizeof(p.data), NULL,
							 p.nonce, k->key);
}

int seal_unlock(const struct content_key *k, const struct seal_place *at, struct bytes sealed, uint8_t *ret,
		struct why *w)
{
	struct place p = place_of(k, at);

	if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, sealed.p, sealed.n, p.data, sizeof(p.data),
						       p.nonce, k->key))
		return fail(w, -EBADMSG, "does not decrypt: it was not encrypted for this place with this key");
	return 0;
}

struct hash seal_mask(const struct content_key *k, uint64_t number, const struct hash *h)
{
	uint8_t message[sizeof(mask_text) + 8];
	struct hash mask;

	memcpy(message, mask_text, sizeof(mask_text));
	put_le64(message + sizeof(mask_text), number);
	(void)crypto_generichash_blake2b(mask.b, sizeof(mask.b), message, sizeof(message), k->key, SEAL_KEY_BYTES);
	for (size_t i = 0; i < HASH_BYTES; i++)
		mask.b[i] ^= h->b[i];
	return mask;
}
