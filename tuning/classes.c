#include "tuning/classes.h"

#include <string.h>

#include "base/ini.h"
#include "base/parse.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static const char *const names[CLASS_COUNT] = { "critical", "high", "normal", "low", "scavenger" };

const struct classes classes_default = { .at = {
						 [CLASS_CRITICAL] = { 2048, 200, 4 * GIB, 2 * GIB, 0, 4096, -999 },
						 [CLASS_HIGH] = { 1536, 150, 2 * GIB, 1 * GIB, 0, 2048, -500 },
						 [CLASS_NORMAL] = { 1024, 100, 1 * GIB, 256 * MIB, 0, 1024, 0 },
						 [CLASS_LOW] = { 512, 50, 512 * MIB, 0, 0, 512, 500 },
						 [CLASS_SCAVENGER] = { 128, 25, 256 * MIB, 0, 0, 128, 1000 },
					 } };

const char *class_name(enum class_id id)
{
	return id < CLASS_COUNT ? names[id] : "?";
}

int class_find(const char *name, enum class_id *ret, struct why *w)
{
	for (enum class_id id = 0; id < CLASS_COUNT; id++) {
		if (strcmp(names[id], name) == 0) {
			*ret = id;
			return 0;
		}
	}
	return misuse(w, -EINVAL, "'%s' is no class; there are " CLASS_NAMES, name);
}

unsigned int class_weight(uint64_t cpu_shares)
{
	uint64_t shares = cpu_shares < CLASS_SHARES_MAX ? cpu_shares : CLASS_SHARES_MAX;
	uint64_t weight = (shares * 100 + CLASS_SHARES_FAIR / 2) / CLASS_SHARES_FAIR;

	return weight < 1 ? 1 : weight > 10000 ? 10000 : (unsigned int)weight;
}

/* The row that a section is about. */
static int row_of(void *into, const char *section, struct class_limits **ret, struct why *w)
{
	enum class_id id = CLASS_DEFAULT;

	if (class_find(section, &id, NULL))
		return misuse(w, -EBADMSG, "'%s' is no class; there are " CLASS_NAMES, section);
	*ret = &((struct classes *)into)->at[id];
	return 0;
}

static int number(const char *value, uint64_t min, uint64_t max, uint64_t *ret, struct why *w)
{
	uint64_t v = 0;

	if (parse_u64(value, max, &v, NULL) || v < min)
		return misuse(w, -EBADMSG, "'%s' is no whole number from %llu to %llu", value, (unsigned long long)min,
			      (unsigned long long)max);
	*ret = v;
	return 0;
}

/* "max", or what `number` says. */
static int number_or_max(const char *value, uint64_t min, uint64_t max, uint64_t *ret, struct why *w)
{
	if (strcmp(value, "max") == 0) {
		*ret = CLASS_UNLIMITED;
		return 0;
	}
	return number(value, min, max, ret, w);
}

static int bytes(const char *value, uint64_t min, uint64_t *ret, struct why *w)
{
	uint64_t v = 0;

	if (parse_size(value, &v, NULL))
		return misuse(w, -EBADMSG, "'%s' is not a size; write bytes, or a number with K, M, G or T", value);
	if (v < min || v > INT64_MAX)
		return misuse(w, -EBADMSG, "'%s' is not within %llu bytes and 8 EiB", value, (unsigned long long)min);
	*ret = v;
	return 0;
}

static int bytes_or_max(const char *value, uint64_t min, uint64_t *ret, struct why *w)
{
	if (strcmp(value, "max") == 0) {
		*ret = CLASS_UNLIMITED;
		return 0;
	}
	return bytes(value, min, ret, w);
}

static int set_shares(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	int r = row_of(into, sub, &row, w);

	return r ? r : number(value, CLASS_SHARES_MIN, CLASS_SHARES_MAX, &row->cpu_shares, w);
}

