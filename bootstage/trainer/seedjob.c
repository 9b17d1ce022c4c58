#include "bootstage/trainer/seedjob.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "base/parse.h"
#include "bootstage/trainer/checkpoint.h"
#include "bootstage/trainer/seedsource.h"
#include "bootstage/trainer/usage.h"

#define BLOCK 4096u

static const char *const checkpoints[2] = { SEEDJOB_CHECKPOINT_A, SEEDJOB_CHECKPOINT_B };

/* One that works. */
struct work {
	const struct seedjob *j;
	const struct seedjob_tell *tell;
	int dirfd;
	struct seedrun run;
	uint64_t generation; /* of the newest checkpoint, whoever's */
	unsigned int turn;   /* which of the two is written next */
};

static uint64_t in_blocks(uint64_t bytes)
{
	return (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

/* Two checkpoints and one that is being written, the model and one that is being written. */
static uint64_t need_bytes(const struct seedjob *j)
{
	enum seed_source most = j->from == SEED_FROM_SYNTHETIC ? SEED_SYNTHETIC : SEED_TELEMETRY;
	uint64_t state = CHECKPOINT_HEADER + seedrun_saved_bytes(&j->params, most, j->params.rows);

	return 3 * in_blocks(state) + 2 * in_blocks(4 * mlp_parameters(j->params.hidden) + BLOCK) + BLOCK;
}

/* What it left behind before is written over, and does not count twice. */
static uint64_t own_bytes(int dirfd)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 2; i++) {
		struct stat st;

		if (fstatat(dirfd, checkpoints[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

static int check_room(const struct work *k, struct why *w)
{
	uint64_t need = need_bytes(k->j), own = own_bytes(k->dirfd);
	char room[16], wanted[16];
	struct usage u = { 0 };
	struct statvfs fs;
	int r = usage_scan(k->dirfd, ".", NULL, NULL, &u, w);

	if (r)
		return r;
	own = own < u.allocated_bytes ? own : u.allocated_bytes; /* names that are links of each other */
	(void)format_size(need, wanted);
	if (k->j->cap_bytes > 0 && u.allocated_bytes - own + need > k->j->cap_bytes)
		return fail(w, -EDQUOT, "%s: it takes up %s, and %s more would be too much", k->j->folder,
			    format_size(u.allocated_bytes, room), wanted);
	if (fstatvfs(k->dirfd, &fs))
		return fail_errno(w, "%s", k->j->folder);
	if (fs.f_bavail * fs.f_frsize + own < need)
		return fail(w, -ENOSPC, "%s: %s free, want %s", k->j->folder,
			    format_size(fs.f_bavail * fs.f_frsize, room), wanted);
	return 0;
}

static bool source_wanted(const struct seedjob *j, enum seed_source s)
{
	return j->from == SEED_FROM_EITHER || (j->from == SEED_FROM_TELEMETRY) == (s == SEED_TELEMETRY);
}

/* Take up one checkpoint, when it is of this training. */
static bool take_up(struct work *k, unsigned int which)
{
	AUTO_FREE uint8_t *payload = NULL;
	AUTO_SEEDRUN run = { 0 };
	uint64_t generation;
	size_t n;

	if (checkpoint_read(k->dirfd, checkpoints[which],
			    seedrun_saved_bytes(&k->j->params, SEED_TELEMETRY, SEED_ROWS_MAX), &payload, &n,
			    &generation, NULL) ||
	    seedrun_load(&k->j->params, bytes_of(payload, n), &run, NULL) || !source_wanted(k->j, run.source) ||
	    (k->run.rows && run.epoch < k->run.epoch))
		return false;
	seedrun_done(&k->run);
	k->run = run;
	k->turn = 1 - which;
	run = (struct seedrun){ 0 };
	return true;
}

static bool go_on(struct work *k)
{
	bool a = take_up(k, 0), b = take_up(k, 1);

	return a || b;
}

static int begin(struct work *k, struct why *ret_no, struct why *w)
{
	AUTO_FREE struct flow_row *rows = NULL;
	uint32_t n = 0;
	int r = 0;

	if (k->j->from != SEED_FROM_SYNTHETIC)
		r = seedsource_read(&k->j->store, k->j->params.seed, k->j->params.rows, &rows, &n, ret_no);
	if (r && k->j->from == SEED_FROM_TELEMETRY)
		return fail(w, r, "%s", ret_no->text);
	return seedrun_begin(&k->j->params, MOVE(rows), n, &k->run, w);
}

static int save(struct work *k, struct why *w)
{
	AUTO_FREE uint8_t *state = NULL;
	size_t n = 0;
	int r = seedrun_save(&k->run, &state, &n, w);

	r = r ? r : checkpoint_write(k->dirfd, checkpoints[k->turn], k->generation + 1, bytes_of(state, n), w);
	if (r)
		return r;
	k->generation++;
	k->turn = 1 - k->turn;
	return 0;
}

static bool stopped(const struct work *k)
{
	return k->tell->stop && k->tell->stop(k->tell->arg);
}

static int train(struct work *k, struct why *w)
{
	while (!seedrun_over(&k->run)) {
		bool stop;
		int r = 0;

		seedrun_epoch(&k->run);
		stop = stopped(k);
		if (stop || k->run.epoch % k->j->checkpoint_every == 0)
			r = save(k, w);
		if (r)
			return r;
		if (k->tell->epoch)
			k->tell->epoch(k->tell->arg, &k->run);
		if (stop)
			return fail(w, -ECANCELED,
				    "stopped after %" PRIu32 " of %" PRIu32 " epochs; it goes on from there",
				    k->run.epoch, k->run.params.epochs);
	}
	return 0;
}

/* The model first; a crash in between costs the last epochs once more. */
static int finish(struct work *k, struct seedjob_result *ret, struct why *w)
{
	struct seedjob_result result = { .source = k->run.source, .loss = k->run.loss };
	AUTO_PB_OUT model = { 0 };
	int r = seedrun_model(&k->run, k->j->name, &model, &result.figures, w);

	result.model_bytes = model.n;
	r = r ? r : file_replace(AT_FDCWD, k->j->out, model.p, model.n, 0644, w);
	if (r)
		return r;
	for (unsigned int i = 0; i < 2; i++)
		if (unlinkat(k->dirfd, checkpoints[i], 0) && errno != ENOENT)
			return fail_errno(w, "%s/%s", k->j->folder, checkpoints[i]);
	*ret = result;
	return 0;
}

static int work(struct work *k, struct seedjob_result *ret, struct why *w)
{
	char newest[CHECKPOINT_NAME];
	struct why no = { 0 };
	bool again = go_on(k);
	int r;

	if (checkpoint_newest(k->dirfd, newest, &k->generation, NULL))
		k->generation = 0;
	r = check_room(k, w);
	if (r)
		return r;
	r = again ? 0 : begin(k, &no, w);
	/* Telemetry goes on while a training is interrupted: what it works with is part of its state from the start. */
	if (r == 0 && !again && k->run.source == SEED_TELEMETRY)
		r = save(k, w);
	if (r)
		return r;
	if (k->tell->begun)
		k->tell->begun(k->tell->arg, &k->run, no.text);
	r = train(k, w);
	return r ? r : finish(k, ret, w);
}

int seedjob_run(const struct seedjob *j, const struct seedjob_tell *tell, struct seedjob_result *ret, struct why *w)
{
	struct work k = { .j = j, .tell = tell, .dirfd = -1 };
	int r = dir_make(j->folder, 0755, w);

	if (r)
		return r;
	AUTO_FD dirfd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return fail_errno(w, "%s", j->folder);
	k.dirfd = dirfd;
	r = work(&k, ret, w);
	seedrun_done(&k.run);
	return r;
}
