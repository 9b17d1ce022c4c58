#include "partitions/sysconf.h"

#include <fcntl.h>
#include <strings.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/parse.h"
#include "partitions/guid.h"

/* The product's name becomes part of paths and unit names. */
static int set_product(void *into, const char *sub, const char *value, struct why *w)
{
	struct sysconf *c = into;

	(void)sub;
	if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-")] || value[0] == '-')
		return misuse(w, -EBADMSG, "'%s': lower-case letters, digits and '-' only", value);
	return ini_text(c->product, sizeof(c->product), value, w);
}

/* As a bundle's manifest can name it (docs/formats/bundle.md): anything else would never match. */
static int set_compatible(void *into, const char *sub, const char *value, struct why *w)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct sysconf *c = into;

	(void)sub;
	if (value[strspn(value, set)] || (value[0] && strchr("._-", value[0])))
		return misuse(w, -EBADMSG, "'%s': letters, digits, '.', '_' and '-' only, the first a letter or digit",
			      value);
	return ini_text(c->compatible, sizeof(c->compatible), value, w);
}

static int set_mode(void *into, const char *sub, const char *value, struct why *w)
{
	static const char *const later[] = { "order-trial", "systemd-boot", "grub", "u-boot" };
	struct sysconf *c = into;

	(void)sub;
	c->host = strcmp(value, "host") == 0;
	if (c->host)
		return 0;
	for (enum boot_mode m = MODE_BOOTNEXT; m <= MODE_CHOOSER; m++) {
		if (strcmp(value, boot_mode_name(m)) == 0) {
			c->mode = m;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (strcmp(value, later[i]) == 0)
			return misuse(w, -EBADMSG,
				      "'%s' is not supported by this version; bootnext, chooser and host are", value);
	return misuse(w, -EBADMSG, "'%s' is none of bootnext, chooser and host", value);
}

static int set_number(const char *value, unsigned int min, unsigned int max, unsigned int *ret, struct why *w)
{
	uint64_t v = 0;

	if (parse_u64(value, max, &v, NULL) || v < min)
		return misuse(w, -EBADMSG, "'%s' is no whole number from %u to %u", value, min, max);
	*ret = (unsigned int)v;
	return 0;
}

static int set_attempts(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, ATTEMPTS_MAX, &((struct sysconf *)into)->attempts, w);
}

static int set_watchdog(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 0, 3600, &((struct sysconf *)into)->watchdog_seconds, w);
}

static int set_threshold(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, 32, &((struct sysconf *)into)->trust_threshold, w);
}

static int set_root_threshold(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, 32, &((struct sysconf *)into)->trust_root_threshold, w);
}

static int set_deadline(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, 86400, &((struct sysconf *)into)->health_deadline_seconds, w);
}

static int set_baseline(void *into, const char *sub, const char *value, struct why *w)
{
	bool strict = strcmp(value, "strict") == 0;

	(void)sub;
	if (!strict && strcmp(value, "lenient") != 0)
		return misuse(w, -EBADMSG, "'%s' is neither lenient nor strict", value);
	((struct sysconf *)into)->baseline_strict = strict;
	return 0;
}

/* A place on the boot disk: by partition name or partition GUID, never by what a file system says of itself. */
static int set_place(char *out, const char *value, struct why *w)
{
	bool label = strncmp(value, "PARTLABEL=", 10) == 0 && value[10];
	bool uuid = strncmp(value, "PARTUUID=", 9) == 0 && value[9];

	if (!label && !uuid)
		return misuse(w, -EBADMSG, "'%s' is neither PARTLABEL=name nor PARTUUID=guid", value);
	if (uuid && !guid_valid(value + 9))
		return misuse(w, -EBADMSG, "'%s' is no GUID", value + 9);
	return ini_text(out, SYSCONF_TEXT, value, w);
}

static int set_esp(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_place(((struct sysconf *)into)->esp, value, w);
}

static int set_state(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_place(((struct sysconf *)into)->state, value, w);
}

static int set_data(void *into, const char *sub, const char *value, struct why *w)
{
	struct sysconf *c = into;

	(void)sub;
	if (value[0])
		return set_place(c->data, value, w);
	c->data[0] = '\0';
	return 0;
}

static int find_slot(struct sysconf *c, const char *sub, struct sysconf_slot **ret, struct why *w)
{
	if (strcmp(sub, "a") != 0 && strcmp(sub, "b") != 0)
		return misuse(w, -EBADMSG, "slots are [slot.a] and [slot.b]");
	*ret = &c->slots[sub[0] == 'a' ? SLOT_A : SLOT_B];
	return 0;
}

