#include "bootstage/trainer/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "bootstage/trainer/inodeset.h"

#define THREADS_MAX  4u
#define BUFFER_BYTES 32768u /* of names; some 1000 */
#define HELD_MAX     256u   /* folders that stay open for those in them */
#define HELD_WIDE    512u   /* the same, where very many are in them */
#define WIDE         16u
#define DEPTH_MAX    2048u /* nothing deeper can be named by a path */

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK)
#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT)
#define STAT_MASK  (STATX_TYPE | STATX_NLINK | STATX_INO | STATX_SIZE | STATX_BLOCKS | STATX_MTIME)

/* Freed with the last reference: its own, and one of each folder and buffer in it. */
struct usage_folder {
	struct usage_folder *parent; /* NULL: the one that was asked for */
	unsigned int refs;
	unsigned int depth;
	int fd; /* -1: not open, or closed again: too many are */
	char name[];
};

/* Work: a folder to be read, or names of one to be looked at. */
struct item {
	struct item *next;
	struct usage_folder *folder;
	size_t n; /* bytes of names; 0: a folder to be read */
	char names[];
};

struct scan {
	pthread_mutex_t lock; /* of all up to `visit` */
	pthread_cond_t more;
	struct item *top; /* the last that came goes first: few folders are open then */
	unsigned int waiting, threads;
	unsigned int held; /* folders that are open */
	bool over;
	int error; /* the first */
	struct why *why;
	usage_visit visit;
	void *arg;
	uint64_t device;
	const char *path;
	pthread_mutex_t links_lock;
	struct inodeset links;
};

/* What one thread has. */
struct worker {
	struct scan *scan;
	struct usage sum;
	struct usage_folder *folder; /* that is being read or looked at; open */
	struct item *below;          /* folders found in it */
	unsigned int n_below;
	bool shared; /* another thread looks at some of its names */
	bool denied; /* was said of it */
	char names[BUFFER_BYTES] __attribute__((aligned(8)));
};

static uint64_t device_of(const struct statx *st)
{
	return (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
}

/* --- paths --- */

static int path_append(const struct usage_folder *folder, const char *name, char *ret, size_t room, size_t *n)
{
	size_t length = strlen(name);

	if (folder->parent) {
		int r = path_append(folder->parent, folder->name, ret, room, n);

		if (r)
			return r;
		ret[(*n)++] = '/';
	}
	if (length + 2 > room - *n) /* with a '/' behind it */
		return -ENAMETOOLONG;
	memcpy(ret + *n, name, length + 1);
	*n += length;
	return 0;
}

int usage_path(const struct usage_file *file, char *ret, size_t room)
{
	char path[4096];
	size_t n = 0;
	int r = path_append(file->folder, file->name, path, sizeof(path), &n);

	if (r || n + 1 > room)
		return -ENAMETOOLONG;
	memcpy(ret, path, n + 1);
	return 0;
}

/* --- folders --- */

static void unref(struct scan *s, struct usage_folder *f)
{
	while (f && --f->refs == 0) {
		struct usage_folder *parent = f->parent;

		if (f->fd >= 0) {
			(void)close(f->fd);
			s->held--;
		}
		free(f);
		f = parent;
	}
}

/* A descriptor of a folder that was closed again: from the nearest one that is open down. */
static int reopen(const struct usage_folder *f)
{
	int above, fd;

	if (f->fd >= 0)
		return fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	above = f->parent ? reopen(f->parent) : -1;
	if (above < 0)
		return -1;
	fd = openat(above, f->name, OPEN_FLAGS | O_CLOEXEC);
	(void)close(above);
	return fd;
}

/* To be closed by the caller when *ret_own. */
static int parent_fd(const struct usage_folder *f, bool *ret_own)
{
	*ret_own = f->parent->fd < 0;
	return *ret_own ? reopen(f->parent) : f->parent->fd;
}

static void denied(struct worker *w, const struct usage_folder *f)
{
	const struct usage_file as_file = { .folder = f->parent, .name = f->name };
	char path[4096];

	w->sum.denied++;
	if (w->sum.denied_path[0])
		return;
	if (!f->parent || usage_path(&as_file, path, sizeof(path)))
		(void)snprintf(path, sizeof(path), "%s", f->name);
	(void)snprintf(w->sum.denied_path, sizeof(w->sum.denied_path), "%.*s", (int)USAGE_DENIED_MAX - 1, path);
}

/* The folder itself. False: what is in it does not count. */
static bool count_folder(struct worker *w, const struct usage_folder *f, const struct statx *st)
{
	if (f->parent && (device_of(st) != w->scan->device || st->stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
		w->sum.mounts++;
		return false;
	}
	w->sum.folders++;
	w->sum.allocated_bytes += st->stx_blocks * 512;
	return true;
}

/* One whose content is not to be had: itself it counts. */
static void count_denied(struct worker *w, const struct usage_folder *f, int above)
{
	struct statx st;

	if (statx(above, f->name, STAT_FLAGS, STAT_MASK, &st) == 0 && S_ISDIR(st.stx_mode) && count_folder(w, f, &st))
		denied(w, f);
}

/* Open it and count it. *ret is -1 when there is nothing to be read: gone, denied, or not to be counted. */
static int enter(struct worker *w, const struct usage_folder *f, int *ret, struct why *why)
{
	bool own;
	int above = parent_fd(f, &own), r = 0;
	AUTO_FD fd = above < 0 || f->depth > DEPTH_MAX ? -1 : openat(above, f->name, OPEN_FLAGS | O_CLOEXEC);
	struct statx st;

	*ret = -1;
	if (above >= 0 && (f->depth > DEPTH_MAX || (fd < 0 && (errno == EACCES || errno == EPERM))))
		count_denied(w, f, above);
	else if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO))
		r = fail_errno(why, "%s", f->name);
	else if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STAT_MASK, &st) == 0 &&
		 count_folder(w, f, &st))
		*ret = MOVE_FD(fd);
	if (own && above >= 0)
		(void)close(above);
	return r;
}

