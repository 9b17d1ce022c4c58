#include "tuning/tuneconf.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/parse.h"
#include "tuning/cpuset.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define SIZE_LIMIT (UINT64_C(1) << 50)
#define BUFFER_MAX UINT64_C(2147483647) /* the kernel's net.core.rmem_max is an int */
#define COUNT_MAX  1000000u
#define WEIGHT_MAX 10000u               /* cgroup v2 */
#define PATH_LIMIT (SWAPFILE_PATH - 3u) /* ".7" and the NUL */

static const char *const swap_policies[] = { "strict", "guarantee", "profile" };
static const char *const cpu_policies[] = { "halves", "reserve" };
static const char *const numberings[] = { "topology", "linear" };

const char *swap_policy_name(enum swap_policy policy)
{
	return swap_policies[policy];
}

const char *cpu_policy_name(enum cpu_policy policy)
{
	return cpu_policies[policy];
}

const char *cpu_numbering_name(enum cpu_numbering numbering)
{
	return numberings[numbering];
}

static const struct tuneconf defaults = {
	.medium_from_bytes = 16 * GIB,
	.massive_above_bytes = 64 * GIB,
	.profile = {
		[PROFILE_SMALL] = { .swap_bytes = 8 * GIB, .network_buffer_bytes = 4 * MIB, .batch_records = 500 },
		[PROFILE_MEDIUM] = { .swap_bytes = 16 * GIB, .network_buffer_bytes = 16 * MIB, .batch_records = 2000 },
		[PROFILE_MASSIVE] = { .swap_bytes = 32 * GIB, .network_buffer_bytes = 32 * MIB, .batch_records = 5000 },
	},
	.swap_policy = SWAP_STRICT,
	.swap_guarantee_bytes = 16 * GIB,
	.swap_reserve_bytes = 5 * GIB,
	.swap_smallest_bytes = 64 * MIB,
	.swap_count_existing = true,
	.swap_path = { "/swapfile", "/data/swap/swapfile" },
	.n_swap_paths = 2,
	.cpu_policy = CPU_HALVES,
	.cpu_numbering = NUMBERING_TOPOLOGY,
	.dpi = true,
	.dpi_cpus = 2,
	.training_cpus = 2,
	.training_from = 8,
	.training_weight = 50,
	.irq = true,
	.connections = {
		.per_core = 2,
		.per_disk = 1,
		.n_rows = 3,
		.row = {
			{ { .value = 16 * GIB }, 4, 50 },
			{ { .inclusive = true, .value = 100 * GIB }, 4, 100 },
			{ { .any = true }, 100, 400 },
		},
	},
	.shared_buffers = { .percent = 25, .min_bytes = 128 * MIB, .max_bytes = 16 * GIB },
	.workers = {
		.n_rows = 3,
		.row = {
			{ { .inclusive = true, .value = 4 }, 1 },
			{ { .inclusive = true, .value = 16 }, 2 },
			{ { .any = true }, 4 },
		},
	},
	.claim = {
		{ "training-core", 3072 * MIB },
		{ "training-dpi", 3072 * MIB },
		{ "training-agent", 200 * MIB },
	},
	.n_claims = 3,
	.sysctl = {
		{ .profile = PROFILE_COUNT, .key = "vm.swappiness", .value = "10" },
		{ .profile = PROFILE_COUNT, .key = "vm.vfs_cache_pressure", .value = "50" },
		{ .profile = PROFILE_COUNT, .raise = true, .key = "net.core.rmem_max", .value = TUNECONF_SYMBOL },
		{ .profile = PROFILE_MASSIVE, .raise = true, .key = "fs.file-max", .value = "1000000" },
	},
	.n_sysctls = 4,
};

void tuneconf_defaults(struct tuneconf *ret)
{
	*ret = defaults;
}

/* --- reading --- */

/* What the file has said so far. A list that it gives takes the place of the default one as a whole. */
struct reading {
	struct tuneconf conf;
	bool paths, connections, workers, claims;
	bool sysctls[PROFILE_COUNT + 1]; /* the last: those for all */
};

