/*
 * One boot after the other (bootstage/boot.h): the real record store on memory, the real boot variables on a fake store,
 * a firmware that follows BootNext and BootOrder, and slots that can be broken.
 */
#include "bootstage/boot.h"

#include "base/log.h"
#include "tests/support.h"

/* The machine. */
static struct {
	uint8_t state[2][BOOTREC_BYTES]; /* of each region, the part that is used */
	bool state_broken;               /* writes fail */
	struct {
		char name[16];
		uint8_t data[600];
		size_t n;
	} vars[16];
	bool vars_broken; /* sets fail */
	bool no_vars;
	bool root_broken[2]; /* cannot be mounted */
	bool init_broken[2]; /* mounts, but its init cannot be executed */
	bool refuses[2];     /* a stage of its initramfs phase refuses a trial */
	enum boot_mode mode;
	enum slot fallback; /* what the firmware starts without an entry that works */
} machine;

/* What a boot did. */
static struct {
	enum boot_end end;
	struct boot boot;
	enum slot mounted[8];
	size_t n_mounted;
	unsigned int reboots, pause;
	unsigned int writes; /* of the record */
	bool unauthorised;   /* a trial was mounted although the record did not say so on the medium */
} did;

static uint8_t *region(uint64_t off, uint64_t n)
{
	assert_true(off % STATE_REGION_BYTES == 0 && off / STATE_REGION_BYTES < 2 && n <= BOOTREC_BYTES);
	return machine.state[off / STATE_REGION_BYTES];
}

static int mem_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)b, (void)w;
	memcpy(buf, region(off, n), n);
	return 0;
}

static int mem_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)b;
	if (machine.state_broken)
		return fail(w, -EIO, "medium is worn out");
	memcpy(region(off, n), buf, n);
	did.writes++;
	return 0;
}

static int mem_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	(void)b, (void)n, (void)w;
	memset(region(off, 0), 0, BOOTREC_BYTES);
	return 0;
}

static int mem_flush(struct blk *b, struct why *w)
{
	(void)b, (void)w;
	return 0;
}

static const struct blk_ops mem_ops = { .read = mem_read, .write = mem_write, .zero = mem_zero, .flush = mem_flush };

static struct blk state_blk(void)
{
	return (struct blk){
		.ops = &mem_ops, .name = "state", .size_bytes = STATE_PARTITION_BYTES, .align = BLK_ALIGN, .fd = -1
	};
}

