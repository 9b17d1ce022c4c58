/* Keys of observables: the deterministic ids of STIX over the properties that make them what they are. */
#include "bootstage/intel/observable.h"

#include <nettle/sha1.h>
#include <stdio.h>

#define WORDS_MAX 96u /* bytes of JSON around the values */

/* JSON as RFC 8785 writes it. */
struct writer {
	uint8_t *at;
};

static void put(struct writer *w, const char *text)
{
	size_t n = strlen(text);

	memcpy(w->at, text, n);
	w->at += n;
}

static void put_escape(struct writer *w, uint8_t c)
{
	static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";
	char text[8];

	for (size_t i = 0; letters[i]; i += 2)
		if ((uint8_t)letters[i] == c) {
			put(w, (char[]){ '\\', letters[i + 1], 0 });
			return;
		}
	(void)snprintf(text, sizeof(text), "\\u%04x", c);
	put(w, text);
}

static void put_string(struct writer *w, struct bytes s)
{
	*w->at++ = '"';
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\')
			put_escape(w, s.p[i]);
		else
			*w->at++ = s.p[i];
	*w->at++ = '"';
}

static void put_property(struct writer *w, const char *name, struct bytes value)
{
	put_string(w, bytes_str(name));
	put(w, ":");
	put_string(w, value);
}

static const char *property_of(enum node_kind k)
{
	switch ((int)k) { /* int: the rest are no observables */
	case NODE_FILE:
	case NODE_MUTEX:
	case NODE_SOFTWARE:
	case NODE_VULNERABILITY:
	case NODE_TAG:
	case NODE_ALIAS:
		return "name";
	case NODE_DIRECTORY:
		return "path";
	case NODE_WINDOWS_REGISTRY_KEY:
		return "key";
	case NODE_X509_CERTIFICATE:
		return "serial_number";
	default:
		return "value";
	}
}

/* UUIDv5 (RFC 9562 section 5.5) in the namespace of STIX 2.1 section 2.9; `scratch` begins with room for that. */
static const uint8_t namespace[16] = { 0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c,
				       0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7 };

static void key_end(enum node_kind k, const uint8_t *scratch, const struct writer *w, char *ret)
{
	uint8_t h[SHA1_DIGEST_SIZE];
	struct sha1_ctx sum;

	sha1_init(&sum);
	sha1_update(&sum, (size_t)(w->at - scratch), scratch);
	sha1_digest(&sum, sizeof(h), h);
	h[6] = (uint8_t)((h[6] & 0x0f) | 0x50);
	h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
	(void)snprintf(ret, OBSERVABLE_KEY_MAX,
		       "%s--%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", node_kind_name(k),
		       h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14],
		       h[15]);
}

static struct writer key_begin(uint8_t *scratch)
{
	memcpy(scratch, namespace, sizeof(namespace));
	return (struct writer){ scratch + sizeof(namespace) };
}

/* A control character takes six bytes. */
size_t observable_key_room(struct bytes value)
{
	return sizeof(namespace) + WORDS_MAX + 6 * value.n;
}

void observable_key(const struct observable *o, uint8_t *scratch, char *ret)
{
	struct writer w = key_begin(scratch);

	put(&w, "{");
	if (o->kind == NODE_AUTONOMOUS_SYSTEM) {
		put(&w, "\"number\":");
		memcpy(w.at, o->value.p, o->value.n);
		w.at += o->value.n;
	} else {
		if (o->kind == NODE_HASH) {
			put_property(&w, "algorithm", bytes_str(o->algorithm));
			put(&w, ",");
		}
		put_property(&w, property_of(o->kind), o->value);
	}
	put(&w, "}");
	key_end(o->kind, scratch, &w, ret);
}

void observable_file_key(struct bytes name, const struct observable *hash, uint8_t *scratch, char *ret)
{
	struct writer w = key_begin(scratch);

	put(&w, "{\"hashes\":{");
	put_property(&w, hash->algorithm, hash->value);
	put(&w, "}");
	if (name.n > 0) {
		put(&w, ",");
		put_property(&w, "name", name);
	}
	put(&w, "}");
	key_end(NODE_FILE, scratch, &w, ret);
}
