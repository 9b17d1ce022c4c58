#include "bootstage/trainer/trainer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "bootstage/stagespawn.h"
#include "bootstage/trainer/disklook.h"
#include "bootstage/trainer/promote.h"
#include "bootstage/trainer/trainer_inside.h"
#include "bootstage/trainer/trainload.h"
#include "bootstage/trainer/trainlock.h"
#include "bootstage/trainer/trainmetrics.h"

static const struct trainjob *job_at(const struct trainer *t, size_t i)
{
	return &t->want->jobs->at[i];
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- records --- */

static void count(struct trainer *t, const struct train_record *r)
{
	bool last = !r->seed || t->state.mode == TRAIN_DAY_ONE;

	t->ret->done += r->event == TRAIN_DONE && last;
	t->ret->failed += r->event == TRAIN_FAILED;
	t->ret->skipped += r->event == TRAIN_SKIPPED;
}

static void log_record(const struct train_record *r)
{
	enum log_level level = r->event == TRAIN_FAILED                                ? LOG_ERROR
			       : r->event == TRAIN_PAUSED || r->event == TRAIN_SKIPPED ? LOG_WARN
										       : LOG_NOTE;

	log_line(level, "%s%s%s%s cycle=%llu%s%s%s%s", r->job[0] ? "job=" : "", r->job,
		 r->job[0] ? " event=" : "cycle ", train_event_name(r->event), (unsigned long long)r->cycle,
		 r->seed ? " seed" : "", r->text[0] ? " reason=\"" : "", r->text, r->text[0] ? "\"" : "");
}

static void say(const struct trainer *t, const struct train_record *r)
{
	char text[TRAINLOCK_TEXT];

	if (r->event != TRAIN_RUNNING)
		return;
	(void)snprintf(text, sizeof(text), "%s '%s'", r->seed ? "making the first model of" : "training", r->job);
	trainlock_say(t->lock, text);
}

int trainer_record(struct trainer *t, const struct trainjob *j, struct train_record *r, struct why *w)
{
	int e;

	r->cycle = r->event == TRAIN_BEGIN ? t->state.cycle + 1 : t->state.cycle;
	if (j)
		(void)snprintf(r->job, sizeof(r->job), "%s", j->name);
	e = trainjournal_add(&t->journal, r, w);
	if (e)
		return e;
	trainstate_read(&t->journal, &t->state);
	log_record(r);
	count(t, r);
	say(t, r);
	if (t->want->tell)
		t->want->tell(&t->journal.at[t->journal.n - 1], NULL);
	trainmetrics_save(t->want->places, t->want->jobs, &t->state, t->models);
	return 0;
}

static int note(struct trainer *t, enum train_event event, const struct trainjob *j, const char *text, struct why *w)
{
	struct train_record r = { .event = event, .exit_code = -1 };

	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	return trainer_record(t, j, &r, w);
}

/* --- models --- */

int trainer_folder(const struct trainplaces *p, const struct trainjob *j, int *ret, struct why *w)
{
	char path[PATH_MAX];
	int fd, r = trainplaces_folder(p, j, path, w);

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_errno(w, "%s", path);
	*ret = fd;
	return 0;
}

bool trainer_has_model(const struct trainer *t, const struct trainjob *j)
{
	struct model_names names;
	char name[NAME_MAX + 1];
	struct onnx_model m;
	AUTO_FD folder = -1;

	model_names(j->name, &names);
	return trainer_folder(t->want->places, j, &folder, NULL) == 0 &&
	       model_find(folder, &names, name, &m, NULL) == 0;
}

/* R5: a file for each job that has had its first model, so that a first day that was cut off goes on with the others. */
static void mark(const struct trainer *t, const struct trainjob *j)
{
	char folder[PATH_MAX], path[PATH_MAX + TRAINJOB_NAME];
	struct why w = { 0 };
	int r = trainplaces_state(t->want->places, "day-one", folder, &w);

	(void)snprintf(path, sizeof(path), "%s/%s", folder, j->name);
	if (!r && access(path, F_OK) == 0)
		return;
	r = r ? r : dir_make(folder, 0755, &w);
	r = r ? r : file_replace(AT_FDCWD, path, "", 0, 0644, &w);
	if (r)
		log_warn("job=%s: %s", j->name, w.text);
}

void trainer_look(struct trainer *t)
{
	t->models = 0;
	for (size_t i = 0; i < t->want->jobs->n; i++)
		if (trainer_has_model(t, job_at(t, i))) {
			t->models |= 1ull << i;
			mark(t, job_at(t, i));
		}
}

/* --- a cycle --- */

static bool takes_part(const struct trainer *t, size_t i)
{
	return trainsequence_has(job_at(t, i), t->want->mode, t->want->only, t->models & (1ull << i));
}

static bool goes_on(const struct trainer *t)
{
	return t->state.open && t->state.mode == t->want->mode &&
	       (t->want->mode != TRAIN_ONE || strcmp(t->state.only, t->want->only) == 0);
}

/* A first day while a cycle of all jobs is open: it makes that one's seeds, and leaves the rest and its end to it. */
static bool is_within(const struct trainer *t)
{
	return t->state.open && t->state.mode == TRAIN_ALL && t->want->mode == TRAIN_DAY_ONE;
}

static int begin(struct trainer *t, struct why *w)
{
	struct train_record r = { .event = TRAIN_BEGIN, .mode = t->want->mode, .exit_code = -1 };
	int e = t->state.open ? note(t, TRAIN_END, NULL, "given up for another cycle", w) : 0;

	if (t->want->mode == TRAIN_ONE)
		(void)snprintf(r.job, sizeof(r.job), "%s", t->want->only);
	return e ? e : trainer_record(t, NULL, &r, w);
}

static bool queued(const struct trainer *t, size_t i)
{
	const struct train_turn *turn = trainstate_find(&t->state, job_at(t, i)->name);

	return turn && turn->event;
}

/* Also of a cycle that goes on: it may have been cut off while they were being queued. */
static int queue(struct trainer *t, struct why *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < t->want->jobs->n; i++)
		if (takes_part(t, i) && !queued(t, i))
			r = note(t, TRAIN_QUEUED, job_at(t, i), "", w);
	return r;
}