/* --- what is in them --- */

/* Whether it counts: a file with several names does once. */
static int first_name(struct scan *s, const struct statx *st, bool *ret)
{
	int64_t times = 1;

	if (st->stx_nlink > 1) {
		(void)pthread_mutex_lock(&s->links_lock);
		times = inodeset_add(&s->links, device_of(st), st->stx_ino);
		(void)pthread_mutex_unlock(&s->links_lock);
	}
	*ret = times == 1;
	return times < 0 ? (int)times : 0;
}

static int found_folder(struct worker *w, const char *name)
{
	size_t n = strlen(name) + 1;
	struct usage_folder *f = malloc(sizeof(*f) + n);
	struct item *i = malloc(sizeof(*i));

	if (!f || !i) {
		free(f);
		free(i);
		return -ENOMEM;
	}
	*f = (struct usage_folder){ .parent = w->folder, .refs = 1, .depth = w->folder->depth + 1, .fd = -1 };
	memcpy(f->name, name, n);
	*i = (struct item){ .next = w->below, .folder = f };
	w->below = i;
	w->n_below++;
	return 0;
}

static int found_file(struct worker *w, const char *name, const struct statx *st)
{
	bool first;
	int r = first_name(w->scan, st, &first);

	if (r)
		return r;
	if (first) {
		w->sum.files++;
		w->sum.allocated_bytes += st->stx_blocks * 512;
		w->sum.size_bytes += S_ISREG(st->stx_mode) ? st->stx_size : 0;
	}
	if (w->scan->visit && S_ISREG(st->stx_mode))
		w->scan->visit(w->scan->arg, &(struct usage_file){ w->folder, name, st });
	return 0;
}

static int look(struct worker *w, const char *name, unsigned char type)
{
	struct statx st;

	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return 0;
	if (type == DT_DIR)
		return found_folder(w, name);
	if (statx(w->folder->fd, name, STAT_FLAGS, STAT_MASK, &st)) {
		if (errno == EACCES && !w->denied)
			denied(w, w->folder);
		w->denied = w->denied || errno == EACCES;
		return 0; /* gone, else */
	}
	if (S_ISDIR(st.stx_mode))
		return found_folder(w, name);
	if (device_of(&st) != w->scan->device || st.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
		w->sum.mounts++;
		return 0;
	}
	return found_file(w, name, &st);
}

