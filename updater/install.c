#include "updater/install.h"

#include <sodium/randombytes.h>

#include "updater/boot_file.h"
#include "updater/install_base.h"

struct install {
	const struct install_parts *parts;
	const struct bundle *b;
	const struct install_options *o;
	struct preflight *p;
	const struct install_watch *watch;
	struct install_progress now;
	/* The bundle with its head on the state partition, once that is there. */
	struct source head, joined;
	struct bundle kept;
	bool begun; /* something of the image may be on the target */
	uint8_t action_id[16];
};

static void step(struct install *i, enum install_phase phase)
{
	i->now.phase = phase;
	if (i->watch->step)
		i->watch->step(i->watch->arg, &i->now);
}

static bool cancelled(void *arg)
{
	struct install *i = arg;

	return i->watch->cancelled && i->watch->cancelled(i->watch->arg);
}

static void image_step(void *arg, const struct pipeline_stats *s)
{
	struct install *i = arg;

	i->now.image = *s;
	i->now.durable_bytes = s->durable_bytes;
	step(i, s->planning ? INSTALL_PLAN : INSTALL_IMAGE);
}

/* A continued or staged update keeps the name that its beginning gave it. */
static void choose_action_id(struct install *i)
{
	if (i->p->plan.action == INSTALL_WRITE)
		randombytes_buf(i->action_id, sizeof(i->action_id));
	else
		memcpy(i->action_id, i->parts->boot->rec.action_id, sizeof(i->action_id));
}

static int prepare(struct install *i, struct why *w)
{
	struct slot_info info = { .epoch = i->b->manifest.epoch, .image_id = i->b->id };
	int r;

	_Static_assert(sizeof(info.version) >= sizeof(i->b->manifest.version), "a version fits into the record");
	memcpy(info.version, i->b->manifest.version, sizeof(i->b->manifest.version));
	r = sequence_write_begin(i->parts->boot, i->p->plan.target, i->parts->running->slot, &info, i->action_id, w);
	r = r ? r : slothead_store(i->parts->state, i->p->plan.target, i->b, w);
	if (r)
		return r;
	/* The tables are read several times. */
	i->head = slothead_source(i->parts->state, i->p->plan.target, i->b);
	i->joined = source_joined(&i->head, i->b->src);
	i->kept = *i->b;
	bundle_move(&i->kept, &i->joined);
	i->b = &i->kept;
	return 0;
}

/* Whether something of this image is on the target, as far as the record knows. To be asked before it is written. */
static bool is_begun(const struct install *i)
{
	const struct slot_info *target = &i->parts->boot->rec.slots[i->p->plan.target];

	return i->p->plan.action == INSTALL_CONTINUE || hash_equal(&target->image_id, &i->b->id);
}

static int run_pipeline(struct install *i, const struct install_base *base, struct why *w)
{
	const struct pipeline_job job = {
		.bundle = i->b,
		.payload = i->p->image,
		.to = i->p->slot,
		.base = base->blk,
		.map = base->blk ? &base->map : NULL,
		.origin = i->p->origin,
		.thorough = i->begun || source_pays(i->b->src), /* looking costs less than fetching */
		.no_read_back = i->o->no_read_back,
		.workers = i->o->workers,
		.disk_offset = i->parts->slot_offset[i->p->plan.target],
		.sector_bytes = i->parts->sector_bytes,
		.step = image_step,
		.cancelled = cancelled,
		.arg = i,
	};
	int r = pipeline_run(&job, &i->now.image, w);

	i->now.durable_bytes = i->now.image.durable_bytes;
	return r;
}

static int write_image(struct install *i, struct why *w)
{
	CLEANUP(install_base_close) struct install_base base = { 0 };
	int r = 0;

	step(i, INSTALL_PLAN);
	if (!i->o->no_base && !i->p->origin)
		r = install_base_open(i->parts, source_pays(i->b->src), cancelled, i, &base, w);
	return r ? r : run_pipeline(i, &base, w);
}

/* The last thing that is written, since a slot without it cannot be started. */
static int write_boot_file(struct install *i, struct why *w)
{
	const char *path = i->parts->boot->conf->slots[i->p->plan.target].boot_file;
	int r;

	step(i, INSTALL_BOOT_FILE);
	r = boot_file_write(i->b, i->p->boot_file, i->parts->boot->esp, path, cancelled, i, w);
	if (!r)
		i->now.durable_bytes += i->p->boot_file->size_bytes;
	return r;
}

static int write_slot(struct install *i, struct why *w)
{
	int r;

	i->now.total_bytes = i->p->image->size_bytes + (i->p->boot_file ? i->p->boot_file->size_bytes : 0);
	step(i, INSTALL_PREPARE);
	i->begun = is_begun(i);
	r = prepare(i, w);
	r = r ? r : write_image(i, w);
	if (!r && i->p->boot_file)
		r = write_boot_file(i, w);
	return r ? r : sequence_write_end(i->parts->boot, w);
}

static int run(struct install *i, struct why *w)
{
	int r = preflight_result(i->p, w);

	if (r || i->p->plan.action == INSTALL_NOTHING)
		return r;
	choose_action_id(i);
	if (i->p->plan.action != INSTALL_ARM)
		r = write_slot(i, w);
	if (r == -ECANCELED)
		return why_next(w, r, "what is written is kept: the same command goes on from there");
	if (r)
		return r;
	step(i, INSTALL_ARMING);
	r = sequence_arm(i->parts->boot, false, i->action_id, w);
	if (r)
		return why_next(
			w, r,
			i->parts->boot->rec.phase == PHASE_TRIAL
				? "the record has the trial, the firmware does not: a reboot sets it right, 'tandem "
				  "rollback' calls it off"
				: "the slot is written and verified: the same command only arms it");
	step(i, INSTALL_ARMED);
	return 0;
}

int install_run(const struct install_parts *parts, const struct bundle *b, const struct install_options *o,
		struct preflight *p, const struct install_watch *watch, struct install_progress *ret, struct why *w)
{
	struct install i = { .parts = parts, .b = b, .o = o, .p = p, .watch = watch };
	int r = run(&i, w);

	*ret = i.now;
	return r;
}

const char *install_phase_name(enum install_phase p)
{
	static const char *const words[] = { "prepare", "plan", "image", "boot-file", "arming", "armed" };

	return words[p];
}