static size_t var_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(machine.vars); i++)
		if (strcmp(machine.vars[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

static int var_get(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *w)
{
	size_t i = var_find(name);

	(void)s;
	if (i == SIZE_MAX)
		return fail(w, -ENOENT, "%s: not set", name);
	if (machine.vars[i].n > *n)
		return fail(w, -E2BIG, "%s", name);
	memcpy(data, machine.vars[i].data, machine.vars[i].n);
	*n = machine.vars[i].n;
	return 0;
}

static int var_set(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	size_t i = var_find(name);

	(void)s;
	if (machine.vars_broken)
		return fail(w, -ENOSPC, "%s: store full", name);
	if (i == SIZE_MAX)
		i = var_find("");
	assert_true(i != SIZE_MAX && n <= sizeof(machine.vars[i].data));
	(void)snprintf(machine.vars[i].name, sizeof(machine.vars[i].name), "%s", name);
	memcpy(machine.vars[i].data, data, n);
	machine.vars[i].n = n;
	return 0;
}

static int var_remove(struct efi_store *s, const char *name, struct why *w)
{
	size_t i = var_find(name);

	(void)s;
	if (i == SIZE_MAX || machine.vars_broken)
		return fail(w, i == SIZE_MAX ? -ENOENT : -EROFS, "%s", name);
	machine.vars[i].name[0] = '\0';
	return 0;
}

static int var_list(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *w)
{
	char name[16];

	(void)s, (void)w;
	*n = 0;
	for (uint32_t number = 0; number < 32; number++) {
		(void)snprintf(name, sizeof(name), "Boot%04X", number);
		if (var_find(name) != SIZE_MAX)
			numbers[(*n)++] = number;
	}
	return 0;
}

static const struct efi_store_ops var_ops = { .get = var_get, .set = var_set, .remove = var_remove, .list = var_list };

static struct efi_option option(enum slot s)
{
	struct efi_option o = { .n = 8 };

	memcpy(o.data, s == SLOT_A ? "Tandem a" : "Tandem b", 8);
	return o;
}

static uint16_t var_u16(const char *name)
{
	size_t i = var_find(name);
	uint16_t v = 0xffff;

	if (i != SIZE_MAX)
		assert_int_equal(bytes_le16(bytes_of(machine.vars[i].data, machine.vars[i].n), 0, &v), 0);
	return v;
}

/* The slot of an entry; SLOT_NONE when it is none of ours. */
static enum slot entry_slot(uint16_t number)
{
	char name[16];
	size_t i;

	(void)snprintf(name, sizeof(name), "Boot%04X", number);
	i = var_find(name);
	for (enum slot s = SLOT_A; s <= SLOT_B && i != SIZE_MAX; s++)
		if (memcmp(machine.vars[i].data, option(s).data, 8) == 0)
			return s;
	return SLOT_NONE;
}

/* What the firmware starts: BootNext once, else the first of BootOrder, else the fallback loader. */
static enum slot firmware_starts(void)
{
	uint16_t number = var_u16("BootNext");
	enum slot s = entry_slot(number);
	uint8_t current[2];
	bool broken = machine.vars_broken;

	machine.vars_broken = false; /* for the operating system only */
	if (number != 0xffff)
		assert_int_equal(var_remove(NULL, "BootNext", NULL), 0);
	if (s == SLOT_NONE) {
		number = var_u16("BootOrder");
		s = entry_slot(number);
	}
	if (s == SLOT_NONE) {
		number = 0x7f;
		s = machine.fallback;
	}
	put_le16(current, number);
	assert_int_equal(var_set(NULL, "BootCurrent", current, 2, NULL), 0);
	machine.vars_broken = broken;
	return s;
}

static bool on_medium(struct bootrec *ret)
{
	struct blk blk = state_blk();
	struct bootstore st;

	return bootstore_read(&st, &blk, ret, NULL) == 0;
}

static int fake_mount(struct boot *b, enum slot s, struct why *w)
{
	struct bootrec rec;

	assert_true(s == SLOT_A || s == SLOT_B);
	assert_true(did.n_mounted < ARRAY_SIZE(did.mounted));
	did.mounted[did.n_mounted++] = s;
	if (b->plan.role == ROLE_TRIAL && on_medium(&rec) &&
	    (rec.target != s || rec.stage < STAGE_INITRAMFS ||
	     (rec.phase != PHASE_TRIAL && rec.phase != PHASE_COMMITTING)))
		did.unauthorised = true;
	return machine.root_broken[s] ? fail(w, -EINVAL, "root of %s is broken", slot_name(s)) : 0;
}

static int fake_go(struct boot *b, struct why *w)
{
	if (machine.init_broken[b->plan.slot]) {
		b->left = true;
		return fail(w, -ENOEXEC, "init of %s is broken", slot_name(b->plan.slot));
	}
	if (machine.refuses[b->plan.slot] && b->plan.role == ROLE_TRIAL) {
		b->left = b->refused = true;
		return fail(w, -EPERM, "stage tune: no room");
	}
	boot_userspace(b);
	boot_handover(b);
	return 0;
}

static void fake_reboot(struct boot *b, unsigned int pause_seconds)
{
	(void)b;
	did.reboots++;
	did.pause = pause_seconds;
}

static const struct boot_ops ops = { .mount = fake_mount, .go = fake_go, .reboot = fake_reboot };

/* One boot of what `running` is: its kernel, its initramfs. */
static void run(enum slot running)
{
	struct boot *b = &did.boot;
	struct efi_view view;

	memset(&did, 0, sizeof(did));
	b->ops = &ops;
	b->cmdline = "";
	b->conf.mode = machine.mode;
	memset(b->disk.identity, 7, sizeof(b->disk.identity));
	b->state = state_blk();
	b->has_record = bootstore_read(&b->store, &b->state, &b->machine.rec, NULL) == 0;
	b->machine.store = &b->store;
	b->machine.conf = &b->conf;
	b->facts = (struct boot_facts){ .mode = machine.mode, .running = running };
	if (machine.mode == MODE_BOOTNEXT && !machine.no_vars) {
		b->efi.ops = &var_ops;
		b->machine.efi = &b->efi;
		b->machine.want[SLOT_A] = option(SLOT_A);
		b->machine.want[SLOT_B] = option(SLOT_B);
		assert_int_equal(efivars_observe(&b->efi, b->machine.want, &view, NULL), 0);
		b->facts.disagree = efi_view_current(&view) != SLOT_NONE && efi_view_current(&view) != running;
	}
	did.end = boot_run(b);
	assert_int_equal(did.reboots, did.end == BOOT_AWAY);
}

/* Power on, and on again while it reboots, at most `max` times. Returns how often; 0 when nothing was started. */
static unsigned int try_power_on(unsigned int max)
{
	for (unsigned int n = 1; n <= max; n++) {
		run(machine.mode == MODE_CHOOSER ? SLOT_NONE : firmware_starts());
		if (did.end == BOOT_STARTED)
			return n;
	}
	return 0;
}

static unsigned int power_on(unsigned int max)
{
	unsigned int n = try_power_on(max);

	if (n == 0)
		fail_msg("still rebooting after %u boots: %s", max, did.boot.plan.note);
	return n;
}

static struct bootrec good_record(void)
{
	struct slot_info info = { .state = STATE_GOOD, .version = "1.0.0" }, other = { .state = STATE_EMPTY };

	return boot_first(SLOT_A, &info, &other);
}

static void put_record(const struct bootrec *rec)
{
	struct bootrec copy = *rec;
	struct blk blk = state_blk();
	struct why w = { 0 };

	assert_ok(bootstore_create(&blk, &copy, &w), w);
}

/* A trial of slot b, as `tandem install` leaves it; `attempts` starts are allowed. */
static void put_trial(unsigned int attempts)
{
	struct slot_info image = { .version = "2.0.0", .epoch = 1 };
	const uint8_t action[16] = { 1 };
	struct bootrec rec = good_record();
	struct why w = { 0 };

	assert_ok(boot_write_begin(&rec, SLOT_B, SLOT_A, &image, attempts, action, &w), w);
	assert_ok(boot_write_end(&rec, &w), w);
	assert_ok(boot_arm(&rec, machine.mode, attempts, false, action, &w), w);
	memset(rec.home, 7, sizeof(rec.home));
	put_record(&rec);
	if (machine.mode == MODE_BOOTNEXT && !machine.no_vars) {
		struct efi_store store = { .ops = &var_ops };
		const struct efi_option want[2] = { option(SLOT_A), option(SLOT_B) };

		assert_ok(efivars_ensure(&store, want, &rec, SLOT_A, SLOT_B, &w), w);
	}
}

static int fresh(void **state)
{
	struct bootrec rec = good_record();

	(void)state;
	log_setup("test", 0);
	memset(&machine, 0, sizeof(machine));
	memset(rec.home, 7, sizeof(rec.home));
	put_record(&rec);
	return 0;
}

/* The block that follows, on a fresh machine of each kind. */
#define FOR_EACH_MODE                                                                                                  \
	for (enum boot_mode mode_ = MODE_BOOTNEXT;                                                                     \
	     mode_ <= MODE_CHOOSER && fresh(NULL) == 0 && ((machine.mode = mode_), true); mode_++)

static struct bootrec record_now(void)
{
	struct bootrec rec;

	assert_true(on_medium(&rec));
	return rec;
}

#define assert_started(as_slot, as_role)                                                                               \
	do {                                                                                                           \
		assert_int_equal(did.end, BOOT_STARTED);                                                               \
		assert_int_equal(did.boot.handover.slot, as_slot);                                                     \
		assert_int_equal(did.boot.handover.role, as_role);                                                     \
		assert_false(did.unauthorised);                                                                        \
	} while (0)

static void an_empty_variable_store_is_healed_once(void **state)
{
	(void)state;
	assert_int_equal(power_on(1), 1);
	assert_started(SLOT_A, ROLE_COMMITTED);
	assert_int_equal(did.boot.handover.efi_writes, 2); /* the entry of a, BootOrder */
	assert_int_equal(power_on(1), 1);
	assert_started(SLOT_A, ROLE_COMMITTED);
	assert_int_equal(did.boot.handover.efi_writes, 0);
	assert_int_equal(did.writes, 0);
}

static void a_normal_boot_writes_nothing(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		(void)power_on(1);
		(void)power_on(1);
		assert_started(SLOT_A, ROLE_COMMITTED);
		assert_int_equal(did.writes, 0);
		assert_int_equal(did.boot.handover.efi_writes, 0);
	}
}

static void the_home_of_a_record_is_written_once_when_it_has_none(void **state)
{
	struct bootrec rec = good_record();

	(void)state;
	put_record(&rec);
	(void)power_on(1);
	assert_int_equal(did.writes, 1);
	assert_int_equal(record_now().home[3], 7);
	(void)power_on(1);
	assert_int_equal(did.writes, 0);
}

static void another_home_is_kept_until_the_record_is_written_anyway(void **state)
{
	struct bootrec rec;

	(void)state;
	rec = record_now();
	memset(rec.home, 9, sizeof(rec.home));
	put_record(&rec);
	(void)power_on(1);
	assert_int_equal(did.writes, 0);
	put_trial(3);
	rec = record_now();
	memset(rec.home, 9, sizeof(rec.home));
	put_record(&rec);
	(void)power_on(1);
	assert_started(SLOT_B, ROLE_TRIAL);
	assert_int_equal(record_now().home[0], 7);
}

static void a_trial_starts_and_its_stages_are_recorded(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		put_trial(3);
		assert_int_equal(power_on(1), 1);
		assert_started(SLOT_B, ROLE_TRIAL);
		assert_int_equal(record_now().stage, STAGE_USERSPACE);
		assert_int_equal(record_now().attempts_left, 2);
		assert_int_equal(did.writes, 2);
	}
}

static void a_trial_without_a_verdict_is_started_as_often_as_allowed(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		put_trial(3);
		for (unsigned int i = 0; i < 3; i++) {
			(void)power_on(2); /* the committed slot's hook sends it on */
			assert_started(SLOT_B, ROLE_TRIAL);
		}
		(void)power_on(2);
		assert_started(SLOT_A, ROLE_COMMITTED);
		assert_int_equal(record_now().phase, PHASE_FAILED);
		assert_int_equal(record_now().outcome.reason, REASON_NO_VERDICT);
		assert_int_equal(record_now().outcome.stage, STAGE_USERSPACE);
		assert_int_equal(record_now().outcome.attempts, 3);
	}
}

