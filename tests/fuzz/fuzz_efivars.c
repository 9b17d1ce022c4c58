/*
 * fuzz_efivars - any content of the boot variables: what is decided is at most four writes, keeps every other member of
 * BootOrder in its place, and leaves nothing more to do. Input: one byte for record and wish, then variables, each
 * a length byte, a selector byte and that many bytes of value.
 */
#include <stdio.h>
#include <stdlib.h>

#include "partitions/efivars.h"

#define VARS 12u

struct fake {
	struct efi_store store;
	struct {
		char name[16];
		uint8_t data[2 * EFI_ORDER_ROOM];
		size_t n;
		bool there;
	} vars[VARS];
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A free place when there is none of that name. */
static size_t find(struct fake *f, const char *name)
{
	size_t empty = VARS;

	for (size_t i = 0; i < VARS; i++) {
		if (f->vars[i].there && strcmp(f->vars[i].name, name) == 0)
			return i;
		if (!f->vars[i].there)
			empty = i;
	}
	must(empty < VARS);
	return empty;
}

static int get(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *w)
{
	struct fake *f = (struct fake *)s;
	size_t i = find(f, name);

	if (!f->vars[i].there)
		return fail(w, -ENOENT, "%s: not set", name);
	if (f->vars[i].n > *n)
		return fail(w, -E2BIG, "%s: too large", name);
	memcpy(data, f->vars[i].data, f->vars[i].n);
	*n = f->vars[i].n;
	return 0;
}

static int set(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	struct fake *f = (struct fake *)s;
	size_t i = find(f, name);

	(void)w;
	must(n <= sizeof(f->vars[i].data));
	f->vars[i].there = true;
	(void)snprintf(f->vars[i].name, sizeof(f->vars[i].name), "%s", name);
	memcpy(f->vars[i].data, data, n);
	f->vars[i].n = n;
	return 0;
}

static int drop(struct efi_store *s, const char *name, struct why *w)
{
	struct fake *f = (struct fake *)s;
	size_t i = find(f, name);

	if (!f->vars[i].there)
		return fail(w, -ENOENT, "%s: not set", name);
	f->vars[i].there = false;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int list(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *w)
{
	struct fake *f = (struct fake *)s;

	(void)w;
	*n = 0;
	for (size_t i = 0; i < VARS; i++) {
		unsigned int number;
		int end = 0;

		if (f->vars[i].there && sscanf(f->vars[i].name, "Boot%4X%n", &number, &end) == 1 && end == 8)
			numbers[(*n)++] = number;
	}
	qsort(numbers, *n, sizeof(*numbers), by_number);
	return 0;
}

static const struct efi_store_ops ops = { .get = get, .set = set, .remove = drop, .list = list };

/* Selectors: 0..5 an entry of its bytes, 6 and 7 ours with its bytes behind, 8 BootOrder, 9 BootNext, 10 BootCurrent. */
static void fill(struct fake *f, const struct efi_option want[2], const uint8_t *data, size_t n)
{
	static const char *const names[] = { "Boot0000", "Boot0001", "Boot0002",  "Boot0003", "Boot0004",   "Boot0005",
					     "Boot0006", "Boot0007", "BootOrder", "BootNext", "BootCurrent" };

	while (n >= 2) {
		size_t len = data[0], which = data[1] % ARRAY_SIZE(names);
		uint8_t value[2 * EFI_ORDER_ROOM];
		size_t front = which == 6 || which == 7 ? want[which - 6].n : 0;

		data += 2;
		n -= 2;
		len = len < n ? len : n;
		len = front + len <= EFI_OPTION_MAX ? len : EFI_OPTION_MAX - front;
		if (front)
			memcpy(value, want[which - 6].data, front);
		memcpy(value + front, data, len);
		must(set(&f->store, names[which], value, front + len, NULL) == 0);
		data += len;
		n -= len;
	}
}

/* Members that are not ours, in their order. */
static size_t others(const struct efi_view *v, const struct efi_change *c, uint16_t out[EFI_ORDER_ROOM])
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_order; i++)
		if (v->order[i] != c->number[0] && v->order[i] != c->number[1])
			out[n++] = v->order[i];
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct efi_esp esp = { .number = 1, .start_sectors = 2048, .size_sectors = 4096 };
	uint16_t before[EFI_ORDER_ROOM], after[EFI_ORDER_ROOM];
	struct fake f = { .store.ops = &ops };
	struct efi_option want[2];
	struct bootrec rec = { 0 };
	struct efi_change c, again;
	struct efi_view v, now;
	enum slot next;
	size_t kept;

	if (n < 2 || efi_option_make(SLOT_A, &esp, "EFI/a", &want[0], NULL) ||
	    efi_option_make(SLOT_B, &esp, "EFI/b", &want[1], NULL))
		return 0;
	rec.committed = data[0] & 1 ? SLOT_B : SLOT_A;
	rec.phase = data[0] / 2 % 6;
	rec.target = rec.phase == PHASE_IDLE ? SLOT_NONE : slot_other(rec.committed);
	rec.slots[rec.committed].state = STATE_GOOD;
	rec.slots[slot_other(rec.committed)].state = data[0] / 12 % 4;
	next = data[0] / 48 % 3 == 2 ? SLOT_NONE : (enum slot)(data[0] / 48 % 3);
	fill(&f, want, data + 1, n - 1);
	if (efivars_observe(&f.store, want, &v, NULL))
		return 0;
	efivars_decide(&v, &rec, rec.committed, next, &c);
	must(c.create[0] + c.create[1] + c.set_order + c.set_next + c.remove_next <= 4);
	must(efivars_apply(&f.store, want, &c, NULL) == 0);
	must(efivars_observe(&f.store, want, &now, NULL) == 0);
	must(now.n_order > 0 && now.order[0] == now.entry[rec.committed] && !now.mend[rec.committed]);
	kept = others(&v, &c, before);
	must(others(&now, &c, after) == kept && memcmp(before, after, 2 * kept) == 0);
	must(next == SLOT_NONE || !boot_entry_wanted(&rec, next) || now.next == now.entry[next]);
	must(next != SLOT_NONE || now.next == EFI_NONE || (now.next != now.entry[0] && now.next != now.entry[1]));
	efivars_decide(&now, &rec, rec.committed, next, &again);
	must(!again.create[0] && !again.create[1] && !again.set_order && !again.set_next && !again.remove_next);
	return 0;
}
