/* The limits of a class, written to a group and read back. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/parse.h"
#include "tuning/cgroup.h"

#define ABOVE_MAX 32 /* groups above one */
#define VALUE     48u

struct limit {
	const char *file;
	char wanted[VALUE];
};

/* Add one to what is degraded. */
PRINTF(2, 3) static void say(struct cgroup_limited *l, const char *fmt, ...)
{
	size_t n = strlen(l->degraded), room = sizeof(l->degraded) - n;
	va_list ap;

	if (n)
		(void)snprintf(l->degraded + n, room, "; ");
	n = strlen(l->degraded);
	va_start(ap, fmt);
	(void)vsnprintf(l->degraded + n, sizeof(l->degraded) - n, fmt, ap);
	va_end(ap);
}

static void put_number(char out[VALUE], uint64_t v)
{
	if (v == CLASS_UNLIMITED)
		(void)snprintf(out, VALUE, "max");
	else
		(void)snprintf(out, VALUE, "%" PRIu64, v);
}

static void put_quota(char out[VALUE], uint64_t percent)
{
	if (percent == CLASS_UNLIMITED)
		(void)snprintf(out, VALUE, "max %u", CLASS_PERIOD_US);
	else
		(void)snprintf(out, VALUE, "%" PRIu64 " %u", percent * (CLASS_PERIOD_US / 100), CLASS_PERIOD_US);
}

/* The kernel counts pages. */
static uint64_t whole_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return bytes == CLASS_UNLIMITED ? bytes : bytes / page * page;
}

/* What the memory of this machine leaves of a class's. */
static void fit(const struct class_limits *c, uint64_t ram_bytes, struct cgroup_limited *ret)
{
	char wanted[16], there[16];

	ret->memory_limit_bytes = whole_pages(c->memory_limit_bytes);
	ret->memory_guarantee_bytes = whole_pages(c->memory_guarantee_bytes);
	if (ram_bytes == 0)
		return;
	(void)format_size(ram_bytes, there);
	if (c->memory_limit_bytes != CLASS_UNLIMITED && c->memory_limit_bytes > ram_bytes) {
		ret->memory_limit_bytes = whole_pages(ram_bytes);
		say(ret, "memory limit of %s lowered to the %s that there are",
		    format_size(c->memory_limit_bytes, wanted), there);
	}
	if (c->memory_guarantee_bytes > ram_bytes / 2) {
		ret->memory_guarantee_bytes = whole_pages(ram_bytes / 2);
		say(ret, "memory guarantee of %s lowered to half of the %s that there are",
		    format_size(c->memory_guarantee_bytes, wanted), there);
	}
}

/* The first line of a control file; cut, since what does not fit is not what was written. */
static int read_back(const struct cgroup *g, const char *file, char ret[VALUE])
{
	AUTO_FREE char *text = NULL;
	int r = cgroup_read(g, file, &text, NULL);

	if (!r)
		(void)snprintf(ret, VALUE, "%.40s", text);
	return r;
}

/* Write one and read it back. Returns whether the file is there; what goes wrong is said. */
static bool set_one(const struct cgroup *g, const struct limit *l, struct cgroup_limited *ret)
{
	char now[VALUE] = "";
	int r = cgroup_write(g, l->file, l->wanted, NULL);

	if (r == -ENOENT)
		return false;
	if (r) {
		say(ret, "%s: '%s': %s", l->file, l->wanted, strerror(-r));
		return true;
	}
	r = read_back(g, l->file, now);
	if (r)
		say(ret, "%s: cannot be read back: %s", l->file, strerror(-r));
	else if (strcmp(now, l->wanted) != 0)
		say(ret, "%s: '%s' was written, it is '%s'", l->file, l->wanted, now);
	return true;
}

/* memory.min is worth what all groups above have as well; the topmost one has no such file. */
static void check_held(const struct cgroup *g, struct cgroup_limited *ret)
{
	char up[3 * ABOVE_MAX + 16] = "", has[16], wanted[16];

	for (int i = 0; i < ABOVE_MAX; i++) {
		struct tree_path file = tree_path("../%smemory.min", up);
		char now[VALUE];
		uint64_t v = 0;

		if (read_back(g, file.s, now))
			return;
		if (strcmp(now, "max") != 0 && parse_u64(now, UINT64_MAX, &v, NULL) == 0 &&
		    v < ret->memory_guarantee_bytes) {
			(void)snprintf(ret->unheld, sizeof(ret->unheld),
				       "the memory guarantee of %s is not held: a group above guarantees %s",
				       format_size(ret->memory_guarantee_bytes, wanted), format_size(v, has));
			return;
		}
		memcpy(up + 3 * (size_t)i, "../", 4);
	}
}

/* One controller's limits; without the first of them there is no such controller. Returns whether there is. */
static bool set_all(const struct cgroup *g, const char *controller, const struct limit *limits, size_t n,
		    struct cgroup_limited *ret)
{
	if (!set_one(g, &limits[0], ret)) {
		say(ret, "no controller %s", controller);
		return false;
	}
	for (size_t i = 1; i < n; i++)
		if (!set_one(g, &limits[i], ret))
			say(ret, "this kernel has no %s", limits[i].file);
	return true;
}

void cgroup_limit(const struct cgroup *g, const struct class_limits *c, uint64_t ram_bytes, struct cgroup_limited *ret)
{
	struct limit cpu[] = { { .file = "cpu.weight" }, { .file = "cpu.max" } };
	struct limit pids[] = { { .file = "pids.max" } };
	struct limit memory[] = {
		{ .file = "memory.max" },
		{ .file = "memory.min" },
		{ .file = "memory.swap.max" },
		{ .file = "memory.oom.group", .wanted = "1" },
	};

	*ret = (struct cgroup_limited){ 0 };
	fit(c, ram_bytes, ret);
	put_number(cpu[0].wanted, class_weight(c->cpu_shares));
	put_quota(cpu[1].wanted, c->cpu_quota_percent);
	put_number(memory[0].wanted, ret->memory_limit_bytes);
	put_number(memory[1].wanted, ret->memory_guarantee_bytes);
	put_number(memory[2].wanted, whole_pages(c->swap_limit_bytes));
	put_number(pids[0].wanted, c->pids_limit);
	IGNORE(set_all(g, "cpu", cpu, ARRAY_SIZE(cpu), ret)); /* what is missing was said */
	if (set_all(g, "memory", memory, ARRAY_SIZE(memory), ret)) {
		check_held(g, ret);
	} else {
		ret->memory_limit_bytes = CLASS_UNLIMITED;
		ret->memory_guarantee_bytes = 0;
	}
	IGNORE(set_all(g, "pids", pids, ARRAY_SIZE(pids), ret));
}