static int look_at_all(struct worker *w, const char *names, size_t n)
{
	int r = 0;

	for (size_t at = 0; !r && at < n;) {
		const struct dirent64 *d = (const void *)(names + at);

		r = look(w, d->d_name, d->d_type);
		at += d->d_reclen;
	}
	return r;
}

/* --- work shared out --- */

static void push(struct scan *s, struct item *i)
{
	i->next = s->top;
	s->top = i;
	if (s->waiting)
		(void)pthread_cond_signal(&s->more);
}

/* Names for another thread to look at. False: nobody has time, or there is no memory. */
static bool hand_over(struct worker *w, const char *names, size_t n)
{
	struct scan *s = w->scan;
	struct item *i;
	bool idle;

	(void)pthread_mutex_lock(&s->lock);
	idle = s->waiting > 0 && !s->top;
	(void)pthread_mutex_unlock(&s->lock);
	i = idle ? malloc(sizeof(*i) + n) : NULL;
	if (!i)
		return false;
	i->folder = w->folder;
	i->n = n;
	memcpy(i->names, names, n);
	(void)pthread_mutex_lock(&s->lock);
	w->folder->refs++;
	push(s, i);
	(void)pthread_mutex_unlock(&s->lock);
	return true;
}

/* After a folder was read: what is in it is there for all, and it stays open for that unless too many do. */
static void leave(struct worker *w)
{
	struct scan *s = w->scan;
	struct usage_folder *f = w->folder;

	(void)pthread_mutex_lock(&s->lock);
	if (f->parent && !w->shared && s->held > (w->n_below < WIDE ? HELD_MAX : HELD_WIDE)) {
		(void)close(f->fd);
		f->fd = -1;
		s->held--;
	}
	f->refs += w->n_below;
	for (struct item *i = w->below, *next; i; i = next) {
		next = i->next;
		push(s, i);
	}
	w->below = NULL;
	w->n_below = 0;
	(void)pthread_mutex_unlock(&s->lock);
}

static int read_names(struct worker *w, struct why *why)
{
	int r = 0;

	while (!r) {
		ssize_t n = getdents64(w->folder->fd, w->names, sizeof(w->names));

		if (n == 0 || (n < 0 && errno == ENOENT)) /* or it was removed */
			return 0;
		if (n < 0)
			return fail_errno(why, "%s", w->folder->name);
		if (hand_over(w, w->names, (size_t)n))
			w->shared = true;
		else
			r = look_at_all(w, w->names, (size_t)n);
	}
	return r;
}

static int read_folder(struct worker *w, struct why *why)
{
	struct usage_folder *f = w->folder;
	int fd, r;

	if (f->parent) {
		r = enter(w, f, &fd, why);
		if (r || fd < 0)
			return r;
		(void)pthread_mutex_lock(&w->scan->lock);
		f->fd = fd;
		w->scan->held++;
		(void)pthread_mutex_unlock(&w->scan->lock);
	}
	return read_names(w, why);
}

static void do_item(struct worker *w, struct item *i)
{
	struct why why = { 0 };
	int r;

	w->folder = i->folder;
	w->shared = i->n > 0;
	w->denied = false;
	r = i->n ? look_at_all(w, i->names, i->n) : read_folder(w, &why);
	leave(w);
	(void)pthread_mutex_lock(&w->scan->lock);
	unref(w->scan, i->folder);
	if (r && !w->scan->error) {
		w->scan->error = r;
		(void)(why.code ? fail(w->scan->why, r, "%s: %s", w->scan->path, why.text)
				: fail(w->scan->why, r, "%s: %s", w->scan->path, strerror(-r)));
	}
	(void)pthread_mutex_unlock(&w->scan->lock);
	free(i);
}

