#include "tuning/undolog.h"

#include <string.h>

void undolog_free(struct undolog *l)
{
	free(l->text);
	l->text = NULL;
}

bool undolog_has(const struct undolog *l, const char *kind, const char *name)
{
	size_t n = strlen(kind), m = strlen(name);

	for (const char *line = l->text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, kind, n) == 0 && line[n] == ' ' && strncmp(line + n + 1, name, m) == 0 &&
		    line[n + 1 + m] == ' ')
			return true;
	return false;
}

static bool is_word(const char *s)
{
	return *s && strcspn(s, " \t\n") == strlen(s);
}

int undolog_add(struct undolog *l, const char *kind, const char *name, const char *value, struct why *w)
{
	char *text = NULL;

	if (undolog_has(l, kind, name))
		return 0;
	if (!is_word(kind) || !is_word(name) || strchr(value, '\n'))
		return fail(w, -EINVAL, "undo: '%s %s %s' cannot be kept", kind, name, value);
	if (asprintf(&text, "%s%s %s %s\n", l->text ? l->text : "", kind, name, value) < 0)
		return fail(w, -ENOMEM, "out of memory");
	if (strlen(text) > UNDOLOG_MAX) {
		free(text);
		return fail(w, -E2BIG, "undo: over the limit of %u bytes", UNDOLOG_MAX);
	}
	free(l->text);
	l->text = text;
	return 0;
}

int undolog_next(struct lines *from, struct undo_line *ret, struct why *w)
{
	char *line = strsep(&from->at, "\n"), *kind, *name;

	if (!line || (*line == '\0' && !from->at))
		return 0;
	from->n++;
	kind = strsep(&line, " ");
	name = strsep(&line, " ");
	if (!is_word(kind) || !name || !is_word(name) || !line)
		return fail(w, -EBADMSG, "line %u: not KIND NAME VALUE", from->n);
	*ret = (struct undo_line){ .kind = kind, .name = name, .value = line };
	return 1;
}