static void a_trial_that_cannot_be_mounted_ends_at_once(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		machine.root_broken[SLOT_B] = true;
		put_trial(3);
		assert_int_equal(power_on(2), machine.mode == MODE_CHOOSER ? 1 : 2);
		assert_started(SLOT_A, ROLE_COMMITTED);
		assert_int_equal(record_now().phase, PHASE_FAILED);
		assert_int_equal(record_now().outcome.reason, REASON_HOOK);
		assert_string_equal(record_now().outcome.text, "root of b is broken");
	}
}

static void a_trial_that_a_stage_refuses_ends_by_a_reboot(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		machine.refuses[SLOT_A] = machine.refuses[SLOT_B] = true;
		put_trial(3);
		assert_int_equal(power_on(2), 2);
		assert_started(SLOT_A, ROLE_COMMITTED); /* where the same stage refuses nothing */
		assert_int_equal(record_now().phase, PHASE_FAILED);
		assert_int_equal(record_now().outcome.reason, REASON_STAGE);
		assert_string_equal(record_now().outcome.text, "stage tune: no room");
	}
}

static void a_trial_whose_init_cannot_be_executed_ends_by_a_reboot(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		machine.init_broken[SLOT_B] = true;
		put_trial(3);
		assert_int_equal(power_on(2), 2); /* the initramfs was gone */
		assert_started(SLOT_A, ROLE_COMMITTED);
		assert_int_equal(record_now().outcome.reason, REASON_HOOK);
	}
}

