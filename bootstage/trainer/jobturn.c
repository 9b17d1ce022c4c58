#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/proc.h"
#include "bootstage/trainer/cap.h"
#include "bootstage/trainer/promote.h"
#include "bootstage/trainer/prunefiles.h"
#include "bootstage/trainer/trainer_inside.h"
#include "bootstage/trainer/trainproc.h"

#define NO_ROOM       75    /* EX_TEMPFAIL: the job itself says that it had no room */
#define PRUNE_SOON_MS 1000u /* until the folder is looked through again: after one that removed something */
#define PRUNE_LATE_MS 10000u
#define CHECKPOINT_MS 10000u /* between two records of checkpoints */
#define SHOWN_BYTES   STAGELOG_MAX

struct turn {
	struct trainer *t;
	const struct trainjob *j;
	bool seed;
	char folder[PATH_MAX];
	struct cap cap;
	uint64_t used_bytes, most_bytes; /* of the folder: now, and at its highest */
	bool full;                       /* the cap was reached */
	bool over;                       /* and gone over, where nothing stops it: it was ended for that */
	uint64_t prune_ms;               /* not before */
	struct timespec checkpoint;      /* the newest one of those that are known */
	uint64_t checkpoint_ms;          /* the next one is recorded not before */
	struct train_progress progress;
	struct train_record
		trained;    /* when its model is taken: what its training was; sequence 0: it is not that far */
	struct why failure; /* of the journal, while it ran */
	struct stagelog log;
};

static struct turn *turn_new(struct trainer *t, size_t job, bool seed)
{
	struct turn *x = calloc(1, sizeof(*x));

	if (x)
		*x = (struct turn){ .t = t, .j = &t->want->jobs->at[job], .seed = seed, .cap.fd = -1 };
	return x;
}

/* --- records --- */

static int record(struct turn *x, enum train_event event, const char *text, const struct trainproc_result *res,
		  struct why *w)
{
	struct train_record r = { .exit_code = -1 };

	if (x->trained.sequence) {
		r = x->trained;
	} else {
		r.used_bytes = x->used_bytes;
		r.step = x->progress.step;
		r.of = x->progress.of;
	}
	r.event = event;
	r.seed = x->seed;
	if (res) {
		r.exit_code = res->status.exit_code;
		r.signal = res->status.signal;
		r.cpu_us = res->status.cpu_us;
		r.peak_bytes = res->status.peak_memory_bytes;
	}
	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	return trainer_record(x->t, x->j, &r, w);
}

/* --- the disk --- */

/* What is left behind is in *ret. Failures to look are said, and are none of the job's. */
static void enforce(struct turn *x, bool running, struct prunefiles *ret)
{
	const struct trainconf *c = x->t->want->conf;
	const struct prunefiles_want want = { .folder = x->folder,
					      .cap_bytes = x->j->cap_bytes,
					      .prune_at = c->prune_at,
					      .keep_last = c->keep_last,
					      .running = running };
	struct why w = { 0 };

	*ret = (struct prunefiles){ 0 };
	if (prunefiles_enforce(&want, ret, &w)) {
		log_error("job=%s: %s", x->j->name, w.text);
		return;
	}
	x->used_bytes = ret->after_bytes;
	if (usage_of_cap(&ret->before) > x->most_bytes)
		x->most_bytes = usage_of_cap(&ret->before);
	if (ret->removed || ret->plan.outcome > PRUNE_OVER_GOAL)
		log_warn("job=%s: %s", x->j->name, ret->said);
}

/* R3 */
static int too_large(struct turn *x, const struct prunefiles *p, char *text, size_t room)
{
	char models[16], cap[16];

	if (p->plan.outcome != PRUNE_TOO_LARGE)
		return 0;
	(void)snprintf(text, room, TRAINER_TOO_LARGE ": models take %s, the cap is %s",
		       format_size(p->plan.model_bytes, models), format_size(x->j->cap_bytes, cap));
	log_error("critical: job=%s %s", x->j->name, text);
	return -EDQUOT;
}

/*
 * What the job may still take has to be there, and the reserve as well (R2, C23); a file system of its own has it already. Asked
 * of the folder above: in a folder with a quota statvfs(2) tells of that.
 */
