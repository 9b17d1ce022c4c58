/*
 * tandem verify-slot, with and without --repair
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/progress.h"
#include "updater/cmd.h"
#include "updater/cmd_parts.h"
#include "updater/cmd_source.h"
#include "updater/headkeep.h"
#include "updater/repair_slot.h"
#include "updater/slothead.h"
#include "updater/verify_slot.h"

#define NAME  "tandem verify-slot"
#define USAGE "tandem verify-slot (a|b|--all) [--bundle SOURCE | --repair SOURCE] [--progress HOW] [--json]"
#define HELP                                                                                                              \
	"Read a slot from its medium and compare every chunk, and its boot file, with the signed hashes that were\n"      \
	"stored when it was installed, or with those of a bundle. Exit code 1: damaged, or there is nothing to verify\n"  \
	"it by. Changes nothing, except with --repair: then what differs, and only that, is taken from the bundle that\n" \
	"was installed, written and read back. A slot that runs or is mounted is not repaired."

struct options {
	const char *config;
	const char *bundle;
	const char *repair;
	const char *progress;
	struct net_options net;
	bool all, json;
	enum progress_style style;
	bool wanted[2];
};

/* One slot's outcome. */
struct verified {
	struct verify_result result; /* before it was repaired */
	bool repaired;
	struct repair_result repair;
	struct why why; /* with SLOT_UNKNOWN, or when it was not repaired */
	char version[VERSION_TEXT_BYTES];
};

static void show_step(void *arg, const struct pipeline_stats *s)
{
	progress_step(arg, s->durable_bytes, s->total_bytes);
}