static int take_size(const char *value, uint64_t min, uint64_t max, uint64_t *ret, struct why *w)
{
	char lowest[16], highest[16];
	uint64_t v = 0;

	if (parse_size(value, &v, NULL) || v < min || v > max)
		return misuse(w, -EBADMSG, "'%s' is no size from %s to %s; write bytes, or a number with K, M, G or T",
			      value, format_size(min, lowest), format_size(max, highest));
	*ret = v;
	return 0;
}

static int take_count(const char *value, unsigned int min, unsigned int max, unsigned int *ret, struct why *w)
{
	uint64_t v = 0;

	if (parse_u64(value, max, &v, NULL) || v < min)
		return misuse(w, -EBADMSG, "'%s' is no whole number from %u to %u", value, min, max);
	*ret = (unsigned int)v;
	return 0;
}

static int take_bool(const char *value, bool *ret, struct why *w)
{
	return parse_bool(value, ret, NULL) ? misuse(w, -EBADMSG, "'%s' is neither yes nor no", value) : 0;
}

/* One of n words; its index. */
static int take_word(const char *value, const char *const *words, size_t n, unsigned int *ret, struct why *w)
{
	char list[96] = "";

	for (size_t i = 0; i < n; i++) {
		if (strcmp(value, words[i]) == 0) {
			*ret = (unsigned int)i;
			return 0;
		}
		(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", words[i]);
	}
	return misuse(w, -EBADMSG, "'%s' is none of: %s", value, list);
}

static int take_profile(const char *name, enum profile *ret, struct why *w)
{
	for (enum profile p = PROFILE_SMALL; p < PROFILE_COUNT; p++) {
		if (strcmp(name, profile_name(p)) == 0) {
			*ret = p;
			return 0;
		}
	}
	return misuse(w, -EBADMSG, "profiles are small, medium and massive");
}

/* Setters for plain keys: SETTER(name, call) has `c`, `value` and `w`. */
#define SETTER(name, call)                                                                                             \
	static int name(void *into, const char *sub, const char *value, struct why *w)                                 \
	{                                                                                                              \
		struct tuneconf *c = &((struct reading *)into)->conf;                                                  \
                                                                                                                       \
		(void)sub;                                                                                             \
		return (call);                                                                                         \
	}

SETTER(set_medium_from, take_size(value, 0, SIZE_LIMIT, &c->medium_from_bytes, w))
SETTER(set_massive_above, take_size(value, 0, SIZE_LIMIT, &c->massive_above_bytes, w))
SETTER(set_guarantee, take_size(value, 0, SIZE_LIMIT, &c->swap_guarantee_bytes, w))
SETTER(set_reserve, take_size(value, 0, SIZE_LIMIT, &c->swap_reserve_bytes, w))
SETTER(set_smallest, take_size(value, 0, SIZE_LIMIT, &c->swap_smallest_bytes, w))
SETTER(set_count_existing, take_bool(value, &c->swap_count_existing, w))
SETTER(set_dpi, take_bool(value, &c->dpi, w))
SETTER(set_dpi_cpus, take_count(value, 1, CPUSET_CPUS_MAX, &c->dpi_cpus, w))
SETTER(set_training_cpus, take_count(value, 0, CPUSET_CPUS_MAX, &c->training_cpus, w))
SETTER(set_training_from, take_count(value, 1, CPUSET_CPUS_MAX, &c->training_from, w))
SETTER(set_training_weight, take_count(value, 0, WEIGHT_MAX, &c->training_weight, w))
SETTER(set_irq, take_bool(value, &c->irq, w))
SETTER(set_persist, take_bool(value, &c->persist, w))
SETTER(set_per_core, take_count(value, 0, COUNT_MAX, &c->connections.per_core, w))
SETTER(set_per_disk, take_count(value, 0, COUNT_MAX, &c->connections.per_disk, w))
SETTER(set_shared_percent, take_count(value, 0, 100, &c->shared_buffers.percent, w))
SETTER(set_shared_min, take_size(value, 0, SIZE_LIMIT, &c->shared_buffers.min_bytes, w))
SETTER(set_shared_max, take_size(value, 0, SIZE_LIMIT, &c->shared_buffers.max_bytes, w))

/* Setters for the keys of a profile: `p` is which. */
#define PROFILE_SETTER(name, call)                                                                                     \
	static int name(void *into, const char *sub, const char *value, struct why *w)                                 \
	{                                                                                                              \
		struct tuneconf *c = &((struct reading *)into)->conf;                                                  \
		enum profile p = PROFILE_SMALL;                                                                        \
		int r = take_profile(sub, &p, w);                                                                      \
                                                                                                                       \
		return r ? r : (call);                                                                                 \
	}

PROFILE_SETTER(set_profile_swap, take_size(value, 0, SIZE_LIMIT, &c->profile[p].swap_bytes, w))
PROFILE_SETTER(set_profile_buffer, take_size(value, 1, BUFFER_MAX, &c->profile[p].network_buffer_bytes, w))
PROFILE_SETTER(set_profile_batch, take_count(value, 1, COUNT_MAX, &c->profile[p].batch_records, w))

static int set_swap_policy(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	unsigned int i = 0;
	int e = take_word(value, swap_policies, ARRAY_SIZE(swap_policies), &i, w);

	(void)sub;
	if (!e)
		r->conf.swap_policy = (enum swap_policy)i;
	return e;
}

static int set_cpu_policy(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	unsigned int i = 0;
	int e = take_word(value, cpu_policies, ARRAY_SIZE(cpu_policies), &i, w);

	(void)sub;
	if (!e)
		r->conf.cpu_policy = (enum cpu_policy)i;
	return e;
}

static int set_numbering(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	unsigned int i = 0;
	int e = take_word(value, numberings, ARRAY_SIZE(numberings), &i, w);

	(void)sub;
	if (!e)
		r->conf.cpu_numbering = (enum cpu_numbering)i;
	return e;
}

static int set_nic(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;

	(void)sub;
	if (strlen(value) >= sizeof(r->conf.nic) || strpbrk(value, "/ \t") || !text_printable(bytes_str(value)))
		return misuse(w, -EBADMSG, "'%s' is no name of a network card", value);
	memcpy(r->conf.nic, value, strlen(value) + 1);
	return 0;
}

/* A plain absolute path: it becomes a field of /etc/fstab, and others with a number behind it. */
static bool is_plain_path(const char *path)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
	size_t n = strlen(path);

	return path[0] == '/' && n > 1 && n <= PATH_LIMIT && strspn(path, set) == n && path[n - 1] != '/' &&
	       !strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../") &&
	       strcmp(strrchr(path, '/'), "/..") != 0 && strcmp(strrchr(path, '/'), "/.") != 0;
}

