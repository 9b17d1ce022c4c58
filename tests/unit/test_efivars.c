/* Boot variables: what is decided from every mix of variables and records, how firmware that refuses, forgets or is full
 * is dealt with, and the store on files (partitions/efivars.h). */
#include "partitions/efivars.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/parse.h"
#include "tests/support.h"

#define VARS_MAX 300u

struct var {
	char name[16];
	uint8_t data[1024];
	size_t n;
};

/* A store in memory that can refuse, forget and alter. */
struct fake {
	struct efi_store store;
	struct var *vars;
	size_t n;
	char log[512];               /* names set, and removed with a '-' */
	unsigned int refuse, forget; /* this many changes fail, are reported as done and are not */
	int error;                   /* what a refusal fails with */
};

static struct var *find(struct fake *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->vars[i].name, name) == 0)
			return &f->vars[i];
	return NULL;
}

/* One that has to be there. */
static const struct var *var_of(struct fake *f, const char *name)
{
	const struct var *v = find(f, name);

	if (!v)
		fail_msg("%s is not set", name);
	return v;
}

static int fake_get(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *w)
{
	const struct var *v = find((struct fake *)s, name);

	if (!v)
		return fail(w, -ENOENT, "%s: not set", name);
	if (v->n > *n)
		return fail(w, -E2BIG, "%s: too large", name);
	memcpy(data, v->data, v->n);
	*n = v->n;
	return 0;
}

/* Whether the change is to be carried out; *r is what is returned otherwise. */
static bool willing(struct fake *f, const char *sign, const char *name, int *r, struct why *w)
{
	size_t at = strlen(f->log);

	assert_true(snprintf(f->log + at, sizeof(f->log) - at, " %s%s", sign, name) < (int)(sizeof(f->log) - at));
	*r = 0;
	if (f->refuse > 0) {
		f->refuse--;
		*r = fail(w, f->error, "%s: refused", name);
		return false;
	}
	if (f->forget > 0) {
		f->forget--;
		return false;
	}
	return true;
}

static void put(struct fake *f, const char *name, const void *data, size_t n)
{
	struct var *v = find(f, name);

	if (!v) {
		assert_true(f->n < VARS_MAX);
		v = &f->vars[f->n++];
		(void)snprintf(v->name, sizeof(v->name), "%s", name);
	}
	assert_true(n <= sizeof(v->data));
	memcpy(v->data, data, n);
	v->n = n;
}

static int fake_set(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	struct fake *f = (struct fake *)s;
	int r = 0;

	if (willing(f, "", name, &r, w))
		put(f, name, data, n);
	return r;
}

static int fake_remove(struct efi_store *s, const char *name, struct why *w)
{
	struct fake *f = (struct fake *)s;
	struct var *v = find(f, name);
	int r = 0;

	if (!willing(f, "-", name, &r, w))
		return r;
	if (!v)
		return fail(w, -ENOENT, "%s: not set", name);
	*v = f->vars[--f->n];
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int fake_list(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *w)
{
	const struct fake *f = (struct fake *)s;
	uint8_t be[2];

	*n = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (strlen(f->vars[i].name) != 8 || parse_hex(f->vars[i].name + 4, be, 2, NULL))
			continue;
		if (*n == EFI_ORDER_MAX)
			return fail(w, -E2BIG, "too many");
		numbers[(*n)++] = (uint32_t)be[0] << 8 | be[1];
	}
	qsort(numbers, *n, sizeof(*numbers), by_number);
	return 0;
}

static const struct efi_store_ops fake_ops = {
	.get = fake_get, .set = fake_set, .remove = fake_remove, .list = fake_list
};

static struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->store.ops = &fake_ops;
	f->vars = malloc(VARS_MAX * sizeof(*f->vars)); /* set as they are made */
	assert_non_null(f->vars);
	f->error = -EIO;
	return f;
}

static void fake_free(struct fake *f)
{
	free(f->vars);
	free(f);
}

static void put_entry(struct fake *f, unsigned int number, const struct efi_option *o)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "Boot%04X", number & 0xffffu);
	put(f, name, o->data, o->n);
}

static void put_foreign(struct fake *f, unsigned int number)
{
	static const uint8_t other[] = { 1, 0, 0, 0, 4, 0, 'x', 0, 0, 0, 0x7f, 0xff, 4, 0 };
	struct efi_option o = { .n = sizeof(other) };

	memcpy(o.data, other, sizeof(other));
	put_entry(f, number, &o);
}

static void put_numbers(struct fake *f, const char *name, const uint16_t *numbers, size_t n)
{
	uint8_t data[1024];

	assert_true(2 * n <= sizeof(data));
	for (size_t i = 0; i < n; i++)
		put_le16(data + 2 * i, numbers[i]);
	put(f, name, data, 2 * n);
}

#define ORDER(f, ...)                                                                                                  \
	put_numbers(f, "BootOrder", (const uint16_t[]){ __VA_ARGS__ }, ARRAY_SIZE(((const uint16_t[]){ __VA_ARGS__ })))
