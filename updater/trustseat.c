#include "updater/trustseat.h"

#include <libgen.h>
#include <limits.h>
#include <sys/file.h>

#include "base/io.h"

struct trustdir_from trustseat_from(const struct sysconf *conf)
{
	return (struct trustdir_from){
		.keys = conf->trust_keys,
		.roots = conf->trust_roots,
		.product = conf->product,
		.threshold = conf->trust_threshold,
		.root_threshold = conf->trust_root_threshold,
	};
}

int trustseat_open(const struct sysconf *conf, struct machine *m, struct trustseat *ret, struct why *w)
{
	const struct trustdir_from from = trustseat_from(conf);
	uint64_t floor = m->has_record ? m->boot.rec.trust_epoch : 0;

	*ret = (struct trustseat){ .m = m };
	return trustnow_open(&from, &m->state, STATE_TRUST_OFFSET, floor, &ret->now, w);
}

static int make_folder(const char *path, struct why *w)
{
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return fail(w, -ENAMETOOLONG, "%s: name too long", path);
	return dir_make(dirname(folder), 0755, w);
}

static int open_file(struct trustseat *s, const char *path, enum trustseat_mode mode, struct why *w)
{
	int r = mode == TRUSTSEAT_WRITE ? make_folder(path, w) : 0;

	if (r)
		return r;
	if (mode == TRUSTSEAT_READ && access(path, F_OK) && errno == ENOENT)
		return 0; /* nothing was ever accepted */
	r = truststore_file(path, mode == TRUSTSEAT_WRITE, &s->file, w);
	if (r || mode == TRUSTSEAT_READ || flock(s->file.fd, LOCK_EX | LOCK_NB) == 0)
		return r;
	return errno == EWOULDBLOCK ? fail(w, -EWOULDBLOCK, "%s: another program changes it", path)
				    : fail_errno(w, "%s", path);
}

int trustseat_open_file(const struct sysconf *conf, const char *path, enum trustseat_mode mode, struct trustseat *ret,
			struct why *w)
{
	const struct trustdir_from from = trustseat_from(conf);
	int r;

	*ret = (struct trustseat){ 0 };
	r = open_file(ret, path, mode, w);
	return r ? r : trustnow_open(&from, ret->file.ops ? &ret->file : NULL, 0, 0, &ret->now, w);
}

void trustseat_done(struct trustseat *s)
{
	trustnow_done(&s->now);
	if (s->file.ops)
		IGNORE(blk_close(&s->file, NULL)); /* what was written was flushed and read back */
	s->file = (struct blk){ 0 };
}

int trustseat_keep(struct trustseat *s, struct why *w)
{
	int r = trustnow_save(&s->now, w);

	if (r || !s->m || !s->m->has_record || s->now.set.epoch == 0)
		return r;
	return sequence_trust(&s->m->boot, s->now.set.epoch, w);
}

int trustseat_believe(struct trustseat *s, struct bytes statements, bool keep, struct trust *ret, struct why *w)
{
	int r = trustnow_follow(&s->now, statements, w);

	if (!r && keep)
		r = trustseat_keep(s, w);
	return r ? r : trustnow_release(&s->now, ret, w);
}
