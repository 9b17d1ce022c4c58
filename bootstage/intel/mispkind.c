#include "bootstage/intel/mispkind.h"

#include <stdio.h>

static bool is(struct bytes b, const char *word)
{
	return bytes_equal(b, bytes_str(word));
}

static enum node_kind kind_of_type(struct bytes type)
{
	static const struct {
		const char *type;
		enum node_kind kind;
	} known[] = {
		{ "domain", NODE_DOMAIN_NAME },
		{ "hostname", NODE_DOMAIN_NAME },
		{ "url", NODE_URL },
		{ "email", NODE_EMAIL_ADDR },
		{ "email-src", NODE_EMAIL_ADDR },
		{ "email-dst", NODE_EMAIL_ADDR },
		{ "email-reply-to", NODE_EMAIL_ADDR },
		{ "target-email", NODE_EMAIL_ADDR },
		{ "whois-registrant-email", NODE_EMAIL_ADDR },
		{ "dns-soa-email", NODE_EMAIL_ADDR },
		{ "mac-address", NODE_MAC_ADDR },
		{ "AS", NODE_AUTONOMOUS_SYSTEM },
		{ "filename", NODE_FILE },
		{ "attachment", NODE_FILE },
		{ "email-attachment", NODE_FILE },
		{ "mutex", NODE_MUTEX },
		{ "regkey", NODE_WINDOWS_REGISTRY_KEY },
		{ "vulnerability", NODE_VULNERABILITY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (is(type, known[i].type))
			return known[i].kind;
	return NODE_OTHER;
}

static bool is_address(struct bytes type)
{
	return is(type, "ip-src") || is(type, "ip-dst") || is(type, "ip");
}

/* "x509-fingerprint-sha256" is the hash of a certificate. */
static const char *hash_of_type(struct bytes type)
{
	static const char fingerprint[] = "x509-fingerprint-";
	size_t n = sizeof(fingerprint) - 1;

	if (bytes_has(type, 0, n) && memcmp(type.p, fingerprint, n) == 0)
		type = bytes_of(type.p + n, type.n - n);
	return hash_name(type);
}

static struct observable one(struct bytes type, struct bytes value)
{
	struct observable o = { .kind = kind_of_type(type), .value = value };

	if (is_address(type)) {
		o.kind = observable_look(value);
		if (o.kind != NODE_IPV6_ADDR)
			o.kind = NODE_IPV4_ADDR;
	} else if (o.kind == NODE_OTHER) {
		o.algorithm = hash_of_type(type);
		o.kind = o.algorithm ? NODE_HASH : NODE_OTHER;
	}
	return o;
}

/* At the last bar, since a file's name may have one; a registry value may as well, so there at the first. */
static size_t bar_at(struct bytes type, struct bytes value)
{
	const uint8_t *bar = value.n == 0               ? NULL
			     : is(type, "regkey|value") ? memchr(value.p, '|', value.n)
							: memrchr(value.p, '|', value.n);

	return bar ? (size_t)(bar - value.p) : value.n;
}

static size_t composite(struct bytes type, struct bytes value, struct observable *ret)
{
	const uint8_t *bar = memchr(type.p, '|', type.n);
	size_t first = bar ? (size_t)(bar - type.p) : type.n, at = bar_at(type, value), n = 0;
	struct bytes rest = bytes_of(type.p + first, type.n - first);

	ret[n] = one(bytes_of(type.p, first), bytes_of(value.p, at));
	n += ret[n].kind != NODE_OTHER;
	if (rest.n == 0 || at == value.n)
		return n;
	ret[n] = one(bytes_of(rest.p + 1, rest.n - 1), bytes_of(value.p + at + 1, value.n - at - 1));
	return n + (ret[n].kind != NODE_OTHER);
}

size_t mispkind_observables(struct bytes type, struct bytes value, struct observable ret[MISPKIND_VALUES_MAX])
{
	if (type.n == 0)
		return 0;
	if (is(type, "malware-sample"))
		type = bytes_str("filename|md5");
	if (memchr(type.p, '|', type.n))
		return composite(type, value, ret);
	ret[0] = one(type, value);
	return ret[0].kind != NODE_OTHER;
}

static const struct {
	const char *galaxy;
	enum node_kind kind;
} galaxies[] = {
	{ "mitre-attack-pattern", NODE_ATTACK_PATTERN }, /* the first of each kind is the galaxy of ATT&CK */
	{ "mitre-course-of-action", NODE_COURSE_OF_ACTION },
	{ "mitre-intrusion-set", NODE_INTRUSION_SET },
	{ "mitre-malware", NODE_MALWARE },
	{ "mitre-tool", NODE_TOOL },
	{ "mitre-campaign", NODE_CAMPAIGN },
	{ "threat-actor", NODE_THREAT_ACTOR },
	{ "microsoft-activity-group", NODE_THREAT_ACTOR },
	{ "ransomware", NODE_MALWARE },
	{ "malpedia", NODE_MALWARE },
	{ "banker", NODE_MALWARE },
	{ "stealer", NODE_MALWARE },
	{ "backdoor", NODE_MALWARE },
	{ "botnet", NODE_MALWARE },
	{ "rat", NODE_MALWARE },
	{ "android", NODE_MALWARE },
	{ "cryptominers", NODE_MALWARE },
	{ "tool", NODE_TOOL },
	{ "exploit-kit", NODE_TOOL },
	{ "tds", NODE_TOOL },
	{ "branded-vulnerability", NODE_VULNERABILITY },
};

/* "mitre-enterprise-attack-malware" of older events is "mitre-malware". */
static struct bytes galaxy_without_domain(struct bytes type, char buf[64])
{
	static const char *const domains[] = { "mitre-enterprise-attack-", "mitre-mobile-attack-",
					       "mitre-pre-attack-" };

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		size_t n = strlen(domains[i]);

		if (type.n <= n || type.n - n > 64 - 6 || memcmp(type.p, domains[i], n) != 0)
			continue;
		(void)snprintf(buf, 64, "mitre-%.*s", (int)(type.n - n), (const char *)type.p + n);
		return bytes_str(buf);
	}
	return type;
}

enum node_kind mispkind_galaxy(struct bytes type)
{
	char buf[64];
	struct bytes plain = galaxy_without_domain(type, buf);

	for (size_t i = 0; i < ARRAY_SIZE(galaxies); i++)
		if (is(plain, galaxies[i].galaxy))
			return galaxies[i].kind;
	return NODE_MISP_CLUSTER;
}

const char *mispkind_attack_galaxy(enum node_kind k)
{
	for (size_t i = 0; i < ARRAY_SIZE(galaxies) && galaxies[i].kind != NODE_THREAT_ACTOR; i++)
		if (galaxies[i].kind == k)
			return galaxies[i].galaxy;
	return NULL;
}
