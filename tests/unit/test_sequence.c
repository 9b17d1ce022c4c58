/* The order of durable steps (partitions/sequence.h): what each sequence does, in words, what it refuses, and that a step
 * that fails leaves a record from which the same call finishes. tests/crash cuts the power between these steps. */
#include "partitions/sequence.h"

#include <sys/stat.h>

#include "tests/support.h"

#define LOG_MAX 2048u

/* A machine of fakes: a record in memory, variables in memory, files by name. Each durable step is one word of the log. */
struct rig {
	struct blk blk;
	struct efi_store efi;
	struct esp esp;
	uint8_t data[2 * STATE_REGION_BYTES];
	struct {
		char name[16];
		uint8_t data[EFI_OPTION_MAX];
		size_t n;
	} vars[8];
	size_t n_vars;
	char files[8][64]; /* "path=content" */
	char open[64];     /* path of the file being written */
	char log[LOG_MAX];
	unsigned int ops, fail_at;
	struct sysconf conf;
	struct bootstore store;
	struct boot_machine m;
};

static struct rig *rig; /* the one that the fakes act on */

static int step(const char *what, struct why *w)
{
	size_t at = strlen(rig->log);

	if (rig->ops++ == rig->fail_at)
		return fail(w, -EIO, "injected: %s", what);
	assert_true(snprintf(rig->log + at, LOG_MAX - at, "%s%s", at ? " " : "", what) < (int)(LOG_MAX - at));
	return 0;
}

static int blk_read_op(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)b, (void)w;
	assert_true(off + n <= sizeof(rig->data));
	memcpy(buf, rig->data + off, n);
	return 0;
}

static int blk_write_op(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	struct bootrec rec;
	char what[32];
	int r;

	(void)b;
	assert_int_equal(bootrec_parse(bytes_of(buf, n), &rec, NULL), 0);
	(void)snprintf(what, sizeof(what), "%s(%s)", boot_phase_name(rec.phase), slot_name(rec.committed));
	r = step(what, w);
	assert_true(off + n <= sizeof(rig->data));
	if (!r)
		memcpy(rig->data + off, buf, n);
	return r;
}

static int blk_zero_op(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	(void)b, (void)w;
	memset(rig->data + off, 0, n);
	return 0;
}

static int blk_flush_op(struct blk *b, struct why *w)
{
	(void)b, (void)w;
	return 0;
}

static size_t find_var(const char *name)
{
	size_t i = 0;

	while (i < rig->n_vars && strcmp(rig->vars[i].name, name) != 0)
		i++;
	return i;
}

static int efi_get_op(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *w)
{
	size_t i = find_var(name);

	(void)s;
	if (i == rig->n_vars)
		return fail(w, -ENOENT, "%s: not set", name);
	assert_true(rig->vars[i].n <= *n);
	memcpy(data, rig->vars[i].data, rig->vars[i].n);
	*n = rig->vars[i].n;
	return 0;
}

/* BootOrder and BootNext are logged with the numbers in them. */
static int efi_set_op(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	size_t i = find_var(name);
	char what[64];
	int r;

	(void)s;
	(void)snprintf(what, sizeof(what), "%s", name);
	for (size_t k = 0; k + 1 < n && strncmp(name, "Boot0", 5) != 0; k += 2)
		(void)snprintf(what + strlen(what), sizeof(what) - strlen(what), "%c%u", k ? ',' : '=', data[k]);
	r = step(what, w);
	if (r)
		return r;
	assert_true(i < ARRAY_SIZE(rig->vars) && n <= sizeof(rig->vars[i].data));
	rig->n_vars += i == rig->n_vars;
	(void)snprintf(rig->vars[i].name, sizeof(rig->vars[i].name), "%s", name);
	memcpy(rig->vars[i].data, data, n);
	rig->vars[i].n = n;
	return 0;
}

static int efi_remove_op(struct efi_store *s, const char *name, struct why *w)
{
	size_t i = find_var(name);
	char what[64];
	int r;

	(void)s;
	(void)snprintf(what, sizeof(what), "-%s", name);
	r = step(what, w);
	if (r)
		return r;
	assert_true(i < rig->n_vars);
	rig->vars[i] = rig->vars[--rig->n_vars];
	return 0;
}

