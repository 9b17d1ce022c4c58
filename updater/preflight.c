#include "updater/preflight.h"

#include <inttypes.h>

#include "base/parse.h"
#include "updater/finding.h"
#include "updater/install_base.h"
#include "updater/slothead.h"

/*
 * Our four variables are under 2 KiB. What the kernel keeps back (EFI_MIN_RESERVE, 5 KiB) is not in the figure that it is
 * compared with. OVMF collects its store when less than 10 KiB are left at a start: a higher limit would refuse an
 * install between that and the next start.
 */
#define EFI_FREE_MIN (3u << 10)
/* Folders and clusters of a FAT file system, generously. */
#define ESP_SLACK_BYTES (256u << 10)

struct flight {
	const struct install_parts *parts;
	const struct bundle *b;
	const struct install_options *o;
	struct preflight *p;
};

static const struct bootrec *record(const struct flight *k)
{
	return &k->parts->boot->rec;
}

static int check_signature(struct flight *k, struct finding *f, struct why *w)
{
	return found_signature(k->b, f, w);
}

static int check_source(struct flight *k, struct finding *f, struct why *w)
{
	const struct source *s = k->b->src;
	char size[16];

	(void)w;
	return found(f, "%s of %s, %s", format_size(bundle_bytes(k->b), size), s->name,
		     s->manner ? s->manner : "in memory");
}

/* Of an encrypted bundle. */
static int check_key(struct flight *k, struct finding *f, struct why *w)
{
	return found_key(k->b, k->parts->key_why, f, w);
}

static int check_compatible(struct flight *k, struct finding *f, struct why *w)
{
	return found_compatible(k->b, k->parts->boot->conf->compatible, f, w);
}

static int check_record(struct flight *k, struct finding *f, struct why *w)
{
	if (!k->parts->has_record) {
		(void)refuse(w, -ENODATA, "the boot record cannot be used: %s", k->parts->record_why);
		return why_next(w, -ENODATA, "a reboot with passing health probes writes a new one");
	}
	return found(f, "phase %s, slot %s is committed", boot_phase_name(record(k)->phase),
		     slot_name(record(k)->committed));
}

static int check_running(struct flight *k, struct finding *f, struct why *w)
{
	const struct running *r = k->parts->running;
	const char *firmware = r->firmware == SLOT_NONE ? "unknown" : slot_name(r->firmware);

	if (r->slot == SLOT_NONE)
		return refuse(w, -EPERM,
			      "which slot runs is not agreed: kernel command line %s, root file system %s, firmware %s",
			      slot_name(r->cmdline), slot_name(r->root), firmware);
	return found(f, "slot %s", slot_name(r->slot));
}

static int check_target(struct flight *k, struct finding *f, struct why *w)
{
	enum slot target = k->p->plan.target, running = k->parts->running->slot;

	if (k->o->slot != SLOT_NONE && k->o->slot != target)
		return refuse(w, -EPERM, "slot %s is the committed one and is never written", slot_name(k->o->slot));
	if (running == target) {
		(void)refuse(w, -EPERM, "slot %s runs and slot %s is committed: no slot is free", slot_name(running),
			     slot_name(record(k)->committed));
		return why_next(w, -EPERM, "reboot into the committed slot first");
	}
	return found(f, "slot %s, %s", slot_name(target), slot_condition_name(record(k), target));
}

static int check_version(struct flight *k, struct finding *f, struct why *w)
{
	const char *from = record(k)->slots[record(k)->committed].version, *to = k->b->manifest.version;

	switch (version_step(from, to)) {
	case VERSION_HIGHER:
		return found(f, "%s after %s", to, from);
	case VERSION_SAME:
		return found(f, "%s again", to);
	case VERSION_LOWER:
		if (k->o->allow_downgrade)
			return found(f, "%s, lower than %s: allowed by --allow-downgrade", to, from);
		(void)refuse(w, -ESTALE, "version %s is lower than the committed %s", to, from);
		return why_next(w, -ESTALE, "--allow-downgrade permits it");
	case VERSION_UNKNOWN:
		break;
	}
	f->unknown = true;
	return found(f, "%s; the committed slot's version is not known", to);
}

static int check_epoch(struct flight *k, struct finding *f, struct why *w)
{
	uint64_t epoch = k->b->manifest.epoch, floor = record(k)->epoch_floor;

	if (epoch < floor)
		return refuse(w, -ESTALE, "security epoch %" PRIu64 " is below the floor %" PRIu64, epoch, floor);
	return found(f, "%" PRIu64 ", the floor is %" PRIu64, epoch, floor);
}

