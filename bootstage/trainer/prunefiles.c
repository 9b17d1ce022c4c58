#include "bootstage/trainer/prunefiles.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "bootstage/trainer/checkpoint.h"
#include "bootstage/trainer/onnx.h"

#define ROUNDS   3u                       /* a running job writes on */
#define MOVED_TO ".tandem-prune-%08x.tmp" /* on its way out; what a crash leaves of it is a temporary file */

void prunefiles_free(struct prunefiles *p)
{
	free(p->files);
	free(p->paths);
	*p = (struct prunefiles){ 0 };
}

/* --- which files there are --- */

struct found {
	char *path;
	struct prune_file file; /* its path is not filled in yet */
};

struct list {
	struct found *at;
	size_t n, room;
};

struct collector {
	pthread_mutex_t lock;
	bool want_others, failed;
	struct list named, others;
	_Atomic uint64_t too_small; /* others of so many bytes or less are not among the largest */
};

static void list_cut(struct list *l, size_t n)
{
	for (size_t i = n; i < l->n; i++)
		free(l->at[i].path);
	l->n = n < l->n ? n : l->n;
}

static void list_free(struct list *l)
{
	list_cut(l, 0);
	free(l->at);
	*l = (struct list){ 0 };
}

static int largest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->file.bytes != y->file.bytes ? (x->file.bytes > y->file.bytes ? -1 : 1) : strcmp(x->path, y->path);
}

static bool list_add(struct list *l, const char *path, const struct prune_file *f)
{
	size_t room = l->room ? 2 * l->room : 64;
	struct found *at = l->n < l->room ? l->at : reallocarray(l->at, room, sizeof(*at));

	if (!at)
		return false;
	l->room = l->n < l->room ? l->room : room;
	l->at = at;
	at[l->n] = (struct found){ .path = strdup(path), .file = *f };
	return at[l->n++].path != NULL;
}

/* Of the others only the largest are kept; twice as many are held, so that they are rarely sorted. */
static void others_trim(struct collector *c)
{
	if (c->others.n < (size_t)2 * PRUNEFILES_OTHERS)
		return;
	qsort(c->others.at, c->others.n, sizeof(*c->others.at), largest_first);
	list_cut(&c->others, PRUNEFILES_OTHERS);
	c->too_small = c->others.at[PRUNEFILES_OTHERS - 1].file.bytes;
}

static void collect(void *arg, const struct usage_file *file)
{
	struct collector *c = arg;
	const struct statx *st = file->st;
	struct prune_file f = {
		.kind = prune_kind_of(file->name),
		.bytes = st->stx_blocks * 512 > USAGE_PER_FILE ? st->stx_blocks * 512 : USAGE_PER_FILE,
		.size_bytes = st->stx_size,
		.mtime_ns = st->stx_mtime.tv_sec * 1000000000 + st->stx_mtime.tv_nsec,
		.device = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor,
		.inode = st->stx_ino,
		.linked = st->stx_nlink > 1,
	};
	char path[4096];

	if (f.kind == PRUNE_OTHER && (!c->want_others || f.bytes <= c->too_small))
		return;
	if (usage_path(file, path, sizeof(path))) /* nothing that can be opened by its name */
		return;
	(void)pthread_mutex_lock(&c->lock);
	if (!list_add(f.kind == PRUNE_OTHER ? &c->others : &c->named, path, &f))
		c->failed = true;
	others_trim(c);
	(void)pthread_mutex_unlock(&c->lock);
}

/* Both lists into one, with the paths in one piece. */
static int take_lists(const struct collector *c, struct prunefiles *p)
{
	const struct list *const lists[] = { &c->named, &c->others };
	size_t n = c->named.n + c->others.n, bytes = 0, at = 0;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			bytes += strlen(lists[l]->at[i].path) + 1;
	free(p->files);
	free(p->paths);
	p->n_files = 0;
	p->files = calloc(n + 1, sizeof(*p->files));
	p->paths = malloc(bytes + 1);
	if (!p->files || !p->paths)
		return -ENOMEM;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (size_t i = 0; i < lists[l]->n; i++) {
			size_t length = strlen(lists[l]->at[i].path) + 1;

			memcpy(p->paths + at, lists[l]->at[i].path, length);
			p->files[p->n_files] = lists[l]->at[i].file;
			p->files[p->n_files++].path = p->paths + at;
			at += length;
		}
	}
	return 0;
}