static int set_root(void *into, const char *sub, const char *value, struct why *w)
{
	struct sysconf_slot *s = NULL;
	int r = find_slot(into, sub, &s, w);

	return r ? r : set_place(s->root, value, w);
}

/*
 * Names joined by '/', so that nothing outside the ESP can be meant, and which FAT, firmware and Linux all read alike:
 * printable ASCII, nothing that FAT forbids or drops.
 */
static bool is_plain_path(const char *path)
{
	for (;; path++) {
		size_t n = strcspn(path, "/");

		for (size_t i = 0; i < n; i++)
			if (path[i] <= 0x20 || path[i] >= 0x7f || strchr("\\:*?\"<>|", path[i]))
				return false;
		if (n == 0 || path[n - 1] == '.')
			return false;
		path += n;
		if (!*path)
			return true;
	}
}

static int set_boot_file(void *into, const char *sub, const char *value, struct why *w)
{
	struct sysconf_slot *s = NULL;
	size_t n = strlen(value);
	int r = find_slot(into, sub, &s, w);

	if (r)
		return r;
	if (!is_plain_path(value))
		return misuse(w, -EBADMSG,
			      "'%s' is no file below the ESP, written as folder/name in ASCII without blanks", value);
	if (n >= 4 && strcasecmp(value + n - 4, ".new") == 0)
		return misuse(w, -EBADMSG, "'%s': names in .new are for files that are being written", value);
	return ini_text(s->boot_file, sizeof(s->boot_file), value, w);
}

static int set_path(char *out, const char *value, struct why *w)
{
	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' is not an absolute path", value);
	return ini_text(out, SYSCONF_TEXT, value, w);
}

static int set_trust_keys(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_path(((struct sysconf *)into)->trust_keys, value, w);
}

static int set_trust_roots(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_path(((struct sysconf *)into)->trust_roots, value, w);
}

static int add_decrypt_key(void *into, const char *sub, const char *value, struct why *w)
{
	struct sysconf *c = into;

	(void)sub;
	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' is not an absolute path", value);
	if (c->n_decrypt_keys == SYSCONF_DECRYPT_KEYS)
		return misuse(w, -EBADMSG, "more than %u keys", SYSCONF_DECRYPT_KEYS);
	return ini_text(c->decrypt_keys[c->n_decrypt_keys++], SYSCONF_TEXT, value, w);
}

static int add_probe(void *into, enum sysconf_probe_kind kind, const char *value, struct why *w)
{
	struct sysconf *c = into;

	if (c->n_probes == SYSCONF_PROBES)
		return misuse(w, -EBADMSG, "more than %u probes", SYSCONF_PROBES);
	c->probes[c->n_probes].kind = kind;
	return ini_text(c->probes[c->n_probes++].what, SYSCONF_TEXT, value, w);
}

static int check_unit(const char *value, struct why *w)
{
	if (value[0] == '-' || strpbrk(value, " \t/"))
		return misuse(w, -EBADMSG, "'%s' is not the name of a unit", value);
	return 0;
}

static int check_url(const char *value, struct why *w)
{
	size_t scheme = strncmp(value, "http://", 7) == 0 ? 7 : strncmp(value, "https://", 8) == 0 ? 8 : 0;

	if (scheme == 0 || !value[scheme] || value[scheme] == '/' || strpbrk(value, " \t"))
		return misuse(w, -EBADMSG, "'%s' is neither an http:// nor an https:// URL", value);
	return 0;
}

static int add_unit(void *into, const char *sub, const char *value, struct why *w)
{
	int r = check_unit(value, w);

	(void)sub;
	return r ? r : add_probe(into, PROBE_UNIT, value, w);
}

static int add_command(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' does not start with an absolute path", value);
	return add_probe(into, PROBE_COMMAND, value, w);
}

static int add_url(void *into, const char *sub, const char *value, struct why *w)
{
	int r = check_url(value, w);

	(void)sub;
	return r ? r : add_probe(into, PROBE_URL, value, w);
}

static struct sysconf_tree *tree_of(void *into)
{
	struct sysconf_tree *t = &((struct sysconf *)into)->tree;

	t->given = true;
	return t;
}