static int efi_list_op(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *w)
{
	(void)s, (void)w;
	*n = 0;
	for (uint32_t number = 0; number < 8; number++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "Boot%04X", number);
		if (find_var(name) < rig->n_vars)
			numbers[(*n)++] = number;
	}
	return 0;
}

/* The file's slot in rig->files; an empty one when there is none of that name. */
static char *find_file(const char *path)
{
	char *empty = NULL;
	size_t n = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(rig->files); i++) {
		if (strncmp(rig->files[i], path, n) == 0 && rig->files[i][n] == '=')
			return rig->files[i];
		if (!rig->files[i][0])
			empty = rig->files[i];
	}
	assert_non_null(empty);
	return empty;
}

static const char *content(const char *path)
{
	const char *f = find_file(path);

	return *f ? strchr(f, '=') + 1 : "-";
}

static void put_file(const char *path, const char *text)
{
	assert_in_range(snprintf(find_file(path), 64, "%s=%s", path, text), 1, 63);
}

static int esp_create_op(struct esp *e, const char *path, int *ret, struct why *w)
{
	(void)e, (void)w;
	put_file(path, "");
	(void)snprintf(rig->open, sizeof(rig->open), "%s", path);
	*ret = 1;
	return 0;
}

static int esp_append_op(struct esp *e, int file, const void *buf, size_t n, struct why *w)
{
	char *f = find_file(rig->open);
	size_t at = strlen(f);

	(void)e, (void)file, (void)w;
	assert_true(at + n < 64);
	memcpy(f + at, buf, n);
	f[at + n] = '\0';
	return 0;
}

static int esp_finish_op(struct esp *e, int file, struct why *w)
{
	(void)e, (void)file, (void)w;
	return 0;
}

/* The last folder and the name are enough for the log. */
static const char *tail(const char *path)
{
	const char *t = strrchr(path, '/');

	while (t > path && t[-1] != '/')
		t--;
	return t;
}

static int esp_rename_op(struct esp *e, const char *from, const char *to, struct why *w)
{
	char what[96], text[64];
	int r;

	(void)e;
	(void)snprintf(what, sizeof(what), "put:%s", tail(to));
	r = step(what, w);
	if (r)
		return r;
	(void)snprintf(text, sizeof(text), "%s", content(from));
	*find_file(from) = '\0';
	put_file(to, text);
	return 0;
}

static int esp_remove_op(struct esp *e, const char *path, struct why *w)
{
	char what[96];
	int r;

	(void)e;
	if (!*find_file(path))
		return -ENOENT;
	(void)snprintf(what, sizeof(what), "drop:%s", tail(path));
	r = strstr(path, ".new") ? 0 : step(what, w);
	if (!r)
		*find_file(path) = '\0';
	return r;
}

static int esp_sync_op(struct esp *e, struct why *w)
{
	(void)e, (void)w;
	return 0;
}

static int esp_open_op(struct esp *e, const char *path, int *ret, uint64_t *ret_bytes, struct why *w)
{
	(void)e;
	if (!*find_file(path))
		return fail(w, -ENOENT, "%s: not there", path);
	*ret = (int)(find_file(path) - rig->files[0]) / 64;
	*ret_bytes = strlen(content(path));
	return 0;
}

static int esp_read_op(struct esp *e, int file, void *buf, size_t n, uint64_t off, size_t *ret_n, struct why *w)
{
	const char *text = strchr(rig->files[file], '=') + 1;

	(void)e, (void)w;
	assert_true(off <= strlen(text) && n >= strlen(text));
	*ret_n = strlen(text) - off;
	memcpy(buf, text + off, *ret_n);
	return 0;
}

static void esp_close_op(struct esp *e, int file)
{
	(void)e, (void)file;
}

static const struct blk_ops blk_ops_of_rig = {
	.read = blk_read_op, .write = blk_write_op, .zero = blk_zero_op, .flush = blk_flush_op
};
static const struct efi_store_ops efi_ops_of_rig = {
	.get = efi_get_op, .set = efi_set_op, .remove = efi_remove_op, .list = efi_list_op
};
static const struct esp_ops esp_ops_of_rig = {
	.create = esp_create_op,
	.append = esp_append_op,
	.finish = esp_finish_op,
	.rename = esp_rename_op,
	.remove = esp_remove_op,
	.sync = esp_sync_op,
	.open_read = esp_open_op,
	.read_at = esp_read_op,
	.close_read = esp_close_op,
};

