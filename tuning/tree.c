#define TUNING_TREE_C
#include "tuning/tree.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/io.h"
#include "base/parse.h"

#define NUMBER_TEXT_MAX 64u
#define CPUS_TEXT_MAX   (512u << 10) /* a list of CPUSET_CPUS_MAX / 2 single numbers, and a bit */

int tree_open(const char *root, struct tree *ret, struct why *w)
{
	int fd = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(w, "%s", root ? root : "/");
	*ret = (struct tree){ .fd = fd, .name = root ? root : "", .live = !root };
	return 0;
}

void tree_close(struct tree *t)
{
	auto_close(&t->fd);
	t->fd = -1;
}

struct tree_path tree_path(const char *fmt, ...)
{
	struct tree_path ret;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret.s, sizeof(ret.s), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(ret.s))
		ret.s[0] = '\0';
	return ret;
}

int tree_bad(const struct tree *t, const char *path, struct why *w, const char *fmt, ...)
{
	char what[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return fail(w, -EBADMSG, "%s/%s: %s", t->name, path, what);
}

/* -ENOENT passes without a reason; everything else gets the folder's name in front of file_read()'s, which has the path. */
static int pass_on(const struct tree *t, int r, const struct why *cause, struct why *w)
{
	return r == -ENOENT ? r : fail(w, r, "%s/%s", t->name, cause->text);
}

int tree_text(const struct tree *t, const char *path, size_t max, char **ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	size_t n = 0;
	int r = file_read(t->fd, path, max, &text, &n, &cause);

	if (r)
		return pass_on(t, r, &cause, w);
	if (strlen(text) != n)
		return fail(w, -EBADMSG, "%s/%s: a NUL byte", t->name, path);
	*ret = MOVE(text);
	return 0;
}

int tree_number(const struct tree *t, const char *path, int64_t min, int64_t max, int64_t *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	uint64_t v = 0;
	int64_t number;
	bool negative;
	int r = tree_text(t, path, NUMBER_TEXT_MAX, &text, w);

	if (r)
		return r;
	text[strcspn(text, "\n")] = '\0';
	negative = text[0] == '-';
	if (parse_u64(text + negative, INT64_MAX, &v, &cause))
		return tree_bad(t, path, w, "%s", cause.text);
	number = negative ? -(int64_t)v : (int64_t)v;
	if (number < min || number > max)
		return tree_bad(t, path, w, "%lld is not within %lld to %lld", (long long)number, (long long)min,
				(long long)max);
	*ret = number;
	return 0;
}

int tree_cpus(const struct tree *t, const char *path, struct cpuset *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	int r = tree_text(t, path, CPUS_TEXT_MAX, &text, w);

	if (r)
		return r;
	return cpuset_parse(text, ret, &cause) ? tree_bad(t, path, w, "%s", cause.text) : 0;
}

int tree_link(const struct tree *t, const char *path, struct tree_path *ret, struct why *w)
{
	struct tree_path target;
	ssize_t n = readlinkat(t->fd, path, target.s, sizeof(target.s));

	if (n < 0)
		return errno == ENOENT ? -ENOENT : fail_errno(w, "%s/%s", t->name, path);
	if ((size_t)n == sizeof(target.s))
		return tree_bad(t, path, w, "points to a name of over %zu bytes", sizeof(target.s) - 1);
	target.s[n] = '\0';
	*ret = target;
	return 0;
}

bool tree_has(const struct tree *t, const char *path)
{
	return faccessat(t->fd, path, F_OK, 0) == 0;
}

void tree_names_free(struct tree_names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->at[i]);
	free(n->at);
	*n = (struct tree_names){ 0 };
}

static int add_name(struct tree_names *names, const char *name)
{
	char **at = realloc(names->at, (names->n + 1) * sizeof(*at));

	if (!at)
		return -ENOMEM;
	names->at = at;
	at[names->n] = strdup(name);
	if (!at[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

static int by_nature(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

int tree_list(const struct tree *t, const char *path, size_t max, struct tree_names *ret, struct why *w)
{
	AUTO_NAMES names = { 0 };
	AUTO_FD fd = openat(t->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR *dir = NULL;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_errno(w, "%s/%s", t->name, path);
	dir = fdopendir(fd);
	if (!dir)
		return fail_errno(w, "%s/%s", t->name, path);
	(void)MOVE_FD(fd);
	errno = 0;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (e->d_name[0] == '.')
			continue;
		if (names.n == max)
			return fail(w, -E2BIG, "%s/%s: more than %zu entries", t->name, path, max);
		if (add_name(&names, e->d_name))
			return fail(w, -ENOMEM, "%s/%s: out of memory", t->name, path);
		errno = 0;
	}
	if (errno)
		return fail_errno(w, "%s/%s", t->name, path);
	if (names.n)
		qsort(names.at, names.n, sizeof(*names.at), by_nature);
	*ret = names;
	names = (struct tree_names){ 0 };
	return 0;
}