static int add_path(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	struct tuneconf *c = &r->conf;

	(void)sub;
	if (!is_plain_path(value))
		return misuse(w, -EBADMSG,
			      "'%s' is no absolute path of letters, digits, '.', '_' and '-', of %u bytes at most",
			      value, PATH_LIMIT);
	if (!r->paths)
		c->n_swap_paths = 0;
	r->paths = true;
	for (size_t i = 0; i < c->n_swap_paths; i++)
		if (strcmp(c->swap_path[i], value) == 0)
			return misuse(w, -EBADMSG, "'%s' is given twice", value);
	if (c->n_swap_paths == TUNECONF_SWAP_PATHS)
		return misuse(w, -EBADMSG, "more than %u", TUNECONF_SWAP_PATHS);
	memcpy(c->swap_path[c->n_swap_paths++], value, strlen(value) + 1);
	return 0;
}

/* Cut the first word off `value`, which is copied to `word`; the rest comes back, NULL when there is none. */
static const char *cut_word(const char *value, char *word, size_t room)
{
	size_t n = strcspn(value, " \t");
	const char *rest = value + n + strspn(value + n, " \t");

	if (n == 0 || n >= room || !*rest)
		return NULL;
	memcpy(word, value, n);
	word[n] = '\0';
	return rest;
}

/* "<16G", "<=4", "any"; numbers by parse_size(), which takes plain ones as well. */
static int take_bound(const char *text, struct bound *ret, struct why *w)
{
	struct bound b = { .any = strcmp(text, "any") == 0, .inclusive = strncmp(text, "<=", 2) == 0 };
	int r = 0;

	if (!b.any && text[0] != '<')
		return misuse(w, -EBADMSG, "'%s' is neither <NUMBER, <=NUMBER nor any", text);
	if (!b.any)
		r = take_size(text + 1 + b.inclusive, 0, SIZE_LIMIT, &b.value, w);
	if (!r)
		*ret = b;
	return r;
}