static const uint8_t action[16] = { 0xac };
static const struct slot_info old_image = { .state = STATE_GOOD, .epoch = 1, .version = "1.0.0" };
static const struct slot_info new_image = { .epoch = 2, .version = "2.0.0" };

/* Slot a committed, its boot file "A" also the fallback loader, its entry (number 0) first; slot b as given. */
static void rig_start(enum boot_mode mode, const struct slot_info *other)
{
	static const char text[] = "[system]\nproduct=p\ncompatible=c\n";
	const struct efi_esp esp = { .number = 1, .start_sectors = 2048, .size_sectors = 4096 };
	struct why w = { 0 };

	free(rig);
	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->fail_at = UINT32_MAX;
	rig->blk = (struct blk){ .ops = &blk_ops_of_rig,
				 .name = "state",
				 .size_bytes = STATE_PARTITION_BYTES,
				 .align = BLK_ALIGN,
				 .fd = -1 };
	rig->efi.ops = &efi_ops_of_rig;
	rig->esp.ops = &esp_ops_of_rig;
	assert_ok(sysconf_parse(bytes_str(text), "t", &rig->conf, &w), w);
	rig->conf.mode = mode;
	rig->m = (struct boot_machine){ .conf = &rig->conf, .store = &rig->store, .boot_id = { 0xb0 } };
	rig->m.rec = boot_first(SLOT_A, &old_image, other);
	assert_ok(bootstore_create(&rig->blk, &rig->m.rec, &w), w);
	assert_ok(bootstore_read(&rig->store, &rig->blk, &rig->m.rec, &w), w);
	if (mode == MODE_BOOTNEXT) {
		rig->m.efi = &rig->efi;
		rig->m.esp = &rig->esp;
		for (enum slot s = SLOT_A; s <= SLOT_B; s++)
			assert_ok(efi_option_make(s, &esp, rig->conf.slots[s].boot_file, &rig->m.want[s], &w), w);
		put_file(rig->conf.slots[SLOT_A].boot_file, "A");
		put_file(FALLBACK_LOADER, "A");
		if (other)
			put_file(rig->conf.slots[SLOT_B].boot_file, "B");
		assert_ok(sequence_heal(&rig->m, SLOT_NONE, &w), w);
	}
	rig->log[0] = '\0';
	rig->ops = 0;
}

#define DONE(want)                                                                                                     \
	do {                                                                                                           \
		assert_string_equal(rig->log, want);                                                                   \
		rig->log[0] = '\0';                                                                                    \
	} while (0)

static int install(struct why *w)
{
	int r = sequence_write_begin(&rig->m, SLOT_B, SLOT_A, &new_image, action, w);

	if (r)
		return r;
	put_file(rig->conf.slots[SLOT_B].boot_file, "N"); /* the install's own business */
	return sequence_write_end(&rig->m, w);
}

/* What the hook of b does when it was started as it should be. */
static void start_trial(void)
{
	struct boot_facts facts = { .mode = rig->conf.mode,
				    .running = rig->conf.mode == MODE_CHOOSER ? SLOT_NONE : SLOT_B };
	struct bootrec rec = rig->m.rec;
	struct boot_plan plan;
	struct why w = { 0 };

	if (find_var("BootNext") < rig->n_vars)
		rig->vars[find_var("BootNext")] = rig->vars[--rig->n_vars];
	boot_decide(&rec, &facts, &plan);
	assert_true(plan.start && plan.role == ROLE_TRIAL);
	assert_ok(bootstore_write(&rig->store, &rec, &w), w);
	rig->m.rec = rec;
	rig->log[0] = '\0';
}

static void update_with_bootnext_takes_these_steps(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, &old_image);
	assert_ok(sequence_write_begin(&rig->m, SLOT_B, SLOT_A, &new_image, action, &w), w);
	DONE("writing(a) drop:b/linux.efi");
	put_file(rig->conf.slots[SLOT_B].boot_file, "N");
	assert_ok(sequence_write_end(&rig->m, &w), w);
	DONE("staged(a)");
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	DONE("trial(a) BootNext=1");
	start_trial();
	assert_ok(sequence_commit(&rig->m, &w), w);
	DONE("committing(a) BootOrder=1,0 put:BOOT/BOOTX64.EFI idle(b)");
	assert_string_equal(content(FALLBACK_LOADER), "N");
	assert_int_equal(rig->m.rec.epoch_floor, 2);
	assert_int_equal(rig->m.rec.outcome.result, RESULT_COMMITTED);
	assert_memory_equal(rig->m.rec.outcome.boot_id, rig->m.boot_id, 16);
	assert_ok(sequence_settle(&rig->m, SLOT_B, NULL, &w), w);
	DONE(""); /* a normal boot writes nothing */
}

