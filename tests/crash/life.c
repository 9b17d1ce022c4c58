#include "tests/crash/life.h"

#include <assert.h>

#define BOOTS_MAX 24u
#define UKI_BYTES 4u

/* A boot file is "U", slot, image, "E"; a root image is blocks filled with the image's number. */
static void uki(enum slot s, uint8_t image, uint8_t out[UKI_BYTES])
{
	out[0] = 'U';
	out[1] = (uint8_t)s;
	out[2] = image;
	out[3] = 'E';
}

static bool uki_whole(const struct world_file *f)
{
	return f && f->n == UKI_BYTES && f->data[0] == 'U' && f->data[3] == 'E';
}

static enum world_device root_of(enum slot s)
{
	return s == SLOT_A ? DEV_ROOT_A : DEV_ROOT_B;
}

/* The image in a slot; 0 when it is none or not whole. */
static uint8_t image_in(const struct world *w, enum slot s)
{
	const uint8_t *p = w->view[root_of(s)];

	return memcmp(p, p + 1, WORLD_SLOT_BLOCKS * WORLD_BLOCK - 1) == 0 ? p[0] : 0;
}

static struct slot_info info_of(uint8_t image)
{
	struct slot_info i = { .state = STATE_GOOD, .epoch = image };

	memset(i.image_id.b, image, sizeof(i.image_id.b));
	(void)snprintf(i.version, sizeof(i.version), "%u.0.0", image);
	return i;
}

static void broken(struct life *l, const char *what)
{
	if (!l->w->broken)
		l->w->broken = what;
}

static void put_image(struct world *w, enum slot s, uint8_t image)
{
	memset(w->medium[root_of(s)], image, WORLD_SLOT_BLOCKS * WORLD_BLOCK);
	memset(w->view[root_of(s)], image, WORLD_SLOT_BLOCKS * WORLD_BLOCK);
}

void life_begin(struct life *l, struct world *w, enum boot_mode mode, enum life_wish wish, enum life_image image,
		enum slot first, unsigned int attempts)
{
	static const char text[] = "[system]\nproduct=p\ncompatible=c\n";
	uint8_t running = wish == WISH_UPDATE ? 1 : 2;
	struct slot_info now = info_of(running), old = info_of(1);
	struct world_blk state;
	struct bootrec rec;
	uint8_t data[UKI_BYTES];

	*l = (struct life){ .w = w, .wish = wish, .image = image, .first = first, .committed = first };
	if (sysconf_parse(bytes_str(text), "test", &l->conf, NULL))
		abort();
	l->conf.mode = mode;
	l->conf.attempts = attempts;
	world_blk(w, DEV_STATE, &state);
	rec = boot_first(first, &now, wish == WISH_ROLLBACK ? &old : NULL);
	l->floor = rec.epoch_floor;
	if (bootstore_create(&state.blk, &rec, NULL))
		abort();
	put_image(w, first, running);
	uki(first, running, data);
	world_file_put(w, FALLBACK_LOADER, data, sizeof(data));
	if (mode == MODE_BOOTNEXT)
		world_file_put(w, l->conf.slots[first].boot_file, data, sizeof(data));
	if (wish == WISH_ROLLBACK) {
		put_image(w, slot_other(first), 1);
		uki(slot_other(first), 1, data);
		if (mode == MODE_BOOTNEXT)
			world_file_put(w, l->conf.slots[slot_other(first)].boot_file, data, sizeof(data));
	}
	world_reboot(w);
	w->ops = 0;
}

/* Everything the product's programs open. */
struct opened {
	struct world_blk state;
	struct world_esp esp;
	struct world_efi efi;
	struct bootstore store;
	struct boot_machine m;
	bool has_record;
};

static void open_all(struct life *l, struct opened *o)
{
	struct efi_esp esp = { .number = 1, .start_sectors = 2048, .size_sectors = 524288 };

	memset(o, 0, sizeof(*o));
	world_blk(l->w, DEV_STATE, &o->state);
	world_esp(l->w, &o->esp);
	world_efi(l->w, &o->efi);
	o->m.conf = &l->conf;
	o->m.store = &o->store;
	if (l->conf.mode == MODE_BOOTNEXT) {
		o->m.esp = &o->esp.esp;
		o->m.efi = &o->efi.store;
		for (enum slot s = SLOT_A; s <= SLOT_B; s++)
			if (efi_option_make(s, &esp, l->conf.slots[s].boot_file, &o->m.want[s], NULL))
				abort();
	}
	o->has_record = bootstore_read(&o->store, &o->state.blk, &o->m.rec, NULL) == 0;
}

/* The rules that hold for every record that is ever read. */
static void observe(struct life *l, const struct bootrec *rec)
{
	if (rec->epoch_floor < l->floor)
		broken(l, "invariant 4: the epoch floor fell");
	l->floor = rec->epoch_floor;
	if (rec->committed != l->committed && !l->passed[rec->committed])
		broken(l, "invariant 6: the committed slot changed without a healthy trial");
	l->committed = rec->committed;
}