#define NUMBER(f, name, v) put_numbers(f, name, (const uint16_t[]){ v }, 1)

static const struct efi_esp esp = {
	.number = 1,
	.start_sectors = 2048,
	.size_sectors = 65536,
	/* 0FC63DAF-8483-4772-8E79-3D69D8477DE4 as a GPT entry holds it */
	.guid = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 },
};

static void make_want(struct efi_option want[2])
{
	struct why w = { 0 };

	assert_ok(efi_option_make(SLOT_A, &esp, "EFI/tandem/a/linux.efi", &want[SLOT_A], &w), w);
	assert_ok(efi_option_make(SLOT_B, &esp, "EFI/tandem/b/linux.efi", &want[SLOT_B], &w), w);
}

static struct bootrec record(enum boot_phase phase, enum slot committed, enum slot_state other)
{
	struct bootrec rec = { .phase = phase, .committed = committed, .target = slot_other(committed) };

	rec.slots[committed].state = STATE_GOOD;
	rec.slots[slot_other(committed)].state = other;
	if (phase == PHASE_IDLE)
		rec.target = SLOT_NONE;
	return rec;
}

static void assert_order(struct fake *f, const uint16_t *want, size_t n)
{
	const struct var *v = var_of(f, "BootOrder");

	assert_int_equal(v->n, 2 * n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v->data[2 * i] | v->data[2 * i + 1] << 8, want[i]);
}
#define ASSERT_ORDER(f, ...)                                                                                           \
	assert_order(f, (const uint16_t[]){ __VA_ARGS__ }, ARRAY_SIZE(((const uint16_t[]){ __VA_ARGS__ })))

/* ensure for "a committed, b good", the order starting with a; `log` is what was changed. */
static void ensures(struct fake *f, enum slot next, const char *log)
{
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	struct efi_option want[2];
	struct why w = { 0 };

	make_want(want);
	f->log[0] = '\0';
	assert_ok(efivars_ensure(&f->store, want, &rec, SLOT_A, next, &w), w);
	assert_string_equal(f->log, log);
	assert_int_equal(w.code, 0);
	f->log[0] = '\0';
	assert_ok(efivars_ensure(&f->store, want, &rec, SLOT_A, next, &w), w);
	assert_string_equal(f->log, ""); /* nothing is left to do */
}

static void empty_store_is_filled_once(void **state)
{
	struct fake *f = fake_new();

	(void)state;
	ensures(f, SLOT_NONE, " Boot0000 Boot0001 BootOrder");
	ASSERT_ORDER(f, 0, 1);
	ensures(f, SLOT_B, " BootNext");
	assert_memory_equal(var_of(f, "BootNext")->data, "\1\0", 2);
	ensures(f, SLOT_NONE, " -BootNext");
	assert_null(find(f, "BootNext"));
	fake_free(f);
}

static void heals_with_at_most_four_changes(void **state)
{
	struct fake *f = fake_new();

	(void)state;
	ensures(f, SLOT_B, " Boot0000 Boot0001 BootOrder BootNext");
	assert_int_equal(f->store.writes, 4);
	fake_free(f);
}

/* One row: BootOrder before (-1 ends it; ours are 1 for a and 2 for b, others 0, 3, 4), and what must come of it. */
static const struct {
	int before[8];
	int after[8];
} orders[] = {
	{ { 1, 2, -1 }, { 1, 2, -1 } },
	{ { 1, 0, 3, 2, -1 }, { 1, 0, 3, 2, -1 } },
	{ { 1, 0, -1 }, { 1, 2, 0, -1 } },
	{ { 2, 1, -1 }, { 1, 2, -1 } },
	{ { 0, 1, 2, -1 }, { 1, 2, 0, -1 } },
	{ { 0, 3, 4, -1 }, { 1, 2, 0, 3, 4, -1 } },
	{ { 0, 2, 3, 1, 4, -1 }, { 1, 2, 0, 3, 4, -1 } },
	{ { 0, 0, 3, 0, -1 }, { 1, 2, 0, 0, 3, 0, -1 } }, /* others' repeats are theirs */
	{ { 2, 2, 1, 1, 0, -1 }, { 1, 2, 0, -1 } },
	{ { 1, 2, 1, 2, -1 }, { 1, 2, 1, 2, -1 } },     /* starts the right one: left alone */
	{ { 77, 1, 99, 2, -1 }, { 1, 2, 77, 99, -1 } }, /* names without an entry */
	{ { -1 }, { 1, 2, -1 } },
};

static size_t take_row(const int *row, uint16_t out[8])
{
	size_t n = 0;

	for (; row[n] >= 0; n++)
		out[n] = (uint16_t)row[n];
	return n;
}