static void update_in_mode_chooser_takes_the_record_alone(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_CHOOSER, NULL);
	assert_ok(install(&w), w);
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	DONE("writing(a) staged(a) trial(a)");
	start_trial();
	assert_ok(sequence_commit(&rig->m, &w), w);
	DONE("committing(a) idle(b)");
	assert_false(sequence_settle_needs_esp(&rig->m.rec, MODE_CHOOSER, SLOT_B, true));
	assert_ok(sequence_settle(&rig->m, SLOT_B, NULL, &w), w);
	DONE("");
}

static void first_update_makes_its_entry_before_an_attempt_is_spent(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, NULL);
	assert_ok(install(&w), w);
	DONE("writing(a) staged(a)");
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	DONE("Boot0001 BootOrder=0,1 trial(a) BootNext=1");
}

static void failed_trial_loses_its_boot_file_at_the_next_healthy_boot(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, NULL);
	assert_ok(install(&w), w);
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	start_trial();
	assert_ok(sequence_fail(&rig->m, REASON_HEALTH, "unit x", &w), w);
	DONE("failed(a)");
	assert_int_equal(rig->m.rec.outcome.reason, REASON_HEALTH);
	assert_true(sequence_settle_needs_esp(&rig->m.rec, MODE_BOOTNEXT, SLOT_A, false));
	assert_false(sequence_settle_needs_esp(&rig->m.rec, MODE_BOOTNEXT, SLOT_B, false));
	assert_ok(sequence_settle(&rig->m, SLOT_A, NULL, &w), w);
	DONE("drop:b/linux.efi");
	assert_ok(sequence_settle(&rig->m, SLOT_A, NULL, &w), w);
	DONE("");
}

static void verdict_before_the_start_takes_the_order_back(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, &old_image);
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	DONE("trial(a) BootNext=1");
	assert_ok(sequence_fail(&rig->m, REASON_OPERATOR, "by hand", &w), w);
	DONE("failed(a) -BootNext");
}

/* An update that is quicker than the health probes of the running slot is not undone by their passing. */
static void settling_leaves_a_trial_that_waits_for_its_start(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, NULL);
	assert_ok(install(&w), w);
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	rig->log[0] = '\0';
	assert_ok(sequence_settle(&rig->m, SLOT_A, NULL, &w), w);
	DONE("");
	assert_true(find_var("BootNext") < rig->n_vars);
	rig->vars[find_var("BootNext")] = rig->vars[--rig->n_vars];
	assert_ok(sequence_settle(&rig->m, SLOT_A, NULL, &w), w);
	DONE("BootNext=1");
}

static void settling_forgets_misses_and_renews_the_fallback_loader(void **state)
{
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, &old_image);
	rig->m.rec.misses = 2;
	rig->m.rec.stand_in = true;
	rig->m.rec.fallback_stale = true;
	put_file(FALLBACK_LOADER, "B");
	assert_ok(sequence_settle(&rig->m, SLOT_B, NULL, &w), w); /* a stand-in is up: nothing is settled */
	DONE("");
	assert_ok(sequence_settle(&rig->m, SLOT_A, NULL, &w), w);
	DONE("idle(a) put:BOOT/BOOTX64.EFI idle(a)");
	assert_string_equal(content(FALLBACK_LOADER), "A");
	assert_false(rig->m.rec.fallback_stale);
	assert_int_equal(rig->m.rec.misses, 0);
}

static void lost_record_and_variables_come_back_with_a_healthy_boot(void **state)
{
	const struct slot_info running = { .epoch = 7, .version = "7.0.0" };
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, &old_image);
	memset(rig->data, 0xee, sizeof(rig->data));
	rig->n_vars = 0;
	assert_int_equal(bootstore_read(&rig->store, &rig->blk, &rig->m.rec, NULL), -ENODATA);
	assert_true(sequence_settle_needs_esp(&rig->m.rec, MODE_BOOTNEXT, SLOT_B, true));
	assert_ok(sequence_settle(&rig->m, SLOT_B, &running, &w), w);
	DONE("idle(b) idle(b) put:BOOT/BOOTX64.EFI idle(b) Boot0000 BootOrder=0");
	assert_int_equal(rig->m.rec.committed, SLOT_B);
	assert_int_equal(rig->m.rec.epoch_floor, 7);
	assert_int_equal(rig->m.rec.slots[SLOT_A].state, STATE_EMPTY); /* nobody knows what it holds */
	assert_string_equal(content(FALLBACK_LOADER), "B");
}

