/* Install end to end on a rig (updater/install.h): what is refused, what lands, what an interruption leaves, the head kept. */
#include "updater/install.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tests/faultblk.h"
#include "tests/rig.h"
#include "tests/support.h"
#include "updater/repair_slot.h"
#include "updater/slothead.h"

static struct rig g;
static const struct rig_image v2 = { .version = "2.0.0", .epoch = 1, .seed = 2 };

/* One call of `tandem install`, by hand. */
struct call {
	struct install_parts parts;
	struct install_options options;
	struct install_watch watch;
	struct running running;
	struct source src;
	struct bundle bundle;
	struct preflight preflight;
	struct install_progress progress;
	struct why why;
	/* faults */
	struct blk slot, base;
	struct faultblk slot_fault;
	uint64_t fail_at; /* of the slot's operations */
	useconds_t delay_us;
	bool held;   /* the slot is mounted, say */
	bool no_key; /* an encrypted bundle stays locked */
	bool stops;  /* as soon as something is written */
	bool written;
};

static int open_slot(void *arg, enum slot s, struct blk **ret, struct why *w)
{
	struct call *c = arg;
	int r;

	if (c->held)
		return refuse(w, -EBUSY, "slot %s is mounted on /mnt", slot_name(s));
	r = blk_open(rig_slot_path(s), BLK_WRITE_EXCLUSIVE, &c->slot, w);
	if (r)
		return r;
	faultblk_init(&c->slot_fault, &c->slot);
	c->slot_fault.fail_at = c->fail_at;
	c->slot_fault.delay_us = c->delay_us;
	*ret = &c->slot_fault.blk;
	return 0;
}

static int open_esp(void *arg, struct why *w)
{
	(void)arg, (void)w;
	return 0;
}

static int unlock(void *arg, struct bundle *b, struct why *w)
{
	(void)arg;
	return bundle_unlock(b, &g.device, w);
}

static int open_base(void *arg, struct blk **ret, struct why *w)
{
	struct call *c = arg;
	int r = blk_open(rig_slot_path(SLOT_A), BLK_READ, &c->base, w);

	if (!r)
		*ret = &c->base;
	return r;
}

static bool stop(void *arg)
{
	struct call *c = arg;

	return c->stops && c->written;
}

static void note_written(void *arg, const struct install_progress *now)
{
	((struct call *)arg)->written = now->image.written_bytes > 0;
}

static void call_init(struct call *c)
{
	memset(c, 0, sizeof(*c));
	c->fail_at = FAULT_NEVER;
	c->running = (struct running){ .cmdline = SLOT_A, .root = SLOT_A, .firmware = SLOT_NONE, .slot = SLOT_A };
	c->parts = (struct install_parts){
		.boot = &g.boot,
		.has_record = true,
		.record_why = "lost",
		.efi_why = "none",
		.running = &c->running,
		.state = &g.state,
		.efi_free_bytes = UINT64_MAX,
		.sector_bytes = 512,
		.open_slot = open_slot,
		.open_base = open_base,
		.unlock = unlock,
		.open_esp = open_esp,
		.arg = c,
	};
	c->options = (struct install_options){ .slot = SLOT_NONE, .workers = 2 };
	c->watch = (struct install_watch){ .step = note_written, .cancelled = stop, .arg = c };
}

/* Returns what install_run() did, or the error that came before. */
static int call_run(struct call *c, const char *bundle)
{
	int r;

	c->why = (struct why){ 0 };
	r = source_file(bundle, &c->src, &c->why);
	r = r ? r : bundle_open(&c->src, BUNDLE_WHOLE, &g.trust, &c->bundle, &c->why);
	if (!r && !c->no_key)
		r = bundle_unlock(&c->bundle, &g.device, &c->why);
	if (!r) {
		preflight_run(&c->parts, &c->bundle, &c->options, &c->preflight);
		r = install_run(&c->parts, &c->bundle, &c->options, &c->preflight, &c->watch, &c->progress, &c->why);
	}
	if (c->slot.ops)
		IGNORE(blk_close(&c->slot, NULL));
	if (c->base.ops)
		IGNORE(blk_close(&c->base, NULL));
	bundle_close(&c->bundle);
	source_close(&c->src);
	return r;
}

static int install(const char *bundle, struct call *c)
{
	call_init(c);
	return call_run(c, bundle);
}

static uint32_t boot_next(void)
{
	struct efi_view v;
	struct why w = { 0 };

	assert_ok(efivars_observe(&g.efi, g.boot.want, &v, &w), w);
	return v.next == EFI_NONE ? SLOT_NONE : v.next == v.entry[SLOT_B] ? SLOT_B : SLOT_A;
}