/* The state machine itself is asked, on a copy of the record. */
static int check_phase(struct flight *k, struct finding *f, struct why *w)
{
	static const uint8_t no_action[16];
	const struct slot_info image = { .epoch = UINT64_MAX };
	const struct sysconf *conf = k->parts->boot->conf;
	struct bootrec rec = *record(k);
	int r;

	if (k->p->plan.action == INSTALL_ARM)
		r = boot_arm(&rec, conf->mode, conf->attempts, false, no_action, w);
	else
		r = boot_write_begin(&rec, k->p->plan.target, k->parts->running->slot, &image, conf->attempts,
				     no_action, w);
	if (r)
		return r;
	switch (k->p->plan.action) {
	case INSTALL_ARM:
		return found(f, "this image is on slot %s already: it only has to be armed",
			     slot_name(k->p->plan.target));
	case INSTALL_CONTINUE:
		return found(f, "an install of this image was interrupted: it is continued");
	case INSTALL_WRITE:
	case INSTALL_NOTHING:
		break;
	}
	return found(f, "no trial is going on");
}

static int check_image(struct flight *k, struct finding *f, struct why *w)
{
	char slot = k->p->plan.target == SLOT_A ? 'a' : 'b', size[16];
	int r = manifest_pick(&k->b->manifest, PAYLOAD_IMAGE, slot, &k->p->image, w);

	if (r) {
		w->exit = EXIT_REFUSED;
		return r;
	}
	return found(f, "%s, %s", k->p->image->name, format_size(k->p->image->size_bytes, size));
}

/* What the running slot holds: its head says so, or it is read. */
static int running_hash(const struct flight *k, struct blk *from, struct hash *ret, bool *ret_read, struct why *w)
{
	CLEANUP(slothead_close) struct slothead_open head = { 0 };
	const struct payload *p = install_base_image(k->parts, &head);

	*ret_read = !p;
	if (p)
		*ret = p->raw_hash;
	return p ? 0 : install_base_hash(from, k->p->image->base_bytes, ret, w);
}

/* Of a delta: the running slot holds the image that it was made from. */
static int check_base(struct flight *k, struct finding *f, struct why *w)
{
	const char *slot = slot_name(k->parts->running->slot);
	struct blk *from = NULL;
	struct hash have = { 0 };
	bool read = false;
	int r = k->parts->open_base ? k->parts->open_base(k->parts->arg, &from, w)
				    : fail(w, -ENODATA, "the running slot cannot be read");

	r = r ? r : running_hash(k, from, &have, &read, w);
	if (!r && !hash_equal(&have, &k->p->image->base_hash))
		r = fail(w, -ENODATA,
			 "the bundle is a delta, made from another image than the one that runs in slot %s", slot);
	if (r) {
		w->exit = EXIT_REFUSED;
		return why_next(w, r,
				"install the full bundle of this version, or the delta from the version that runs");
	}
	k->p->origin = from;
	return found(f, "slot %s holds the image that the delta was made from%s", slot, read ? ", read in full" : "");
}

