#include "bootstage/intel/observable.h"

#include <arpa/inet.h>

#include "base/parse.h"

#define DOMAIN_MAX 253u
#define EMAIL_MAX  320u
#define HASH_MAX   1024u /* characters; SHA-512 has 128, a TLSH 72, an ssdeep 148 */

/* How a name reads without case and without -, _ and /, what it is called, and how many hex digits it has; 0: other text. */
static const struct hash_kind {
	const char *plain, *name;
	unsigned int digits;
} hash_kinds[] = {
	{ "md5", "MD5", 32 },
	{ "sha1", "SHA-1", 40 },
	{ "sha256", "SHA-256", 64 },
	{ "sha512", "SHA-512", 128 },
	{ "ssdeep", "SSDEEP", 0 },
	{ "tlsh", "TLSH", 0 },
	{ "sha224", "SHA-224", 56 },
	{ "sha384", "SHA-384", 96 },
	{ "sha512224", "SHA-512/224", 56 },
	{ "sha512256", "SHA-512/256", 64 },
	{ "sha3224", "SHA3-224", 56 },
	{ "sha3256", "SHA3-256", 64 },
	{ "sha3384", "SHA3-384", 96 },
	{ "sha3512", "SHA3-512", 128 },
	{ "imphash", "IMPHASH", 32 },
	{ "pehash", "PEHASH", 40 },
	{ "authentihash", "AUTHENTIHASH", 64 },
	{ "cdhash", "CDHASH", 40 },
	{ "impfuzzy", "IMPFUZZY", 0 },
	{ "vhash", "VHASH", 0 },
	{ "telfhash", "TELFHASH", 0 },
	{ "md6", "MD6", 0 },
	{ "ripemd160", "RIPEMD-160", 40 },
	{ "whirlpool", "WHIRLPOOL", 128 },
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool reads(struct bytes written, const char *plain)
{
	for (size_t i = 0; i < written.n; i++) {
		if (strchr("-_/", written.p[i]) && written.p[i])
			continue;
		if (lower(written.p[i]) != (uint8_t)*plain || !*plain)
			return false;
		plain++;
	}
	return !*plain;
}

static const struct hash_kind *hash_find(struct bytes written)
{
	for (size_t i = 0; i < ARRAY_SIZE(hash_kinds); i++)
		if (reads(written, hash_kinds[i].plain))
			return &hash_kinds[i];
	return NULL;
}

const char *hash_name(struct bytes written)
{
	const struct hash_kind *k = hash_find(written);

	return k ? k->name : NULL;
}

static struct bytes trim(struct bytes b)
{
	while (b.n > 0 && is_blank(b.p[0]))
		b = bytes_of(b.p + 1, b.n - 1);
	while (b.n > 0 && is_blank(b.p[b.n - 1]))
		b.n--;
	return b;
}

static bool has_any(struct bytes b, const char *of)
{
	for (; *of; of++)
		if (b.n > 0 && memchr(b.p, *of, b.n))
			return true;
	return false;
}

static int keep(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	memcpy(buf, in.p, in.n);
	*ret = bytes_of(buf, in.n);
	return 0;
}

static int keep_lower(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	for (size_t i = 0; i < in.n; i++)
		buf[i] = lower(in.p[i]);
	*ret = bytes_of(buf, in.n);
	return 0;
}

static int clean_hash(const char *algorithm, struct bytes in, uint8_t *buf, struct bytes *ret)
{
	const struct hash_kind *k = algorithm ? hash_find(bytes_str(algorithm)) : NULL;

	if (!k || in.n > HASH_MAX || (k->digits > 0 && in.n != k->digits) || has_any(in, " \t"))
		return -EBADMSG;
	if (k->digits == 0) /* of ssdeep the case counts */
		return keep(in, buf, ret);
	for (size_t i = 0; i < in.n; i++)
		if (!is_hex(in.p[i]))
			return -EBADMSG;
	return keep_lower(in, buf, ret);
}

/* "/24" behind an address: up to max; that one is the same as none. */
static int clean_prefix(struct bytes in, unsigned int max, char *ret, size_t n)
{
	char text[4] = "";
	uint64_t bits;

	ret[0] = 0;
	if (in.n == 0)
		return 0;
	if (in.n < 2 || in.n > 4)
		return -EBADMSG;
	memcpy(text, in.p + 1, in.n - 1);
	if (parse_u64(text, max, &bits, NULL))
		return -EBADMSG;
	if (bits < max)
		(void)snprintf(ret, n, "/%u", (unsigned int)bits);
	return 0;
}

static int clean_address(int family, struct bytes in, uint8_t *buf, struct bytes *ret)
{
	const uint8_t *slash = memchr(in.p, '/', in.n);
	size_t n = slash ? (size_t)(slash - in.p) : in.n;
	char text[INET6_ADDRSTRLEN] = "", bits[8];
	uint8_t address[sizeof(struct in6_addr)];

	if (n >= sizeof(text) || memchr(in.p, 0, in.n))
		return -EBADMSG;
	memcpy(text, in.p, n);
	if (inet_pton(family, text, address) != 1 ||
	    clean_prefix(bytes_of(in.p + n, in.n - n), family == AF_INET ? 32 : 128, bits, sizeof(bits)) ||
	    !inet_ntop(family, address, text, sizeof(text)))
		return -EBADMSG;
	*ret = bytes_of(buf, (size_t)snprintf((char *)buf, OBSERVABLE_ROOM, "%s%s", text, bits)); /* 43 bytes at most */
	return 0;
}

static bool is_mac(struct bytes in)
{
	if (in.n != 17)
		return false;
	for (size_t i = 0; i < in.n; i++)
		if (i % 3 == 2 ? in.p[i] != in.p[2] || (in.p[i] != ':' && in.p[i] != '-') : !is_hex(in.p[i]))
			return false;
	return true;
}

static int clean_mac(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	if (!is_mac(in))
		return -EBADMSG;
	for (size_t i = 0; i < in.n; i++)
		buf[i] = i % 3 == 2 ? ':' : lower(in.p[i]);
	*ret = bytes_of(buf, in.n);
	return 0;
}

static int clean_domain(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	if (in.n > 0 && in.p[in.n - 1] == '.')
		in.n--;
	if (in.n == 0 || in.n > DOMAIN_MAX || in.p[0] == '.' || in.p[in.n - 1] == '.' || memmem(in.p, in.n, "..", 2) ||
	    has_any(in, " \t/@:\\\"'<>()[]{},;|?#&="))
		return -EBADMSG;
	return keep_lower(in, buf, ret);
}

static int clean_email(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	const uint8_t *at = memchr(in.p, '@', in.n);

	if (!at || in.n > EMAIL_MAX || has_any(in, " \t<>,;") || at == in.p || at == in.p + in.n - 1)
		return -EBADMSG;
	return keep_lower(in, buf, ret);
}

static int clean_number(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	char text[11] = "";
	uint64_t number;

	if (in.n > 2 && lower(in.p[0]) == 'a' && lower(in.p[1]) == 's')
		in = trim(bytes_of(in.p + 2, in.n - 2));
	if (in.n >= sizeof(text) || memchr(in.p, 0, in.n))
		return -EBADMSG;
	memcpy(text, in.p, in.n);
	if (parse_u64(text, UINT32_MAX, &number, NULL))
		return -EBADMSG;
	*ret = bytes_of(buf, (size_t)snprintf((char *)buf, OBSERVABLE_ROOM, "%u", (unsigned int)number));
	return 0;
}

/* "cve-2017-0144" */
static int clean_vulnerability(struct bytes in, uint8_t *buf, struct bytes *ret)
{
	if (in.n < 13 || in.n > 24 || in.p[8] != '-')
		return -EBADMSG;
	for (size_t i = 0; i < in.n; i++)
		buf[i] = in.p[i] >= 'a' && in.p[i] <= 'z' ? (uint8_t)(in.p[i] - 32) : in.p[i];
	for (size_t i = 4; i < in.n; i++)
		if (i != 8 && (buf[i] < '0' || buf[i] > '9'))
			return -EBADMSG;
	if (memcmp(buf, "CVE-", 4) != 0)
		return -EBADMSG;
	*ret = bytes_of(buf, in.n);
	return 0;
}

static int clean(const struct observable *o, struct bytes in, uint8_t *buf, struct bytes *ret)
{
	switch ((int)o->kind) { /* int: of the many kinds only these are observables */
	case NODE_HASH:
		return clean_hash(o->algorithm, in, buf, ret);
	case NODE_IPV4_ADDR:
		return clean_address(AF_INET, in, buf, ret);
	case NODE_IPV6_ADDR:
		return clean_address(AF_INET6, in, buf, ret);
	case NODE_MAC_ADDR:
		return clean_mac(in, buf, ret);
	case NODE_DOMAIN_NAME:
		return clean_domain(in, buf, ret);
	case NODE_EMAIL_ADDR:
		return clean_email(in, buf, ret);
	case NODE_AUTONOMOUS_SYSTEM:
		return clean_number(in, buf, ret);
	case NODE_VULNERABILITY:
		return clean_vulnerability(in, buf, ret);
	case NODE_X509_CERTIFICATE:
	case NODE_HOST:
		return keep_lower(in, buf, ret);
	case NODE_URL:
	case NODE_FILE:
	case NODE_DIRECTORY:
	case NODE_MUTEX:
	case NODE_SOFTWARE:
	case NODE_WINDOWS_REGISTRY_KEY:
		return keep(in, buf, ret);
	default:
		return -EBADMSG;
	}
}

int observable_clean(struct observable *o, uint8_t *buf)
{
	struct bytes in = trim(o->value);

	if (in.n > OBSERVABLE_VALUE_MAX)
		return -E2BIG;
	if (in.n == 0 || !text_printable(in))
		return -EBADMSG;
	return clean(o, in, buf, &o->value);
}

enum node_kind observable_look(struct bytes value)
{
	static const enum node_kind tried[] = { NODE_IPV4_ADDR, NODE_IPV6_ADDR, NODE_MAC_ADDR, NODE_EMAIL_ADDR,
						NODE_DOMAIN_NAME };
	struct bytes in = trim(value);
	uint8_t buf[EMAIL_MAX + OBSERVABLE_ROOM];

	if (in.n > 3 && memmem(in.p, in.n < 32 ? in.n : 32, "://", 3))
		return NODE_URL;
	if (in.n == 0 || in.n > EMAIL_MAX)
		return NODE_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(tried); i++) {
		struct observable o = { .kind = tried[i], .value = in };

		if (observable_clean(&o, buf) == 0 && (tried[i] != NODE_DOMAIN_NAME || has_any(in, ".")))
			return tried[i];
	}
	return NODE_OTHER;
}
