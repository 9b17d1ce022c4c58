#include "updater/tree_run.h"

#include <stdio.h>
#include <time.h>

#include "base/parse.h"
#include "base/proc.h"
#include "updater/bundle_walk.h"
#include "updater/tree_unpack.h"

#define ZEROS_BYTES  65536u
#define BLOCK_BYTES  4096u  /* what a file system may round a member up to, its inode or name included */
#define OLD_SERVE_MS 15000u /* at least: what the old tree gets to serve again, so that it can be told */

struct run {
	const struct tree_job *job;
	struct tree_switch sw;
	uint64_t start_ms; /* what starting the units took, the last time */
};

const char *tree_action_name(enum tree_action a)
{
	static const char *const words[] = {
		[TREE_DO_UNPACK] = "unpacking",    [TREE_DO_STOP] = "stopping",  [TREE_DO_SWAP_NEXT] = "swapping",
		[TREE_DO_START] = "starting",      [TREE_DO_WATCH] = "watching", [TREE_DO_COMMIT] = "committing",
		[TREE_DO_RETURNING] = "returning", [TREE_DO_FAIL] = "failed",
	};

	return (size_t)a < ARRAY_SIZE(words) ? words[a] : NULL;
}

static bool is_cancelled(const struct tree_job *job)
{
	return job->cancelled && job->cancelled(job->arg);
}

static void tell(const struct tree_job *job, enum tree_action action, uint64_t done, uint64_t total)
{
	const struct tree_progress now = { .action = action, .done_bytes = done, .total_bytes = total };

	if (job->step)
		job->step(job->arg, &now);
}

/* --- the journal --- */

/* Who made ROOT/current is not known; its name says what it is. */
static int adopt(struct tree_store *s, struct tree_record *rec, struct why *w)
{
	char name[TREE_NAME_MAX];
	int r = tree_store_link_get(s, false, name, w);

	*rec = (struct tree_record){ 0 };
	if (r || !tree_name_valid(name) || !tree_store_has(s, name))
		return r;
	memcpy(rec->current.name, name, sizeof(name));
	return parse_hex(name + strlen(name) - 16, rec->current.id.b, 8, w);
}

int tree_load(struct tree_store *s, bool lost, struct tree_record *ret, struct why *w)
{
	struct why own = { 0 };
	int r = tree_store_load(s, ret, &own);

	if ((r == -EBADMSG && lost) || (!r && !s->has_record))
		return adopt(s, ret, w);
	if (r == -EBADMSG)
		(void)why_next(&own, r, "'tandem tree settle' makes a new one of what %s/current names", s->root);
	if (r && w && !w->code)
		*w = own;
	return r;
}

/* --- actions --- */

static int do_record(void *with, struct tree_record *rec, struct why *w)
{
	return tree_store_save(((struct run *)with)->job->store, rec, w);
}

static enum tree_at where(const struct tree_record *rec, const char *name)
{
	if (!name[0])
		return TREE_AT_NONE;
	if (strcmp(name, rec->current.name) == 0)
		return TREE_AT_CURRENT;
	return strcmp(name, rec->next.name) == 0 ? TREE_AT_NEXT : TREE_AT_OTHER;
}

static int do_see(void *with, const struct tree_record *rec, struct tree_situation *ret, struct why *w)
{
	const struct tree_store *s = ((struct run *)with)->job->store;
	char current[TREE_NAME_MAX], next[TREE_NAME_MAX];
	int r = tree_store_link_get(s, false, current, w);

	r = r ? r : tree_store_link_get(s, true, next, w);
	r = r ? r : tree_store_partial(s, &ret->partial, w);
	if (r)
		return r;
	ret->at = where(rec, current);
	ret->next_link = next[0] != '\0';
	ret->next_right = next[0] && strcmp(next, rec->next.name) == 0;
	ret->whole = tree_store_has(s, rec->next.name);
	return 0;
}