static void refusals_change_nothing(void **state)
{
	struct slot_info below = { .epoch = 0 };
	struct bootrec before;
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_BOOTNEXT, NULL);
	before = rig->m.rec;
	assert_int_equal(sequence_write_begin(&rig->m, SLOT_A, SLOT_B, &new_image, action, NULL), -EPERM);
	assert_int_equal(sequence_write_begin(&rig->m, SLOT_B, SLOT_B, &new_image, action, NULL), -EPERM);
	assert_int_equal(sequence_write_begin(&rig->m, SLOT_B, SLOT_NONE, &new_image, action, NULL), -EPERM);
	assert_int_equal(sequence_write_begin(&rig->m, SLOT_B, SLOT_A, &below, action, NULL), -ESTALE);
	assert_int_equal(sequence_write_end(&rig->m, NULL), -EINVAL);
	assert_int_equal(sequence_arm(&rig->m, false, action, NULL), -EPERM); /* nothing in the other slot */
	assert_int_equal(sequence_commit(&rig->m, NULL), -EINVAL);
	assert_int_equal(sequence_fail(&rig->m, REASON_HEALTH, "", NULL), -EINVAL);
	rig->m.esp = NULL;
	assert_int_equal(sequence_write_begin(&rig->m, SLOT_B, SLOT_A, &new_image, action, &w), -EINVAL);
	rig->m.esp = &rig->esp;
	DONE("");
	assert_memory_equal(&rig->m.rec, &before, sizeof(before));
	w = (struct why){ 0 };
	assert_ok(install(&w), w);
	rig->log[0] = '\0';
	rig->m.efi = NULL; /* without variables a trial cannot be started, nor committed */
	assert_int_equal(sequence_arm(&rig->m, false, action, &w), -ENODATA);
	rig->m.efi = &rig->efi;
	w = (struct why){ 0 };
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	assert_int_equal(sequence_write_begin(&rig->m, SLOT_B, SLOT_A, &new_image, action, NULL), -EBUSY);
	assert_int_equal(sequence_arm(&rig->m, false, action, NULL), -EBUSY);
	start_trial();
	rig->m.efi = NULL;
	assert_int_equal(sequence_commit(&rig->m, &w), -ENODATA);
	rig->m.efi = &rig->efi;
	rig->m.esp = NULL;
	assert_int_equal(sequence_commit(&rig->m, NULL), -EINVAL);
	DONE("");
}

static void rollback_below_the_floor_needs_to_be_said(void **state)
{
	struct slot_info old = old_image;
	struct why w = { 0 };

	(void)state;
	old.epoch = 0;
	rig_start(MODE_BOOTNEXT, &old);
	assert_int_equal(sequence_arm(&rig->m, false, action, &w), -ESTALE);
	assert_non_null(strstr(w.next, "--below-floor"));
	DONE("");
	w = (struct why){ 0 };
	assert_ok(sequence_arm(&rig->m, true, action, &w), w);
	DONE("trial(a) BootNext=1");
	start_trial();
	assert_ok(sequence_commit(&rig->m, &w), w);
	assert_int_equal(rig->m.rec.epoch_floor, 1); /* it does not fall */
}

static void trust_epoch_is_stored_and_never_falls(void **state)
{
	struct bootrec on_disk;
	struct bootstore st;
	struct why w = { 0 };

	(void)state;
	rig_start(MODE_CHOOSER, &old_image);
	assert_ok(sequence_trust(&rig->m, 3, &w), w);
	assert_ok(sequence_trust(&rig->m, 2, &w), w);
	assert_int_equal(rig->m.rec.trust_epoch, 3);
	assert_ok(bootstore_read(&st, &rig->blk, &on_disk, &w), w);
	assert_int_equal(on_disk.trust_epoch, 3);
}