static void the_other_good_slot_stands_in_and_takes_over_after_three(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		struct bootrec rec = good_record();

		rec.slots[SLOT_B].state = STATE_GOOD;
		put_record(&rec);
		(void)power_on(1);
		machine.root_broken[SLOT_A] = true;
		for (unsigned int i = 1; i <= 2; i++) {
			(void)power_on(2);
			assert_started(SLOT_B, ROLE_STAND_IN);
			assert_int_equal(record_now().misses, i);
			assert_int_equal(record_now().committed, SLOT_A);
		}
		(void)power_on(2);
		assert_started(SLOT_B, ROLE_COMMITTED);
		assert_int_equal(record_now().committed, SLOT_B);
		assert_int_equal(record_now().outcome.result, RESULT_DEMOTED);
		machine.root_broken[SLOT_A] = false;
		(void)power_on(1);
		assert_started(SLOT_B, ROLE_COMMITTED);
	}
}

static void without_another_good_slot_the_machine_tries_again(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		machine.root_broken[SLOT_A] = true;
		run(machine.mode == MODE_CHOOSER ? SLOT_NONE : SLOT_A);
		assert_int_equal(did.end, BOOT_AWAY);
		assert_int_equal(did.pause, BOOT_PAUSE_SECONDS);
		assert_int_equal(did.n_mounted, 1);
		machine.root_broken[SLOT_A] = false;
		assert_int_equal(power_on(1), 1);
		assert_started(SLOT_A, ROLE_COMMITTED);
	}
}

