#include "bootstage/trainer/job.h"

#include <ctype.h>

#include "base/ini.h"
#include "base/parse.h"
#include "bootstage/dropfiles.h"

#define SUFFIX ".job"

/* --- keys --- */

/* What is read, and which keys were given. */
struct reading {
	struct trainjob job;
	bool ordered;
};

static int set_description(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return ini_text(((struct reading *)into)->job.description, TRAINJOB_TEXT, value, w);
}

static int number(const char *value, uint64_t min, uint64_t max, unsigned int *ret, struct why *w)
{
	uint64_t v = 0;

	if (parse_u64(value, max, &v, NULL) || v < min)
		return misuse(w, -EBADMSG, "'%s' is no whole number from %llu to %llu", value, (unsigned long long)min,
			      (unsigned long long)max);
	*ret = (unsigned int)v;
	return 0;
}

static int set_order(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;

	(void)sub;
	r->ordered = true;
	return number(value, 0, 9999, &r->job.order, w);
}

static int program(const char *value, char out[TRAINJOB_TEXT], struct why *w)
{
	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' does not start with an absolute path", value);
	return ini_text(out, TRAINJOB_TEXT, value, w);
}

static int set_exec(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return program(value, ((struct reading *)into)->job.exec, w);
}

static int set_exec_seed(void *into, const char *sub, const char *value, struct why *w)
{
	struct trainjob *j = &((struct reading *)into)->job;

	(void)sub;
	if (strcmp(value, "none") != 0)
		return program(value, j->exec_seed, w);
	j->exec_seed[0] = '\0';
	return 0;
}

/* It is made, given away, capped and cleared out: nothing but a plain path will do. */
static int set_folder(void *into, const char *sub, const char *value, struct why *w)
{
	size_t n = strlen(value);

	(void)sub;
	if (value[0] != '/' || n < 2 || value[n - 1] == '/' || strstr(value, "//") || strstr(value, "/../") ||
	    strstr(value, "/./") || strcmp(value + n - 2, "/.") == 0 || (n > 2 && strcmp(value + n - 3, "/..") == 0))
		return misuse(w, -EBADMSG, "'%s' is no absolute path without '//', '.', '..' and '/' at its end",
			      value);
	return ini_text(((struct reading *)into)->job.folder, TRAINJOB_TEXT, value, w);
}

static int set_cap(void *into, const char *sub, const char *value, struct why *w)
{
	uint64_t v = 0;

	(void)sub;
	if (parse_size(value, &v, NULL) || v == 0 || v > TRAINJOB_CAP_MAX || v % TRAINJOB_CAP_UNIT)
		return misuse(w, -EBADMSG, "'%s' is no size in whole MiB", value);
	((struct reading *)into)->job.cap_bytes = v;
	return 0;
}

static int set_class(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (class_find(value, &((struct reading *)into)->job.class, NULL))
		return misuse(w, -EBADMSG, "'%s' is none of " CLASS_NAMES, value);
	return 0;
}

static int set_timeout(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return number(value, 1, TRAINJOB_LONGEST, &((struct reading *)into)->job.timeout_seconds, w);
}

static int set_stall(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return number(value, 0, TRAINJOB_LONGEST, &((struct reading *)into)->job.stall_seconds, w);
}

static int set_on_failure(void *into, const char *sub, const char *value, struct why *w)
{
	bool goes_on = strcmp(value, "continue") == 0;

	(void)sub;
	if (!goes_on && strcmp(value, "stop") != 0)
		return misuse(w, -EBADMSG, "'%s' is neither stop nor continue", value);
	((struct reading *)into)->job.continues = goes_on;
	return 0;
}

static int set_user(void *into, const char *sub, const char *value, struct why *w)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	(void)sub;
	if (value[strspn(value, set)] || value[0] == '-' || !value[0])
		return misuse(w, -EBADMSG, "'%s' cannot be the name of a user", value);
	return ini_text(((struct reading *)into)->job.user, TRAINJOB_USER, value, w);
}