/* The next item; NULL: there will be none. */
static struct item *take(struct scan *s)
{
	struct item *i;

	(void)pthread_mutex_lock(&s->lock);
	while (!s->top && !s->over) {
		if (++s->waiting == s->threads) {
			s->over = true;
			(void)pthread_cond_broadcast(&s->more);
		} else {
			(void)pthread_cond_wait(&s->more, &s->lock);
		}
		s->waiting--;
	}
	i = s->top;
	s->top = i ? i->next : NULL;
	(void)pthread_mutex_unlock(&s->lock);
	return i;
}

/* --- threads --- */

static void work(struct worker *w)
{
	for (struct item *i; (i = take(w->scan));)
		do_item(w, i);
}

static void *helper(void *arg)
{
	work(arg);
	return NULL;
}

static unsigned int processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return n < 1 ? 1 : n > (int)THREADS_MAX ? THREADS_MAX : (unsigned int)n;
}

static void add_up(struct usage *sum, const struct usage *one)
{
	sum->allocated_bytes += one->allocated_bytes;
	sum->size_bytes += one->size_bytes;
	sum->files += one->files;
	sum->folders += one->folders;
	sum->mounts += one->mounts;
	sum->denied += one->denied;
	if (!sum->denied_path[0])
		memcpy(sum->denied_path, one->denied_path, sizeof(sum->denied_path));
}

/* Those that cannot be started are done without. */
static void run(struct scan *s, struct worker *workers, unsigned int wanted)
{
	pthread_t threads[THREADS_MAX];
	unsigned int n = 1;

	(void)pthread_mutex_lock(&s->lock);
	s->threads = 1;
	workers[0].scan = s;
	for (; n < wanted; n++, s->threads++) {
		workers[n].scan = s;
		if (pthread_create(&threads[n], NULL, helper, &workers[n]))
			break;
	}
	(void)pthread_mutex_unlock(&s->lock);
	work(&workers[0]);
	for (unsigned int i = 1; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

static int scan_all(struct scan *s, struct usage *ret)
{
	unsigned int wanted = processors();
	AUTO_FREE struct worker *workers = calloc(wanted, sizeof(*workers));

	if (!workers)
		return fail(s->why, -ENOMEM, "out of memory");
	run(s, workers, wanted);
	for (unsigned int i = 0; i < wanted; i++)
		add_up(ret, &workers[i].sum);
	return s->error;
}

static int first_item(struct scan *s, int *fd, struct usage *sum, struct why *w)
{
	AUTO_FREE struct usage_folder *f = calloc(1, sizeof(*f) + 1);
	struct item *i = calloc(1, sizeof(*i));
	struct statx st;

	if (!f || !i || statx(*fd, "", AT_EMPTY_PATH, STAT_MASK, &st)) {
		int e = !f || !i ? ENOMEM : errno;

		free(i);
		return fail(w, -e, "%s: %s", s->path, strerror(e));
	}
	s->device = device_of(&st);
	sum->folders = 1;
	sum->allocated_bytes = st.stx_blocks * 512;
	s->held = 1;
	f->refs = 1;
	f->fd = MOVE_FD(*fd);
	i->folder = MOVE(f);
	s->top = i;
	return 0;
}

int usage_scan(int dirfd, const char *path, usage_visit visit, void *arg, struct usage *ret, struct why *w)
{
	struct scan s = { .lock = PTHREAD_MUTEX_INITIALIZER,
			  .more = PTHREAD_COND_INITIALIZER,
			  .links_lock = PTHREAD_MUTEX_INITIALIZER,
			  .why = w,
			  .visit = visit,
			  .arg = arg,
			  .path = path };
	AUTO_FD fd = openat(dirfd, path, OPEN_FLAGS | O_CLOEXEC);
	struct usage sum = { 0 };
	int r = fd < 0 ? fail_errno(w, "%s", path) : first_item(&s, &fd, &sum, w);

	r = r ? r : scan_all(&s, &sum);
	inodeset_free(&s.links);
	if (!r)
		*ret = sum;
	return r;
}