/* Load one entry's file. Returns whether it started. */
static bool load(struct life *l, const struct opened *o, uint32_t number, enum slot *ret)
{
	uint8_t current[2];
	char name[16];

	(void)snprintf(name, sizeof(name), "Boot%04X", number);
	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		const struct world_var *v = world_var(l->w, name);
		const struct world_file *f = world_file(l->w, l->conf.slots[s].boot_file);

		if (!v || !bytes_equal(bytes_of(v->data, v->n), bytes_of(o->m.want[s].data, o->m.want[s].n)) ||
		    !uki_whole(f))
			continue;
		put_le16(current, (uint16_t)number);
		world_var_put(l->w, "BootCurrent", current, 2);
		*ret = (enum slot)f->data[1];
		return true;
	}
	return false;
}

/* What the firmware starts: the slot that the kernel image's command line names. */
static bool firmware(struct life *l, const struct opened *o, enum slot *ret)
{
	const struct world_var *next = world_var(l->w, "BootNext"), *order = world_var(l->w, "BootOrder");
	const struct world_file *fallback = world_file(l->w, FALLBACK_LOADER);
	uint16_t number = 0;

	if (next && l->conf.mode == MODE_BOOTNEXT) {
		number = (uint16_t)(next->data[0] | next->data[1] << 8);
		world_var_drop(l->w, "BootNext");
		if (load(l, o, number, ret))
			return true;
		order = world_var(l->w, "BootOrder");
	}
	for (size_t i = 0; order && i + 1 < order->n && l->conf.mode == MODE_BOOTNEXT; i += 2)
		if (load(l, o, (uint32_t)(order->data[i] | order->data[i + 1] << 8), ret))
			return true;
	if (!uki_whole(fallback))
		return false;
	*ret = l->conf.mode == MODE_CHOOSER ? SLOT_NONE : (enum slot)fallback->data[1];
	return true;
}

/* tandem-init. Returns whether a slot was started; otherwise the machine reboots (or its power is off). */
static bool hook(struct life *l, struct opened *o, enum slot named, struct boot_plan *plan)
{
	struct boot_facts facts = { .mode = l->conf.mode, .running = named };
	struct bootrec *rec = o->has_record ? &o->m.rec : NULL;
	struct efi_view view;

	if (o->m.efi && efivars_observe(o->m.efi, o->m.want, &view, NULL) == 0) {
		enum slot current = efi_view_current(&view);

		facts.disagree = current != SLOT_NONE && current != named;
	}
	if (!rec)
		broken(l, "invariant 1: no valid boot record");
	boot_decide(rec, &facts, plan);
	for (;;) {
		if (plan->write && bootstore_write(&o->store, &o->m.rec, NULL))
			return false;
		o->efi.store.writes = 0;
		if (rec && sequence_heal(&o->m, plan->next, NULL))
			return false;
		if (o->efi.store.writes > 4)
			broken(l, "more than four variable writes in one boot of the hook");
		if (!plan->start)
			return false;
		if (image_in(l->w, plan->slot) != 0)
			return true;
		if (plan->role == ROLE_TRIAL)
			broken(l, "an image that is not whole was started on trial");
		boot_cannot_start(rec, &facts, "not whole", plan);
	}
}

static uint8_t *new_action(struct life *l, uint8_t id[16])
{
	memset(id, ++l->action, 16);
	return id;
}

/* tandem install, as far as the order of durable operations goes. */
static int install(struct life *l, struct opened *o, enum slot running)
{
	enum slot target = slot_other(running);
	struct slot_info image = info_of(2);
	uint8_t block[WORLD_BLOCK] __attribute__((aligned(BLK_ALIGN))), id[16], data[UKI_BYTES];
	struct world_blk root;
	struct esp_put put;
	int r = 0;

	if (o->m.rec.phase == PHASE_STAGED && hash_equal(&o->m.rec.slots[target].image_id, &image.image_id))
		return sequence_arm(&o->m, false, new_action(l, id), NULL);
	r = sequence_write_begin(&o->m, target, running, &image, new_action(l, id), NULL);
	if (!r)
		l->passed[target] = false;
	world_blk(l->w, root_of(target), &root);
	memset(block, 2, sizeof(block));
	for (size_t i = 0; i < WORLD_SLOT_BLOCKS && !r; i++)
		r = blk_write(&root.blk, block, sizeof(block), i * WORLD_BLOCK, NULL);
	r = r ? r : blk_flush(&root.blk, NULL);
	if (o->m.esp && !r) {
		uki(target, 2, data);
		r = esp_put_begin(o->m.esp, l->conf.slots[target].boot_file, &put, NULL);
		r = r ? r : esp_put_add(&put, bytes_of(data, 2), NULL);
		r = r ? r : esp_put_add(&put, bytes_of(data + 2, 2), NULL);
		r = r ? r : esp_put_end(&put, NULL);
	}
	r = r ? r : sequence_write_end(&o->m, NULL);
	return r ? r : sequence_arm(&o->m, false, id, NULL);
}

