#include "tuning/dropin.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>

#include "base/io.h"

#define DROPIN_MAX 65536u

static struct tree_path full_path(const struct tree *t, const char *path)
{
	return tree_path("%s/%s", t->name, path);
}

static int make_folder(const struct tree *t, const char *path, struct why *w)
{
	struct tree_path folder = full_path(t, path);

	return dir_make(dirname(folder.s), 0755, w);
}

int dropin_text(const struct tree *t, const char *path, char **ret, struct why *w)
{
	size_t mark = strlen(DROPIN_MARK);
	AUTO_FREE char *text = NULL;
	int r = tree_text(t, path, DROPIN_MAX, &text, w);

	if (r)
		return r;
	if (strncmp(text, DROPIN_MARK, mark) != 0)
		return -ENOENT;
	memmove(text, text + mark, strlen(text + mark) + 1);
	*ret = MOVE(text);
	return 0;
}

int dropin_put(const struct tree *t, const char *path, const char *text, bool *ret_changed, struct why *w)
{
	AUTO_FREE char *there = NULL, *whole = NULL;
	int r = dropin_text(t, path, &there, w);

	if (r == 0 && strcmp(there, text) == 0)
		return 0;
	if (r == -ENOENT && tree_has(t, path))
		return fail(w, -EEXIST, "%s/%s: somebody else's file is there", t->name, path);
	if (r && r != -ENOENT)
		return r;
	if (asprintf(&whole, DROPIN_MARK "%s", text) < 0)
		return fail(w, -ENOMEM, "out of memory");
	r = make_folder(t, path, w);
	r = r ? r : file_replace(AT_FDCWD, full_path(t, path).s, whole, strlen(whole), 0644, w);
	if (!r)
		*ret_changed = true;
	return r;
}

int dropin_link(const struct tree *t, const char *path, const char *target, bool *ret_changed, struct why *w)
{
	const struct tree_path full = full_path(t, path), temp = tree_path("%s.tmp", full.s);
	struct tree_path now;
	struct why cause = { 0 };
	int r = tree_link(t, path, &now, &cause);

	if (r == 0 && strcmp(now.s, target) == 0)
		return 0;
	if (r == -EINVAL)
		return fail(w, -EEXIST, "%s: somebody else's file is there", full.s);
	if (r && r != -ENOENT)
		return fail(w, r, "%s", cause.text);
	r = make_folder(t, path, w);
	if (r)
		return r;
	if ((unlink(temp.s) && errno != ENOENT) || symlink(target, temp.s) || rename(temp.s, full.s)) {
		r = fail_errno(w, "%s: cannot be made", full.s);
		(void)unlink(temp.s);
		return r;
	}
	*ret_changed = true;
	return 0;
}

int dropin_drop(const struct tree *t, const char *path, bool *ret_changed, struct why *w)
{
	const struct tree_path full = full_path(t, path);
	AUTO_FREE char *text = NULL;
	int r = dropin_text(t, path, &text, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (unlink(full.s))
		return fail_errno(w, "%s: cannot be removed", full.s);
	*ret_changed = true;
	return 0;
}

void dropin_drop_folder(const struct tree *t, const char *path)
{
	struct tree_path folder = full_path(t, path);

	(void)rmdir(dirname(folder.s)); /* fails while something is in it */
}
