#include "bootstage/trainer/trainconf.h"

#include <fcntl.h>
#include <limits.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/parse.h"

/* What is read, and which lists this file has begun anew. */
struct reading {
	struct trainconf conf;
	bool times, quiet;
};

/* The reason of a parser that is not about a file. */
static int as_value(int r, const struct why *cause, struct why *w)
{
	return r ? misuse(w, -EBADMSG, "%s", cause->text) : 0;
}

/* "off" empties the list. */
static int add_schedule(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	struct trainsched *s = &r->conf.sched;
	struct why cause = { 0 };
	int e;

	(void)sub;
	if (!r->times)
		s->n_times = 0;
	r->times = true;
	if (strcmp(value, "off") == 0)
		return s->n_times ? misuse(w, -EBADMSG, "'off' behind other times") : 0;
	if (s->n_times == TRAINSCHED_MAX)
		return misuse(w, -EBADMSG, "more than %u times", TRAINSCHED_MAX);
	e = train_times_parse(value, &s->times[s->n_times], &cause);
	s->n_times += e == 0;
	return as_value(e, &cause, w);
}

static int add_quiet(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	struct trainsched *s = &r->conf.sched;
	struct why cause = { 0 };
	int e;

	(void)sub;
	if (!r->quiet)
		s->n_quiet = 0;
	r->quiet = true;
	if (strcmp(value, "off") == 0)
		return s->n_quiet ? misuse(w, -EBADMSG, "'off' behind other hours") : 0;
	if (s->n_quiet == TRAINSCHED_MAX)
		return misuse(w, -EBADMSG, "more than %u spans of hours", TRAINSCHED_MAX);
	e = train_span_parse(value, &s->quiet[s->n_quiet], &cause);
	s->n_quiet += e == 0;
	return as_value(e, &cause, w);
}

static int number(const char *value, unsigned int min, unsigned int max, unsigned int *ret, struct why *w)
{
	uint64_t v = 0;

	if (parse_u64(value, max, &v, NULL) || v < min)
		return misuse(w, -EBADMSG, "'%s' is no whole number from %u to %u", value, min, max);
	*ret = (unsigned int)v;
	return 0;
}

static int limit(const char *value, unsigned int *ret, struct why *w)
{
	if (strcmp(value, "off") != 0)
		return number(value, 1, 100, ret, w);
	*ret = 0;
	return 0;
}

static int set_quota(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return cap_kind_named(value, &((struct reading *)into)->conf.quota)
		       ? 0
		       : misuse(w, -EBADMSG, "'%s' is none of auto, project, loop, scan", value);
}

static int set_reserve(void *into, const char *sub, const char *value, struct why *w)
{
	struct why cause = { 0 };

	(void)sub;
	return as_value(parse_size(value, &((struct reading *)into)->conf.reserve_bytes, &cause), &cause, w);
}

static int set_disk(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' is no absolute path", value);
	return ini_text(((struct reading *)into)->conf.disk, TRAINCONF_TEXT, value, w);
}

#define SETTER(name, call)                                                                                             \
	static int name(void *into, const char *sub, const char *value, struct why *w)                                 \
	{                                                                                                              \
		struct trainconf *c = &((struct reading *)into)->conf;                                                 \
                                                                                                                       \
		(void)sub;                                                                                             \
		return call;                                                                                           \
	}

SETTER(set_cpu, limit(value, &c->sched.cpu_percent, w))
SETTER(set_io, limit(value, &c->sched.io_percent, w))
SETTER(set_memory, limit(value, &c->sched.memory_percent, w))
SETTER(set_prune_at, number(value, 1, 100, &c->prune_at, w))
SETTER(set_keep_last, number(value, 1, 1000, &c->keep_last, w))

static const struct ini_key keys[] = {
	{ "trainer", "schedule", add_schedule, true },         { "trainer", "quiet-hours", add_quiet, true },
	{ "trainer", "load-limit-cpu", set_cpu, false },       { "trainer", "load-limit-io", set_io, false },
	{ "trainer", "load-limit-memory", set_memory, false }, { "trainer", "quota", set_quota, false },
	{ "trainer", "prune-at", set_prune_at, false },        { "trainer", "keep-last", set_keep_last, false },
	{ "trainer", "reserve", set_reserve, false },          { "trainer", "disk", set_disk, false },
};

void trainconf_defaults(struct trainconf *ret)
{
	*ret = (struct trainconf){
		.sched = { .times = { { .days = 0x7f, .hours = 1u << 2, .minutes = 1 } }, .n_times = 1 },
		.quota = CAP_AUTO,
		.prune_at = 80,
		.keep_last = 2,
		.reserve_bytes = 5ull << 30,
	};
}

int trainconf_parse(struct bytes text, const char *name, const struct trainconf *below, struct trainconf *ret,
		    struct why *w)
{
	struct reading r = { .conf = *below };
	int e = ini_read(text, name, keys, ARRAY_SIZE(keys), &r, w);

	if (!e)
		*ret = r.conf;
	return e;
}

static int over(const char *root, const char *file, struct trainconf *c, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	struct why cause = { 0 };
	size_t n = 0;
	int r;

	if (snprintf(path, sizeof(path), "%s%s", root ? root : "", file) >= (int)sizeof(path))
		return fail(w, -ENAMETOOLONG, "%s: name too long", root);
	r = file_read(AT_FDCWD, path, INI_TEXT_MAX, &text, &n, &cause);
	if (r == -ENOENT)
		return 0;
	return r ? fail(w, r, "%s", cause.text) : trainconf_parse(bytes_of(text, n), path, c, c, w);
}

int trainconf_load(const char *root, struct trainconf *ret, struct why *w)
{
	struct trainconf c;
	int r;

	trainconf_defaults(&c);
	r = over(root, TRAINCONF_SHIPPED, &c, w);
	r = r ? r : over(root, TRAINCONF_FILE, &c, w);
	if (!r)
		*ret = c;
	return r;
}