/* By which signal; 0: not at all. */
static int told_to_stop(const struct trainer *t)
{
	struct signalfd_siginfo info;

	return read(t->signals, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

static int skip(struct trainer *t, const struct trainsequence_next *next, struct why *w)
{
	char text[TRAINJOURNAL_TEXT];

	(void)snprintf(text, sizeof(text), "'%s' before it has failed", job_at(t, next->cause)->name);
	return note(t, TRAIN_SKIPPED, job_at(t, next->job), text, w);
}

static int give_up(struct trainer *t, const struct trainsequence_next *next, struct why *w)
{
	struct train_record r = { .event = TRAIN_FAILED, .seed = next->seed, .exit_code = -1 };

	(void)snprintf(r.text, sizeof(r.text), "started %u times, and each time the trainer ended with it",
		       TRAINSEQUENCE_STARTS_MAX);
	return trainer_record(t, job_at(t, next->job), &r, w);
}

/* Returns 1 when there is none. */
static int step(struct trainer *t, struct why *w)
{
	const bool within = is_within(t);
	const struct trainsequence_next next = within ? trainsequence_next_seed(t->want->jobs, &t->state, t->models)
						      : trainsequence_next(t->want->jobs, &t->state, t->models);
	int r = 0;

	switch (next.step) {
	case TRAINSEQUENCE_SEED:
	case TRAINSEQUENCE_TRAIN:
		r = jobturn_run(t, next.job, next.step == TRAINSEQUENCE_SEED, w);
		break;
	case TRAINSEQUENCE_FINISH:
		r = jobturn_finish(t, next.job, next.seed, w);
		break;
	case TRAINSEQUENCE_GIVE_UP:
		r = give_up(t, &next, w);
		break;
	case TRAINSEQUENCE_SKIP:
		r = skip(t, &next, w);
		break;
	case TRAINSEQUENCE_END:
		r = within ? 0 : note(t, TRAIN_END, NULL, "", w);
		return r ? r : 1;
	}
	return r;
}

static int cycle(struct trainer *t, struct why *w)
{
	int r = goes_on(t) || is_within(t) ? 0 : begin(t, w);

	r = r ? r : queue(t, w);
	while (!r && !t->ret->told) {
		t->ret->told = told_to_stop(t);
		if (!t->ret->told)
			r = step(t, w);
	}
	return r < 0 ? r : 0;
}

/* --- whether --- */

static bool anything(struct trainer *t)
{
	const bool within = is_within(t);
	bool some = goes_on(t) ||
		    (within && trainsequence_next_seed(t->want->jobs, &t->state, t->models).step != TRAINSEQUENCE_END);

	for (size_t i = 0; !some && i < t->want->jobs->n; i++)
		some = takes_part(t, i) && !(within && queued(t, i));
	if (!some)
		(void)snprintf(t->ret->reason, sizeof(t->ret->reason), "%s",
			       t->want->jobs->n == 0 ? "there are no jobs"
			       : within              ? "the cycle that is open has had its turn with every first model"
					: "every job has a valid model, or nothing that makes a first one");
	return some;
}

static bool due(struct trainer *t)
{
	struct train_load load;
	enum train_due d;

	if (!t->want->due)
		return true;
	trainload_read(t->want->places, &load);
	d = trainsched_due(&t->want->conf->sched, t->state.due_us, goes_on(t), now_us(), &load);
	if (d != TRAIN_DUE)
		(void)snprintf(t->ret->reason, sizeof(t->ret->reason), "not due: %s", train_due_name(d));
	return d == TRAIN_DUE;
}

/* A cycle that is to begin needs room for all of its caps at once (C23); one that goes on has been let in. */
static int must_fit(const struct trainer *t, struct why *w)
{
	AUTO_DISKLOOK d = { 0 };
	int r = goes_on(t) || is_within(t) ? 0 : disklook_make(t->want->places, t->want->conf, t->want->jobs, &d, w);

	return r ? r : disklook_verdict(&d, w);
}

/* --- a dry run --- */

/* What is left of the cycle that is open, or all of one to come, as if every job ended well. */
static bool to_do(const struct trainer *t, size_t i)
{
	const struct train_turn *turn = trainstate_find(&t->state, job_at(t, i)->name);

	if (!goes_on(t) || !queued(t, i))
		return takes_part(t, i);
	return turn && turn->event != TRAIN_FAILED && turn->event != TRAIN_SKIPPED &&
	       (turn->event != TRAIN_DONE || (turn->seed && t->want->mode != TRAIN_DAY_ONE));
}

static void foretell(struct trainer *t)
{
	for (size_t i = 0; i < t->want->jobs->n; i++) {
		struct train_record r = { .event = TRAIN_QUEUED, .cycle = t->state.cycle + !goes_on(t) };

		if (!to_do(t, i))
			continue;
		(void)snprintf(r.job, sizeof(r.job), "%s", job_at(t, i)->name);
		r.seed = job_at(t, i)->exec_seed[0] && !(t->models & (1ull << i));
		if (r.seed)
			t->want->tell(&r, NULL);
		r.seed = false;
		if (t->want->mode != TRAIN_DAY_ONE)
			t->want->tell(&r, NULL);
	}
}

/* --- all of it --- */

/* One that fails is that job's matter, when its turn comes. */
static void attach(const struct trainer *t)
{
	char folder[PATH_MAX], images[PATH_MAX];

	for (size_t i = 0; i < t->want->jobs->n; i++) {
		const struct cap_want cap = { .job = job_at(t, i)->name,
					      .folder = folder,
					      .images = images,
					      .mount_nothing = t->want->places->root != NULL };
		struct why w = { 0 };

		if (trainplaces_folder(t->want->places, job_at(t, i), folder, &w) ||
		    trainplaces_state(t->want->places, "images", images, &w) || cap_attach(&cap, &w))
			log_error("job=%s: %s", job_at(t, i)->name, w.text);
	}
}

static int lock(struct trainer *t, struct why *w)
{
	char path[PATH_MAX];
	int r = trainplaces_below(t->want->places, TRAINLOCK_FILE, path, w);

	t->lock = r ? r : trainlock_take(path, w);
	return t->lock < 0 ? t->lock : 0;
}

static int open_journal(struct trainer *t, struct why *w)
{
	char path[PATH_MAX];
	int r = trainplaces_own(t->want->places, w);

	r = r ? r : trainplaces_state(t->want->places, "journal", path, w);
	if (r)
		return r;
	trainjournal_disk_open(&t->file, path);
	r = trainjournal_open(&t->journal, &trainjournal_disk, &t->file, w);
	if (r)
		return r;
	if (t->journal.lost_bytes)
		log_warn("the journal's last %llu bytes do not count", (unsigned long long)t->journal.lost_bytes);
	trainstate_read(&t->journal, &t->state);
	return 0;
}

static int catch_signals(struct trainer *t, sigset_t *before, struct why *w)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaddset(&set, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &set, before);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signals < 0 ? fail_errno(w, "signalfd") : 0;
}

/* Another root is not this machine: its jobs are in no cgroup of ours. */
static void open_groups(struct trainer *t)
{
	stagespawn_setup();
	if (!t->want->places->root) {
		stagegroups_open(false, &t->groups);
		return;
	}
	t->groups = (struct stagegroups){ .classes = classes_default };
	(void)snprintf(t->groups.note, sizeof(t->groups.note), "another root");
}

static int work(struct trainer *t, struct why *w)
{
	int r = open_journal(t, w);

	r = r ? r : trainleft_end(t, w);
	if (r)
		return r;
	attach(t);
	trainer_look(t);
	trainmetrics_save(t->want->places, t->want->jobs, &t->state, t->models);
	if (!anything(t) || !due(t)) {
		t->ret->nothing = true;
		return 0;
	}
	if (t->want->dry_run) {
		foretell(t);
		return 0;
	}
	r = must_fit(t, w);
	if (r)
		return r;
	open_groups(t);
	r = cycle(t, w);
	stagegroups_close(&t->groups);
	return r;
}

/* With the lock; and without it. */
static int open_trainer(const struct trainer_want *want, struct trainer_result *result, struct trainer **ret,
			struct why *w)
{
	struct trainer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return fail(w, -ENOMEM, "out of memory");
	*t = (struct trainer){ .want = want, .ret = result, .lock = -1, .signals = -1, .file = { .fd = -1 } };
	r = lock(t, w);
	if (r)
		free(t);
	else
		*ret = t;
	return r;
}

static void close_trainer(struct trainer *t)
{
	trainjournal_close(&t->journal);
	trainjournal_disk_close(&t->file);
	auto_close(&t->lock);
	free(t);
}

int trainer_run(const struct trainer_want *want, struct trainer_result *ret, struct why *w)
{
	struct trainer_result result = { 0 };
	struct trainer *t;
	sigset_t before;
	int r = open_trainer(want, &result, &t, w);

	if (r)
		return r;
	r = catch_signals(t, &before, w);
	r = r ? r : work(t, w);
	auto_close(&t->signals);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	close_trainer(t);
	if (!r)
		*ret = result;
	return r;
}

/* --- rollback --- */

static int roll_back(struct trainer *t, const struct trainjob *j, struct why *w)
{
	struct train_record rec = { .event = TRAIN_ROLLED_BACK, .exit_code = -1 };
	struct model_names names;
	AUTO_FD folder = -1;
	int r = trainer_folder(t->want->places, j, &folder, w);

	model_names(j->name, &names);
	r = r ? r : promote_check(folder, names.prev, &(struct trainjob){ 0 }, NULL, w);
	if (r == -ENOENT)
		return fail(w, -ENODATA, "job '%s' has no previous model", j->name);
	r = r ? r : promote_back(&promote_disk, &folder, &names, w);
	if (r == -ENOENT)
		return fail(w, -ENODATA, "job '%s' has no model to go back from", j->name);
	if (t->state.cycle == 0)
		t->state.cycle = 1; /* records are of a cycle, and this one may be the first */
	return r ? r : trainer_record(t, j, &rec, w);
}

int trainer_roll_back(const struct trainer_want *want, const struct trainjob *j, struct why *w)
{
	struct trainer_result result = { 0 };
	struct trainer *t;
	int r = open_trainer(want, &result, &t, w);

	if (r)
		return r;
	r = open_journal(t, w);
	if (!r) {
		attach(t);
		trainer_look(t);
		r = roll_back(t, j, w);
	}
	close_trainer(t);
	return r;
}