static void without_a_record_the_slot_that_was_started_runs(void **state)
{
	(void)state;
	memset(machine.state, 0xa5, sizeof(machine.state));
	machine.fallback = SLOT_B;
	(void)power_on(1);
	assert_started(SLOT_B, ROLE_UNKNOWN);
	assert_int_equal(did.boot.handover.efi_writes, 0);
	assert_int_equal(did.writes, 0);
}

static void without_a_record_a_broken_slot_gives_way_to_the_other(void **state)
{
	(void)state;
	put_trial(3); /* makes both entries */
	memset(machine.state, 0xa5, sizeof(machine.state));
	assert_int_equal(var_remove(NULL, "BootNext", NULL), 0);
	machine.root_broken[SLOT_A] = true;
	assert_int_equal(power_on(2), 2);
	assert_started(SLOT_B, ROLE_UNKNOWN);
}

static void without_a_record_the_chooser_takes_the_first_that_works(void **state)
{
	(void)state;
	machine.mode = MODE_CHOOSER;
	memset(machine.state, 0xa5, sizeof(machine.state));
	(void)power_on(1);
	assert_started(SLOT_A, ROLE_UNKNOWN);
	machine.root_broken[SLOT_A] = true;
	(void)power_on(1);
	assert_started(SLOT_B, ROLE_UNKNOWN);
	machine.root_broken[SLOT_B] = true;
	run(SLOT_NONE);
	assert_int_equal(did.end, BOOT_AWAY);
	assert_int_equal(did.n_mounted, 2);
}

static void a_trial_that_cannot_be_counted_is_not_started(void **state)
{
	(void)state;
	FOR_EACH_MODE
	{
		put_trial(3);
		machine.state_broken = true;
		(void)power_on(2);
		assert_started(SLOT_A, ROLE_COMMITTED);
		assert_int_equal(record_now().attempts_left, machine.mode == MODE_CHOOSER ? 3 : 2);
		machine.state_broken = false; /* the medium came back */
		(void)power_on(2);
		assert_started(SLOT_B, ROLE_TRIAL);
	}
}