/* A bundle's chunks as the stream that libarchive reads. */
struct input {
	const struct tree_job *job;
	struct bundle_stream *stream;
	uint64_t zeros; /* of the chunk, still to be given */
	uint64_t done;
	uint8_t none[ZEROS_BYTES];
};

static int next_bytes(void *arg, const void **ret, size_t *ret_n, struct why *w)
{
	struct input *in = arg;
	struct chunk c = { 0 };
	const void *raw = NULL;
	int r;

	if (is_cancelled(in->job))
		return fail(w, -ECANCELED, "interrupted");
	if (!in->zeros) {
		r = bundle_stream_next(in->stream, &c, &raw, w);
		if (r)
			return r == -ENODATA ? 0 : r;
		in->zeros = raw ? 0 : c.raw_bytes;
	}
	*ret = raw ? raw : in->none;
	*ret_n = raw ? c.raw_bytes : in->zeros < sizeof(in->none) ? (size_t)in->zeros : sizeof(in->none);
	in->zeros -= raw ? 0 : *ret_n;
	in->done += *ret_n;
	tell(in->job, TREE_DO_UNPACK, in->done, in->job->payload->size_bytes);
	return 0;
}

static int unpack_into(const struct tree_job *job, int fd, struct why *w)
{
	const struct tree_limits limits = { .bytes = job->payload->tree_bytes, .entries = job->payload->tree_entries };
	AUTO_FREE struct input *in = calloc(1, sizeof(*in));
	const struct tree_input input = { .next = next_bytes, .arg = in };
	struct tree_limits sum;
	int r;

	if (!in)
		return fail(w, -ENOMEM, "out of memory");
	in->job = job;
	r = bundle_stream_open(job->bundle, job->payload, &in->stream, w);
	r = r ? r : tree_unpack(fd, &input, &limits, &sum, w);
	bundle_stream_close(in->stream);
	return r;
}

static int do_unpack(void *with, const struct tree_record *rec, struct why *w)
{
	const struct tree_job *job = ((struct run *)with)->job;
	size_t pruned = 0;
	AUTO_FD fd = -1;
	int r = tree_store_clean(job->store, w);

	r = r ? r : tree_make_room(job, UINT32_MAX, tree_needs_bytes(job->conf, job->payload), &pruned, w);
	r = r ? r : tree_store_begin(job->store, rec->next.name, &fd, w);
	r = r ? r : unpack_into(job, fd, w);
	return r ? r : tree_store_publish(job->store, rec->next.name, fd, w);
}

static int do_clean(void *with, struct why *w)
{
	return tree_store_clean(((struct run *)with)->job->store, w);
}

static int do_link(void *with, bool next, const char *name, struct why *w)
{
	return tree_store_link_set(((struct run *)with)->job->store, next, name, w);
}

static int do_stop(void *with, bool soon, struct why *w)
{
	const struct sysconf_tree *conf = ((struct run *)with)->job->conf;

	return soon ? tree_units_stop_soon(conf, w) : tree_units_stop(conf, w);
}

static int do_start(void *with, struct why *w)
{
	struct run *k = with;
	uint64_t begun = now_ms();
	int r = tree_units_start(k->job->conf, w);

	k->start_ms = now_ms() - begun;
	return r;
}

static bool do_cancelled(void *with)
{
	return is_cancelled(((struct run *)with)->job);
}

static uint64_t do_now(void *with)
{
	(void)with;
	return now_ms();
}

static void do_step(void *with, enum tree_action action)
{
	tell(((struct run *)with)->job, action, 0, 0);
}

/* --- watching --- */

static int watch_look(void *with, unsigned int limit_ms, struct tree_unit *ret, struct why *w)
{
	return tree_units_look(((struct run *)with)->job->conf, limit_ms, ret, w);
}

static void watch_probe(void *with, unsigned int timeout_ms, bool (*stop)(void *arg), void *arg,
			struct probe_answer *ret)
{
	const struct probe_request p = {
		.url = ((struct run *)with)->job->conf->url,
		.timeout_ms = timeout_ms,
		.agent = "tandem/" TANDEM_VERSION,
		.stop = stop,
		.arg = arg,
	};