static int find_files(int folder, const char *name, bool want_others, struct prunefiles *p, struct why *w)
{
	struct collector c = { .lock = PTHREAD_MUTEX_INITIALIZER, .want_others = want_others };
	struct usage ignored;
	int r = usage_scan(folder, ".", collect, &c, &ignored, w);

	if (!r && (c.failed || take_lists(&c, p)))
		r = fail(w, -ENOMEM, "%s: out of memory", name);
	list_free(&c.named);
	list_free(&c.others);
	return r;
}

/* --- which of them are good --- */

/* The folder of a file, and its name in that. No symlink is followed. -1: it is not there any more. */
static int open_parent(int folder, const char *path, const char **ret_name)
{
	int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);

	for (const char *slash; at >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		AUTO_FREE char *part = strndup(path, (size_t)(slash - path));
		int next = part ? openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

		(void)close(at);
		at = next;
	}
	*ret_name = path;
	return at;
}

static void check_checkpoint(int folder, struct prune_file *f)
{
	const char *name;
	AUTO_FD parent = open_parent(folder, f->path, &name);
	AUTO_FD fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? -EOPNOTSUPP : checkpoint_check(fd, f->path, &f->generation, NULL);

	f->numbered = r == 0;
	if (r == 0)
		f->health = PRUNE_VALID;
	else if (r == -EBADMSG || f->size_bytes == 0)
		f->health = PRUNE_DAMAGED;
}

/* A model that could not be looked at is taken for a good one. */
static void check_model(int folder, struct prune_file *f)
{
	const char *name;
	AUTO_FD parent = open_parent(folder, f->path, &name);
	struct onnx_model m;
	int r = parent < 0 ? -ENOENT : onnx_check_at(parent, name, &m, NULL);

	if (r == 0)
		f->health = PRUNE_VALID;
	else if (r == -EBADMSG || r == -ENODATA)
		f->health = PRUNE_DAMAGED;
	f->elsewhere = r == 0 && m.external > 0;
}

static void check_all(int folder, struct prunefiles *p)
{
	for (size_t i = 0; i < p->n_files; i++) {
		if (p->files[i].kind == PRUNE_CHECKPOINT)
			check_checkpoint(folder, &p->files[i]);
		else if (p->files[i].kind == PRUNE_MODEL)
			check_model(folder, &p->files[i]);
	}
}

/* --- away with them --- */

static bool same_file(int parent, const char *name, const struct prune_file *f)
{
	struct statx st;

	return statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st) == 0 && S_ISREG(st.stx_mode) &&
	       st.stx_ino == f->inode && ((uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor) == f->device &&
	       st.stx_mtime.tv_sec * 1000000000 + st.stx_mtime.tv_nsec == f->mtime_ns;
}

/*
 * Between a look and a removal the job may have put a new file there: the file is moved aside, looked at there, and moved
 * back when it is not the one. Where yet another has come in its place meanwhile, it was replaced in any case.
 */
static int remove_file(int folder, const struct prune_file *f, bool *ret_gone, struct why *w)
{
	const char *name;
	AUTO_FD parent = open_parent(folder, f->path, &name);
	char aside[40];

	*ret_gone = false;
	if (parent < 0 || !same_file(parent, name, f))
		return 0;
	(void)snprintf(aside, sizeof(aside), MOVED_TO, arc4random()); /* nothing that the job could have put there */
	if (renameat(parent, name, parent, aside))
		return errno == ENOENT ? 0 : fail_errno(w, "%s", f->path);
	*ret_gone = same_file(parent, aside, f);
	if (!*ret_gone && renameat2(parent, aside, parent, name, RENAME_NOREPLACE) == 0)
		return 0;
	return unlinkat(parent, aside, 0) && errno != ENOENT ? fail_errno(w, "%s", f->path) : 0;
}

/* One that cannot be removed leaves the others to be; its reason is what is told. */
static int remove_files(int folder, struct prunefiles *p, struct why *w)
{
	int r = 0;

	for (size_t i = 0; i < p->plan.remove; i++) {
		bool gone = false;
		int one = remove_file(folder, &p->files[i], &gone, w);

		p->removed += gone;
		r = r ? r : one;
	}
	return r;
}

/* --- the whole --- */