/* "150%": of one CPU, or two of them for half of the time each and a half. */
static int set_quota(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	size_t n = strlen(value);
	char digits[24];
	int r = row_of(into, sub, &row, w);

	if (r || strcmp(value, "max") == 0)
		return r ? r : number_or_max(value, 1, CLASS_QUOTA_MAX, &row->cpu_quota_percent, w);
	if (n < 2 || n > sizeof(digits) || value[n - 1] != '%')
		return misuse(w, -EBADMSG, "'%s' is neither max nor per cent of one CPU, as 150%%", value);
	memcpy(digits, value, n - 1);
	digits[n - 1] = '\0';
	return number(digits, 1, CLASS_QUOTA_MAX, &row->cpu_quota_percent, w);
}

static int set_memory(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	int r = row_of(into, sub, &row, w);

	return r ? r : bytes_or_max(value, CLASS_MEMORY_MIN, &row->memory_limit_bytes, w);
}

static int set_guarantee(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	int r = row_of(into, sub, &row, w);

	return r ? r : bytes(value, 0, &row->memory_guarantee_bytes, w);
}

static int set_swap(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	int r = row_of(into, sub, &row, w);

	return r ? r : bytes_or_max(value, 0, &row->swap_limit_bytes, w);
}

static int set_pids(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	int r = row_of(into, sub, &row, w);

	return r ? r : number_or_max(value, 1, CLASS_PIDS_MAX, &row->pids_limit, w);
}

/*
 * -1000 together with a memory limit and no swap: the kernel finds nothing to kill at the limit and tries for ever, with a
 * whole CPU (measured: 3002 times in 12 s, and no end). -999 goes last, but goes.
 */
static int set_oom(void *into, const char *sub, const char *value, struct why *w)
{
	struct class_limits *row = NULL;
	bool negative = value[0] == '-';
	uint64_t v = 0;
	int r = row_of(into, sub, &row, w);

	if (r)
		return r;
	if (parse_u64(value + negative, 1000, &v, NULL))
		return misuse(w, -EBADMSG, "'%s' is no whole number from -999 to 1000", value);
	if (negative && v == 1000)
		return misuse(w, -EBADMSG,
			      "-1000 is refused: a process that nothing may kill spins for ever at its memory limit; "
			      "-999 is the last to be killed");
	row->oom_score_adj = negative ? -(int)v : (int)v;
	return 0;
}

static const struct ini_key keys[] = {
	{ "*", "cpu-shares", set_shares, false },   { "*", "cpu-quota", set_quota, false },
	{ "*", "memory-limit", set_memory, false }, { "*", "memory-guarantee", set_guarantee, false },
	{ "*", "swap-limit", set_swap, false },     { "*", "oom-score-adj", set_oom, false },
	{ "*", "pids-limit", set_pids, false },
};

int classes_parse(struct bytes text, const char *name, const struct classes *below, struct classes *ret, struct why *w)
{
	struct classes c = *below;
	int r = ini_read(text, name, keys, ARRAY_SIZE(keys), &c, w);

	if (r)
		return r;
	for (enum class_id id = 0; id < CLASS_COUNT; id++)
		if (c.at[id].memory_guarantee_bytes > c.at[id].memory_limit_bytes)
			return misuse(w, -EBADMSG, "%s: [%s] memory-guarantee is more than memory-limit", name,
				      names[id]);
	*ret = c;
	return 0;
}

static int over(const struct tree *t, const char *path, struct classes *io, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct tree_path name = tree_path("%s/%s", t->name, path);
	int r = tree_text(t, path, INI_TEXT_MAX, &text, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	return classes_parse(bytes_str(text), name.s, io, io, w);
}

int classes_load(const struct tree *t, struct classes *ret, struct why *w)
{
	struct classes c = classes_default;
	int r = over(t, CLASSES_SHIPPED, &c, w);

	r = r ? r : over(t, CLASSES_CONF, &c, w);
	if (!r)
		*ret = c;
	return r;
}