static void order_starts_with_ours_and_keeps_the_others(void **state)
{
	struct efi_option want[2];

	(void)state;
	make_want(want);
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct fake *f = fake_new();
		uint16_t numbers[8];
		bool same = memcmp(orders[i].before, orders[i].after, sizeof(orders[i].before)) == 0;

		put_entry(f, 1, &want[SLOT_A]);
		put_entry(f, 2, &want[SLOT_B]);
		put_foreign(f, 0);
		put_foreign(f, 3);
		put_numbers(f, "BootOrder", numbers, take_row(orders[i].before, numbers));
		ensures(f, SLOT_NONE, same ? "" : " BootOrder");
		assert_order(f, numbers, take_row(orders[i].after, numbers));
		fake_free(f);
	}
}

static void order_of_odd_length_is_rewritten_with_its_whole_numbers(void **state)
{
	static const uint8_t odd[] = { 1, 0, 2, 0, 5, 0, 7 };
	struct efi_option want[2];

	(void)state;
	make_want(want);
	for (size_t n = 1; n <= sizeof(odd); n += 2) {
		struct fake *f = fake_new();

		put_entry(f, 1, &want[SLOT_A]);
		put_entry(f, 2, &want[SLOT_B]);
		put(f, "BootOrder", odd, n);
		ensures(f, SLOT_NONE, " BootOrder");
		if (n == 7)
			ASSERT_ORDER(f, 1, 2, 5);
		else
			ASSERT_ORDER(f, 1, 2);
		fake_free(f);
	}
}

static void order_of_256_others_is_kept_and_one_more_refused(void **state)
{
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	uint16_t order[EFI_ORDER_ROOM + 2];
	struct fake *f = fake_new();
	struct efi_option want[2];
	struct why w = { 0 };
	struct efi_view v;

	(void)state;
	make_want(want);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		order[i] = (uint16_t)(0x100 + i);
	put_numbers(f, "BootOrder", order, EFI_ORDER_MAX);
	ensures(f, SLOT_NONE, " Boot0000 Boot0001 BootOrder");
	assert_int_equal(var_of(f, "BootOrder")->n, 2 * EFI_ORDER_ROOM);
	assert_memory_equal(var_of(f, "BootOrder")->data, "\0\0\1\0\0\1\1\1", 8);

	for (size_t n = EFI_ORDER_MAX + 1; n <= ARRAY_SIZE(order); n++) {
		put_numbers(f, "BootOrder", order, n);
		w = (struct why){ 0 };
		v.n_order = 12345;
		assert_int_equal(efivars_observe(&f->store, want, &v, &w), -E2BIG);
		assert_non_null(strstr(w.text, "BootOrder"));
		assert_int_equal(v.n_order, 12345);
		f->log[0] = '\0';
		assert_int_equal(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_B, NULL), -E2BIG);
		assert_string_equal(f->log, "");
	}
	fake_free(f);
}

static void too_many_entries_are_refused_before_anything_is_set(void **state)
{
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	struct fake *f = fake_new();
	struct efi_option want[2];
	struct why w = { 0 };

	(void)state;
	make_want(want);
	for (unsigned int i = 0; i <= EFI_ORDER_MAX; i++)
		put_foreign(f, i);
	assert_int_equal(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), -E2BIG);
	assert_string_equal(f->log, "");
	fake_free(f);
}

static void new_numbers_are_ones_that_nothing_uses_or_names(void **state)
{
	struct fake *f = fake_new();

	(void)state;
	put_foreign(f, 0);
	put_foreign(f, 2);
	ORDER(f, 0, 1);              /* 1 has no entry, but a place in the order */
	NUMBER(f, "BootNext", 3);    /* an entry under it would be started */
	NUMBER(f, "BootCurrent", 4); /* or be taken for the one that was started */
	ensures(f, SLOT_NONE, " Boot0005 Boot0006 BootOrder");
	ASSERT_ORDER(f, 5, 6, 0, 1);
	assert_memory_equal(var_of(f, "BootNext")->data, "\3\0", 2);
	fake_free(f);
}

static void boot_next_of_others_is_left_unless_ours_is_wanted(void **state)
{
	struct fake *f = fake_new();

	(void)state;
	put_foreign(f, 9);
	ensures(f, SLOT_NONE, " Boot0000 Boot0001 BootOrder");
	NUMBER(f, "BootNext", 9);
	ensures(f, SLOT_NONE, "");
	assert_memory_equal(var_of(f, "BootNext")->data, "\x09\0", 2);
	ensures(f, SLOT_B, " BootNext");
	assert_memory_equal(var_of(f, "BootNext")->data, "\1\0", 2);
	put(f, "BootNext", "\1\0\0", 3); /* malformed */
	ensures(f, SLOT_B, " BootNext");
	NUMBER(f, "BootNext", 0);
	ensures(f, SLOT_NONE, " -BootNext");
	fake_free(f);
}

