#include "tuning/sysctl.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"

#define FOLDER "proc/sys/"

/* Whichever of '.' and '/' comes first separates; the other one is part of a name then. */
static int file_of(const char *key, struct tree_path *ret, struct why *w)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:";
	struct tree_path p = tree_path(FOLDER "%s", key);
	char separator = key[strcspn(key, "./")];

	if (!p.s[0] || strspn(key, good) != strlen(key) || strlen(key) == 0 || separator == '\0' || key[0] == separator)
		return fail(w, -EINVAL, "'%s' is no name of a kernel parameter", key);
	if (separator == '.')
		for (char *at = p.s + strlen(FOLDER); *at; at++) {
			if (*at == '.')
				*at = '/';
			else if (*at == '/')
				*at = '.';
		}
	if (strstr(p.s, "//") || strstr(p.s, "/../") || strstr(p.s, "/./") || p.s[strlen(p.s) - 1] == '/')
		return fail(w, -EINVAL, "'%s' is no name of a kernel parameter", key);
	*ret = p;
	return 0;
}

/* Copy field by field; false when there is no room. */
static bool put_fields(const char *text, char *ret, size_t room)
{
	size_t n = 0;

	for (const char *at = text + strspn(text, " \t\n"); *at;) {
		size_t length = strcspn(at, " \t\n");

		if (n + length + 2 > room)
			return false;
		if (n)
			ret[n++] = ' ';
		memcpy(ret + n, at, length);
		n += length;
		at += length;
		at += strspn(at, " \t\n");
	}
	ret[n] = '\0';
	return true;
}

int sysctl_read(const struct tree *t, const char *key, char ret[SYSCTL_VALUE], struct why *w)
{
	AUTO_FREE char *text = NULL;
	char value[SYSCTL_VALUE];
	struct tree_path file;
	int r = file_of(key, &file, w);

	r = r ? r : tree_text(t, file.s, 65536, &text, w);
	if (r)
		return r;
	if (!put_fields(text, value, sizeof(value)))
		return fail(w, -E2BIG, "%s/%s: over the limit of %u bytes", t->name, file.s, SYSCTL_VALUE - 1);
	memcpy(ret, value, sizeof(value));
	return 0;
}

bool sysctl_same(const char *a, const char *b)
{
	char x[SYSCTL_VALUE], y[SYSCTL_VALUE];

	return put_fields(a, x, sizeof(x)) && put_fields(b, y, sizeof(y)) && strcmp(x, y) == 0;
}

static int write_value(const struct tree *t, const char *file, const char *key, const char *value, struct why *w)
{
	AUTO_FD fd = openat(t->fd, file, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_errno(w, "%s", key);
	n = write(fd, value, strlen(value)); /* in one call, or the kernel takes the parts for values */
	if (n != (ssize_t)strlen(value))
		return n < 0 ? fail_errno(w, "%s: '%s'", key, value) : fail(w, -EIO, "%s: cut short", key);
	return close_checked(&fd, key, w);
}

int sysctl_write(const struct tree *t, const char *key, const char *value, struct why *w)
{
	char now[SYSCTL_VALUE];
	struct tree_path file;
	int r = file_of(key, &file, w);

	r = r ? r : write_value(t, file.s, key, value, w);
	r = r ? r : sysctl_read(t, key, now, w);
	if (r)
		return r;
	return sysctl_same(now, value) ? 0 : fail(w, -EIO, "%s: '%s' was written, it is '%s'", key, value, now);
}