static bool is_absolute_path(const char *path)
{
	if (path[0] != '/')
		return false;
	while (*path) {
		size_t n = strcspn(++path, "/");

		if (n == 0 || strncmp(path, ".", n) == 0 || (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
	}
	return true;
}

static int set_tree_root(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (!is_absolute_path(value))
		return misuse(w, -EBADMSG, "'%s' is not the absolute path of a folder, without '.' and '..' in it",
			      value);
	return ini_text(tree_of(into)->root, SYSCONF_TEXT, value, w);
}

static int add_tree_unit(void *into, const char *sub, const char *value, struct why *w)
{
	struct sysconf_tree *t = tree_of(into);
	int r = check_unit(value, w);

	(void)sub;
	if (r)
		return r;
	if (t->n_units == SYSCONF_UNITS)
		return misuse(w, -EBADMSG, "more than %u units", SYSCONF_UNITS);
	return ini_text(t->units[t->n_units++], SYSCONF_TEXT, value, w);
}

static int set_tree_url(void *into, const char *sub, const char *value, struct why *w)
{
	int r = check_url(value, w);

	(void)sub;
	return r ? r : ini_text(tree_of(into)->url, SYSCONF_TEXT, value, w);
}

static int set_tree_deadline(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, 3600, &tree_of(into)->deadline_seconds, w);
}

static int set_tree_keep(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 2, SYSCONF_KEEP_MAX, &tree_of(into)->keep, w);
}

static int set_tree_reserve(void *into, const char *sub, const char *value, struct why *w)
{
	int r = parse_size(value, &tree_of(into)->reserve_bytes, NULL);

	(void)sub;
	return r ? misuse(w, -EBADMSG, "'%s' is no size, as 64M or 2G", value) : 0;
}

static int set_proxy(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return ini_text(((struct sysconf *)into)->net.proxy, SYSCONF_TEXT, value, w);
}

static int set_ca_file(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_path(((struct sysconf *)into)->net.ca_file, value, w);
}

static int set_client_cert(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_path(((struct sysconf *)into)->net.client_cert, value, w);
}

static int set_client_key(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_path(((struct sysconf *)into)->net.client_key, value, w);
}

static int set_limit_rate(void *into, const char *sub, const char *value, struct why *w)
{
	uint64_t rate = 0;

	(void)sub;
	if (parse_size(value, &rate, NULL) || rate > (UINT64_MAX >> 1))
		return misuse(w, -EBADMSG, "'%s' is no number of bytes per second", value);
	((struct sysconf *)into)->net.limit_rate = rate;
	return 0;
}

static int set_connections(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, 8, &((struct sysconf *)into)->net.connections, w);
}

static int set_net_timeout(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return set_number(value, 1, 86400, &((struct sysconf *)into)->net.timeout_seconds, w);
}

static const struct ini_key keys[] = {
	{ "system", "product", set_product, false },
	{ "system", "compatible", set_compatible, false },
	{ "system", "mode", set_mode, false },
	{ "system", "attempts", set_attempts, false },
	{ "system", "watchdog-timeout", set_watchdog, false },
	{ "disk", "esp", set_esp, false },
	{ "disk", "state", set_state, false },
	{ "disk", "data", set_data, false },
	{ "slot.*", "root", set_root, false },
	{ "slot.*", "boot-file", set_boot_file, false },
	{ "trust", "keys", set_trust_keys, false },
	{ "trust", "roots", set_trust_roots, false },
	{ "trust", "threshold", set_threshold, false },
	{ "trust", "root-threshold", set_root_threshold, false },
	{ "encryption", "key", add_decrypt_key, true },
	{ "health", "deadline", set_deadline, false },
	{ "health", "baseline", set_baseline, false },
	{ "health", "unit", add_unit, true },
	{ "health", "command", add_command, true },
	{ "health", "url", add_url, true },
	{ "tree", "root", set_tree_root, false },
	{ "tree", "unit", add_tree_unit, true },
	{ "tree", "url", set_tree_url, false },
	{ "tree", "deadline", set_tree_deadline, false },
	{ "tree", "keep", set_tree_keep, false },
	{ "tree", "reserve", set_tree_reserve, false },
	{ "net", "proxy", set_proxy, false },
	{ "net", "ca-file", set_ca_file, false },
	{ "net", "client-cert", set_client_cert, false },
	{ "net", "client-key", set_client_key, false },
	{ "net", "limit-rate", set_limit_rate, false },
	{ "net", "connections", set_connections, false },
	{ "net", "timeout", set_net_timeout, false },
};