	probe_url(&p, ret);
}

static void watch_pause(void *with, unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)with;
	(void)nanosleep(&t, NULL);
}

static bool never(void *with)
{
	(void)with;
	return false;
}

static void do_watch(void *with, uint64_t swapped_ms, struct tree_watched *ret)
{
	static const struct tree_watch_ops ops = { watch_look, watch_probe, do_cancelled, do_now, watch_pause };
	const struct run *k = with;

	tree_watch(k->job->conf, &ops, with, swapped_ms + tree_watch_deadline_ms(k->job->conf, k->start_ms), ret);
}

/* Does the old tree serve again? Only asked when it was told to. */
static void watch_old(struct run *k, struct tree_done *ret)
{
	static const struct tree_watch_ops ops = { watch_look, watch_probe, never, do_now, watch_pause };
	struct tree_watched seen = { 0 };

	uint64_t time_ms = 1000ull * k->job->conf->deadline_seconds;

	tree_watch(k->job->conf, &ops, k, now_ms() + (time_ms > OLD_SERVE_MS ? time_ms : OLD_SERVE_MS), &seen);
	ret->old_serves = seen.verdict == TREE_GOOD;
	ret->return_ms = (ret->old_serves ? seen.served_ms : now_ms()) - k->sw.swapped_ms;
}

/* --- runs --- */

static const struct tree_switch_ops real_ops = {
	.record = do_record,
	.see = do_see,
	.unpack = do_unpack,
	.remove_partial = do_clean,
	.link = do_link,
	.stop = do_stop,
	.start = do_start,
	.watch = do_watch,
	.cancelled = do_cancelled,
	.now_ms = do_now,
	.step = do_step,
};

static void prepare(struct run *k, const struct tree_job *job, enum tree_verdict verdict)
{
	*k = (struct run){ .job = job };
	k->sw = (struct tree_switch){
		.ops = &real_ops,
		.with = k,
		.rec = job->rec,
		.has_units = !job->no_units && job->conf->n_units > 0,
		.verdict = verdict,
	};
}

static void report(const struct run *k, struct tree_done *ret)
{
	const struct tree_switch *sw = &k->sw;

	*ret = (struct tree_done){ .verdict = sw->verdict, .reason = sw->reason, .swapped = sw->swapped_ms != 0 };
	memcpy(ret->text, sw->text, sizeof(ret->text));
	if (sw->verdict == TREE_GOOD)
		ret->serves_ms = sw->served_ms - sw->swapped_ms;
	/* Without units of its own, the product follows the link. */
	ret->returned = sw->returned_ms != 0 || (!sw->has_units && ret->swapped && sw->verdict == TREE_BAD);
}

/* The verdict as a reason. */
static int say_verdict(const struct run *k, const struct tree_done *done, struct why *w)
{
	const char *to = k->job->rec->outcome.to;

	if (k->sw.why.code) {
		if (w && !w->code)
			*w = k->sw.why;
	} else if (done->reason == TREE_REASON_INTERRUPTED) {
		(void)fail(w, -ECANCELED, "interrupted");
	} else {
		(void)fail(w, -EIO, "%s was given up: %s", to, done->text);
	}
	if (done->returned && !done->old_serves)
		return why_next(w, w ? w->code : -EIO, "the tree before was started again, but does not serve");
	if (done->returned)
		return why_next(w, w ? w->code : -EIO, "the tree before serves again");
	return w ? w->code : -EIO;
}

static int switch_over(struct run *k, struct tree_done *ret, struct why *w)
{
	int r = tree_switch_run(&k->sw, w);

	report(k, ret);
	if (r)
		return why_next(w, r, "'tandem tree settle' brings it to an end");
	if (ret->returned && ret->swapped)
		watch_old(k, ret);
	else
		ret->old_serves = ret->returned; /* it was only stopped */
	return ret->verdict == TREE_GOOD ? 0 : say_verdict(k, ret, w);
}