static bool cancelled(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

static struct verify_job job_of(struct appliance *a, enum slot s, const struct bundle *b, struct progress *progress)
{
	return (struct verify_job){
		.slot = s,
		.bundle = b,
		.esp = a->m.boot.esp,
		.boot_file = a->m.conf.slots[s].boot_file,
		.workers = pipeline_processors(),
		.step = show_step,
		.cancelled = cancelled,
		.arg = progress,
	};
}

static int verify_by(struct appliance *a, enum slot s, const struct bundle *b, const struct options *o,
		     struct verified *v, struct why *w)
{
	struct progress progress = progress_begin("verify", o->style);
	struct verify_job job = job_of(a, s, b, &progress);
	struct blk root = { 0 };
	int r = blk_open(a->m.disk.root[s].device, BLK_READ, &root, w);

	if (r)
		return r;
	job.root = &root;
	(void)snprintf(v->version, sizeof(v->version), "%s", b->manifest.version);
	r = verify_slot(&job, &v->result, w);
	progress_end(&progress);
	IGNORE(blk_close(&root, NULL)); /* nothing was written */
	return r;
}

static int believed(void *arg, struct bytes statements, struct trust *ret, struct why *w)
{
	return trustseat_believe(&((struct appliance *)arg)->seat, statements, false, ret, w);
}

/* Whether the record knows of an image on it that is whole. */
static int check_installed(const struct appliance *a, enum slot s, struct why *w)
{
	const struct bootrec *rec = &a->m.boot.rec;

	if (rec->slots[s].state == STATE_EMPTY)
		return fail(w, -ENODATA, "it is empty");
	if (rec->phase == PHASE_WRITING && rec->target == s)
		return fail(w, -ENODATA, "its installation was not finished");
	return 0;
}

/* What is stored of it, verified. @ret ended by slothead_close() in any case */
static int load_stored(struct appliance *a, enum slot s, struct slothead_open *ret, struct why *w)
{
	const struct hash *id = &a->m.boot.rec.slots[s].image_id;
	struct trust trust = { 0 };
	int r = 0;

	if (bytes_all_zero(bytes_of(id->b, HASH_BYTES))) /* then only its signatures tell what it is */
		r = believed(a, bytes_of(NULL, 0), &trust, w);
	r = r ? r : slothead_load(&a->m.state, s, id, &trust, ret, w);
	return r ? r : appliance_unlock(a, &ret->bundle, w);
}

/* By the bundle that was given, or by what is stored. */
static int verify_one(struct appliance *a, enum slot s, const struct options *o, struct verified *v, struct why *w)
{
	CLEANUP(slothead_close) struct slothead_open stored = { 0 };
	CLEANUP(source_close) struct source src = { 0 };
	CLEANUP(bundle_close) struct bundle b = { 0 };
	const struct bundle_judge judge = { .keys = believed, .arg = a };
	int r;

	if (!a->m.disk.root[s].device[0])
		return fail(w, -ENODATA, "it has no partition on the boot disk");
	if (o->bundle) {
		r = source_any(o->bundle, &o->net, &a->m.conf.net, &src, w);
		r = r ? r : bundle_open_by(&src, BUNDLE_WHOLE, &judge, &b, w);
		r = r ? r : appliance_unlock(a, &b, w);
		return r ? r : verify_by(a, s, &b, o, v, w);
	}
	r = check_installed(a, s, w);
	r = r ? r : load_stored(a, s, &stored, w);
	if (r == -ENODATA)
		return why_next(w, r,
				"its image was not put there by 'tandem install': give its bundle by --bundle FILE");
	return r ? r : verify_by(a, s, &stored.bundle, o, v, w);
}

static int check_unused(const struct appliance *a, enum slot s, struct why *w)
{
	enum slot running = a->m.running.slot;

	if (running == SLOT_NONE)
		return refuse(w, -EPERM, "which slot runs is not known: nothing is written");
	if (running == s) {
		(void)refuse(w, -EPERM, "it runs, and is never written");
		return why_next(w, -EPERM, "repair it while the other slot runs");
	}
	return 0;
}

/* The bundle that was installed, or another one of the very same image. */
static int open_same(struct appliance *a, enum slot s, struct source *src, struct bundle *ret, struct headkeep *keep,
		     struct why *w)
{
	CLEANUP(slothead_close) struct slothead_open stored = { 0 };
	const struct bundle_judge judge = { .keys = believed, .arg = a };
	const struct hash *id = &a->m.boot.rec.slots[s].image_id;
	const struct payload *want = NULL, *have = NULL;
	char name = s == SLOT_A ? 'a' : 'b';
	int r = bundle_open_id(src, BUNDLE_WHOLE, id, ret, NULL);

	if (!r) {
		r = appliance_unlock(a, ret, w);
		r = r ? r : slothead_store(&a->m.state, s, ret, w); /* which is mended by it, too */
		keep->memory = slothead_source(&a->m.state, s, ret);
		keep->joined = source_joined(&keep->memory, src);
		bundle_move(ret, &keep->joined);
		return r;
	}
	r = bundle_open_by(src, BUNDLE_WHOLE, &judge, ret, w);
	r = r ? r : appliance_unlock(a, ret, w);
	r = r ? r : load_stored(a, s, &stored, w);
	r = r ? r : manifest_pick(&ret->manifest, PAYLOAD_IMAGE, name, &have, w);
	r = r ? r : manifest_pick(&stored.bundle.manifest, PAYLOAD_IMAGE, name, &want, w);
	if (!r && !hash_equal(&want->raw_hash, &have->raw_hash)) {
		r = refuse(w, -EKEYREJECTED, "%s: version %s, which is another image than the slot's (version %s)",
			   src->name, ret->manifest.version, stored.bundle.manifest.version);
		return why_next(w, r, "give the bundle that was installed");
	}
	return r ? r : headkeep(ret, keep, w);
}

static int repair_by(struct appliance *a, enum slot s, const struct bundle *b, const struct options *o,
		     struct verified *v, struct why *w)
{
	struct progress progress;
	struct verify_job job;
	struct blk *root = NULL;
	int r = a->parts.open_slot(a->parts.arg, s, &root, w);

	if (r)
		return r;
	progress = progress_begin("repair", o->style);
	job = job_of(a, s, b, &progress);
	job.root = root;
	r = repair_slot(&job, &v->result, &v->repair, w);
	progress_end(&progress);
	v->repaired = r == 0;
	return r;
}

static int repair_one(struct appliance *a, enum slot s, const struct options *o, struct verified *v, struct why *w)
{
	CLEANUP(headkeep_done) struct headkeep keep = { 0 };
	CLEANUP(source_close) struct source src = { 0 };
	CLEANUP(bundle_close) struct bundle b = { 0 };
	int r = check_unused(a, s, w);

	if (!r && !a->m.disk.root[s].device[0])
		r = fail(w, -ENODATA, "it has no partition on the boot disk");
	r = r ? r : check_installed(a, s, w);
	r = r ? r : source_any(o->repair, &o->net, &a->m.conf.net, &src, w);
	r = r ? r : open_same(a, s, &src, &b, &keep, w);
	r = r ? r : verify_by(a, s, &b, o, v, w);
	return r || v->result.verdict != SLOT_DAMAGED ? r : repair_by(a, s, &b, o, v, w);
}

static uint64_t lba(const struct appliance *a, enum slot s, uint64_t at)
{
	uint32_t sector = a->m.disk.disk.sector_bytes ? a->m.disk.disk.sector_bytes : 512;

	return (a->m.disk.root[s].start_bytes + at) / sector;
}

static void print_one(const struct appliance *a, enum slot s, const struct verified *v)
{
	const struct pipeline_stats *i = &v->result.image;
	char size[16], fetched[16];

	if (v->result.verdict == SLOT_UNKNOWN) {
		(void)printf("slot %s: cannot be verified: %s\n", slot_name(s), v->why.text);
		return;
	}
	(void)printf("slot %s: %s: version %s, %s compared%s\n", slot_name(s),
		     v->result.verdict == SLOT_GOOD ? "good" : "DAMAGED", v->version,
		     format_size(i->checked_bytes, size),
		     v->result.boot_file_checked && !v->result.boot_file_bad ? ", and its boot file" : "");
	if (i->bad_chunks)
		(void)printf("slot %s: %" PRIu64 " chunk%s differ; the first is bytes %" PRIu64 " to %" PRIu64
			     ", LBA %" PRIu64 " to %" PRIu64 "\n",
			     slot_name(s), i->bad_chunks, i->bad_chunks == 1 ? "" : "s", i->bad_at,
			     i->bad_at + i->bad_bytes - 1, lba(a, s, i->bad_at),
			     lba(a, s, i->bad_at + i->bad_bytes - 1));
	if (v->result.boot_file_bad)
		(void)printf("slot %s: boot file: %s\n", slot_name(s), v->result.text);
	if (v->repaired)
		(void)printf("slot %s: repaired: %s written, %s read from the bundle%s\n", slot_name(s),
			     format_size(v->repair.image.written_bytes + v->repair.image.zeroed_bytes, size),
			     format_size(v->repair.image.fetched_bytes, fetched),
			     v->repair.boot_file ? ", and the boot file" : "");
}

static void json_one(struct json *j, const struct appliance *a, enum slot s, const struct verified *v, bool repair)
{
	const struct pipeline_stats *i = &v->result.image;

	json_object(j, NULL);
	json_string(j, "slot", slot_name(s));
	json_string(j, "verdict", slot_verdict_name(v->result.verdict));
	json_text(j, "version", v->version);
	json_string(j, "error", v->why.code ? v->why.text : NULL);
	json_u64(j, "checked_bytes", i->checked_bytes);
	json_u64(j, "bad_chunks", i->bad_chunks);
	if (i->bad_chunks) {
		json_u64(j, "first_bad_byte", i->bad_at);
		json_u64(j, "first_bad_bytes", i->bad_bytes);
		json_u64(j, "first_bad_lba", lba(a, s, i->bad_at));
	}
	json_string(j, "boot_file", !v->result.boot_file_checked ? NULL : v->result.boot_file_bad ? "damaged" : "good");
	json_string(j, "boot_file_error", v->result.boot_file_bad ? v->result.text : NULL);
	if (repair) {
		json_bool(j, "repaired", v->repaired);
		json_u64(j, "written_bytes", v->repair.image.written_bytes + v->repair.image.zeroed_bytes);
		json_u64(j, "fetched_bytes", v->repair.image.fetched_bytes);
	}
	json_end(j);
}

static int print_all(const struct appliance *a, const struct options *o, const struct verified v[2], struct why *w)
{
	struct json j = { .to = stdout, .line = o->style == PROGRESS_JSON };

	if (!o->json && o->style != PROGRESS_JSON) {
		for (enum slot s = SLOT_A; s <= SLOT_B; s++)
			if (o->wanted[s])
				print_one(a, s, &v[s]);
		return 0;
	}
	json_object(&j, NULL);
	json_array(&j, "slots");
	for (enum slot s = SLOT_A; s <= SLOT_B; s++)
		if (o->wanted[s])
			json_one(&j, a, s, &v[s], o->repair != NULL);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int verify_wanted(struct appliance *a, const struct options *o, struct verified v[2], struct why *w)
{
	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		int r;

		if (!o->wanted[s])
			continue;
		v[s].result.verdict = SLOT_UNKNOWN;
		r = o->repair ? repair_one(a, s, o, &v[s], &v[s].why) : verify_one(a, s, o, &v[s], &v[s].why);
		if (r == -ECANCELED)
			return fail(w, r, "interrupted");
	}
	return 0;
}

/* The exit code's reason: the first slot that is not good. */
static int verdict(const struct options *o, const struct verified v[2], struct why *w)
{
	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		const char *what = o->repair ? "repaired" : "verified";

		if (!o->wanted[s] || v[s].repaired || v[s].result.verdict == SLOT_GOOD)
			continue;
		if (v[s].result.verdict == SLOT_DAMAGED && !v[s].why.code)
			return fail(w, -EIO, "slot %s is damaged", slot_name(s));
		(void)fail(w, v[s].why.code, "slot %s cannot be %s: %s", slot_name(s), what, v[s].why.text);
		w->exit = v[s].why.exit;
		return v[s].why.next[0] ? why_next(w, w->code, "%s", v[s].why.next) : w->code;
	}
	return 0;
}