static bool boot_file_exists(void)
{
	return access(scratch_path("esp/EFI/tandem/b/linux.efi"), F_OK) == 0;
}

static void assert_root_holds(const struct rig_image *image)
{
	size_t n = 0;
	AUTO_FREE uint8_t *root = rig_root(image, &n);

	rig_assert_holds(rig_slot_path(SLOT_B), root, n);
}

static void assert_armed(const struct rig_image *image)
{
	AUTO_FREE uint8_t *boot = rig_boot(image, SLOT_B);

	assert_root_holds(image);
	rig_assert_holds(scratch_path("esp/EFI/tandem/b/linux.efi"), boot, RIG_BOOT_BYTES);
	rig_reopen(&g); /* from the medium, not from memory */
	assert_int_equal(g.boot.rec.phase, PHASE_TRIAL);
	assert_int_equal(g.boot.rec.target, SLOT_B);
	assert_int_equal(g.boot.rec.stage, STAGE_ARMED);
	assert_string_equal(g.boot.rec.slots[SLOT_B].version, image->version);
	assert_int_equal(g.boot.rec.slots[SLOT_B].epoch, image->epoch);
	assert_int_equal(boot_next(), SLOT_B);
}

/* The target cannot be started, by nobody. */
static void assert_not_bootable(enum boot_phase phase)
{
	rig_reopen(&g);
	assert_int_equal(g.boot.rec.phase, phase);
	assert_int_equal(g.boot.rec.committed, SLOT_A);
	assert_false(boot_file_exists());
	assert_int_equal(boot_next(), SLOT_NONE);
}

static void image_is_installed_and_armed(void **state)
{
	struct call c;

	(void)state;
	assert_ok(install(rig_bundle(&g, "v2.reup", &v2), &c), c.why);
	assert_armed(&v2);
	assert_int_equal(c.progress.phase, INSTALL_ARMED);
	assert_int_equal(c.progress.durable_bytes, c.progress.total_bytes);
	assert_int_equal(c.progress.total_bytes, c.progress.image.total_bytes + RIG_BOOT_BYTES);
	/* And no more while it is on trial. */
	assert_int_equal(install(rig_bundle(&g, "v2.reup", &v2), &c), -EBUSY);
	assert_int_equal(c.why.exit, EXIT_REFUSED);
}

static void chooser_mode_needs_neither_esp_nor_variables(void **state)
{
	struct call c;

	(void)state;
	g.conf.mode = MODE_CHOOSER;
	g.boot.efi = NULL;
	g.boot.esp = NULL;
	call_init(&c);
	assert_ok(call_run(&c, rig_bundle(&g, "v2.reup", &v2)), c.why);
	assert_int_equal(g.boot.rec.phase, PHASE_TRIAL);
	assert_false(boot_file_exists());
	assert_int_equal(c.progress.total_bytes, c.progress.image.total_bytes);
}

/* A refusal or a failure of preflight changes nothing at all. */
static void check_refused(const char *bundle, struct call *c, int code, enum exit_code exit, const char *word)
{
	struct bootrec before = g.boot.rec;
	unsigned int writes = g.efi.writes;
	int r;

	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	r = call_run(c, bundle);
	if (r != code || c->why.exit != exit || !strstr(c->why.text, word))
		fail_msg("want %d, exit %d, '%s'; have %d, exit %d: %s", code, exit, word, r, c->why.exit, c->why.text);
	assert_memory_equal(&before, &g.boot.rec, sizeof(before));
	assert_int_equal(g.efi.writes, writes);
	assert_int_equal(c->slot_fault.writes + c->slot_fault.zeros, 0);
}

static void refuse_image(const struct rig_image *image, int code, enum exit_code exit, const char *word)
{
	struct call c;

	call_init(&c);
	check_refused(rig_bundle(&g, "bad.reup", image), &c, code, exit, word);
}