/* Every durable step fails, and fails again when it is tried again, up to `tries`; then the same call finishes. */
static void fails_at_each_step(int (*call)(struct why *w), void (*before)(void), const char *whole)
{
	unsigned int at;

	for (at = 0; at < 32; at++) {
		struct bootrec on_disk;
		struct bootstore st;
		struct why w = { 0 };

		before();
		rig->fail_at = rig->ops + at;
		if (call(&w) == 0)
			break;
		assert_non_null(strstr(w.text, "injected"));
		/* What the machine says is in force is what a reader finds. */
		assert_ok(bootstore_read(&st, &rig->blk, &on_disk, &w), w);
		assert_int_equal(on_disk.phase, rig->m.rec.phase);
		assert_int_equal(on_disk.sequence, rig->m.rec.sequence);
		w = (struct why){ 0 };
		assert_ok(call(&w), w);
	}
	assert_true(at > 1 && at < 32);
	before();
	assert_int_equal(call(NULL), 0);
	assert_string_equal(rig->log, whole);
}

static int call_commit(struct why *w)
{
	return sequence_commit(&rig->m, w);
}

static void before_commit(void)
{
	struct why w = { 0 };

	rig_start(MODE_BOOTNEXT, NULL);
	assert_ok(install(&w), w);
	assert_ok(sequence_arm(&rig->m, false, action, &w), w);
	start_trial();
	rig->efi.writes = 0;
}

static int call_write_begin(struct why *w)
{
	return sequence_write_begin(&rig->m, SLOT_B, SLOT_A, &new_image, action, w);
}

static void before_write_begin(void)
{
	rig_start(MODE_BOOTNEXT, &old_image);
	put_file(rig->conf.slots[SLOT_B].boot_file, "B");
}

static int call_settle(struct why *w)
{
	return sequence_settle(&rig->m, SLOT_A, NULL, w);
}

static void before_settle(void)
{
	rig_start(MODE_BOOTNEXT, &old_image);
	rig->m.rec.misses = 1;
	rig->m.rec.fallback_stale = true;
	put_file(FALLBACK_LOADER, "B");
	assert_int_equal(bootstore_write(&rig->store, &rig->m.rec, NULL), 0);
	rig->log[0] = '\0';
}

/* A variable is tried three times, so that one failure of it does not fail the call. */
static void step_that_fails_leaves_a_record_from_which_the_call_finishes(void **state)
{
	(void)state;
	fails_at_each_step(call_write_begin, before_write_begin, "writing(a) drop:b/linux.efi");
	fails_at_each_step(call_settle, before_settle, "idle(a) put:BOOT/BOOTX64.EFI idle(a)");
	for (unsigned int i = 0; i < 4; i++) {
		struct why w = { 0 };

		before_commit();
		rig->fail_at = rig->ops + i;
		if (i == 1) { /* BootOrder: refused once, set at the second try */
			assert_ok(call_commit(&w), w);
			continue;
		}
		assert_int_equal(call_commit(&w), -EIO);
		assert_int_equal(rig->m.rec.phase, i == 0 ? PHASE_TRIAL : PHASE_COMMITTING);
		assert_int_equal(rig->m.rec.committed, SLOT_A);
		w = (struct why){ 0 };
		assert_ok(call_commit(&w), w);
		assert_int_equal(rig->m.rec.committed, SLOT_B);
	}
}

static int end(void **state)
{
	(void)state;
	free(rig);
	rig = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(update_with_bootnext_takes_these_steps),
		cmocka_unit_test(update_in_mode_chooser_takes_the_record_alone),
		cmocka_unit_test(first_update_makes_its_entry_before_an_attempt_is_spent),
		cmocka_unit_test(failed_trial_loses_its_boot_file_at_the_next_healthy_boot),
		cmocka_unit_test(verdict_before_the_start_takes_the_order_back),
		cmocka_unit_test(settling_leaves_a_trial_that_waits_for_its_start),
		cmocka_unit_test(settling_forgets_misses_and_renews_the_fallback_loader),
		cmocka_unit_test(lost_record_and_variables_come_back_with_a_healthy_boot),
		cmocka_unit_test(refusals_change_nothing),
		cmocka_unit_test(rollback_below_the_floor_needs_to_be_said),
		cmocka_unit_test(trust_epoch_is_stored_and_never_falls),
		cmocka_unit_test(step_that_fails_leaves_a_record_from_which_the_call_finishes),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
