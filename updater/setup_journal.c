#include "updater/setup_journal.h"

#include "base/parse.h"

#define FIRST_LINE  "# tandem setup journal "
#define VERSION     "1"
#define ENTRIES_MAX 1024u

static const char *const words[] = { "product", "group", "user", "folder", "data", "trees", "file", "link", "tuning" };

void setup_journal_free(struct setup_journal *j)
{
	free(j->at);
	*j = (struct setup_journal){ 0 };
}

/* One word that a line can hold and that a terminal may be shown. */
static bool is_word(const char *s, size_t room)
{
	return strlen(s) < room && text_printable(bytes_str(s)) && !strpbrk(s, " \t");
}

static bool is_account(const char *s)
{
	return s[0] && s[0] != '-' &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

/* Names are paths, except for those of the product, its user and its group; nothing that leads anywhere else. */
static bool is_name(enum setup_made made, const char *s)
{
	bool path = made >= MADE_FOLDER && made <= MADE_LINK;

	if (!s[0] || !is_word(s, SETUP_NAME_MAX))
		return false;
	if (!path)
		return is_account(s);
	return s[0] == '/' && s[1] && !strstr(s, "//") && !strstr(s, "/../") && !strstr(s, "/./");
}

static bool is_value(enum setup_made made, const char *s)
{
	uint8_t hash[32];

	if (made == MADE_PRODUCT)
		return is_account(s);
	if (made == MADE_FILE)
		return parse_hex(s, hash, sizeof(hash), NULL) == 0;
	if (made == MADE_DATA || made == MADE_TREES)
		return !s[0] || strcmp(s, SETUP_INSIDE) == 0;
	return made == MADE_LINK ? s[0] && is_word(s, SETUP_VALUE_MAX) : !s[0];
}

bool setup_journal_has(const struct setup_journal *j, enum setup_made made, const char *name, const char *value)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->at[i].made == made && strcmp(j->at[i].name, name) == 0 &&
		    (!value || strcmp(j->at[i].value, value) == 0))
			return true;
	return false;
}

int setup_journal_add(struct setup_journal *j, enum setup_made made, const char *name, const char *value, struct why *w)
{
	struct setup_entry *more;

	if (!is_name(made, name) || !is_value(made, value))
		return fail(w, -EINVAL, "'%s %s': cannot be kept in the journal", name, value);
	if (setup_journal_has(j, made, name, value))
		return 0;
	if (j->n == ENTRIES_MAX)
		return fail(w, -E2BIG, "more than %u entries in the journal", ENTRIES_MAX);
	more = reallocarray(j->at, j->n + 1, sizeof(*more));
	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	j->at = more;
	more[j->n] = (struct setup_entry){ .made = made };
	memcpy(more[j->n].name, name, strlen(name) + 1);
	memcpy(more[j->n].value, value, strlen(value) + 1);
	j->n++;
	return 0;
}

const char *setup_journal_product(const struct setup_journal *j)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->at[i].made == MADE_PRODUCT)
			return j->at[i].name;
	return NULL;
}

/* "KIND NAME" or "KIND NAME VALUE"; `line` is cut up. */
static int take_line(struct setup_journal *j, char *line, struct why *w)
{
	char *kind = strsep(&line, " "), *name = strsep(&line, " ");

	for (size_t i = 0; name && i < ARRAY_SIZE(words); i++) {
		if (strcmp(kind, words[i]) == 0)
			return setup_journal_add(j, (enum setup_made)i, name, line ? line : "", w);
	}
	return fail(w, -EBADMSG, "not KIND NAME or KIND NAME VALUE");
}

static int take_all(struct setup_journal *j, char *text, const char *name, struct why *w)
{
	char *line = strsep(&text, "\n");

	if (strncmp(line, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		return fail(w, -EBADMSG, "%s: not a journal of tandem setup", name);
	if (strcmp(line + strlen(FIRST_LINE), VERSION) != 0)
		return fail(w, -EPROTONOSUPPORT, "%s: of a newer tandem setup", name);
	for (unsigned int number = 2; (line = strsep(&text, "\n")); number++) {
		int r = *line || text ? take_line(j, line, w) : 0;

		if (r)
			return why_in(w, r == -EINVAL ? -EBADMSG : r, "%s:%u", name, number);
	}
	return 0;
}

int setup_journal_parse(struct bytes text, const char *name, struct setup_journal *ret, struct why *w)
{
	AUTO_SETUP_JOURNAL j = { 0 };
	AUTO_FREE char *copy = NULL;
	int r;

	if (text.n > SETUP_JOURNAL_MAX)
		return fail(w, -E2BIG, "%s: over the limit of %u bytes", name, SETUP_JOURNAL_MAX);
	if (text.n > 0 && memchr(text.p, '\0', text.n))
		return fail(w, -EBADMSG, "%s: a NUL byte", name);
	copy = strndup(text.n > 0 ? (const char *)text.p : "", text.n);
	if (!copy)
		return fail(w, -ENOMEM, "out of memory");
	r = take_all(&j, copy, name, w);
	if (r)
		return r;
	*ret = j;
	j = (struct setup_journal){ 0 }; /* NOLINT(clang-analyzer-deadcode.DeadStores): AUTO_SETUP_JOURNAL reads it */
	return 0;
}

int setup_journal_format(const struct setup_journal *j, char **ret, size_t *ret_n, struct why *w)
{
	FILE *f = open_memstream(ret, ret_n);

	if (!f)
		return fail(w, -ENOMEM, "out of memory");
	(void)fprintf(f, FIRST_LINE VERSION "\n");
	for (size_t i = 0; i < j->n; i++)
		(void)fprintf(f, "%s %s%s%s\n", words[j->at[i].made], j->at[i].name, j->at[i].value[0] ? " " : "",
			      j->at[i].value);
	return fclose(f) ? fail(w, -ENOMEM, "out of memory") : 0;
}