static void what_does_not_fit_the_machine_is_refused_before_anything_is_written(void **state)
{
	struct secret_key stranger;

	(void)state;
	keys_generate(&stranger);
	refuse_image(&(struct rig_image){ .version = "2.0.0", .epoch = 1, .key = &stranger }, -EKEYREJECTED,
		     EXIT_REFUSED, "key");
	refuse_image(&(struct rig_image){ .version = "2.0.0", .epoch = 1, .compatible = "elsewhere" }, -ENOTSUP,
		     EXIT_REFUSED, "elsewhere");
	refuse_image(&(struct rig_image){ .version = "2.0.0", .epoch = 0 }, -ESTALE, EXIT_REFUSED, "floor");
	refuse_image(&(struct rig_image){ .version = "0.9.0", .epoch = 1 }, -ESTALE, EXIT_REFUSED, "lower");
	refuse_image(&(struct rig_image){ .version = "1.0.0-rc.1", .epoch = 1 }, -ESTALE, EXIT_REFUSED, "lower");
	refuse_image(&(struct rig_image){ .version = "2.0.0", .epoch = 1, .bytes = RIG_SLOT_BYTES + 1 }, -E2BIG,
		     EXIT_REFUSED, "slot");
	refuse_image(&(struct rig_image){ .version = "2.0.0", .epoch = 1, .boot_name = "" }, -ENODATA, EXIT_REFUSED,
		     "");
	refuse_image(&(struct rig_image){ .version = "2.0.0", .epoch = 1, .boot_name = "vmlinuz" }, -EBADMSG,
		     EXIT_REFUSED, "vmlinuz");
}

static void downgrade_is_possible_when_asked_for_but_not_of_the_epoch(void **state)
{
	const struct rig_image lower = { .version = "0.9.0", .epoch = 1, .seed = 3 };
	const struct rig_image older = { .version = "2.0.0", .epoch = 0, .seed = 3 };
	struct call c;

	(void)state;
	call_init(&c);
	c.options.allow_downgrade = true;
	check_refused(rig_bundle(&g, "bad.reup", &older), &c, -ESTALE, EXIT_REFUSED, "floor");
	call_init(&c);
	c.options.allow_downgrade = true;
	assert_ok(call_run(&c, rig_bundle(&g, "lower.reup", &lower)), c.why);
	assert_armed(&lower);
}

static void machine_that_is_not_ready_is_left_alone(void **state)
{
	const char *bundle = rig_bundle(&g, "v2.reup", &v2);
	struct call c;

	(void)state;
	call_init(&c);
	c.parts.has_record = false;
	check_refused(bundle, &c, -ENODATA, EXIT_REFUSED, "record");
	call_init(&c);
	c.running = (struct running){ .cmdline = SLOT_A, .root = SLOT_B, .firmware = SLOT_A, .slot = SLOT_NONE };
	check_refused(bundle, &c, -EPERM, EXIT_REFUSED, "not agreed: kernel command line a, root file system b");
	call_init(&c);
	c.running.slot = SLOT_B;
	check_refused(bundle, &c, -EPERM, EXIT_REFUSED, "no slot is free");
	call_init(&c);
	c.options.slot = SLOT_A;
	check_refused(bundle, &c, -EPERM, EXIT_REFUSED, "never written");
	call_init(&c);
	c.held = true;
	check_refused(bundle, &c, -EBUSY, EXIT_REFUSED, "mounted");
	call_init(&c);
	c.parts.efi_free_bytes = 3071;
	check_refused(bundle, &c, -ENOSPC, EXIT_FAILED, "variable store");
	call_init(&c);
	g.boot.efi = NULL;
	check_refused(bundle, &c, -ENODATA, EXIT_FAILED, "boot variables");
	g.boot.efi = &g.efi;
	g.boot.rec.misses = 1;
	call_init(&c);
	check_refused(bundle, &c, -EPERM, EXIT_REFUSED, "only slot");
}

/* What OVMF left between two collections of its store; nothing but a reboot would have made it more. */
static void variable_store_with_room_for_our_variables_is_enough(void **state)
{
	struct call c;

	(void)state;
	call_init(&c);
	c.parts.efi_free_bytes = 7000;
	assert_ok(call_run(&c, rig_bundle(&g, "v2.reup", &v2)), c.why);
	assert_armed(&v2);
}

static int little_room(struct esp *e, uint64_t *ret, struct why *w)
{
	(void)e, (void)w;
	*ret = 2 * RIG_BOOT_BYTES;
	return 0;
}

static void full_esp_is_found_before_anything_is_written(void **state)
{
	struct esp_ops ops = *g.esp.ops;
	const struct esp_ops *real = g.esp.ops;
	struct call c;

	(void)state;
	ops.free_bytes = little_room;
	g.esp.ops = &ops;
	call_init(&c);
	check_refused(rig_bundle(&g, "v2.reup", &v2), &c, -ENOSPC, EXIT_FAILED, "ESP");
	g.esp.ops = real;
}