/* Rows are read from the top, so each has to reach further than the one above. */
static int take_next_bound(const char *text, const struct bound *above, struct bound *ret, struct why *w)
{
	struct bound b = { 0 };
	int r = take_bound(text, &b, w);

	if (r)
		return r;
	if (above && (above->any || (!b.any && (b.value < above->value ||
						(b.value == above->value && (above->inclusive || !b.inclusive))))))
		return misuse(w, -EBADMSG, "'%s' is within a row above", text);
	*ret = b;
	return 0;
}

/* "4-50" */
static int take_range(const char *text, unsigned int *ret_min, unsigned int *ret_max, struct why *w)
{
	size_t n = strcspn(text, "-");
	char first[16];
	unsigned int min = 0, max = 0;
	int r;

	if (!text[n] || n >= sizeof(first))
		return misuse(w, -EBADMSG, "'%s' is no range MIN-MAX", text);
	memcpy(first, text, n);
	first[n] = '\0';
	r = take_count(first, 1, COUNT_MAX, &min, w);
	r = r ? r : take_count(text + n + 1, 1, COUNT_MAX, &max, w);
	if (!r && min > max)
		return misuse(w, -EBADMSG, "'%s' runs backwards", text);
	if (!r) {
		*ret_min = min;
		*ret_max = max;
	}
	return r;
}

static int add_connections(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	struct tuneconf *c = &r->conf;
	char word[32];
	const char *range = cut_word(value, word, sizeof(word));
	size_t n = r->connections ? c->connections.n_rows : 0;
	int e;

	(void)sub;
	if (!range)
		return misuse(w, -EBADMSG, "'%s' is not RAM MIN-MAX", value);
	if (n == TUNECONF_ROWS)
		return misuse(w, -EBADMSG, "more than %u", TUNECONF_ROWS);
	e = take_next_bound(word, n ? &c->connections.row[n - 1].ram : NULL, &c->connections.row[n].ram, w);
	e = e ? e : take_range(range, &c->connections.row[n].min, &c->connections.row[n].max, w);
	if (e)
		return e;
	r->connections = true;
	c->connections.n_rows = n + 1;
	return 0;
}

static int add_workers(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	struct tuneconf *c = &r->conf;
	char word[32];
	const char *count = cut_word(value, word, sizeof(word));
	size_t n = r->workers ? c->workers.n_rows : 0;
	int e;

	(void)sub;
	if (!count)
		return misuse(w, -EBADMSG, "'%s' is not CORES WORKERS", value);
	if (n == TUNECONF_ROWS)
		return misuse(w, -EBADMSG, "more than %u", TUNECONF_ROWS);
	e = take_next_bound(word, n ? &c->workers.row[n - 1].cores : NULL, &c->workers.row[n].cores, w);
	e = e ? e : take_count(count, 1, COUNT_MAX, &c->workers.row[n].n, w);
	if (e)
		return e;
	r->workers = true;
	c->workers.n_rows = n + 1;
	return 0;
}

static int add_claim(void *into, const char *sub, const char *value, struct why *w)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	struct reading *r = into;
	struct tuneconf *c = &r->conf;
	char word[sizeof(c->claim[0].name)];
	const char *size = cut_word(value, word, sizeof(word));
	int e;

	(void)sub;
	if (!r->claims)
		c->n_claims = 0;
	r->claims = true;
	if (!value[0])
		return 0;
	if (!size || word[strspn(word, set)])
		return misuse(w, -EBADMSG, "'%s' is not NAME SIZE", value);
	for (size_t i = 0; i < c->n_claims; i++)
		if (strcmp(c->claim[i].name, word) == 0)
			return misuse(w, -EBADMSG, "'%s' is given twice", word);
	if (c->n_claims == TUNECONF_CLAIMS)
		return misuse(w, -EBADMSG, "more than %u", TUNECONF_CLAIMS);
	e = take_size(size, 0, SIZE_LIMIT, &c->claim[c->n_claims].bytes, w);
	if (!e)
		memcpy(c->claim[c->n_claims++].name, word, strlen(word) + 1);
	return e;
}

/* --- kernel parameters --- */

