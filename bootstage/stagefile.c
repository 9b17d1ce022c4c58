#include "bootstage/stagefile.h"

#include <ctype.h>

#include "base/ini.h"
#include "base/parse.h"
#include "bootstage/dropfiles.h"

#define SUFFIX ".stage"

static const char *const phase_words[] = { "initramfs", "early", "post", "committed" };
static const char *const failure_words[] = { "ignore", "degrade", "fail-closed", "fail-boot" };

/* Index of a word in a table; -1. */
static int word_index(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

const char *stage_phase_name(enum stage_phase p)
{
	return (size_t)p < ARRAY_SIZE(phase_words) ? phase_words[p] : "?";
}

const char *stage_failure_name(enum stage_failure f)
{
	return (size_t)f < ARRAY_SIZE(failure_words) ? failure_words[f] : "?";
}

bool stage_phase_named(const char *word, enum stage_phase *ret)
{
	int i = word_index(phase_words, ARRAY_SIZE(phase_words), word);

	if (i >= 0)
		*ret = (enum stage_phase)i;
	return i >= 0;
}

bool stage_failure_named(const char *word, enum stage_failure *ret)
{
	int i = word_index(failure_words, ARRAY_SIZE(failure_words), word);

	if (i >= 0)
		*ret = (enum stage_failure)i;
	return i >= 0;
}

bool stage_name_valid(const char *name)
{
	return dropfile_name_valid(name, STAGE_NAME_MAX);
}

/* --- keys --- */

/* What is read, and which keys were given. */
struct reading {
	struct stage stage;
	bool phase;
};

static int set_description(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return ini_text(((struct reading *)into)->stage.description, STAGE_TEXT, value, w);
}

static int set_phase(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;

	(void)sub;
	r->phase = stage_phase_named(value, &r->stage.phase);
	return r->phase ? 0 : misuse(w, -EBADMSG, "'%s' is none of initramfs, early, post, committed", value);
}

static int set_exec(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' does not start with an absolute path", value);
	return ini_text(((struct reading *)into)->stage.exec, STAGE_TEXT, value, w);
}

static int set_unit(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (value[0] == '-' || strpbrk(value, " \t/"))
		return misuse(w, -EBADMSG, "'%s' is not the name of a unit", value);
	return ini_text(((struct reading *)into)->stage.unit, STAGE_TEXT, value, w);
}

/* One or more names, with blanks between them. */
static int add_after(void *into, const char *sub, const char *value, struct why *w)
{
	struct stage *s = &((struct reading *)into)->stage;
	char names[STAGE_TEXT], *save = NULL;
	int r = ini_text(names, sizeof(names), value, w);

	(void)sub;
	for (char *name = r ? NULL : strtok_r(names, " \t", &save); name; name = strtok_r(NULL, " \t", &save)) {
		if (!stage_name_valid(name))
			return misuse(w, -EBADMSG, "'%s' cannot be the name of a stage", name);
		if (s->n_after == STAGE_AFTER_MAX)
			return misuse(w, -EBADMSG, "more than %u names", STAGE_AFTER_MAX);
		(void)snprintf(s->after[s->n_after++], STAGE_NAME_MAX, "%s", name);
	}
	return r;
}

static int set_timeout(void *into, const char *sub, const char *value, struct why *w)
{
	uint64_t v = 0;

	(void)sub;
	if (parse_u64(value, STAGE_LONGEST, &v, NULL) || v == 0)
		return misuse(w, -EBADMSG, "'%s' is no whole number of seconds from 1 to %u", value, STAGE_LONGEST);
	((struct reading *)into)->stage.timeout_seconds = (unsigned int)v;
	return 0;
}

static int set_on_failure(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return stage_failure_named(value, &((struct reading *)into)->stage.on_failure)
		       ? 0
		       : misuse(w, -EBADMSG, "'%s' is none of ignore, degrade, fail-closed, fail-boot", value);
}

static int set_health(void *into, const char *sub, const char *value, struct why *w)
{
	bool required = strcmp(value, "required") == 0;

	(void)sub;
	if (!required && strcmp(value, "optional") != 0)
		return misuse(w, -EBADMSG, "'%s' is neither required nor optional", value);
	((struct reading *)into)->stage.required = required;
	return 0;
}

static int set_class(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	if (class_find(value, &((struct reading *)into)->stage.class, NULL))
		return misuse(w, -EBADMSG, "'%s' is none of " CLASS_NAMES, value);
	return 0;
}

static int add_environment(void *into, const char *sub, const char *value, struct why *w)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	struct stage *s = &((struct reading *)into)->stage;
	size_t n = strspn(value, set);

	(void)sub;
	if (n == 0 || value[n] != '=' || isdigit((unsigned char)value[0]))
		return misuse(w, -EBADMSG, "'%s' is not NAME=value", value);
	if (s->n_environment == STAGE_ENV_MAX)
		return misuse(w, -EBADMSG, "more than %u variables", STAGE_ENV_MAX);
	return ini_text(s->environment[s->n_environment++], STAGE_TEXT, value, w);
}