static void all_failed_checks_are_reported_not_only_the_first(void **state)
{
	const struct rig_image bad = {
		.version = "0.1.0", .epoch = 0, .compatible = "elsewhere", .bytes = RIG_SLOT_BYTES + 1
	};
	unsigned int failed = 0;
	struct call c;

	(void)state;
	call_init(&c);
	c.parts.efi_free_bytes = 0;
	check_refused(rig_bundle(&g, "bad.reup", &bad), &c, -ENOTSUP, EXIT_REFUSED, "elsewhere");
	for (size_t i = 0; i < c.preflight.n_checks; i++)
		failed += c.preflight.checks[i].state == CHECK_FAILED;
	assert_int_equal(failed, 5); /* compatible, epoch, version, slot, firmware */
}

static void image_that_runs_already_is_nothing_to_do(void **state)
{
	const char *bundle = rig_bundle(&g, "v2.reup", &v2);
	struct call c;
	struct why w = { 0 };

	(void)state;
	assert_ok(install(bundle, &c), c.why);
	assert_ok(sequence_commit(&g.boot, &w), w);
	call_init(&c);
	c.running.slot = SLOT_B;
	assert_ok(call_run(&c, bundle), c.why);
	assert_int_equal(c.preflight.plan.action, INSTALL_NOTHING);
	assert_int_equal(g.boot.rec.phase, PHASE_IDLE);
	/* The same bundle goes into the other slot when that is asked for. */
	call_init(&c);
	c.running = (struct running){ .cmdline = SLOT_B, .root = SLOT_B, .firmware = SLOT_B, .slot = SLOT_B };
	c.options.force_same = true;
	c.options.slot = SLOT_A;
	assert_ok(call_run(&c, bundle), c.why);
	assert_int_equal(g.boot.rec.phase, PHASE_TRIAL);
	assert_int_equal(g.boot.rec.target, SLOT_A);
}

static void interrupted_install_is_continued_and_writes_only_the_rest(void **state)
{
	const struct rig_image image = {
		.version = "2.0.0", .epoch = 1, .seed = 4, .bytes = RIG_SLOT_BYTES, .chunk_bytes = 4096
	};
	const char *bundle = rig_bundle(&g, "v2.reup", &image);
	uint8_t action[16];
	uint64_t first;
	struct call c;

	(void)state;
	call_init(&c);
	c.delay_us = 60000;
	c.stops = true;
	assert_int_equal(call_run(&c, bundle), -ECANCELED);
	assert_int_equal(c.why.exit, EXIT_FAILED);
	assert_non_null(strstr(c.why.next, "goes on"));
	assert_not_bootable(PHASE_WRITING);
	first = c.progress.image.durable_bytes;
	assert_in_range(first, 1, RIG_SLOT_BYTES - 1);
	memcpy(action, g.boot.rec.action_id, sizeof(action));
	assert_ok(install(bundle, &c), c.why);
	assert_int_equal(c.preflight.plan.action, INSTALL_CONTINUE);
	assert_armed(&image);
	assert_int_equal(c.progress.image.skipped_bytes, first);
	assert_memory_equal(action, g.boot.rec.action_id, sizeof(action));
}

static void interrupted_install_of_another_image_starts_over(void **state)
{
	const struct rig_image first = {
		.version = "3.0.0", .epoch = 1, .seed = 5, .bytes = 1u << 20, .chunk_bytes = 4096
	};
	struct call c;

	(void)state;
	call_init(&c);
	c.fail_at = 10;
	assert_int_equal(call_run(&c, rig_bundle(&g, "v3.reup", &first)), -EIO);
	assert_not_bootable(PHASE_WRITING);
	assert_ok(install(rig_bundle(&g, "v2.reup", &v2), &c), c.why);
	assert_int_equal(c.preflight.plan.action, INSTALL_WRITE);
	assert_armed(&v2);
}

static void damaged_bundle_leaves_a_slot_that_cannot_start(void **state)
{
	const char *bundle = rig_bundle(&g, "v2.reup", &v2);
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;
	struct call c;

	(void)state;
	assert_ok(file_read(AT_FDCWD, bundle, 64u << 20, &text, &n, &w), w);
	for (size_t at = n / 4; at < n / 2; at += n / 20) {
		text[at] ^= 4;
		assert_ok(file_replace(AT_FDCWD, scratch_path("damaged.reup"), text, n, 0644, &w), w);
		assert_int_equal(install(scratch_path("damaged.reup"), &c), -EBADMSG);
		assert_int_equal(c.why.exit, EXIT_FAILED);
		assert_not_bootable(PHASE_WRITING);
		text[at] ^= 4;
	}
	assert_ok(install(bundle, &c), c.why);
	assert_armed(&v2);
}