/* Whether the operator has nothing more to do on the committed slot. */
static bool settled(const struct life *l, const struct bootrec *rec, enum slot running)
{
	if (l->wish == WISH_ROLLBACK)
		return running != l->first || rec->phase == PHASE_FAILED;
	return running != l->first || (rec->phase == PHASE_FAILED && l->image != IMAGE_HEALTHY);
}

/* The committed slot is up. Returns whether all is done. */
static bool operate(struct life *l, struct opened *o, enum slot running)
{
	uint8_t id[16];

	assert(running == SLOT_A || running == SLOT_B);
	if (sequence_settle(&o->m, running, NULL, NULL))
		return false;
	if (settled(l, &o->m.rec, running))
		return true;
	if (l->wish == WISH_ROLLBACK && o->m.rec.slots[slot_other(running)].state == STATE_GOOD)
		IGNORE(sequence_arm(&o->m, true, new_action(l, id), NULL)); /* its failure is a power cut */
	else
		IGNORE(install(l, o, running));
	return false;
}

/* A slot on trial is up. */
static void try_out(struct life *l, struct opened *o, enum slot running)
{
	struct bootrec rec = o->m.rec;
	unsigned int *starts = &l->starts[rec.action_id[0]];

	if (++*starts > l->conf.attempts + (rec.phase == PHASE_COMMITTING ? 2 : 0))
		broken(l, "invariant 2: more starts than attempts");
	if (boot_reached(&rec, STAGE_USERSPACE) && bootstore_write(&o->store, &rec, NULL))
		return;
	o->m.rec = rec;
	if (l->image == IMAGE_HEALTHY || rec.phase == PHASE_COMMITTING) {
		l->passed[running] = true;
		IGNORE(sequence_commit(&o->m, NULL)); /* its failure is a power cut; what it left is looked at */
	} else if (l->image == IMAGE_UNHEALTHY) {
		IGNORE(sequence_fail(&o->m, REASON_HEALTH, "test", NULL));
	}
}

/* For a failing case: CRASH_TRACE=1 shows each start. */
static void print_trace(const struct life *l, const struct opened *o, enum slot named, const struct boot_plan *plan)
{
	(void)fprintf(stderr, "op %llu: named %s, starts %s as %s: %s (phase %s, left %u)\n",
		      (unsigned long long)l->w->ops, slot_name(named), slot_name(plan->slot),
		      boot_role_name(plan->role), plan->note, boot_phase_name(o->m.rec.phase), o->m.rec.attempts_left);
}

/* One boot. Returns whether all is done. */
static bool boot(struct life *l)
{
	struct boot_plan plan;
	enum slot named = SLOT_NONE;
	struct opened o;
	bool done = false;

	open_all(l, &o);
	if (!firmware(l, &o, &named)) {
		broken(l, "invariant 1: nothing starts");
		return false;
	}
	if (o.has_record)
		observe(l, &o.m.rec);
	if (!hook(l, &o, named, &plan))
		return false;
	l->w->running = plan.slot;
	if (getenv("CRASH_TRACE"))
		print_trace(l, &o, named, &plan);
	if (plan.role == ROLE_TRIAL)
		try_out(l, &o, plan.slot);
	else if (plan.role == ROLE_COMMITTED)
		done = operate(l, &o, plan.slot);
	if (!l->w->off)
		observe(l, &o.m.rec);
	return done && !l->w->off;
}

/* Where a wish must end. */
static void check_end(struct life *l)
{
	bool healthy = l->image == IMAGE_HEALTHY;
	enum slot want;
	uint8_t image;
	struct opened o;

	open_all(l, &o);
	/* A commit gets two starts; cutting both of them ends a rollback, which its operator cannot repeat. */
	if (l->wish == WISH_ROLLBACK && l->cuts == 2 && o.m.rec.outcome.reason == REASON_COMMIT)
		healthy = false;
	want = healthy ? slot_other(l->first) : l->first;
	image = (l->wish == WISH_UPDATE) == (want == l->first) ? 1 : 2;
	if (!o.has_record || o.m.rec.committed != want || image_in(l->w, want) != image)
		broken(l, "the machine ended on the wrong slot");
	else if (healthy && o.m.rec.phase != PHASE_IDLE)
		broken(l, "the update was committed but the record is not idle");
	else if (!healthy && o.m.rec.phase != PHASE_FAILED)
		broken(l, "the trial's failure is not in the record");
	else if (o.m.rec.fallback_stale)
		broken(l, "the fallback loader was left stale");
}

bool life_run(struct life *l)
{
	for (l->boots = 0; l->boots < BOOTS_MAX && !l->w->broken; l->boots++) {
		bool done = boot(l);

		if (l->w->off) {
			l->cuts++;
			return false;
		}
		if (done) {
			check_end(l);
			return true;
		}
		world_reboot(l->w);
	}
	broken(l, "the machine does not settle");
	return true;
}