static bool is_parameter(const char *key)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:";
	size_t n = strlen(key);

	return n > 0 && n < TUNECONF_KEY && strspn(key, set) == n && strpbrk(key, "./") && !strchr("./", key[0]) &&
	       !strchr("./", key[n - 1]) && !strstr(key, "..") && !strstr(key, "//") && !strstr(key, "./") &&
	       !strstr(key, "/.");
}

/* Fields set apart by blanks, those that start with '$' a known symbol; one number or symbol when it is to be raised. */
static int take_value(const char *value, bool raise, char ret[TUNECONF_VALUE], struct why *w)
{
	size_t n = 0, fields = 0;

	for (const char *at = value; *at; at += strspn(at, " \t"), fields++) {
		size_t length = strcspn(at, " \t");
		bool symbol = length == strlen(TUNECONF_SYMBOL) && strncmp(at, TUNECONF_SYMBOL, length) == 0;

		if (n + length + 2 > TUNECONF_VALUE)
			return misuse(w, -EBADMSG, "'%s' is over the limit of %u bytes", value, TUNECONF_VALUE - 1);
		if (at[0] == '$' && !symbol)
			return misuse(w, -EBADMSG, "'%.*s' is unknown; %s is there", (int)length, at, TUNECONF_SYMBOL);
		if (raise && !symbol && strspn(at, "0123456789") < length)
			return misuse(w, -EBADMSG, "'%s' is no whole number, which >= wants", value);
		if (n)
			ret[n++] = ' ';
		memcpy(ret + n, at, length);
		n += length;
		ret[n] = '\0';
		at += length;
	}
	if (fields == 0 || (raise && fields != 1))
		return misuse(w, -EBADMSG, "'%s' is not one value", value);
	return text_printable(bytes_of(ret, n)) ? 0 : misuse(w, -EBADMSG, "'%s' is no plain text", value);
}

/* "vm.swappiness = 10", "fs.file-max >= 1000000" */
static int take_rule(const char *text, struct sysctl_rule *ret, struct why *w)
{
	char key[TUNECONF_KEY], relation[3];
	const char *rest = cut_word(text, key, sizeof(key)), *value = rest ? cut_word(rest, relation, 3) : NULL;

	if (!value || (strcmp(relation, "=") != 0 && strcmp(relation, ">=") != 0))
		return misuse(w, -EBADMSG, "'%s' is neither KEY = VALUE nor KEY >= NUMBER, with blanks between", text);
	if (!is_parameter(key))
		return misuse(w, -EBADMSG, "'%s' is no name of a kernel parameter", key);
	ret->raise = relation[0] == '>';
	memcpy(ret->key, key, strlen(key) + 1);
	return take_value(value, ret->raise, ret->value, w);
}

/* The first rule in a section takes the place of the default ones of that section. */
static void drop_defaults(struct reading *r, enum profile p)
{
	struct tuneconf *c = &r->conf;
	size_t n = 0;

	if (r->sysctls[p])
		return;
	r->sysctls[p] = true;
	for (size_t i = 0; i < c->n_sysctls; i++)
		if (c->sysctl[i].profile != p)
			c->sysctl[n++] = c->sysctl[i];
	c->n_sysctls = n;
}

static int add_rule(struct reading *r, enum profile p, bool required, const char *value, struct why *w)
{
	struct tuneconf *c = &r->conf;
	struct sysctl_rule rule = { .profile = p, .required = required };
	int e;

	drop_defaults(r, p);
	if (!value[0])
		return 0;
	e = take_rule(value, &rule, w);
	if (e)
		return e;
	for (size_t i = 0; i < c->n_sysctls; i++)
		if (c->sysctl[i].profile == p && strcmp(c->sysctl[i].key, rule.key) == 0)
			return misuse(w, -EBADMSG, "%s is given twice", rule.key);
	if (c->n_sysctls == TUNECONF_SYSCTLS)
		return misuse(w, -EBADMSG, "more than %u rules", TUNECONF_SYSCTLS);
	c->sysctl[c->n_sysctls++] = rule;
	return 0;
}

static int add_set(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return add_rule(into, PROFILE_COUNT, false, value, w);
}

static int add_require(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return add_rule(into, PROFILE_COUNT, true, value, w);
}