static void a_worn_out_medium_does_not_keep_the_machine_from_starting(void **state)
{
	struct bootrec rec = good_record();

	(void)state;
	rec.slots[SLOT_B].state = STATE_GOOD;
	put_record(&rec);
	machine.state_broken = true;
	(void)power_on(1); /* would write the home */
	assert_started(SLOT_A, ROLE_COMMITTED);
	machine.root_broken[SLOT_A] = true;
	(void)power_on(2);
	assert_started(SLOT_B, ROLE_FOREIGN); /* nothing says why it was started */
}

static void a_firmware_that_takes_no_order_ends_the_trial(void **state)
{
	(void)state;
	put_trial(3);
	(void)power_on(1);
	assert_started(SLOT_B, ROLE_TRIAL); /* no verdict; the firmware comes back to a */
	machine.vars_broken = true;
	assert_int_equal(power_on(1), 1);
	assert_started(SLOT_A, ROLE_COMMITTED);
	assert_int_equal(record_now().phase, PHASE_FAILED);
	assert_int_equal(record_now().outcome.reason, REASON_FIRMWARE);
	assert_non_null(strstr(record_now().outcome.text, "BootNext"));
}

static void without_variables_a_trial_ends_as_well(void **state)
{
	(void)state;
	machine.no_vars = true;
	put_trial(3);
	run(SLOT_A);
	assert_started(SLOT_A, ROLE_COMMITTED);
	assert_int_equal(record_now().outcome.reason, REASON_FIRMWARE);
}

static void a_slot_that_nobody_ordered_runs_and_is_foreign(void **state)
{
	(void)state;
	run(SLOT_B); /* the firmware's menu */
	assert_started(SLOT_B, ROLE_FOREIGN);
	assert_int_equal(did.writes, 0);
}

static void on_the_target_of_a_commit_the_variables_are_left_to_the_commit(void **state)
{
	struct bootrec rec;
	uint8_t order[2];

	(void)state;
	put_trial(3);
	(void)power_on(1);
	rec = record_now();
	rec.phase = PHASE_COMMITTING;
	put_record(&rec);
	/* BootOrder names the target first already; the power was cut after that. */
	put_le16(order, entry_slot(0) == SLOT_B ? 0 : 1);
	assert_int_equal(var_set(NULL, "BootOrder", order, 2, NULL), 0);
	assert_int_equal(power_on(1), 1);
	assert_started(SLOT_B, ROLE_TRIAL);
	assert_int_equal(did.boot.handover.efi_writes, 0);
	assert_true(record_now().rolled_forward);
}

static struct bootrec any_record(unsigned int bits)
{
	static const enum boot_phase phases[] = { PHASE_IDLE,  PHASE_WRITING,    PHASE_STAGED,
						  PHASE_TRIAL, PHASE_COMMITTING, PHASE_FAILED };
	struct bootrec rec = good_record();

	rec.phase = phases[bits % 6];
	bits /= 6;
	rec.committed = bits % 2 ? SLOT_B : SLOT_A;
	bits /= 2;
	rec.target = rec.phase == PHASE_IDLE ? SLOT_NONE : slot_other(rec.committed);
	rec.slots[rec.committed].state = STATE_GOOD;
	rec.slots[slot_other(rec.committed)].state = bits % 2 ? STATE_GOOD : STATE_BAD;
	bits /= 2;
	rec.stage = bits % 5;
	bits /= 5;
	rec.attempts_max = 3;
	rec.attempts_left = bits % 3;
	bits /= 3;
	rec.rolled_forward = bits % 2;
	bits /= 2;
	rec.stand_in = bits % 2;
	bits /= 2;
	rec.misses = bits % 3;
	return rec;
}
#define ANY_RECORDS (6u * 2 * 2 * 5 * 3 * 2 * 2 * 3)

/*
 * One slot is whole, the other one is not. It comes up within a bounded number of boots, unless it is one that may not be
 * used: never installed, or its trial has failed.
 */