static int set_floor(void *into, const char *sub, const char *value, struct why *w)
{
	struct trainjob *j = &((struct reading *)into)->job;
	char *end = NULL;
	double v = isdigit((unsigned char)value[0]) ? strtod(value, &end) : -1;

	(void)sub;
	if (!end || *end || !(v >= 0 && v <= 1) || strspn(value, "0123456789.") != strlen(value))
		return misuse(w, -EBADMSG, "'%s' is no number from 0 to 1", value);
	j->floor = v;
	j->has_floor = true;
	return 0;
}

static int add_environment(void *into, const char *sub, const char *value, struct why *w)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	struct trainjob *j = &((struct reading *)into)->job;
	size_t n = strspn(value, set);

	(void)sub;
	if (n == 0 || value[n] != '=' || isdigit((unsigned char)value[0]))
		return misuse(w, -EBADMSG, "'%s' is not NAME=value", value);
	if (j->n_environment == TRAINJOB_ENV_MAX)
		return misuse(w, -EBADMSG, "more than %u variables", TRAINJOB_ENV_MAX);
	return ini_text(j->environment[j->n_environment++], TRAINJOB_TEXT, value, w);
}

static const struct ini_key keys[] = {
	{ "job", "description", set_description, false },
	{ "job", "order", set_order, false },
	{ "job", "exec", set_exec, false },
	{ "job", "exec-seed", set_exec_seed, false },
	{ "job", "folder", set_folder, false },
	{ "job", "cap", set_cap, false },
	{ "job", "class", set_class, false },
	{ "job", "timeout", set_timeout, false },
	{ "job", "stall", set_stall, false },
	{ "job", "on-failure", set_on_failure, false },
	{ "job", "user", set_user, false },
	{ "job", "floor", set_floor, false },
	{ "job", "environment", add_environment, true },
};

/* --- one file --- */

/* R1: three jobs have caps of their own. */
static uint64_t usual_cap(const char *name)
{
	static const struct {
		const char *name;
		uint64_t mb;
	} usual[] = { { "core", 3072 }, { "dpi", 3072 }, { "agent", 200 } };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (strcmp(usual[i].name, name) == 0)
			return usual[i].mb * TRAINJOB_CAP_UNIT;
	return 0;
}

static int name_of(const char *file, const char *path, struct trainjob *j, struct why *w)
{
	if (strlen(file) >= sizeof(j->file) || !dropfile_name(file, SUFFIX, j->name, sizeof(j->name)))
		return misuse(w, -EBADMSG,
			      "%s: job files are named NN-NAME.job: two digits, then up to %u lower-case letters, "
			      "digits, '_' and '-'",
			      path, TRAINJOB_NAME - 1);
	(void)snprintf(j->file, sizeof(j->file), "%s", file);
	return 0;
}

/* What is missing. */
static int check(struct reading *r, const char *path, struct why *w)
{
	struct trainjob *j = &r->job;

	if (!j->exec[0])
		return misuse(w, -EBADMSG, "%s: [job] exec= is missing", path);
	if (!j->cap_bytes)
		j->cap_bytes = usual_cap(j->name);
	if (!j->cap_bytes)
		return misuse(w, -EBADMSG, "%s: [job] cap= is missing; only core, dpi and agent have one by default",
			      path);
	if (!r->ordered)
		j->order = (unsigned int)(j->file[0] - '0') * 10 + (unsigned int)(j->file[1] - '0');
	return 0;
}

int trainjob_parse(struct bytes text, const char *file, const char *path, struct trainjob *ret, struct why *w)
{
	AUTO_FREE struct reading *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return fail(w, -ENOMEM, "%s: out of memory", path);
	r->job.timeout_seconds = TRAINJOB_TIMEOUT;
	r->job.stall_seconds = TRAINJOB_STALL;
	r->job.class = CLASS_LOW;
	(void)snprintf(r->job.exec_seed, sizeof(r->job.exec_seed), "%s", TRAINJOB_SEED);
	e = name_of(file, path, &r->job, w);
	e = e ? e : ini_read(text, path, keys, ARRAY_SIZE(keys), r, w);
	e = e ? e : check(r, path, w);
	if (!e)
		*ret = r->job;
	return e;
}

