#include "bootstage/trainer/prune.h"

#include <string.h>

#include "bootstage/trainer/inodeset.h"

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

enum prune_kind prune_kind_of(const char *name)
{
	static const struct {
		const char *end;
		enum prune_kind kind;
	} ends[] = {
		{ ".checkpoint", PRUNE_CHECKPOINT }, { ".tmp", PRUNE_TEMPORARY },   { ".onnx", PRUNE_MODEL },
		{ ".onnx.prev", PRUNE_MODEL },       { ".onnx.next", PRUNE_MODEL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_in(name, ends[i].end))
			return ends[i].kind;
	return PRUNE_OTHER;
}

const char *prune_kind_name(enum prune_kind kind)
{
	static const char *const names[] = { "checkpoint", "temporary", "model", "other" };

	return names[kind];
}

const char *prune_verdict_name(enum prune_verdict verdict)
{
	static const char *const names[] = {
		"keep", "remove", "newest checkpoint", "one of the last checkpoints", "model", "may be being written"
	};

	return names[verdict];
}

const char *prune_outcome_name(enum prune_outcome outcome)
{
	static const char *const names[] = { "within", "over-goal", "over-cap", "model-too-large" };

	return names[outcome];
}

/* --- what stays --- */

static int by_time(const void *a, const void *b)
{
	const struct prune_file *x = a, *y = b;

	if (x->mtime_ns != y->mtime_ns)
		return x->mtime_ns < y->mtime_ns ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* A checkpoint whose number tells its age is older than one with a higher number; others go by their time. */
static bool newer(const struct prune_file *a, const struct prune_file *b)
{
	if (a->numbered && b->numbered && a->generation != b->generation)
		return a->generation > b->generation;
	return by_time(a, b) > 0;
}

static bool good_checkpoint(const struct prune_file *f, bool numbered)
{
	return f->kind == PRUNE_CHECKPOINT && f->numbered == numbered &&
	       (numbered ? f->health == PRUNE_VALID : f->health != PRUNE_DAMAGED);
}

/* The newest that has no verdict yet; NULL. */
static struct prune_file *newest_checkpoint(struct prune_file *files, size_t n, bool numbered)
{
	struct prune_file *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (files[i].verdict == PRUNE_KEEP && good_checkpoint(&files[i], numbered) &&
		    (!best || newer(&files[i], best)))
			best = &files[i];
	return best;
}

/* Of each form: a foreign one says nothing of how it compares with ours. */
static void spare_checkpoints(struct prune_file *files, size_t n, unsigned int keep_last, bool numbered)
{
	struct prune_file *f = newest_checkpoint(files, n, numbered);

	if (f)
		f->verdict = PRUNE_NEWEST;
	for (unsigned int i = 1; f && i < keep_last; i++) {
		f = newest_checkpoint(files, n, numbered);
		if (f)
			f->verdict = PRUNE_LAST;
	}
}

static void spare_written(struct prune_file *files, size_t n)
{
	struct prune_file *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (files[i].kind == PRUNE_TEMPORARY && (!best || by_time(&files[i], best) > 0))
			best = &files[i];
	if (best)
		best->verdict = PRUNE_WRITTEN;
}

/* Length of the folder's part of a path, with the '/'. */
static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Nobody tells which files the weights are in. */
static void spare_weights(struct prune_file *files, size_t n, const struct prune_file *model)
{
	size_t length = folder_length(model->path);

	for (size_t i = 0; i < n; i++)
		if (files[i].kind == PRUNE_OTHER && folder_length(files[i].path) == length &&
		    strncmp(files[i].path, model->path, length) == 0)
			files[i].verdict = PRUNE_LIVE;
}

static void spare(struct prune_file *files, size_t n, const struct prune_want *want)
{
	for (size_t i = 0; i < n; i++)
		files[i].verdict =
			files[i].kind == PRUNE_MODEL && files[i].health != PRUNE_DAMAGED ? PRUNE_LIVE : PRUNE_KEEP;
	for (size_t i = 0; i < n; i++)
		if (files[i].verdict == PRUNE_LIVE && files[i].elsewhere)
			spare_weights(files, n, &files[i]);
	spare_checkpoints(files, n, want->keep_last, true);
	spare_checkpoints(files, n, want->keep_last, false);
	if (want->running)
		spare_written(files, n);
}

/* --- what goes --- */

struct pruner {
	struct prune_file *files; /* sorted: checkpoints and temporary files by time, then the others by size */
	size_t n;
	struct prune_plan *plan;
	struct inodeset names, gone; /* of files with several */
};

static bool dated(const struct prune_file *f)
{
	return f->kind == PRUNE_CHECKPOINT || f->kind == PRUNE_TEMPORARY;
}

static int by_turn(const void *a, const void *b)
{
	const struct prune_file *x = a, *y = b;

	if (dated(x) != dated(y))
		return dated(x) ? -1 : 1;
	if (!dated(x) && x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return dated(x) ? by_time(x, y) : strcmp(x->path, y->path);
}

static int by_order(const void *a, const void *b)
{
	const struct prune_file *x = a, *y = b;

	return x->order != y->order ? (x->order < y->order ? -1 : 1) : strcmp(x->path, y->path);
}

/* A file is gone with the last of its names. */
static int remove_one(struct pruner *p, struct prune_file *f)
{
	int64_t gone = f->linked ? inodeset_add(&p->gone, f->device, f->inode) : 0;
	uint64_t bytes = f->bytes;

	if (gone < 0)
		return (int)gone;
	if (gone && (uint64_t)gone < inodeset_times(&p->names, f->device, f->inode))
		bytes = 0;
	bytes = bytes < p->plan->left_bytes ? bytes : p->plan->left_bytes;
	f->verdict = PRUNE_REMOVE;
	f->order = p->plan->remove++;
	p->plan->freed_bytes += bytes;
	p->plan->left_bytes -= bytes;
	return 0;
}

static bool ordinary(const struct prune_file *f)
{
	return dated(f) && f->verdict == PRUNE_KEEP;
}

static bool spared(const struct prune_file *f)
{
	return dated(f) && (f->verdict == PRUNE_LAST || f->verdict == PRUNE_WRITTEN);
}

static bool other(const struct prune_file *f)
{
	return !dated(f) && f->verdict == PRUNE_KEEP;
}

static int remove_until(struct pruner *p, uint64_t goal_bytes, bool (*may)(const struct prune_file *f))
{
	int r = 0;

	for (size_t i = 0; !r && i < p->n && p->plan->left_bytes > goal_bytes; i++)
		if (may(&p->files[i]))
			r = remove_one(p, &p->files[i]);
	return r;
}

static int count_names(struct pruner *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->files[i].linked && inodeset_add(&p->names, p->files[i].device, p->files[i].inode) < 0)
			return -ENOMEM;
	return 0;
}

static int decide(struct pruner *p, const struct prune_want *want)
{
	uint64_t goal = want->goal_bytes < want->cap_bytes ? want->goal_bytes : want->cap_bytes;
	int r = count_names(p);

	r = r ? r : remove_until(p, goal, ordinary);
	r = r ? r : remove_until(p, want->cap_bytes, spared);
	r = r ? r : remove_until(p, want->cap_bytes, other);
	if (p->plan->left_bytes <= goal)
		p->plan->outcome = PRUNE_WITHIN;
	else if (p->plan->left_bytes <= want->cap_bytes)
		p->plan->outcome = PRUNE_OVER_GOAL;
	else
		p->plan->outcome = p->plan->model_bytes > want->cap_bytes ? PRUNE_TOO_LARGE : PRUNE_OVER_CAP;
	return r;
}

int prune_decide(struct prune_file *files, size_t n, const struct prune_want *want, struct prune_plan *ret,
		 struct why *w)
{
	struct prune_plan plan = { .left_bytes = want->used_bytes };
	struct pruner p = { .files = files, .n = n, .plan = &plan };
	int r;

	spare(files, n, want);
	for (size_t i = 0; i < n; i++) {
		files[i].order = SIZE_MAX;
		plan.model_bytes += files[i].verdict == PRUNE_LIVE ? files[i].bytes : 0;
	}
	if (n)
		qsort(files, n, sizeof(*files), by_turn);
	r = decide(&p, want);
	inodeset_free(&p.names);
	inodeset_free(&p.gone);
	if (r)
		return fail(w, r, "out of memory");
	if (n)
		qsort(files, n, sizeof(*files), by_order);
	*ret = plan;
	return 0;
}