static void entries_like_ours_but_for_one_byte_are_not_ours(void **state)
{
	struct efi_option want[2];
	struct why w = { 0 };

	(void)state;
	make_want(want);
	for (size_t i = 4; i < want[SLOT_A].n; i++) {
		struct fake *f = fake_new();
		struct efi_option o = want[SLOT_A];
		struct efi_view v;

		o.data[i] ^= 0x40;
		put_entry(f, 7, &o);
		assert_ok(efivars_observe(&f->store, want, &v, &w), w);
		assert_int_equal(v.entry[SLOT_A], EFI_NONE);
		assert_int_equal(v.entry[SLOT_B], EFI_NONE);
		fake_free(f);
	}
	for (size_t n = 0; n < want[SLOT_A].n; n++) { /* and every prefix */
		struct fake *f = fake_new();
		struct efi_option o = want[SLOT_A];
		struct efi_view v;

		o.n = n;
		put_entry(f, 7, &o);
		assert_ok(efivars_observe(&f->store, want, &v, &w), w);
		assert_int_equal(v.entry[SLOT_A], EFI_NONE);
		fake_free(f);
	}
}

/* Firmware that alters entries must not make a new one of each boot; further data would be the kernel's command line. */
static void altered_entry_is_mended_under_its_number(void **state)
{
	struct efi_option want[2];

	(void)state;
	make_want(want);
	for (int how = 0; how < 3; how++) {
		struct fake *f = fake_new();
		struct efi_option o = want[SLOT_A];

		if (how == 0)
			o.data[0] = 0; /* not active */
		else if (how == 1)
			o.data[1] = 1; /* another category */
		else
			o.data[o.n++] = 'x'; /* further data */
		put_entry(f, 7, &o);
		put_entry(f, 3, &want[SLOT_B]);
		ORDER(f, 7, 3);
		ensures(f, SLOT_NONE, " Boot0007");
		assert_int_equal(var_of(f, "Boot0007")->n, want[SLOT_A].n);
		assert_memory_equal(var_of(f, "Boot0007")->data, want[SLOT_A].data, want[SLOT_A].n);
		ASSERT_ORDER(f, 7, 3);
		put_entry(f, 5, &o); /* beside the exact one it is of no interest, before it or behind it */
		put_entry(f, 9, &o);
		ensures(f, SLOT_NONE, "");
		fake_free(f);
	}
}

static void entry_that_may_not_start_is_neither_made_nor_mended_nor_put_in_order(void **state)
{
	const struct bootrec rec = record(PHASE_FAILED, SLOT_A, STATE_BAD);
	struct fake *f = fake_new();
	struct efi_option want[2], o;
	struct why w = { 0 };

	(void)state;
	make_want(want);
	assert_ok(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), w);
	assert_string_equal(f->log, " Boot0000 BootOrder");
	ASSERT_ORDER(f, 0);
	assert_int_equal(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_B, &w), -ENOENT);
	assert_non_null(strstr(w.text, "Tandem b"));
	o = want[SLOT_B];
	o.data[0] = 0;
	put_entry(f, 4, &o);
	put_foreign(f, 5);
	ORDER(f, 5, 0);
	f->log[0] = '\0';
	w = (struct why){ 0 };
	assert_ok(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), w);
	assert_string_equal(f->log, " BootOrder");
	ASSERT_ORDER(f, 0, 5);
	ORDER(f, 5, 4, 0); /* it had a place: it keeps one, behind the committed slot */
	assert_ok(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), w);
	ASSERT_ORDER(f, 0, 4, 5);
	fake_free(f);
}

static void firmware_that_refuses_twice_or_forgets_twice_is_asked_again(void **state)
{
	(void)state;
	for (int how = 0; how < 2; how++) {
		struct fake *f = fake_new();

		f->refuse = how == 0 ? 2 : 0;
		f->forget = how == 1 ? 2 : 0;
		ensures(f, SLOT_NONE, " Boot0000 Boot0000 Boot0000 Boot0001 BootOrder");
		NUMBER(f, "BootNext", 1);
		f->refuse = how == 0 ? 2 : 0;
		f->forget = how == 1 ? 2 : 0;
		ensures(f, SLOT_NONE, " -BootNext -BootNext -BootNext");
		fake_free(f);
	}
}

static void firmware_that_refuses_three_times_is_given_up_with_its_reason(void **state)
{
	static const struct {
		int error;
		const char *next;
	} rows[] = { { -EIO, "" }, { -ENOSPC, "full" }, { -EROFS, "read-only" } };
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	struct efi_option want[2];

	(void)state;
	make_want(want);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake *f = fake_new();
		struct why w = { 0 };

		f->error = rows[i].error;
		f->refuse = 3;
		assert_int_equal(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), rows[i].error);
		assert_string_equal(w.text, "Boot0000: refused");
		assert_non_null(strstr(w.next, rows[i].next));
		assert_string_equal(f->log, " Boot0000 Boot0000 Boot0000");
		fake_free(f);
	}
}