static int add_profile_set(void *into, const char *sub, const char *value, struct why *w)
{
	enum profile p = PROFILE_SMALL;
	int r = take_profile(sub, &p, w);

	return r ? r : add_rule(into, p, false, value, w);
}

static int add_profile_require(void *into, const char *sub, const char *value, struct why *w)
{
	enum profile p = PROFILE_SMALL;
	int r = take_profile(sub, &p, w);

	return r ? r : add_rule(into, p, true, value, w);
}

static const struct ini_key keys[] = {
	{ "profile", "medium-from", set_medium_from, false },
	{ "profile", "massive-above", set_massive_above, false },
	{ "profile.*", "swap", set_profile_swap, false },
	{ "profile.*", "network-buffer", set_profile_buffer, false },
	{ "profile.*", "batch", set_profile_batch, false },
	{ "swap", "policy", set_swap_policy, false },
	{ "swap", "guarantee", set_guarantee, false },
	{ "swap", "reserve", set_reserve, false },
	{ "swap", "smallest", set_smallest, false },
	{ "swap", "count-existing", set_count_existing, false },
	{ "swap", "path", add_path, true },
	{ "cpu", "policy", set_cpu_policy, false },
	{ "cpu", "numbering", set_numbering, false },
	{ "cpu", "dpi", set_dpi, false },
	{ "cpu", "dpi-cpus", set_dpi_cpus, false },
	{ "cpu", "nic", set_nic, false },
	{ "cpu", "training-cpus", set_training_cpus, false },
	{ "cpu", "training-from", set_training_from, false },
	{ "cpu", "training-weight", set_training_weight, false },
	{ "cpu", "irq", set_irq, false },
	{ "cpu", "persist", set_persist, false },
	{ "database", "per-core", set_per_core, false },
	{ "database", "per-disk", set_per_disk, false },
	{ "database", "connections", add_connections, true },
	{ "database", "shared-buffers-percent", set_shared_percent, false },
	{ "database", "shared-buffers-min", set_shared_min, false },
	{ "database", "shared-buffers-max", set_shared_max, false },
	{ "feeds", "workers", add_workers, true },
	{ "disk", "claim", add_claim, true },
	{ "sysctl", "set", add_set, true },
	{ "sysctl", "require", add_require, true },
	{ "sysctl.*", "set", add_profile_set, true },
	{ "sysctl.*", "require", add_profile_require, true },
};

/* What no line alone can tell. */
static int check_whole(const struct tuneconf *c, const char *name, struct why *w)
{
	if (c->medium_from_bytes > c->massive_above_bytes)
		return misuse(w, -EBADMSG, "%s: [profile] medium-from is above massive-above", name);
	if (!c->connections.row[c->connections.n_rows - 1].ram.any)
		return misuse(w, -EBADMSG, "%s: [database] the last of connections is not for any RAM", name);
	if (!c->workers.row[c->workers.n_rows - 1].cores.any)
		return misuse(w, -EBADMSG, "%s: [feeds] the last of workers is not for any number of cores", name);
	if (c->shared_buffers.min_bytes > c->shared_buffers.max_bytes)
		return misuse(w, -EBADMSG, "%s: [database] shared-buffers-min is above shared-buffers-max", name);
	return 0;
}

int tuneconf_parse(struct bytes text, const char *name, struct tuneconf *ret, struct why *w)
{
	AUTO_FREE struct reading *into = calloc(1, sizeof(*into));
	int r;

	if (!into)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	into->conf = defaults;
	r = ini_read(text, name, keys, ARRAY_SIZE(keys), into, w);
	r = r ? r : check_whole(&into->conf, name, w);
	if (!r)
		*ret = into->conf;
	return r;
}

int tuneconf_read(const char *path, struct tuneconf *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, path, INI_TEXT_MAX, &text, &n, w);

	return r ? r : tuneconf_parse(bytes_of(text, n), path, ret, w);
}

int tuneconf_product(const char *path, char ret[TUNECONF_PRODUCT], struct why *w)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	char name[TUNECONF_PRODUCT];
	int r = ini_value_file(path, "system", "product", name, sizeof(name), w);

	if (r)
		return r;
	if (name[0] == '\0' || name[0] == '-' || name[strspn(name, set)])
		return misuse(w, -EBADMSG, "%s: [system] product: '%s': lower-case letters, digits and '-' only", path,
			      name);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}