int tree_unsettled(const struct tree_job *job, bool *ret, struct why *w)
{
	struct tree_situation s = { .phase = job->rec->phase,
				    .verdict = TREE_BAD,
				    .has_current = job->rec->current.name[0] != '\0' };
	struct run k = { .job = job };
	int r = do_see(&k, job->rec, &s, w);

	if (!r)
		*ret = tree_decide(&s) != TREE_DO_NOTHING;
	return r;
}

int tree_settle(const struct tree_job *job, struct tree_done *ret, struct why *w)
{
	enum tree_phase phase = job->rec->phase;
	struct run k;
	int r;

	prepare(&k, job, TREE_BAD);
	k.sw.reason = TREE_REASON_CUT;
	(void)snprintf(k.sw.text, sizeof(k.sw.text), "found in phase %s", tree_phase_name(phase));
	r = tree_switch_run(&k.sw, w);
	report(&k, ret);
	return r;
}

static void prune_after(const struct tree_job *job, struct tree_done *ret)
{
	IGNORE(tree_make_room(job, job->conf->keep, 0, &ret->pruned, &ret->unpruned)); /* told, but no failure */
}

static int begin(struct run *k, const struct tree_release *next, enum tree_phase phase, struct why *w)
{
	struct tree_record rec = *k->job->rec;
	int r;

	rec.next = *next;
	rec.phase = phase;
	tree_history_add(&rec, next->name);
	r = tree_store_save(k->job->store, &rec, w);
	if (!r)
		*k->job->rec = rec;
	return r;
}

int tree_install(const struct tree_job *job, struct tree_done *ret, struct why *w)
{
	struct tree_release next = { .epoch = job->bundle->manifest.epoch, .id = job->bundle->id };
	struct run k;
	int r;

	*ret = (struct tree_done){ 0 };
	tree_name(job->bundle->manifest.version, &next.id, next.name);
	prepare(&k, job, TREE_OPEN);
	k.sw.unpacks = true;
	r = begin(&k, &next, TREE_UNPACKING, w);
	r = r ? r : switch_over(&k, ret, w);
	if (!r)
		prune_after(job, ret);
	return r;
}

int tree_go_back(const struct tree_job *job, struct tree_done *ret, struct why *w)
{
	const struct tree_release next = job->rec->previous;
	struct run k;
	int r;

	*ret = (struct tree_done){ 0 };
	prepare(&k, job, TREE_OPEN);
	r = begin(&k, &next, TREE_STAGED, w);
	return r ? r : switch_over(&k, ret, w);
}

/* --- room --- */

uint64_t tree_needs_bytes(const struct sysconf_tree *conf, const struct payload *p)
{
	uint64_t need = p->size_bytes, names = 0;

	/* All three come from outside. */
	if (__builtin_mul_overflow(p->tree_entries, (uint64_t)BLOCK_BYTES, &names) ||
	    __builtin_add_overflow(need, names, &need) || __builtin_add_overflow(need, conf->reserve_bytes, &need))
		return UINT64_MAX;
	return need;
}

int tree_make_room(const struct tree_job *job, unsigned int keep, uint64_t want_bytes, size_t *ret_n, struct why *w)
{
	struct tree_prune p = { .keep = keep, .want_bytes = want_bytes };
	AUTO_FREE struct tree_stock *stock = NULL;
	uint64_t inodes = 0;
	size_t n = 0;
	int r = tree_store_room(job->store, &p.free_bytes, &inodes, w);

	r = r ? r : tree_store_list(job->store, &stock, &n, w);
	if (r)
		return r;
	tree_stock_sort(job->rec, stock, n);
	(void)tree_prune(job->rec, &p, stock, n);
	*ret_n = 0;
	for (size_t i = 0; !r && i < n; i++) {
		if (!stock[i].drop)
			continue;
		r = tree_store_remove(job->store, stock[i].name, w);
		*ret_n += r == 0;
	}
	return r;
}