static void firmware_that_forgets_three_times_is_an_error(void **state)
{
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	struct fake *f = fake_new();
	struct efi_option want[2];
	struct why w = { 0 };

	(void)state;
	make_want(want);
	ensures(f, SLOT_B, " Boot0000 Boot0001 BootOrder BootNext");
	f->forget = 3;
	assert_int_equal(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), -EIO);
	assert_string_equal(w.text, "BootNext: is still there after its removal");
	w = (struct why){ 0 };
	f->forget = 3;
	ORDER(f, 1, 0);
	assert_int_equal(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_B, &w), -EIO);
	assert_string_equal(w.text, "BootOrder: reads back different from what was set");
	fake_free(f);
}

/* A start that nobody authorised any more is stopped even when the store takes no new entries. */
static void boot_next_is_removed_before_anything_is_made(void **state)
{
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	struct fake *f = fake_new();
	struct efi_option want[2];
	struct why w = { 0 };

	(void)state;
	make_want(want);
	put_entry(f, 1, &want[SLOT_B]);
	NUMBER(f, "BootNext", 1);
	assert_ok(efivars_ensure(&f->store, want, &rec, SLOT_A, SLOT_NONE, &w), w);
	assert_string_equal(f->log, " -BootNext Boot0000 BootOrder");
	fake_free(f);
}

static void current_is_a_slot_only_when_its_entry_was_started(void **state)
{
	struct efi_view v = { .entry = { 4, 7 }, .current = 4 };

	(void)state;
	assert_int_equal(efi_view_current(&v), SLOT_A);
	v.current = 7;
	assert_int_equal(efi_view_current(&v), SLOT_B);
	v.current = 5;
	assert_int_equal(efi_view_current(&v), SLOT_NONE);
	v.current = EFI_NONE;
	v.entry[SLOT_A] = EFI_NONE;
	assert_int_equal(efi_view_current(&v), SLOT_NONE);
}

/* What must hold after a decision was carried out, whatever there was before. */
static void check_after(struct fake *f, const struct efi_option want[2], const struct bootrec *rec, enum slot first,
			enum slot next, const struct efi_view *before, const struct efi_change *c)
{
	struct efi_view v = { 0 };
	struct efi_change again;
	struct why w = { 0 };
	size_t at = 0;

	assert_true(c->create[0] + c->create[1] + c->set_order + c->set_next + c->remove_next <= 4);
	assert_false(c->set_next && c->remove_next);
	assert_ok(efivars_observe(&f->store, want, &v, &w), w);
	assert_int_not_equal(v.entry[first], EFI_NONE);
	assert_false(v.mend[first]);
	assert_int_equal(v.order[0], v.entry[first]);
	assert_int_not_equal(v.entry[SLOT_A], v.entry[SLOT_B]);
	for (size_t i = 0; i < before->n_order; i++) { /* every other member, in the order it had */
		if (before->order[i] == v.entry[SLOT_A] || before->order[i] == v.entry[SLOT_B])
			continue;
		while (at < v.n_order && v.order[at] != before->order[i])
			at++;
		assert_true(at++ < v.n_order);
	}
	if (next != SLOT_NONE && boot_entry_wanted(rec, next))
		assert_int_equal(v.next, v.entry[next]);
	else if (next == SLOT_NONE)
		assert_true(v.next == EFI_NONE || (v.next != v.entry[SLOT_A] && v.next != v.entry[SLOT_B]));
	efivars_decide(&v, rec, first, next, &again);
	assert_false(again.create[0] || again.create[1] || again.set_order || again.set_next || again.remove_next);
}

/* The n-th mix of variables: each entry absent, exact or altered; seven orders; five BootNext. */
static void mix(struct fake *f, const struct efi_option want[2], unsigned int n)
{
	static const uint16_t order[] = { 8, 9, 20, 21, 8 };

	for (enum slot s = SLOT_A; s <= SLOT_B; s++, n /= 3) {
		struct efi_option o = want[s];

		if (n % 3 == 2)
			o.data[o.n++] = 0;
		if (n % 3)
			put_entry(f, s == SLOT_A ? 8 : 9, &o);
	}
	if (n % 7 < 5) /* a prefix, from front or back */
		put_numbers(f, "BootOrder", order, n % 7 + 1);
	else if (n % 7 == 5)
		ORDER(f, 20, 9, 0);
	n /= 7;
	if (n > 0)
		NUMBER(f, "BootNext", (uint16_t)(n == 1 ? 8 : n == 2 ? 9 : n == 3 ? 20 : 0));
}

static void every_mix_of_variables_and_record_heals_in_one_go(void **state)
{
	static const enum boot_phase phases[] = { PHASE_IDLE,  PHASE_WRITING,    PHASE_STAGED,
						  PHASE_TRIAL, PHASE_COMMITTING, PHASE_FAILED };
	struct efi_option want[2];
	unsigned int count = 0;

	(void)state;
	make_want(want);
	for (unsigned int n = 0; n < 9 * 7 * 5; n++) {
		for (unsigned int m = 0; m < 6 * 2 * 4 * 3; m++) {
			struct bootrec rec =
				record(phases[m % 6], (enum slot)(m / 6 % 2), (enum slot_state)(m / 12 % 4));
			enum slot next = m / 48 == 2 ? SLOT_NONE : (enum slot)(m / 48), first = rec.committed;
			struct fake *f = fake_new();
			struct efi_change c;
			struct efi_view v;
			struct why w = { 0 };

			if (rec.phase == PHASE_COMMITTING)
				first = rec.target;
			mix(f, want, n);
			assert_ok(efivars_observe(&f->store, want, &v, &w), w);
			efivars_decide(&v, &rec, first, next, &c);
			assert_ok(efivars_apply(&f->store, want, &c, &w), w);
			check_after(f, want, &rec, first, next, &v, &c);
			fake_free(f);
			count++;
		}
	}
	print_message("# %u mixes\n", count);
}