static int verify(struct appliance *a, const struct options *o, struct why *w)
{
	struct verified v[2] = { 0 };
	int r = appliance_trust(a, w);

	if (r)
		return r;
	if (!a->m.has_record && !o->bundle)
		return fail(w, -ENODATA, "the boot record cannot be used: %s", a->m.record_why.text);
	if (a->m.conf.mode == MODE_BOOTNEXT)
		r = machine_esp(&a->m, w);
	interrupt_catch();
	r = r ? r : verify_wanted(a, o, v, w);
	r = r ? r : print_all(a, o, v, w);
	return r ? r : verdict(o, v, w);
}

static int run(const struct options *o, struct why *w)
{
	struct appliance *a = NULL;
	int r = appliance_open(o->config, o->repair ? MACHINE_WRITE : MACHINE_READ, &a, w);

	r = r ? r : verify(a, o, w);
	return appliance_close(a, r, w);
}

static int read_options(struct options *o, const struct args *args, struct why *w)
{
	enum slot s = SLOT_NONE;
	int r = progress_style_parse(o->progress, &o->style, w);

	r = r ? r : net_options_check(&o->net, w);
	if (!r && (args->n == 1) == o->all)
		return misuse(w, -EINVAL, "which slot? give a, b or --all");
	if (!r && o->all && o->bundle)
		return misuse(w, -EINVAL, "--bundle goes with one slot");
	if (!r && o->repair && (o->all || o->bundle))
		return misuse(w, -EINVAL, "--repair goes with one slot, and without --bundle");
	if (!r && args->n == 1)
		r = slot_parse(args->at[0], &s, w);
	if (r)
		return r;
	o->wanted[SLOT_A] = o->all || s == SLOT_A;
	o->wanted[SLOT_B] = o->all || s == SLOT_B;
	if (o->json && !o->progress)
		o->style = PROGRESS_NONE;
	return 0;
}

int cmd_verify_slot(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "all", .help = "both slots", .flag = &o.all },
		{ .name = "bundle", .arg = "SOURCE", .help = "compare with this bundle", .value = &o.bundle },
		{ .name = "repair",
		  .arg = "SOURCE",
		  .help = "put right what differs, from the bundle that was installed",
		  .value = &o.repair },
		NET_OPTIONS(o.net),
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &o.progress },
		{ .name = "json", .help = "print JSON", .flag = &o.json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &o.config },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 1, &args);

	if (r >= 0)
		return r;
	r = read_options(&o, &args, &w);
	r = r ? r : run(&o, &w);
	return r ? why_report(&w, NAME) : EXIT_DONE;
}