/* --- folders --- */

static bool inside(const char *folder, const char *of)
{
	size_t n = strlen(of);

	return strncmp(folder, of, n) == 0 && (!folder[n] || folder[n] == '/');
}

/* One folder has one cap, so none may be in another's. */
static int add(struct trainjobs *all, const struct trainjob *j, const char *path, struct why *w)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct trainjob *o = &all->at[i];

		if (strcmp(o->name, j->name) == 0)
			return misuse(w, -EBADMSG, "%s: there is a job '%s' already, in %s", path, j->name, o->file);
		if (inside(o->folder, j->folder) || inside(j->folder, o->folder))
			return misuse(w, -EBADMSG, "%s: its folder %s and %s of '%s' are in each other", path,
				      j->folder, o->folder, o->name);
	}
	all->at[all->n++] = *j;
	return 0;
}

static int take(struct trainjobs *all, const struct dropfile *f, const char *product, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	struct trainjob j;
	size_t n = 0;
	int r = dropfiles_read(f, &text, &n, path, w);

	if (r || !text)
		return r;
	r = trainjob_parse(bytes_of(text, n), f->file, path, &j, w);
	if (r)
		return r;
	if (!j.folder[0])
		(void)snprintf(j.folder, sizeof(j.folder), "/var/lib/%s/models/%s", product, j.name);
	return add(all, &j, path, w);
}

static int by_order(const void *a, const void *b)
{
	const struct trainjob *x = a, *y = b;

	return x->order != y->order ? (x->order > y->order) - (x->order < y->order) : strcmp(x->file, y->file);
}

int trainjobs_load(const char *root, const char *product, struct trainjobs *ret, struct why *w)
{
	static const struct dropfiles files = { .suffix = SUFFIX, .what = "jobs", .max = TRAINJOBS_MAX };
	char usual[2][PATH_MAX / 2];
	const char *folders[] = { usual[0], usual[1] };
	AUTO_FREE struct dropfile *found = calloc(TRAINJOBS_MAX, sizeof(*found));
	AUTO_TRAINJOBS all = { .at = calloc(TRAINJOBS_MAX, sizeof(*all.at)) };
	int n, r = 0;

	if (!found || !all.at)
		return fail(w, -ENOMEM, "jobs: out of memory");
	if (root && strlen(root) > sizeof(usual[0]) - sizeof(TRAINJOBS_FOLDER))
		return fail(w, -ENAMETOOLONG, "%s: name too long", root);
	(void)snprintf(usual[0], sizeof(usual[0]), "%s" TRAINJOBS_FOLDER, root ? root : "");
	(void)snprintf(usual[1], sizeof(usual[1]), "%s" TRAINJOBS_OVERRIDE, root ? root : "");
	n = dropfiles_find(&files, folders, ARRAY_SIZE(folders), found, w);
	for (int i = 0; !r && i < n; i++)
		r = take(&all, &found[i], product, w);
	if (n < 0 || r)
		return n < 0 ? n : r;
	qsort(all.at, all.n, sizeof(*all.at), by_order);
	*ret = all;
	all = (struct trainjobs){ 0 }; /* NOLINT(clang-analyzer-deadcode.DeadStores): AUTO_TRAINJOBS reads it */
	return 0;
}

void trainjobs_free(struct trainjobs *j)
{
	free(j->at);
	*j = (struct trainjobs){ 0 };
}

const struct trainjob *trainjobs_find(const struct trainjobs *j, const char *name)
{
	for (size_t i = 0; i < j->n; i++)
		if (strcmp(j->at[i].name, name) == 0)
			return &j->at[i];
	return NULL;
}