/* From here on: the store on files. */

#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"

static const char *folder_new(void)
{
	static unsigned int serial;
	const char *path;
	char name[32];

	(void)snprintf(name, sizeof(name), "vars%u", serial++);
	path = scratch_path(name);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(setenv("EFIVARFS_PATH", path, 1), 0);
	return path;
}

static void put_file(const char *folder, const char *name, const void *data, size_t n)
{
	char path[512];

	assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && write(fd, data, n) == (ssize_t)n);
}

static void files_hold_attributes_and_value_and_shrink(void **state)
{
	const char *folder = folder_new();
	AUTO_FREE char *text = NULL;
	struct efi_store s;
	struct why w = { 0 };
	uint8_t back[16];
	char path[512];
	size_t n = 0;

	(void)state;
	assert_ok(efi_store_open(&s, &w), w);
	assert_ok(s.ops->set(&s, "BootOrder", (const uint8_t *)"\1\0\2\0", 4, &w), w);
	assert_ok(s.ops->set(&s, "BootOrder", (const uint8_t *)"\3\0", 2, &w), w);
	(void)snprintf(path, sizeof(path), "%s/BootOrder-" GLOBAL, folder);
	assert_ok(file_read(AT_FDCWD, path, 64, &text, &n, &w), w);
	assert_int_equal(n, 6);
	assert_memory_equal(text, "\7\0\0\0\3\0", 6);
	n = 1;
	assert_int_equal(s.ops->get(&s, "BootOrder", back, &n, &w), -E2BIG);
	assert_int_equal(n, 1);
	n = sizeof(back);
	w = (struct why){ 0 };
	assert_ok(s.ops->get(&s, "BootOrder", back, &n, &w), w);
	assert_int_equal(n, 2);
	assert_ok(s.ops->remove(&s, "BootOrder", &w), w);
	assert_int_equal(s.ops->get(&s, "BootOrder", back, &n, &w), -ENOENT);
	assert_string_equal(w.text, "BootOrder: not set");
	w = (struct why){ 0 };
	assert_int_equal(s.ops->remove(&s, "BootOrder", &w), -ENOENT);
}

static void files_cut_in_their_attributes_are_refused_and_empty_ones_are_not_there(void **state)
{
	const char *folder = folder_new();
	struct efi_store s;
	struct why w = { 0 };
	uint8_t back[16];
	size_t n;

	(void)state;
	assert_ok(efi_store_open(&s, &w), w);
	for (size_t len = 0; len < 6; len++) {
		put_file(folder, "BootNext-" GLOBAL, "\7\0\0\0\1\0", len);
		n = sizeof(back);
		assert_int_equal(s.ops->get(&s, "BootNext", back, &n, NULL), len == 0  ? -ENOENT
									     : len < 4 ? -EBADMSG
										       : 0);
		assert_int_equal(n, len < 4 ? sizeof(back) : len - 4);
	}
}

static void files_that_are_no_entries_are_not_listed(void **state)
{
	static const char *const others[] = {
		"Boot-" GLOBAL,
		"Boot000-" GLOBAL,
		"Boot00000-" GLOBAL,
		"Boot000G-" GLOBAL,
		"boot0001-" GLOBAL,
		"BootOrder-" GLOBAL,
		"BootNext-" GLOBAL,
		"Boot0001",
		"Boot0001-",
		"Boot0001-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
		"Boot0001" GLOBAL,
		"XBoot0001-" GLOBAL,
		"Boot0001-" GLOBAL "x",
		"Boot\xff\xff\xff\xff-" GLOBAL,
		"x",
	};
	const char *folder = folder_new();
	uint32_t numbers[EFI_ORDER_MAX];
	struct efi_store s;
	struct why w = { 0 };
	size_t n = 99;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		put_file(folder, others[i], "\7\0\0\0x", 5);
	assert_ok(efi_store_open(&s, &w), w);
	assert_ok(s.ops->list(&s, numbers, &n, &w), w);
	assert_int_equal(n, 0);
	put_file(folder, "BootFFFF-" GLOBAL, "\7\0\0\0x", 5);
	put_file(folder, "Boot00a0-" GLOBAL, "\7\0\0\0x", 5); /* in lower case: not ours to use, but used */
	put_file(folder, "Boot0019-8BE4DF61-93CA-11D2-AA0D-00E098032B8C", "\7\0\0\0x", 5);
	assert_ok(s.ops->list(&s, numbers, &n, &w), w);
	assert_int_equal(n, 3);
	assert_int_equal(numbers[0], 0x19);
	assert_int_equal(numbers[1], 0xa0);
	assert_int_equal(numbers[2], 0xffff);
}