static uint64_t goal_of(const struct prunefiles_want *want)
{
	return want->cap_bytes / 100 * want->prune_at + want->cap_bytes % 100 * want->prune_at / 100;
}

static int decide(const struct prunefiles_want *want, struct prunefiles *p, struct why *w)
{
	const struct prune_want decide = {
		.used_bytes = p->after_bytes,
		.goal_bytes = goal_of(want),
		.cap_bytes = want->cap_bytes,
		.keep_last = want->keep_last,
		.running = want->running,
	};

	return prune_decide(p->files, p->n_files, &decide, &p->plan, w);
}

/* Reading gigabytes of checkpoints once a second, while a job works, would be for nothing where there are few of them. */
static int plan(const struct prunefiles_want *want, int folder, struct prunefiles *p, struct why *w)
{
	int r = find_files(folder, want->folder, p->after_bytes > want->cap_bytes, p, w);

	r = r ? r : decide(want, p, w);
	if (r || (want->running && p->plan.remove == 0 && p->after_bytes <= want->cap_bytes))
		return r;
	check_all(folder, p);
	return decide(want, p, w);
}

static int count(const struct prunefiles_want *want, int folder, struct prunefiles *p, struct why *w)
{
	struct usage now;
	int r = usage_scan(folder, ".", NULL, NULL, &now, w);

	if (r)
		return r;
	p->after_bytes = usage_of_cap(&now);
	if (p->after_bytes <= goal_of(want))
		p->plan.outcome = PRUNE_WITHIN;
	else if (p->after_bytes <= want->cap_bytes)
		p->plan.outcome = PRUNE_OVER_GOAL;
	else if (p->plan.outcome != PRUNE_TOO_LARGE)
		p->plan.outcome = PRUNE_OVER_CAP;
	return 0;
}

static int enforce(const struct prunefiles_want *want, int folder, struct prunefiles *p, struct why *w)
{
	int r = usage_scan(folder, ".", NULL, NULL, &p->before, w);

	p->after_bytes = usage_of_cap(&p->before);
	for (unsigned int i = 0; !r && p->after_bytes > goal_of(want) && i < ROUNDS; i++) {
		r = plan(want, folder, p, w);
		if (r || want->dry_run || p->plan.remove == 0)
			break;
		r = remove_files(folder, p, w);
		r = r ? r : count(want, folder, p, w);
	}
	if (!r && want->dry_run)
		p->after_bytes = p->plan.remove ? p->plan.left_bytes : p->after_bytes;
	return r;
}

static void say(struct prunefiles *p, const char *fmt, ...) PRINTF(2, 3);
static void say(struct prunefiles *p, const char *fmt, ...)
{
	size_t n = strlen(p->said);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p->said + n, sizeof(p->said) - n, fmt, ap);
	va_end(ap);
}

static void describe(const struct prunefiles_want *want, struct prunefiles *p)
{
	size_t gone = want->dry_run ? p->plan.remove : p->removed;
	char after[16], cap[16], part[16];

	say(p, "%s of %s used", format_size(p->after_bytes, after), format_size(want->cap_bytes, cap));
	if (gone)
		say(p, "; %zu %s %sremoved, %s", gone, gone == 1 ? "file" : "files", want->dry_run ? "would be " : "",
		    format_size(usage_of_cap(&p->before) - p->after_bytes, part));
	if (p->plan.outcome == PRUNE_TOO_LARGE)
		say(p, "; Model too large for quota: models take %s", format_size(p->plan.model_bytes, part));
	if (p->plan.outcome == PRUNE_OVER_CAP)
		say(p, "; over the cap, and nothing more may be removed");
	if (p->before.denied)
		say(p, "; %llu folders could not be read and are not counted, '%s' is one",
		    (unsigned long long)p->before.denied, p->before.denied_path);
}

int prunefiles_enforce(const struct prunefiles_want *want, struct prunefiles *ret, struct why *w)
{
	AUTO_FD folder = open(want->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_PRUNEFILES p = { 0 };
	int r = 0;

	if (folder < 0 && errno != ENOENT)
		return fail_errno(w, "%s", want->folder);
	if (folder >= 0)
		r = enforce(want, folder, &p, w);
	if (r)
		return why_in(w, r, "%s", want->folder);
	describe(want, &p);
	*ret = p;
	p = (struct prunefiles){ 0 };
	return 0;
}
