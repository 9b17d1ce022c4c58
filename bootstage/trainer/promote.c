#include "bootstage/trainer/promote.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

void model_names(const char *job, struct model_names *ret)
{
	(void)snprintf(ret->now, sizeof(ret->now), "%s.onnx", job);
	(void)snprintf(ret->next, sizeof(ret->next), "%s.onnx.next", job);
	(void)snprintf(ret->prev, sizeof(ret->prev), "%s.onnx.prev", job);
	(void)snprintf(ret->link, sizeof(ret->link), "%s.onnx.link", job);
	(void)snprintf(ret->rejected, sizeof(ret->rejected), "%s.onnx.rejected", job);
}

static int is_model(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".onnx") == 0;
}

/* Those that a job of another maker has named as it likes. */
static int find_other(int folder, char *ret_name, struct onnx_model *ret, struct why *w)
{
	struct dirent **at = NULL;
	int r = -ENOENT, n = scandirat(folder, ".", &at, is_model, alphasort);
	struct why last = { 0 };

	if (n < 0)
		return fail_errno(w, "folder of the models");
	for (int i = 0; i < n && r; i++) {
		last = (struct why){ 0 };
		r = onnx_check_at(folder, at[i]->d_name, ret, &last);
		if (!r)
			(void)snprintf(ret_name, NAME_MAX + 1, "%s", at[i]->d_name);
	}
	for (int i = 0; i < n; i++)
		free(at[i]);
	free(at);
	return r && last.code ? fail(w, r, "%s", last.text) : r;
}

int model_find(int folder, const struct model_names *n, char *ret_name, struct onnx_model *ret, struct why *w)
{
	struct why cause = { 0 };
	int r = onnx_check_at(folder, n->now, ret, &cause);

	ret_name[0] = '\0';
	if (r == -ENOENT)
		return find_other(folder, ret_name, ret, w);
	if (!r)
		(void)snprintf(ret_name, NAME_MAX + 1, "%s", n->now);
	return r ? fail(w, r, "%s", cause.text) : 0;
}

static int without(int r)
{
	return r == -ENOENT ? 0 : r;
}

/*
 * The current model gets its second name before it loses the first. A link that an interruption has left goes first; one that
 * is JOB.onnx.prev already survives rename(2), which does nothing for two names of one file.
 */
static int keep_current(const struct promote_files *f, void *arg, const struct model_names *n, struct why *w)
{
	int r = without(f->remove(arg, n->link, w));

	r = r ? r : f->link(arg, n->now, n->link, w);
	r = r ? r : f->rename(arg, n->link, n->prev, w);
	r = r ? r : without(f->remove(arg, n->link, w));
	return r ? r : f->sync_names(arg, w);
}

int promote(const struct promote_files *f, void *arg, const struct model_names *n, bool keep, struct why *w)
{
	int r = f->sync(arg, n->next, w);

	if (!r && keep)
		r = keep_current(f, arg, n, w);
	r = r ? r : f->rename(arg, n->next, n->now, w);
	return r ? r : f->sync_names(arg, w);
}

int promote_back(const struct promote_files *f, void *arg, const struct model_names *n, struct why *w)
{
	int r = f->exchange(arg, n->now, n->prev, w);

	return r ? r : f->sync_names(arg, w);
}

/* --- the check --- */

static int check_floor(const struct onnx_model *m, const char *name, double floor, struct why *w)
{
	const char *text = onnx_meta(m, "holdout_accuracy");
	char *end = NULL;
	double v = text ? strtod(text, &end) : -1;

	if (!text || end == text || *end || !(v >= 0 && v <= 1))
		return refuse(w, -EKEYREJECTED, "%s: has no holdout_accuracy, and the job wants %g", name, floor);
	if (v < floor)
		return refuse(w, -EKEYREJECTED, "%s: holdout_accuracy is %s, and the job wants %g", name, text, floor);
	return 0;
}

int promote_check(int folder, const char *name, const struct trainjob *j, struct onnx_model *ret, struct why *w)
{
	struct onnx_model m;
	struct stat st;
	int r;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? -ENOENT : fail_errno(w, "%s", name);
	if (!S_ISREG(st.st_mode))
		return fail(w, -EBADMSG, "%s: no regular file", name);
	r = onnx_check_at(folder, name, &m, w);
	r = r || !j->has_floor ? r : check_floor(&m, name, j->floor, w);
	if (!r && ret)
		*ret = m;
	return r;
}

/* --- the folder --- */

static int bad(const char *name, struct why *w)
{
	return errno == ENOENT ? -ENOENT : fail_errno(w, "%s", name);
}

static int disk_sync(void *arg, const char *name, struct why *w)
{
	AUTO_FD fd = openat(*(const int *)arg, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? bad(name, w) : 0;
}

static int disk_link(void *arg, const char *from, const char *to, struct why *w)
{
	int d = *(const int *)arg;

	return linkat(d, from, d, to, 0) ? bad(from, w) : 0;
}

static int disk_rename(void *arg, const char *from, const char *to, struct why *w)
{
	int d = *(const int *)arg;

	return renameat(d, from, d, to) ? bad(from, w) : 0;
}

static int disk_exchange(void *arg, const char *one, const char *other, struct why *w)
{
	int d = *(const int *)arg;

	return renameat2(d, one, d, other, RENAME_EXCHANGE) ? bad(other, w) : 0;
}

static int disk_remove(void *arg, const char *name, struct why *w)
{
	return unlinkat(*(const int *)arg, name, 0) ? bad(name, w) : 0;
}

static int disk_sync_names(void *arg, struct why *w)
{
	return fsync(*(const int *)arg) ? fail_errno(w, "folder of the models") : 0;
}

const struct promote_files promote_disk = {
	.sync = disk_sync,
	.link = disk_link,
	.rename = disk_rename,
	.exchange = disk_exchange,
	.remove = disk_remove,
	.sync_names = disk_sync_names,
};