static void files_over_the_limit_are_refused(void **state)
{
	const char *folder = folder_new();
	uint32_t numbers[EFI_ORDER_MAX];
	struct efi_store s;
	struct why w = { 0 };
	char name[64];
	size_t n = 99;

	(void)state;
	assert_ok(efi_store_open(&s, &w), w);
	for (unsigned int i = 0; i < EFI_ORDER_MAX; i++) {
		(void)snprintf(name, sizeof(name), "Boot%04X-" GLOBAL, i);
		put_file(folder, name, "", 0);
	}
	assert_ok(s.ops->list(&s, numbers, &n, &w), w);
	assert_int_equal(n, EFI_ORDER_MAX);
	put_file(folder, "Boot1000-" GLOBAL, "", 0);
	n = 99;
	assert_int_equal(s.ops->list(&s, numbers, &n, &w), -E2BIG);
	assert_int_equal(n, 99);
}

static void files_of_a_full_store_say_so_and_leave_nothing(void **state)
{
	const struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_GOOD);
	const char *folder = folder_new();
	struct efi_option want[2];
	struct efi_store s;
	struct why w = { 0 };
	char path[512];

	(void)state;
	make_want(want);
	assert_ok(efi_store_open(&s, &w), w);
	(void)snprintf(path, sizeof(path), "%s/Boot0000-" GLOBAL, folder);
	assert_int_equal(symlink("/dev/full", path), 0);
	(void)snprintf(path, sizeof(path), "%s/Boot0001-" GLOBAL, folder);
	assert_int_equal(symlink("/dev/full", path), 0);
	/* Both numbers are used: 2 and 3 it is, which work; then the order, which does not. */
	(void)snprintf(path, sizeof(path), "%s/BootOrder-" GLOBAL, folder);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(efivars_apply(&s, want, &(struct efi_change){ .set_order = true, .n_order = 1 }, &w), -ENOSPC);
	assert_string_equal(w.text, "BootOrder: set: No space left on device");
	assert_non_null(strstr(w.next, "pstore"));
	assert_int_equal(s.writes, 3);
	assert_int_equal(unlink(path), 0);
	w = (struct why){ 0 };
	assert_ok(efivars_ensure(&s, want, &rec, SLOT_A, SLOT_B, &w), w);
	assert_int_equal(s.writes, 3 + 4);
}

static void files_take_the_whole_life_of_an_update(void **state)
{
	struct bootrec rec = record(PHASE_IDLE, SLOT_A, STATE_EMPTY);
	const char *folder = folder_new();
	struct efi_option want[2];
	struct efi_store s;
	struct efi_view v;
	struct why w = { 0 };

	(void)state;
	make_want(want);
	put_file(folder, "Boot0000-" GLOBAL, "\7\0\0\0\1\0\0\0\4\0x\0\0\0\x7f\xff\4\0", 18);
	put_file(folder, "BootOrder-" GLOBAL, "\7\0\0\0\0\0", 6);
	put_file(folder, "BootCurrent-" GLOBAL, "\6\0\0\0\1\0", 6);
	assert_ok(efi_store_open(&s, &w), w);
	assert_ok(efivars_ensure(&s, want, &rec, SLOT_A, SLOT_NONE, &w), w); /* first boot: an entry and the order */
	assert_int_equal(s.writes, 2);
	rec = record(PHASE_STAGED, SLOT_A, STATE_WRITING);
	assert_ok(efivars_ensure(&s, want, &rec, SLOT_A, SLOT_NONE, &w), w);
	rec.phase = PHASE_TRIAL;
	assert_ok(efivars_ensure(&s, want, &rec, SLOT_A, SLOT_B, &w), w);
	assert_int_equal(s.writes, 5);
	rec.phase = PHASE_COMMITTING;
	assert_ok(efivars_ensure(&s, want, &rec, SLOT_B, SLOT_NONE, &w), w); /* nobody took BootNext here */
	assert_int_equal(s.writes, 7);
	assert_ok(efivars_observe(&s, want, &v, &w), w);
	assert_int_equal(v.n_order, 3);
	assert_int_equal(v.order[0], v.entry[SLOT_B]);
	assert_int_equal(v.order[1], v.entry[SLOT_A]);
	assert_int_equal(v.order[2], 0);
	assert_int_equal(v.next, EFI_NONE);
	assert_int_equal(v.current, 1);
	/* 1 was free for an entry, but it is what the firmware says it started. */
	assert_int_equal(v.entry[SLOT_A], 2);
	assert_int_equal(efi_view_current(&v), SLOT_NONE);
}