static int has_room(struct turn *x, char *text, size_t room)
{
	uint64_t reserve = x->t->want->conf->reserve_bytes, wanted, there;
	AUTO_FD above = openat(x->cap.fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char a[16], b[16], c[16];
	struct statvfs st;

	if (x->cap.kind == CAP_LOOP || above < 0 || fstatvfs(above, &st))
		return 0;
	there = (uint64_t)st.f_bavail * st.f_frsize;
	wanted = x->j->cap_bytes > x->used_bytes ? x->j->cap_bytes - x->used_bytes : 0;
	if (there >= wanted && there - wanted >= reserve)
		return 0;
	(void)snprintf(text, room, "no room on the disk: it may take %s, %s are to stay free, %s are there",
		       format_size(wanted, a), format_size(reserve, b), format_size(there, c));
	return -ENOSPC;
}

static int put_cap(struct turn *x, struct why *w)
{
	const struct trainer_want *want = x->t->want;
	struct trainproc_ids ids;
	char images[PATH_MAX];
	int r = trainproc_ids(x->j, want->places->sys.product, &ids, w);

	r = r ? r : trainplaces_state(want->places, "images", images, w);
	if (r)
		return r;
	const struct cap_want cap = { .job = x->j->name,
				      .folder = x->folder,
				      .images = images,
				      .bytes = x->j->cap_bytes,
				      .kind = want->conf->quota,
				      .mount_nothing = want->places->root != NULL,
				      .uid = ids.uid,
				      .gid = ids.gid };
	return cap_open(&cap, &x->cap, w);
}

/* Before it starts (R6). @text  why it does not, when that is the job's own matter */
static int prepare(struct turn *x, char *text, size_t room)
{
	struct why w = { 0 };
	int r = trainplaces_folder(x->t->want->places, x->j, x->folder, &w);

	r = r ? r : put_cap(x, &w);
	if (r) {
		(void)snprintf(text, room, "%.200s", w.text);
		return r;
	}
	log_info("job=%s cap=%s", x->j->name, x->cap.said);
	AUTO_PRUNEFILES p = { 0 };
	enforce(x, false, &p);
	r = too_large(x, &p, text, room);
	return r ? r : has_room(x, text, room);
}

/* --- while it runs --- */

static void note_checkpoint(struct turn *x, const char *name)
{
	if (now_ms() < x->checkpoint_ms || x->failure.code)
		return;
	x->checkpoint_ms = now_ms() + CHECKPOINT_MS;
	IGNORE(record(x, TRAIN_CHECKPOINT, name, NULL, &x->failure)); /* looked at when it has ended */
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* Whether a checkpoint is newer than those that were known; whose content is good is for the job to say, when it goes on. */
static bool see_checkpoints(struct turn *x, char name[NAME_MAX + 1])
{
	AUTO_FD fd = openat(x->cap.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	struct stat st;
	bool newer = false;

	if (dir)
		(void)MOVE_FD(fd);
	while (dir && (d = readdir(dir)))
		if (prune_kind_of(d->d_name) == PRUNE_CHECKPOINT &&
		    fstatat(x->cap.fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && later(st.st_mtim, x->checkpoint)) {
			x->checkpoint = st.st_mtim;
			(void)snprintf(name, NAME_MAX + 1, "%s", d->d_name);
			newer = true;
		}
	return newer;
}

static void take_line(void *arg, const char *text)
{
	struct turn *x = arg;
	struct train_record r = { .event = TRAIN_RUNNING, .seed = x->seed };

	if (!trainprogress_parse(text, &x->progress)) {
		if (x->log.bytes <= SHOWN_BYTES)
			log_info("%s: %s", x->j->name, text);
		return;
	}
	if (x->progress.checkpoint)
		note_checkpoint(x, "");
	(void)snprintf(r.job, sizeof(r.job), "%s", x->j->name);
	if (x->t->want->tell)
		x->t->want->tell(&r, &x->progress);
}

static void prune_now(struct turn *x)
{
	AUTO_PRUNEFILES p = { 0 };

	enforce(x, true, &p);
	x->prune_ms = now_ms() + (p.removed ? PRUNE_SOON_MS : PRUNE_LATE_MS);
}

/* R2: a look at the folder every second. */
static bool tick(void *arg)
{
	struct turn *x = arg;
	char checkpoint[NAME_MAX + 1];
	struct why w = { 0 };

	if (now_ms() >= x->checkpoint_ms && see_checkpoints(x, checkpoint))
		note_checkpoint(x, checkpoint);
	if (cap_usage(&x->cap, &x->used_bytes, &w)) {
		log_warn("job=%s: %s", x->j->name, w.text);
		return false;
	}
	if (x->used_bytes > x->most_bytes)
		x->most_bytes = x->used_bytes;
	x->full = x->full || cap_reached(&x->cap, x->used_bytes);
	if (x->used_bytes > x->j->cap_bytes ||
	    (now_ms() >= x->prune_ms &&
	     x->used_bytes / 100 * 100 >= x->j->cap_bytes / 100 * x->t->want->conf->prune_at))
		prune_now(x);
	x->over = x->over || x->used_bytes > x->j->cap_bytes;
	return x->over || x->failure.code;
}

/* --- its end --- */

static void save_log(struct turn *x)
{
	char name[TRAINJOB_NAME + 8], path[PATH_MAX];
	struct why w = { 0 };

	(void)snprintf(name, sizeof(name), "%s.log", x->j->name);
	if (trainplaces_state(x->t->want->places, name, path, &w) || stagelog_save(path, &x->log, &w))
		log_warn("%s", w.text);
}

/* In words; "" it ended with 0. */
static void say_end(const struct turn *x, const struct trainproc_result *res, char *text, size_t room)
{
	const char *last = res->last[0] ? ": " : "";
	const char *sig = sigabbrev_np(res->status.signal);

	text[0] = '\0';
	if (res->end == TRAINPROC_TIMEOUT)
		(void)snprintf(text, room, "not done after %u s%s%.120s", x->j->timeout_seconds, last, res->last);
	else if (res->end == TRAINPROC_STALLED)
		(void)snprintf(text, room, "no line of output for %u s%s%.120s", x->j->stall_seconds, last, res->last);
	else if (res->end == TRAINPROC_TOLD)
		(void)snprintf(text, room, "the trainer was told to stop");
	else if (res->status.signal)
		(void)snprintf(text, room, "ended by signal %d (%s)%s%.120s", res->status.signal, sig ? sig : "?", last,
			       res->last);
	else if (res->status.exit_code != 0)
		(void)snprintf(text, room, "exit code %d%s%.120s", res->status.exit_code, last, res->last);
}

/* A large piece that did not fit leaves the folder far below its cap, but then programs say what the kernel told them. */
static bool says_no_room(const char *last)
{
	return strstr(last, "Disk quota exceeded") || strstr(last, "No space left on device");
}

/* Whether it failed for want of room. */
static bool lacked_room(const struct turn *x, const struct trainproc_result *res)
{
	if (res->end == TRAINPROC_TOLD)
		return false;
	if (x->over || res->status.exit_code == NO_ROOM)
		return true;
	return (x->full || says_no_room(res->last)) && (res->status.exit_code != 0 || res->status.signal);
}

static int no_room(struct turn *x, const struct trainproc_result *res, const char *end, struct why *w)
{
	const struct train_turn *turn = trainstate_find(&x->t->state, x->j->name);
	bool again = turn && turn->pauses < TRAINSEQUENCE_PAUSES_MAX;
	char text[TRAINJOURNAL_TEXT], most[16], cap[16];

	(void)snprintf(text, sizeof(text), "%s: %s of %s were taken%s%.120s",
		       again ? "no room; it is to go on from its checkpoint" : "no room, again",
		       format_size(x->most_bytes, most), format_size(x->j->cap_bytes, cap), end[0] ? "; " : "", end);
	return record(x, again ? TRAIN_PAUSED : TRAIN_FAILED, text, res, w);
}

static int settle(struct turn *x, const struct trainproc_result *res, struct why *w)
{
	char end[TRAINJOURNAL_TEXT], large[TRAINJOURNAL_TEXT];
	AUTO_PRUNEFILES p = { 0 };

	say_end(x, res, end, sizeof(end));
	if (cap_usage(&x->cap, &x->used_bytes, NULL) == 0) /* it may have been quicker than a tick */
		x->full = x->full || cap_reached(&x->cap, x->used_bytes);
	enforce(x, false, &p);
	x->full = x->full || cap_reached(&x->cap, x->most_bytes); /* since the last look, too */
	if (x->most_bytes > x->j->cap_bytes)
		log_error("job=%s: went over its cap: %llu bytes of %llu", x->j->name,
			  (unsigned long long)x->most_bytes, (unsigned long long)x->j->cap_bytes);
	if (too_large(x, &p, large, sizeof(large)))
		return record(x, TRAIN_FAILED, large, res, w);
	if (lacked_room(x, res))
		return no_room(x, res, end, w);
	if (res->end == TRAINPROC_TOLD)
		return record(x, TRAIN_INTERRUPTED, end, res, w);
	if (end[0])
		return record(x, TRAIN_FAILED, end, res, w);
	return record(x, TRAIN_TRAINED, x->most_bytes > x->j->cap_bytes ? "went over its cap" : "", res, w);
}

static int run(struct turn *x, struct why *w)
{
	struct trainer *t = x->t;
	char group[TRAINJOURNAL_TEXT], leaf[80], known[NAME_MAX + 1];
	struct trainproc_result res;
	struct why why = { 0 };
	int r;
	const struct trainproc_want want = { .job = x->j,
					     .exec = x->seed ? x->j->exec_seed : x->j->exec,
					     .folder = x->folder,
					     .product = t->want->places->sys.product,
					     .groups = &t->groups,
					     .signals = t->signals,
					     .line = take_line,
					     .tick = tick,
					     .arg = x };
	trainproc_leaf(x->j, leaf);
	(void)snprintf(group, sizeof(group), "%.150s%s%s", t->groups.have ? t->groups.at.path.s : "no cgroup",
		       t->groups.have ? "/" : "", t->groups.have ? leaf : "");
	(void)see_checkpoints(x, known);              /* from an earlier start */
	r = record(x, TRAIN_RUNNING, group, NULL, w); /* before it starts, for whoever comes after us */
	if (r)
		return r;
	r = trainproc_run(&want, &x->log, &res, &why);
	if (r)
		return record(x, TRAIN_FAILED, why.text, NULL, w);
	t->ret->told = res.told;
	save_log(x);
	if (x->failure.code)
		return fail(w, x->failure.code, "%s", x->failure.text);
	if (res.end == TRAINPROC_STUCK)
		return fail(w, -EBUSY, "job '%s' does not end by SIGKILL", x->j->name);
	return settle(x, &res, w);
}

/* A file system of its own is mounted with the cap: only now is there what was thought to be missing. */
static int found(struct turn *x, struct why *w)
{
	int r = record(x, TRAIN_DONE, "it has a model", NULL, w);

	trainer_look(x->t);
	return r;
}

int jobturn_run(struct trainer *t, size_t job, bool seed, struct why *w)
{
	AUTO_FREE struct turn *x = turn_new(t, job, seed);
	char text[TRAINJOURNAL_TEXT] = "";
	int r;

	if (!x)
		return fail(w, -ENOMEM, "out of memory");
	r = prepare(x, text, sizeof(text));
	if (r)
		r = record(x, TRAIN_FAILED, text, NULL, w);
	else
		r = seed && trainer_has_model(t, x->j) ? found(x, w) : run(x, w);
	cap_close(&x->cap);
	return r;
}

/* --- its model --- */

static void describe(const struct onnx_model *m, char *text, size_t room)
{
	const char *accuracy = onnx_meta(m, "holdout_accuracy"), *provenance = onnx_meta(m, "provenance");

	(void)snprintf(text, room, "%llu parameters%s%.40s%s%.80s", (unsigned long long)m->parameters,
		       accuracy ? ", holdout_accuracy " : "", accuracy ? accuracy : "", provenance ? ", " : "",
		       provenance ? provenance : "");
}

/* It stays under another name, so that somebody can see what was wrong; one of them. */
static int reject(struct turn *x, int folder, const struct model_names *n, const struct why *cause, struct why *w)
{
	char text[TRAINJOURNAL_TEXT];
	int r = promote_disk.rename(&folder, n->next, n->rejected, NULL);

	(void)snprintf(text, sizeof(text), "the new model is not taken: %.180s", cause->text);
	if (r && r != -ENOENT)
		log_warn("job=%s: %s cannot be set aside", x->j->name, n->next);
	return record(x, TRAIN_FAILED, text, NULL, w);
}

static int take_model(struct turn *x, int folder, const struct model_names *n, struct why *w)
{
	bool keep = onnx_check_at(folder, n->now, &(struct onnx_model){ 0 }, NULL) == 0;
	char text[TRAINJOURNAL_TEXT];
	struct onnx_model m;
	struct why cause = { 0 };
	int r = promote_check(folder, n->next, x->j, &m, &cause);

	if (r == -ENOENT && x->seed && !keep)
		return record(x, TRAIN_FAILED, "it has made no model", NULL, w);
	if (r == -ENOENT)
		return record(x, TRAIN_DONE, "no new model", NULL, w);
	if (r)
		return reject(x, folder, n, &cause, w);
	r = promote(&promote_disk, &folder, n, keep, &cause);
	if (r)
		return reject(x, folder, n, &cause, w);
	describe(&m, text, sizeof(text));
	r = record(x, TRAIN_PROMOTED, text, NULL, w);
	return r ? r : record(x, TRAIN_DONE, "", NULL, w);
}

int jobturn_finish(struct trainer *t, size_t job, bool seed, struct why *w)
{
	AUTO_FREE struct turn *x = turn_new(t, job, seed);
	const struct train_turn *turn = trainstate_find(&t->state, t->want->jobs->at[job].name);
	struct model_names names;
	AUTO_FD folder = -1;
	struct why cause = { 0 };
	int r;

	if (!x)
		return fail(w, -ENOMEM, "out of memory");
	if (turn)
		x->trained = turn->last;
	model_names(x->j->name, &names);
	r = trainplaces_folder(t->want->places, x->j, x->folder, &cause);
	r = r ? r : put_cap(x, &cause); /* after a power cut its file system is not mounted */
	cap_close(&x->cap);
	r = r ? r : trainer_folder(t->want->places, x->j, &folder, &cause);
	if (r)
		return record(x, TRAIN_FAILED, cause.code ? cause.text : "its folder is gone", NULL, w);
	r = take_model(x, folder, &names, w);
	trainer_look(t);
	return r;
}