/* Fail the k-th operation on the slot, for all k: never a slot that could start. */
static void every_failing_operation_leaves_a_slot_that_cannot_start(void **state)
{
	const struct rig_image image = {
		.version = "2.0.0", .epoch = 1, .seed = 6, .bytes = 400000, .chunk_bytes = 64u << 10
	};
	const char *bundle = rig_bundle(&g, "small.reup", &image);
	struct call c;

	(void)state;
	for (uint64_t at = 0;; at++) {
		int r;

		rig_fill(rig_slot_path(SLOT_B), 1u << 20);
		call_init(&c);
		c.fail_at = at;
		r = call_run(&c, bundle);
		if (c.slot_fault.ops <= at) { /* there are no more */
			assert_int_equal(r, 0);
			assert_in_range(at, 4, 100);
			break;
		}
		assert_int_equal(r, -EIO);
		assert_not_bootable(PHASE_WRITING);
	}
	assert_armed(&image);
}

/* The same for the state partition: record and head. */
static void every_failing_write_of_the_state_leaves_no_half_armed_slot(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .epoch = 1, .seed = 6, .bytes = 200000 };
	bool more = true;

	(void)state;
	for (uint64_t at = 0; more; at++) {
		struct faultblk fault;
		struct call c;
		int r;

		rig_done(&g);
		rig_make(&g);
		faultblk_init(&fault, &g.state);
		g.store.blk = &fault.blk;
		call_init(&c);
		c.parts.state = &fault.blk;
		fault.fail_at = at;
		r = call_run(&c, rig_bundle(&g, "small.reup", &image));
		more = fault.ops > at;
		/* Where an old head cannot be read it is just written anew. */
		assert_true(r == -EIO || r == 0);
		assert_true(more || (r == 0 && at > 10));
		rig_reopen(&g);
		if (boot_file_exists()) /* the last thing that is written */
			assert_root_holds(&image);
		assert_int_equal(g.boot.rec.committed, SLOT_A);
		assert_int_equal(boot_next(), r ? SLOT_NONE : SLOT_B);
	}
}

static int refuse_set(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	(void)s, (void)data, (void)n;
	return fail(w, -ENOSPC, "%s: no space", name);
}

static void staged_image_is_only_armed_by_the_next_run(void **state)
{
	const char *bundle = rig_bundle(&g, "v2.reup", &v2);
	struct efi_store_ops ops = *g.efi.ops;
	const struct efi_store_ops *real = g.efi.ops;
	struct call c;

	(void)state;
	ops.set = refuse_set;
	g.efi.ops = &ops;
	assert_int_equal(install(bundle, &c), -ENOSPC);
	g.efi.ops = real;
	assert_int_equal(g.boot.rec.phase, PHASE_STAGED);
	assert_int_equal(boot_next(), SLOT_NONE);
	assert_ok(install(bundle, &c), c.why);
	assert_int_equal(c.preflight.plan.action, INSTALL_ARM);
	assert_int_equal(c.slot_fault.ops, 0);
	assert_armed(&v2);
}

static void head_is_kept_and_the_slot_verified_by_it(void **state)
{
	struct verify_result result = { 0 };
	struct slothead_open head;
	struct verify_job job = { .slot = SLOT_B, .workers = 2 };
	struct blk root = { 0 };
	struct why w = { 0 };
	struct call c;

	(void)state;
	assert_ok(install(rig_bundle(&g, "v2.reup", &v2), &c), c.why);
	rig_reopen(&g);
	assert_ok(slothead_load(&g.state, SLOT_B, &g.boot.rec.slots[SLOT_B].image_id, &g.trust, &head, &w), w);
	assert_ok(blk_open(rig_slot_path(SLOT_B), BLK_READ, &root, &w), w);
	job.bundle = &head.bundle;
	job.root = &root;
	job.esp = &g.esp;
	job.boot_file = "EFI/tandem/b/linux.efi";
	assert_ok(verify_slot(&job, &result, &w), w);
	assert_int_equal(result.verdict, SLOT_GOOD);
	assert_true(result.boot_file_checked);
	assert_int_equal(result.image.checked_bytes, result.image.total_bytes);
	{
		AUTO_FD fd = open(rig_slot_path(SLOT_B), O_WRONLY | O_CLOEXEC);

		assert_ok(pwrite_full(fd, "x", 1, 1000001, "slot", &w), w);
	}
	assert_ok(verify_slot(&job, &result, &w), w);
	assert_int_equal(result.verdict, SLOT_DAMAGED);
	assert_int_equal(result.image.bad_chunks, 1);
	assert_in_range(1000001, result.image.bad_at, result.image.bad_at + result.image.bad_bytes - 1);
	assert_int_equal(truncate(scratch_path("esp/EFI/tandem/b/linux.efi"), 5), 0);
	assert_ok(verify_slot(&job, &result, &w), w);
	assert_true(result.boot_file_bad);
	assert_non_null(strstr(result.text, "has 5 bytes"));
	assert_ok(blk_close(&root, &w), w);
	slothead_close(&head);
}