static void folder_that_is_not_there_is_an_error_and_no_empty_store(void **state)
{
	struct efi_option want[2];
	struct efi_store s;
	struct efi_view v;
	struct why w = { 0 };

	(void)state;
	make_want(want);
	assert_int_equal(setenv("EFIVARFS_PATH", scratch_path("none"), 1), 0);
	assert_ok(efi_store_open(&s, &w), w);
	assert_int_equal(efivars_observe(&s, want, &v, &w), -ENOENT);
	assert_non_null(strstr(w.text, "none"));
	w = (struct why){ 0 };
	assert_int_equal(s.ops->set(&s, "BootNext", (const uint8_t *)"\1\0", 2, &w), -ENOENT);
}

static void machine_without_efi_variables_says_so(void **state)
{
	struct efi_store s;
	struct why w = { 0 };
	int r;

	(void)state;
	assert_int_equal(unsetenv("EFIVARFS_PATH"), 0);
	r = efi_store_open(&s, &w);
	if (r == 0)
		skip(); /* this machine has them */
	assert_int_equal(r, -ENODATA);
	assert_non_null(strstr(w.text, "efivarfs is not mounted"));
	assert_int_not_equal(w.next[0], '\0');
}

static void loader_partuuid_is_a_guid_or_refused(void **state)
{
	static const char guid[] = "A1B2C3D4-0001-0203-0405-0123456789AB";
	static const struct {
		size_t units;  /* of the GUID and its NUL, taken */
		size_t change; /* position of another character; 99: none */
		char to;
		int want;
	} rows[] = {
		{ 37, 99, 0, 0 },         { 36, 99, 0, 0 },          { 35, 99, 0, -EBADMSG },
		{ 0, 99, 0, -EBADMSG },   { 37, 0, 'g', -EBADMSG },  { 37, 8, '0', -EBADMSG },
		{ 37, 9, '-', -EBADMSG }, { 37, 36, '0', -EBADMSG }, { 37, 5, '\0', -EBADMSG },
	};
	const char *folder = folder_new();
	struct why w = { 0 };
	char ret[37];

	(void)state;
	assert_int_equal(efi_loader_partuuid(ret, &w), -ENODATA);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t data[4 + 2 * 37] = { 6 };

		for (size_t k = 0; k < 37; k++)
			data[4 + 2 * k] = (uint8_t)(k == rows[i].change ? rows[i].to : guid[k]);
		put_file(folder, "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", data,
			 4 + 2 * rows[i].units);
		memcpy(ret, "untouched", 10);
		w = (struct why){ 0 };
		assert_int_equal(efi_loader_partuuid(ret, &w), rows[i].want);
		assert_string_equal(ret, rows[i].want ? "untouched" : "a1b2c3d4-0001-0203-0405-0123456789ab");
	}
	put_file(folder, "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", (uint8_t[200]){ 6 }, 200);
	assert_int_equal(efi_loader_partuuid(ret, NULL), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_store_is_filled_once),
		cmocka_unit_test(heals_with_at_most_four_changes),
		cmocka_unit_test(order_starts_with_ours_and_keeps_the_others),
		cmocka_unit_test(order_of_odd_length_is_rewritten_with_its_whole_numbers),
		cmocka_unit_test(order_of_256_others_is_kept_and_one_more_refused),
		cmocka_unit_test(too_many_entries_are_refused_before_anything_is_set),
		cmocka_unit_test(new_numbers_are_ones_that_nothing_uses_or_names),
		cmocka_unit_test(boot_next_of_others_is_left_unless_ours_is_wanted),
		cmocka_unit_test(entries_like_ours_but_for_one_byte_are_not_ours),
		cmocka_unit_test(altered_entry_is_mended_under_its_number),
		cmocka_unit_test(entry_that_may_not_start_is_neither_made_nor_mended_nor_put_in_order),
		cmocka_unit_test(firmware_that_refuses_twice_or_forgets_twice_is_asked_again),
		cmocka_unit_test(firmware_that_refuses_three_times_is_given_up_with_its_reason),
		cmocka_unit_test(firmware_that_forgets_three_times_is_an_error),
		cmocka_unit_test(boot_next_is_removed_before_anything_is_made),
		cmocka_unit_test(current_is_a_slot_only_when_its_entry_was_started),
		cmocka_unit_test(every_mix_of_variables_and_record_heals_in_one_go),
		cmocka_unit_test(files_hold_attributes_and_value_and_shrink),
		cmocka_unit_test(files_cut_in_their_attributes_are_refused_and_empty_ones_are_not_there),
		cmocka_unit_test(files_that_are_no_entries_are_not_listed),
		cmocka_unit_test(files_over_the_limit_are_refused),
		cmocka_unit_test(files_of_a_full_store_say_so_and_leave_nothing),
		cmocka_unit_test(files_take_the_whole_life_of_an_update),
		cmocka_unit_test(folder_that_is_not_there_is_an_error_and_no_empty_store),
		cmocka_unit_test(machine_without_efi_variables_says_so),
		cmocka_unit_test(loader_partuuid_is_a_guid_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