static int check_slot(struct flight *k, struct finding *f, struct why *w)
{
	struct preflight *p = k->p;
	char size[16];
	uint64_t need;
	int r;

	r = k->parts->open_slot(k->parts->arg, p->plan.target, &p->slot, w);
	if (r || !p->image)
		return r;
	need = (p->image->size_bytes + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN;
	if (need > p->slot->size_bytes)
		return refuse(w, -E2BIG, "%s: the image has %" PRIu64 " bytes, the slot %" PRIu64, p->slot->name, need,
			      p->slot->size_bytes);
	return found(f, "%s, %s, sectors of %" PRIu32 " bytes", p->slot->name, format_size(p->slot->size_bytes, size),
		     k->parts->sector_bytes);
}

static int check_head(struct flight *k, struct finding *f, struct why *w)
{
	uint64_t need = bundle_head_bytes(k->b);
	char size[16], room[16];

	if (need > SLOTHEAD_ROOM) {
		(void)refuse(w, -E2BIG,
			     "the bundle's tables have %" PRIu64 " bytes; the state partition has room for %llu", need,
			     SLOTHEAD_ROOM);
		return why_next(w, -E2BIG, "build the bundle with a larger chunk-size");
	}
	return found(f, "%s of %s", format_size(need, size), format_size(SLOTHEAD_ROOM, room));
}

static int check_boot_file(struct flight *k, struct finding *f, struct why *w)
{
	const struct sysconf *conf = k->parts->boot->conf;
	const char *path = conf->slots[k->p->plan.target].boot_file;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char slot = k->p->plan.target == SLOT_A ? 'a' : 'b', size[16];
	const struct payload *file = NULL;
	int r;

	if (conf->mode == MODE_CHOOSER)
		return found(f, "none is installed in mode=chooser");
	r = manifest_pick(&k->b->manifest, PAYLOAD_FILE, slot, &file, w);
	if (!r && strcmp(file->file_name, name) != 0)
		r = fail(w, -EBADMSG, "the bundle's boot file is called %s, system.conf's %s", file->file_name, name);
	if (!r && file->size_bytes > ESP_BOOT_FILE_MAX)
		r = fail(w, -E2BIG, "the boot file has %" PRIu64 " bytes; %llu are allowed", file->size_bytes,
			 ESP_BOOT_FILE_MAX);
	if (r) {
		w->exit = EXIT_REFUSED;
		return r;
	}
	k->p->boot_file = file;
	return found(f, "%s, %s", path, format_size(file->size_bytes, size));
}

/* Bytes that writing `path` anew gives back: itself and what an interrupted install left of it. */
static uint64_t replaced_bytes(struct esp *e, const char *path)
{
	char temp[SYSCONF_BOOT_FILE + 8];
	uint64_t n = 0, sum = 0;

	if (esp_size(e, path, &n, NULL) == 0)
		sum += n;
	(void)snprintf(temp, sizeof(temp), "%s" ESP_TEMP_SUFFIX, path);
	if (esp_size(e, temp, &n, NULL) == 0)
		sum += n;
	return sum;
}

static int check_esp(struct flight *k, struct finding *f, struct why *w)
{
	const struct boot_machine *m = k->parts->boot;
	uint64_t need, room = 0;
	char size[16], have[16];
	int r;

	if (m->conf->mode == MODE_CHOOSER)
		return found(f, "not used in mode=chooser");
	r = k->parts->open_esp(k->parts->arg, w);
	r = r ? r : esp_free(m->esp, &room, w);
	if (r || !k->p->boot_file)
		return r;
	/* The boot file now; and one more for the new copy of the fallback loader, which a commit makes beside the old. */
	need = 2 * k->p->boot_file->size_bytes + ESP_SLACK_BYTES;
	room += replaced_bytes(m->esp, m->conf->slots[k->p->plan.target].boot_file);
	if (room < need) {
		(void)fail(w, -ENOSPC,
			   "ESP: %s are free for the boot file, %s are needed: twice its size, for it and for the"
			   " fallback loader",
			   format_size(room, have), format_size(need, size));
		return why_next(w, -ENOSPC, "remove files from the ESP that do not belong to Tandem");
	}
	return found(f, "%s free of %s needed", format_size(room, have), format_size(need, size));
}

static int check_firmware(struct flight *k, struct finding *f, struct why *w)
{
	uint64_t free_bytes = k->parts->efi_free_bytes;
	char have[16];

	if (k->parts->boot->conf->mode == MODE_CHOOSER)
		return found(f, "not used in mode=chooser");
	if (!k->parts->boot->efi) {
		(void)fail(w, -ENODATA, "the firmware's boot variables cannot be used: %s", k->parts->efi_why);
		return why_next(w, -ENODATA, "mode=bootnext starts a trial by one of them; see tandem(8), MODES");
	}
	if (free_bytes == UINT64_MAX) {
		f->unknown = true;
		return found(f, "boot variables can be read; the kernel does not say how much room is left");
	}
	if (free_bytes < EFI_FREE_MIN) {
		(void)fail(w, -ENOSPC, "the firmware's variable store has %" PRIu64 " bytes left; %u are wanted",
			   free_bytes, EFI_FREE_MIN);
		return why_next(w, -ENOSPC,
				"crash dumps in /sys/fs/pstore often fill it; some firmware frees it at a reboot");
	}
	return found(f, "%s of variables free", format_size(free_bytes, have));
}

/* Run one check and note it. Returns whether it passed. */
static bool check(struct flight *k, const char *name, int (*run)(struct flight *, struct finding *, struct why *))
{
	struct finding f = { 0 };
	struct why w = { 0 };
	int r = run(k, &f, &w);

	return preflight_note(k->p, name, &f, r, &w);
}

void preflight_run(const struct install_parts *parts, const struct bundle *b, const struct install_options *o,
		   struct preflight *ret)
{
	struct flight k = { .parts = parts, .b = b, .o = o, .p = ret };

	*ret = (struct preflight){ 0 };
	check(&k, "source", check_source);
	check(&k, "signature", check_signature);
	check(&k, "compatible", check_compatible);
	if (b->manifest.encryption.recipients)
		check(&k, "key", check_key);
	if (!check(&k, "record", check_record))
		return;
	ret->plan = install_plan(&parts->boot->rec, &b->id, o->force_same);
	ret->planned = true;
	check(&k, "epoch", check_epoch);
	if (ret->plan.action == INSTALL_NOTHING)
		return;
	check(&k, "version", check_version);
	if (!check(&k, "running", check_running) || !check(&k, "target", check_target) ||
	    !check(&k, "phase", check_phase))
		return;
	if (ret->plan.action != INSTALL_ARM) {
		if (check(&k, "image", check_image) && ret->image->base_bytes)
			check(&k, "base", check_base);
		check(&k, "slot", check_slot);
		check(&k, "tables", check_head);
		check(&k, "boot-file", check_boot_file);
		check(&k, "esp", check_esp);
	}
	check(&k, "firmware", check_firmware);
}

int preflight_result(const struct preflight *p, struct why *w)
{
	for (size_t i = 0; i < p->n_checks; i++) {
		const struct check *c = &p->checks[i];

		if (c->state != CHECK_FAILED)
			continue;
		if (w && !w->code) {
			(void)fail(w, c->code, "%s", c->text);
			w->exit = c->exit;
			if (c->next[0])
				(void)why_next(w, c->code, "%s", c->next);
		}
		return c->code;
	}
	return 0;
}

const char *check_state_name(enum check_state s)
{
	static const char *const words[] = { "passed", "unknown", "failed" };

	return words[s];
}