/* Damage in a chunk, in a run of zeros and in the boot file: what is wrong is put right, and nothing else is written. */
static void damaged_slot_is_repaired_from_its_bundle(void **state)
{
	struct verify_job job = { .slot = SLOT_B, .esp = &g.esp, .boot_file = "EFI/tandem/b/linux.efi" };
	const char *path = rig_bundle(&g, "v2.reup", &v2);
	struct repair_result repaired = { 0 };
	struct verify_result found = { 0 };
	struct source src = { 0 };
	struct bundle b = { 0 };
	struct blk root = { 0 };
	struct why w = { 0 };
	struct call c;

	(void)state;
	assert_ok(install(path, &c), c.why);
	{
		AUTO_FD fd = open(rig_slot_path(SLOT_B), O_WRONLY | O_CLOEXEC);

		assert_ok(pwrite_full(fd, "x", 1, 1000001, "slot", &w), w);
		assert_ok(pwrite_full(fd, "x", 1, 2000001, "slot", &w), w);
	}
	assert_int_equal(truncate(scratch_path("esp/EFI/tandem/b/linux.efi"), 5), 0);
	assert_ok(source_file(path, &src, &w), w);
	assert_ok(bundle_open_id(&src, BUNDLE_WHOLE, &g.boot.rec.slots[SLOT_B].image_id, &b, &w), w);
	assert_ok(blk_open(rig_slot_path(SLOT_B), BLK_WRITE_EXCLUSIVE, &root, &w), w);
	job.bundle = &b;
	job.root = &root;
	assert_ok(verify_slot(&job, &found, &w), w);
	assert_int_equal(found.image.bad_chunks, 2);
	assert_true(found.boot_file_bad);
	assert_ok(repair_slot(&job, &found, &repaired, &w), w);
	assert_true(repaired.boot_file);
	assert_in_range(repaired.image.written_bytes + repaired.image.zeroed_bytes, 1, 256u << 10);
	assert_ok(verify_slot(&job, &found, &w), w);
	assert_int_equal(found.verdict, SLOT_GOOD);
	assert_ok(blk_close(&root, &w), w);
	bundle_close(&b);
	source_close(&src);
	assert_armed(&v2);
}

/* The running slot holds this image, and its head is kept. */
static void run_image(const struct rig_image *image)
{
	size_t n = 0;
	AUTO_FREE uint8_t *root = rig_root(image, &n);
	AUTO_FD fd = open(rig_slot_path(SLOT_A), O_WRONLY | O_CLOEXEC);
	struct source src = { 0 };
	struct bundle b = { 0 };
	struct why w = { 0 };

	assert_ok(pwrite_full(fd, root, n, 0, "slot", &w), w);
	assert_ok(source_file(rig_bundle(&g, "old.reup", image), &src, &w), w);
	assert_ok(bundle_open(&src, BUNDLE_WHOLE, &g.trust, &b, &w), w);
	assert_ok(slothead_store(&g.state, SLOT_A, &b, &w), w);
	g.boot.rec.slots[SLOT_A].image_id = b.id;
	bundle_close(&b);
	source_close(&src);
}

static void what_the_running_slot_holds_is_copied_from_there(void **state)
{
	static const struct rig_image v1 = { .version = "1.0.0", .epoch = 1, .seed = 1 };
	uint64_t copied, fetched;
	struct call c;

	(void)state;
	run_image(&v1);
	assert_ok(install(rig_bundle(&g, "x.reup", &v2), &c), c.why);
	assert_armed(&v2);
	copied = c.progress.image.copied_bytes;
	fetched = c.progress.image.fetched_bytes;
	assert_true(copied > 0);

	rig_done(&g);
	rig_make(&g);
	run_image(&v1);
	call_init(&c);
	c.options.no_base = true;
	assert_ok(call_run(&c, rig_bundle(&g, "x.reup", &v2)), c.why);
	assert_armed(&v2);
	assert_int_equal(c.progress.image.copied_bytes, 0);
	assert_true(c.progress.image.fetched_bytes > fetched);
}