static const struct sysconf defaults = {
	.mode = MODE_BOOTNEXT,
	.attempts = 3,
	.watchdog_seconds = 60,
	.esp = "PARTLABEL=esp",
	.state = "PARTLABEL=tandem-state",
	.data = "PARTLABEL=data",
	.slots = { { "PARTLABEL=root-a", "EFI/tandem/a/linux.efi" }, { "PARTLABEL=root-b", "EFI/tandem/b/linux.efi" } },
	.trust_keys = "/etc/tandem/trust.d",
	.trust_threshold = 1,
	.health_deadline_seconds = 120,
	.net = { .connections = 4, .timeout_seconds = 120 },
	.tree = { .deadline_seconds = 45, .keep = 3, .reserve_bytes = 64u << 20 },
};

/* Whether a is b, or a folder above it, on FAT, where case does not count. */
static bool same_or_above(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strncasecmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

static int check_files(const struct sysconf *c, const char *name, struct why *w)
{
	const char *const files[] = { c->slots[SLOT_A].boot_file, c->slots[SLOT_B].boot_file, FALLBACK_LOADER };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		for (size_t k = 0; k < ARRAY_SIZE(files); k++)
			if (i != k && same_or_above(files[i], files[k]))
				return misuse(w, -EBADMSG,
					      "%s: the boot files %s and %s are in each other's way (the fallback "
					      "loader is %s)",
					      name, files[i], files[k], FALLBACK_LOADER);
	return 0;
}

/* Only what is written alike; that they are different partitions is seen on the disk (diskfind). */
static int check_places(const struct sysconf *c, const char *name, struct why *w)
{
	const char *const places[] = { c->esp, c->state, c->slots[SLOT_A].root, c->slots[SLOT_B].root, c->data };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < i; k++)
			if (places[i][0] && strcmp(places[i], places[k]) == 0)
				return misuse(w, -EBADMSG, "%s: %s is given for two partitions", name, places[i]);
	return 0;
}

/* What only means something where there are slots has its default: a key without effect would be believed. */
static int check_host(struct sysconf *c, const char *name, struct why *w)
{
	const char *const pairs[][2] = {
		{ c->esp, defaults.esp },
		{ c->state, defaults.state },
		{ c->data, defaults.data },
		{ c->slots[SLOT_A].root, defaults.slots[SLOT_A].root },
		{ c->slots[SLOT_B].root, defaults.slots[SLOT_B].root },
		{ c->slots[SLOT_A].boot_file, defaults.slots[SLOT_A].boot_file },
		{ c->slots[SLOT_B].boot_file, defaults.slots[SLOT_B].boot_file },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (strcmp(pairs[i][0], pairs[i][1]) != 0)
			return misuse(w, -EBADMSG, "%s: '%s': mode=host has no [disk] and no [slot.*]", name,
				      pairs[i][0]);
	if (c->attempts != defaults.attempts || c->watchdog_seconds != defaults.watchdog_seconds)
		return misuse(w, -EBADMSG,
			      "%s: mode=host starts no slots: attempts and watchdog-timeout have no meaning", name);
	c->esp[0] = c->state[0] = c->data[0] = '\0';
	for (enum slot s = SLOT_A; s <= SLOT_B; s++)
		c->slots[s].root[0] = c->slots[s].boot_file[0] = '\0';
	return 0;
}

const char *sysconf_mode_name(const struct sysconf *c)
{
	return c->host ? "host" : boot_mode_name(c->mode);
}

int sysconf_parse(struct bytes text, const char *name, struct sysconf *ret, struct why *w)
{
	struct sysconf c = defaults;
	int r = ini_read(text, name, keys, ARRAY_SIZE(keys), &c, w);

	if (r)
		return r;
	if (!c.product[0] || !c.compatible[0])
		return misuse(w, -EBADMSG, "%s: [system] %s= is missing", name,
			      c.product[0] ? "compatible" : "product");
	if (!c.tree.root[0])
		(void)snprintf(c.tree.root, sizeof(c.tree.root), "/opt/%s", c.product);
	c.tree.given |= c.host;
	r = c.host ? check_host(&c, name, w) : check_files(&c, name, w);
	if (!r && !c.host)
		r = check_places(&c, name, w);
	if (!r)
		*ret = c;
	return r;
}

int sysconf_load(const char *path, struct sysconf *ret, struct why *w)
{
	const char *name = path ? path : SYSCONF_PATH;
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, name, INI_TEXT_MAX, &text, &n, w);

	if (r == -ENOENT)
		return why_next(w, r,
				"an appliance has its configuration there; docs/formats/system.conf.md lists the keys");
	return r ? r : sysconf_parse(bytes_of(text, n), name, ret, w);
}
