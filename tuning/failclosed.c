#include "tuning/failclosed.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/io.h"

#define LOCK_FOLDER "var/lock"
#define LOCK_MAX    65536u

static int check_name(const char *name, struct why *w)
{
	size_t n = strlen(name);
	bool good = n > 0 && n < FAILCLOSED_NAME_MAX && isalnum((unsigned char)name[0]);

	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
	return good ? 0 : fail(w, -EINVAL, "'%s' cannot be the name of a product or stage", name);
}

/* --- the token --- */

static int put_token(const struct tree *t, const char *product, const char *name, struct why *w)
{
	const struct tree_path path = tree_path("%s/run/%s/%s.ok", t->name, product, name);
	static const char text[] = "passed\n";

	return file_replace(AT_FDCWD, path.s, text, strlen(text), 0644, w);
}

static int drop_token(const struct tree *t, const char *product, const char *name, struct why *w)
{
	const struct tree_path path = tree_path("%s/run/%s/%s.ok", t->name, product, name);

	return unlink(path.s) && errno != ENOENT ? fail_errno(w, "%s: cannot be removed", path.s) : 0;
}

/* --- the lock --- */

/* Below the tree's own root, whatever the symlink that /var/lock is says. */
static int open_below(const struct tree *t, const char *path)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	long fd = syscall(SYS_openat2, t->fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/*
 * Its folder, made where it is missing: before systemd there is no /run/lock, to which /var/lock points. Returns a
 * descriptor; -errno.
 */
static int lock_folder(const struct tree *t, struct why *w)
{
	const struct tree_path own = tree_path("%s/" LOCK_FOLDER, t->name), run = tree_path("%s/run/lock", t->name);
	int fd = open_below(t, LOCK_FOLDER), r;

	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return fail(w, fd, "%s: %s", own.s, strerror(-fd));
	r = dir_make(run.s, 0755, w);
	fd = r ? r : open_below(t, LOCK_FOLDER);
	if (fd == -ENOENT) {
		r = dir_make(own.s, 0755, w);
		fd = r ? r : open_below(t, LOCK_FOLDER);
	}
	return fd < 0 ? fail(w, fd, "%s: %s", own.s, strerror(-fd)) : fd;
}

static bool is_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncmp(line, name, n) == 0 && line[n] == ':';
}

/* The lines of everyone but NAME, then `added` if it is not NULL. Returns allocated text; NULL without memory. */
static char *rewrite(char *text, const char *name, const char *added)
{
	char *out = NULL, *save = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	if (!f)
		return NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!is_of(line, name))
			(void)fprintf(f, "%s\n", line);
	if (added)
		(void)fprintf(f, "%s: %s\n", name, added);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

/* NAME's line becomes `reason`, or goes when that is NULL; so does a lock without lines. */
static int change_lock(const struct tree *t, const char *product, const char *name, const char *reason, struct why *w)
{
	const struct tree_path file = tree_path("%s-resource-fail", product);
	AUTO_FREE char *text = NULL, *out = NULL;
	AUTO_FD folder = lock_folder(t, w);
	int r;

	if (folder < 0)
		return folder;
	if (flock(folder, LOCK_EX))
		return fail_errno(w, LOCK_FOLDER ": lock");
	r = file_read(folder, file.s, LOCK_MAX, &text, NULL, NULL);
	if (r == -ENOENT && !reason)
		return 0;
	if (r == -ENOENT || r == -E2BIG) /* not what we write: start anew */
		text = strdup("");
	else if (r)
		return fail(w, r, LOCK_FOLDER "/%s: %s", file.s, strerror(-r));
	out = text ? rewrite(text, name, reason) : NULL;
	if (!out)
		return fail(w, -ENOMEM, "out of memory");
	if (out[0])
		return file_replace(folder, file.s, out, strlen(out), 0644, w);
	return unlinkat(folder, file.s, 0) ? fail_errno(w, LOCK_FOLDER "/%s: cannot be removed", file.s) : 0;
}

/* --- both --- */

static int begin(const struct tree *t, const char *product, const char *name, struct why *w)
{
	const struct tree_path folder = tree_path("%s/run/%s", t->name, product);
	int r = check_name(product, w);

	r = r ? r : check_name(name, w);
	return r ? r : dir_make(folder.s, 0755, w);
}

int failclosed_pass(const struct tree *t, const char *product, const char *name, struct why *w)
{
	int r = begin(t, product, name, w);

	r = r ? r : change_lock(t, product, name, NULL, w);
	return r ? r : put_token(t, product, name, w);
}

int failclosed_fail(const struct tree *t, const char *product, const char *name, const char *reason, struct why *w)
{
	char line[400];
	int r = begin(t, product, name, w);

	r = r ? r : drop_token(t, product, name, w);
	if (r)
		return r;
	(void)snprintf(line, sizeof(line), "%s", reason);
	for (char *at = line; *at; at++)
		if (*at == '\n')
			*at = ' ';
	return change_lock(t, product, name, line, w);
}

int failclosed_begin(const struct tree *t, const char *product, const char *name, struct why *w)
{
	int r = begin(t, product, name, w);

	return r ? r : drop_token(t, product, name, w);
}

int failclosed_forget(const struct tree *t, const char *product, const char *name, struct why *w)
{
	int r = failclosed_begin(t, product, name, w);

	return r ? r : change_lock(t, product, name, NULL, w);
}

int failclosed_query(const struct tree *t, const char *product, const char *name, struct failclosed_state *ret,
		     struct why *w)
{
	const struct tree_path lock = tree_path("%s-resource-fail", product);
	struct failclosed_state s = { 0 };
	AUTO_FREE char *text = NULL;
	char *save = NULL;
	int r = check_name(product, w);

	r = r ? r : check_name(name, w);
	if (r)
		return r;
	AUTO_FD folder = open_below(t, LOCK_FOLDER);
	s.token = tree_has(t, tree_path("run/%s/%s.ok", product, name).s);
	r = folder < 0 ? folder : file_read(folder, lock.s, LOCK_MAX, &text, NULL, NULL);
	s.lock = r != -ENOENT; /* one that cannot be read is one */
	for (char *line = r ? NULL : strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (is_of(line, name))
			(void)snprintf(s.reason, sizeof(s.reason), "%s",
				       line + strlen(name) + 1 + (line[strlen(name) + 1] == ' '));
	*ret = s;
	return 0;
}
