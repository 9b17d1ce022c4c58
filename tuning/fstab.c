#include "tuning/fstab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

static size_t line_length(const char *line)
{
	size_t n = strcspn(line, "\n");

	return n + (line[n] == '\n');
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Whether the field of n bytes, once its \ooo are plain, is `path`. */
static bool field_is(const char *field, size_t n, const char *path)
{
	for (size_t i = 0; i < n; path++) {
		char c = field[i++];

		if (c == '\\' && n - i >= 3 && is_octal(field[i]) && is_octal(field[i + 1]) && is_octal(field[i + 2])) {
			c = (char)((field[i] - '0') << 6 | (field[i + 1] - '0') << 3 | (field[i + 2] - '0'));
			i += 3;
		}
		if (*path == '\0' || c != *path)
			return false;
	}
	return *path == '\0';
}

/* WHAT none swap ... */
static bool is_swap_of(const char *line, const char *path)
{
	static const char type[] = "swap";
	const char *what = line + strspn(line, BLANKS), *where, *kind;
	size_t n = strcspn(what, BLANKS "\n");

	where = what + n + strspn(what + n, BLANKS);
	kind = where + strcspn(where, BLANKS "\n");
	kind += strspn(kind, BLANKS);
	return *what != '#' && field_is(what, n, path) && strcspn(kind, BLANKS "\n") == strlen(type) &&
	       strncmp(kind, type, strlen(type)) == 0;
}

bool fstab_has_swap(const char *text, const char *path)
{
	for (const char *line = text; *line; line += line_length(line))
		if (is_swap_of(line, path))
			return true;
	return false;
}

/* Ends the stream. Returns what was written to it; NULL when that was not possible. */
static char *finish(FILE *f, char **text)
{
	bool bad = ferror(f);

	if (fclose(f) || bad) {
		free(*text);
		return NULL;
	}
	return *text;
}

char *fstab_add_swap(const char *text, const char *path, int priority)
{
	size_t n = strlen(text), room = 0;
	char *out = NULL;
	FILE *f = open_memstream(&out, &room);

	if (!f)
		return NULL;
	(void)fprintf(f, "%s%s", text, n && text[n - 1] != '\n' ? "\n" : "");
	for (const char *at = path; *at; at++) {
		if (strchr(" \t\n\\", *at))
			(void)fprintf(f, "\\%03o", (unsigned char)*at);
		else
			(void)fputc(*at, f);
	}
	(void)fprintf(f, " none swap sw,pri=%d,nofail 0 0\n", priority);
	return finish(f, &out);
}

char *fstab_drop_swap(const char *text, const char *path)
{
	size_t room = 0;
	char *out = NULL;
	FILE *f = open_memstream(&out, &room);

	if (!f)
		return NULL;
	for (const char *line = text; *line; line += line_length(line))
		if (!is_swap_of(line, path))
			(void)fwrite(line, 1, line_length(line), f);
	return finish(f, &out);
}