static void from_any_record_a_machine_with_one_whole_slot_comes_up(void **state)
{
	unsigned int up = 0, worst = 0, hopeless = 0;

	(void)state;
	for (unsigned int bits = 0; bits < ANY_RECORDS; bits++) {
		for (unsigned int faults = 0; faults < 16; faults++) {
			struct bootrec rec = any_record(bits);
			enum slot broken = faults & 1 ? SLOT_B : SLOT_A, whole = slot_other(broken);
			unsigned int boots;

			assert_int_equal(fresh(NULL), 0);
			machine.mode = faults & 2 ? MODE_CHOOSER : MODE_BOOTNEXT;
			machine.fallback = faults & 4 ? SLOT_B : SLOT_A;
			*(faults & 8 ? &machine.init_broken[broken] : &machine.root_broken[broken]) = true;
			put_record(&rec);
			boots = try_power_on(12);
			assert_false(did.unauthorised);
			if (boots == 0) {
				assert_int_equal(record_now().committed, broken);
				assert_int_not_equal(record_now().slots[whole].state, STATE_GOOD);
				hopeless++;
				continue;
			}
			assert_int_equal(did.boot.handover.slot, whole);
			worst = boots > worst ? boots : worst;
			up++;
		}
	}
	print_message("# %u machines came up, after %u boots at most; %u had no slot they may use\n", up, worst,
		      hopeless);
}

/* The same with a record that cannot be written: no trial is started, and the committed slot comes up. */
static void from_any_record_a_worn_out_machine_comes_up_uncounted(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < ANY_RECORDS; bits++) {
		for (unsigned int faults = 0; faults < 4; faults++) {
			struct bootrec rec = any_record(bits);

			assert_int_equal(fresh(NULL), 0);
			machine.mode = faults & 1 ? MODE_CHOOSER : MODE_BOOTNEXT;
			machine.fallback = faults & 2 ? SLOT_B : SLOT_A;
			memset(rec.home, 7, sizeof(rec.home));
			put_record(&rec);
			machine.state_broken = true;
			(void)power_on(4);
			assert_int_not_equal(did.boot.handover.role, ROLE_TRIAL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_variable_store_is_healed_once, fresh),
		cmocka_unit_test_setup(a_normal_boot_writes_nothing, fresh),
		cmocka_unit_test_setup(the_home_of_a_record_is_written_once_when_it_has_none, fresh),
		cmocka_unit_test_setup(another_home_is_kept_until_the_record_is_written_anyway, fresh),
		cmocka_unit_test_setup(a_trial_starts_and_its_stages_are_recorded, fresh),
		cmocka_unit_test_setup(a_trial_without_a_verdict_is_started_as_often_as_allowed, fresh),
		cmocka_unit_test_setup(a_trial_that_cannot_be_mounted_ends_at_once, fresh),
		cmocka_unit_test_setup(a_trial_that_a_stage_refuses_ends_by_a_reboot, fresh),
		cmocka_unit_test_setup(a_trial_whose_init_cannot_be_executed_ends_by_a_reboot, fresh),
		cmocka_unit_test_setup(the_other_good_slot_stands_in_and_takes_over_after_three, fresh),
		cmocka_unit_test_setup(without_another_good_slot_the_machine_tries_again, fresh),
		cmocka_unit_test_setup(without_a_record_the_slot_that_was_started_runs, fresh),
		cmocka_unit_test_setup(without_a_record_a_broken_slot_gives_way_to_the_other, fresh),
		cmocka_unit_test_setup(without_a_record_the_chooser_takes_the_first_that_works, fresh),
		cmocka_unit_test_setup(a_trial_that_cannot_be_counted_is_not_started, fresh),
		cmocka_unit_test_setup(a_worn_out_medium_does_not_keep_the_machine_from_starting, fresh),
		cmocka_unit_test_setup(a_firmware_that_takes_no_order_ends_the_trial, fresh),
		cmocka_unit_test_setup(without_variables_a_trial_ends_as_well, fresh),
		cmocka_unit_test_setup(a_slot_that_nobody_ordered_runs_and_is_foreign, fresh),
		cmocka_unit_test_setup(on_the_target_of_a_commit_the_variables_are_left_to_the_commit, fresh),
		cmocka_unit_test_setup(from_any_record_a_machine_with_one_whole_slot_comes_up, fresh),
		cmocka_unit_test_setup(from_any_record_a_worn_out_machine_comes_up_uncounted, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