static void head_of_an_encrypted_image_is_a_base_as_well(void **state)
{
	static const struct rig_image v1 = { .version = "1.0.0", .epoch = 1, .seed = 1, .encrypted = true };
	struct call c;

	(void)state;
	run_image(&v1);
	assert_ok(install(rig_bundle(&g, "x.reup", &v2), &c), c.why);
	assert_armed(&v2);
	assert_true(c.progress.image.copied_bytes > 0);

	rig_done(&g);
	rig_make(&g);
	run_image(&v1);
	call_init(&c);
	c.parts.unlock = NULL;
	assert_ok(call_run(&c, rig_bundle(&g, "x.reup", &v2)), c.why);
	assert_armed(&v2);
	assert_int_equal(c.progress.image.copied_bytes, 0);
}

static void install_goes_on_without_a_base_when_its_head_is_damaged(void **state)
{
	static const struct rig_image v1 = { .version = "1.0.0", .epoch = 1, .seed = 1 };
	AUTO_FREE uint8_t *zeros = blk_alloc(BLK_ALIGN);
	struct why w = { 0 };
	struct call c;

	(void)state;
	run_image(&v1);
	memset(zeros, 0, BLK_ALIGN);
	assert_ok(blk_write(&g.state, zeros, BLK_ALIGN, STATE_HEAD_OFFSET(SLOT_A) + 2 * BLK_ALIGN, &w), w);
	assert_ok(install(rig_bundle(&g, "x.reup", &v2), &c), c.why);
	assert_armed(&v2);
	assert_int_equal(c.progress.image.copied_bytes, 0);
}

static void encrypted_image_is_installed_and_its_head_stays_encrypted(void **state)
{
	const struct rig_image v3 = { .version = "3.0.0", .epoch = 1, .seed = 33, .encrypted = true };
	struct verify_job job = { .slot = SLOT_B, .workers = 2 };
	struct verify_result result = { 0 };
	struct slothead_open head;
	struct blk root = { 0 };
	struct why w = { 0 }, locked = { 0 };
	struct call c;

	(void)state;
	assert_ok(install(rig_bundle(&g, "v3.reup", &v3), &c), c.why);
	assert_armed(&v3);
	rig_reopen(&g);
	assert_ok(slothead_load(&g.state, SLOT_B, &g.boot.rec.slots[SLOT_B].image_id, &g.trust, &head, &w), w);
	assert_ok(blk_open(rig_slot_path(SLOT_B), BLK_READ, &root, &w), w);
	job.bundle = &head.bundle;
	job.root = &root;
	assert_int_equal(verify_slot(&job, &result, &locked), -ENOKEY);
	assert_int_equal(locked.exit, EXIT_REFUSED);
	assert_ok(bundle_unlock(&head.bundle, &g.device, &w), w);
	assert_ok(verify_slot(&job, &result, &w), w);
	assert_int_equal(result.verdict, SLOT_GOOD);
	assert_int_equal(result.image.checked_bytes, result.image.total_bytes);
	assert_ok(blk_close(&root, &w), w);
	slothead_close(&head);
}

static void encrypted_image_without_its_key_changes_nothing(void **state)
{
	const struct rig_image v3 = { .version = "3.0.0", .epoch = 1, .seed = 33, .encrypted = true };
	struct why none = { 0 };
	struct call c;

	(void)state;
	call_init(&c);
	c.no_key = true;
	assert_int_equal(call_run(&c, rig_bundle(&g, "v3.reup", &v3)), -ENOKEY);
	assert_int_equal(c.why.exit, EXIT_REFUSED);
	assert_string_equal(c.why.text, "encrypted, and not unlocked");
	assert_int_equal(g.boot.rec.phase, PHASE_IDLE);
	assert_int_equal(c.slot_fault.ops, 0);
	call_init(&c);
	c.no_key = true;
	(void)refuse(&none, -ENOKEY, "the key's file is gone");
	c.parts.key_why = &none;
	assert_int_equal(call_run(&c, rig_bundle(&g, "v3.reup", &v3)), -ENOKEY);
	assert_string_equal(c.why.text, "the key's file is gone");
}