static const struct ini_key keys[] = {
	{ "stage", "description", set_description, false },
	{ "stage", "phase", set_phase, false },
	{ "stage", "exec", set_exec, false },
	{ "stage", "unit", set_unit, false },
	{ "stage", "after", add_after, true },
	{ "stage", "timeout", set_timeout, false },
	{ "stage", "on-failure", set_on_failure, false },
	{ "stage", "health", set_health, false },
	{ "stage", "class", set_class, false },
	{ "stage", "environment", add_environment, true },
};

/* --- one file --- */

static int name_of(const char *file, const char *path, struct stage *s, struct why *w)
{
	if (strlen(file) >= sizeof(s->file) || !dropfile_name(file, SUFFIX, s->name, sizeof(s->name)))
		return misuse(w, -EBADMSG,
			      "%s: stage files are named NN-NAME.stage: two digits, then up to %u lower-case letters, "
			      "digits, '_' and '-'",
			      path, STAGE_NAME_MAX - 1);
	(void)snprintf(s->file, sizeof(s->file), "%s", file);
	return 0;
}

/* What does not fit together. */
static int check(const struct reading *r, const char *path, struct why *w)
{
	const struct stage *s = &r->stage;

	if (!r->phase)
		return misuse(w, -EBADMSG, "%s: [stage] phase= is missing", path);
	if (!s->exec[0] == !s->unit[0])
		return misuse(w, -EBADMSG, "%s: [stage] %s", path,
			      s->exec[0] ? "has both exec= and unit=" : "neither exec= nor unit= is there");
	if (s->unit[0] && s->phase == IN_INITRAMFS)
		return misuse(w, -EBADMSG, "%s: unit= in phase initramfs, which ends before units can be started",
			      path);
	if (s->on_failure == FAIL_IGNORE && s->required)
		return misuse(w, -EBADMSG, "%s: on-failure=ignore needs health=optional", path);
	for (size_t i = 0; i < s->n_after; i++)
		if (strcmp(s->after[i], s->name) == 0)
			return misuse(w, -EBADMSG, "%s: '%s' is to run after itself", path, s->name);
	return 0;
}

int stagefile_parse(struct bytes text, const char *file, const char *path, struct stage *ret, struct why *w)
{
	AUTO_FREE struct reading *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return fail(w, -ENOMEM, "%s: out of memory", path);
	r->stage.timeout_seconds = STAGE_TIMEOUT;
	r->stage.on_failure = FAIL_DEGRADE;
	r->stage.required = true;
	r->stage.class = CLASS_DEFAULT;
	e = name_of(file, path, &r->stage, w);
	e = e ? e : ini_read(text, path, keys, ARRAY_SIZE(keys), r, w);
	e = e ? e : check(r, path, w);
	if (!e)
		*ret = r->stage;
	return e;
}

/* --- folders --- */

static int take(struct stages *s, const struct dropfile *f, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t n = 0;
	int r = dropfiles_read(f, &text, &n, path, w);

	if (r || !text)
		return r;
	r = stagefile_parse(bytes_of(text, n), f->file, path, &s->at[s->n], w);
	for (size_t i = 0; !r && i < s->n; i++)
		if (strcmp(s->at[i].name, s->at[s->n].name) == 0)
			r = misuse(w, -EBADMSG, "%s: there is a stage '%s' already, in %s", path, s->at[i].name,
				   s->at[i].file);
	s->n += r == 0;
	return r;
}

int stages_load(const char *const *folders, size_t n_folders, struct stages *ret, struct why *w)
{
	static const struct dropfiles files = { .suffix = SUFFIX, .what = "stages", .max = STAGES_MAX };
	AUTO_FREE struct dropfile *found = calloc(STAGES_MAX, sizeof(*found));
	AUTO_STAGES s = { .at = calloc(STAGES_MAX, sizeof(*s.at)) };
	int r = 0, n = found && s.at ? dropfiles_find(&files, folders, n_folders, found, w)
				     : fail(w, -ENOMEM, "stages: out of memory");

	for (int i = 0; !r && i < n; i++)
		r = take(&s, &found[i], w);
	if (n < 0 || r)
		return n < 0 ? n : r;
	*ret = s;
	s = (struct stages){ 0 };
	return 0;
}

void stages_free(struct stages *s)
{
	free(s->at);
	*s = (struct stages){ 0 };
}

const struct stage *stages_find(const struct stages *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->at[i].name, name) == 0)
			return &s->at[i];
	return NULL;
}