static void head_of_another_image_or_none_or_damaged_is_not_taken(void **state)
{
	static const struct hash unknown = { 0 }, other = { .b = { 7 } };
	struct slothead_open head;
	uint8_t *block = blk_alloc(BLK_ALIGN);
	struct why w = { 0 };
	struct call c;

	(void)state;
	assert_non_null(block);
	assert_int_equal(slothead_load(&g.state, SLOT_B, &unknown, &g.trust, &head, NULL), -ENODATA);
	assert_ok(install(rig_bundle(&g, "v2.reup", &v2), &c), c.why);
	assert_ok(slothead_load(&g.state, SLOT_B, &unknown, &g.trust, &head, &w), w); /* by its signature */
	slothead_close(&head);
	assert_int_equal(slothead_load(&g.state, SLOT_B, &other, &g.trust, &head, NULL), -ENODATA);
	assert_int_equal(slothead_load(&g.state, SLOT_A, &unknown, &g.trust, &head, NULL), -ENODATA);
	for (uint64_t at = 0; at < 3; at++) { /* its block, its manifest, its tables */
		uint64_t where = STATE_HEAD_OFFSET(SLOT_B) + at * BLK_ALIGN;

		assert_ok(blk_read(&g.state, block, BLK_ALIGN, where, &w), w);
		block[100] ^= 1;
		assert_ok(blk_write(&g.state, block, BLK_ALIGN, where, &w), w);
		assert_int_equal(slothead_load(&g.state, SLOT_B, &unknown, &g.trust, &head, NULL), -EBADMSG);
		block[100] ^= 1;
		assert_ok(blk_write(&g.state, block, BLK_ALIGN, where, &w), w);
	}
	free(block);
}

static void head_block_is_refused_when_any_byte_differs(void **state)
{
	const struct slothead h = { .bytes = 12345, .hash = { .b = { 1 } }, .id = { .b = { 2 } } };
	uint8_t block[SLOTHEAD_BLOCK_BYTES];
	struct slothead back = { 0 };
	struct why w = { 0 };

	(void)state;
	slothead_format(&h, block);
	assert_ok(slothead_parse(bytes_of(block, sizeof(block)), &back, &w), w);
	assert_memory_equal(&h, &back, sizeof(h));
	for (size_t i = 0; i < sizeof(block); i++) {
		block[i] ^= 0x10;
		assert_int_equal(slothead_parse(bytes_of(block, sizeof(block)), &back, NULL), -EBADMSG);
		block[i] ^= 0x10;
	}
	assert_int_equal(slothead_parse(bytes_of(block, sizeof(block) - 1), &back, NULL), -EBADMSG);
}

static int make(void **state)
{
	(void)state;
	rig_make(&g);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	rig_done(&g);
	return 0;
}

#define ON_NEW_RIG(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NEW_RIG(image_is_installed_and_armed),
		ON_NEW_RIG(chooser_mode_needs_neither_esp_nor_variables),
		ON_NEW_RIG(what_does_not_fit_the_machine_is_refused_before_anything_is_written),
		ON_NEW_RIG(downgrade_is_possible_when_asked_for_but_not_of_the_epoch),
		ON_NEW_RIG(machine_that_is_not_ready_is_left_alone),
		ON_NEW_RIG(variable_store_with_room_for_our_variables_is_enough),
		ON_NEW_RIG(full_esp_is_found_before_anything_is_written),
		ON_NEW_RIG(all_failed_checks_are_reported_not_only_the_first),
		ON_NEW_RIG(image_that_runs_already_is_nothing_to_do),
		ON_NEW_RIG(interrupted_install_is_continued_and_writes_only_the_rest),
		ON_NEW_RIG(interrupted_install_of_another_image_starts_over),
		ON_NEW_RIG(damaged_bundle_leaves_a_slot_that_cannot_start),
		ON_NEW_RIG(every_failing_operation_leaves_a_slot_that_cannot_start),
		ON_NEW_RIG(every_failing_write_of_the_state_leaves_no_half_armed_slot),
		ON_NEW_RIG(staged_image_is_only_armed_by_the_next_run),
		ON_NEW_RIG(damaged_slot_is_repaired_from_its_bundle),
		ON_NEW_RIG(head_is_kept_and_the_slot_verified_by_it),
		ON_NEW_RIG(encrypted_image_is_installed_and_its_head_stays_encrypted),
		ON_NEW_RIG(encrypted_image_without_its_key_changes_nothing),
		ON_NEW_RIG(head_of_another_image_or_none_or_damaged_is_not_taken),
		ON_NEW_RIG(what_the_running_slot_holds_is_copied_from_there),
		ON_NEW_RIG(head_of_an_encrypted_image_is_a_base_as_well),
		ON_NEW_RIG(install_goes_on_without_a_base_when_its_head_is_damaged),
		cmocka_unit_test(head_block_is_refused_when_any_byte_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
