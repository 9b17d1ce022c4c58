#include "partitions/efivars.h"

#include <time.h>

static const char *const descriptions[2] = { "Tandem a", "Tandem b" };

enum slot efi_view_current(const struct efi_view *v)
{
	if (v->current != EFI_NONE && v->current == v->entry[SLOT_A])
		return SLOT_A;
	if (v->current != EFI_NONE && v->current == v->entry[SLOT_B])
		return SLOT_B;
	return SLOT_NONE;
}

/* A variable that holds one number; EFI_NONE when it is absent or malformed. */
static uint32_t get_number(struct efi_store *s, const char *name)
{
	uint8_t data[8];
	size_t n = sizeof(data);
	uint16_t v;

	if (s->ops->get(s, name, data, &n, NULL) || n != 2 || bytes_le16(bytes_of(data, n), 0, &v))
		return EFI_NONE;
	return v;
}

/* A value that ends in mid-number is to be rewritten; its whole numbers are kept. */
static int get_order(struct efi_store *s, struct efi_view *v, struct why *w)
{
	uint8_t data[2 * EFI_ORDER_ROOM];
	size_t n = sizeof(data);
	struct why one = { 0 };
	int r = s->ops->get(s, "BootOrder", data, &n, &one);

	if (r == -ENOENT)
		return 0;
	if (r)
		return fail(w, r, "%s", one.text);
	v->has_order = n % 2 == 0;
	while (v->n_order < n / 2 && !bytes_le16(bytes_of(data, n), 2 * v->n_order, &v->order[v->n_order]))
		v->n_order++;
	return 0;
}

static void boot_name(uint32_t number, char out[16])
{
	(void)snprintf(out, 16, "Boot%04X", number & 0xffffu);
}

/*
 * The first two numbers that nothing uses or names. BootNext and BootCurrent can name an entry that is gone; a new one
 * under its number would be started, or be taken for the one that was.
 */
static void find_free(struct efi_view *v, const uint32_t *used, size_t n_used)
{
	size_t found = 0;

	for (uint32_t number = 0; number < 0xffff && found < 2; number++) {
		bool taken = number == v->next || number == v->current;

		for (size_t i = 0; i < n_used; i++)
			taken = taken || used[i] == number;
		for (size_t i = 0; i < v->n_order; i++)
			taken = taken || v->order[i] == number;
		if (!taken)
			v->free[found++] = number;
	}
}

static bool is_ours(const struct efi_view *v, uint32_t number)
{
	return number == v->entry[SLOT_A] || number == v->entry[SLOT_B];
}

/* Whether a variable is the entry that is wanted: to the byte, or but for attributes (4 bytes) and what follows it. */
static void match(struct efi_view *v, enum slot slot, uint32_t number, struct bytes have, const struct efi_option *want)
{
	bool exact = bytes_equal(have, bytes_of(want->data, want->n));

	if (want->n <= 4 || have.n < want->n || memcmp(have.p + 4, want->data + 4, want->n - 4) != 0)
		return;
	if (v->entry[slot] == EFI_NONE || (exact && v->mend[slot])) {
		v->entry[slot] = number;
		v->mend[slot] = !exact;
	}
}

static int check_others(const struct efi_view *v, struct why *w)
{
	size_t others = 0;

	for (size_t i = 0; i < v->n_order; i++)
		others += !is_ours(v, v->order[i]);
	if (others > EFI_ORDER_MAX)
		return fail(w, -E2BIG, "BootOrder: %zu members are not ours; up to %u can be kept", others,
			    EFI_ORDER_MAX);
	return 0;
}

int efivars_observe(struct efi_store *s, const struct efi_option want[2], struct efi_view *ret, struct why *w)
{
	struct efi_view v = { .entry = { EFI_NONE, EFI_NONE }, .free = { EFI_NONE, EFI_NONE } };
	uint32_t numbers[EFI_ORDER_MAX];
	size_t n_numbers = 0;
	int r = s->ops->list(s, numbers, &n_numbers, w);

	r = r ? r : get_order(s, &v, w);
	if (r)
		return r;
	for (size_t i = 0; i < n_numbers; i++) {
		uint8_t data[EFI_OPTION_MAX];
		size_t n = sizeof(data);
		char name[16];

		boot_name(numbers[i], name);
		if (s->ops->get(s, name, data, &n, NULL))
			continue; /* too large to be ours, or gone */
		for (enum slot k = SLOT_A; k <= SLOT_B; k++)
			match(&v, k, numbers[i], bytes_of(data, n), &want[k]);
	}
	v.current = get_number(s, "BootCurrent");
	v.next = get_number(s, "BootNext");
	find_free(&v, numbers, n_numbers);
	r = check_others(&v, w);
	if (!r)
		*ret = v;
	return r;
}

static bool in_order(const struct efi_view *v, uint32_t number)
{
	for (size_t i = 0; i < v->n_order; i++)
		if (v->order[i] == number)
			return true;
	return false;
}

static void add(struct efi_change *c, uint32_t number)
{
	if (c->n_order < EFI_ORDER_ROOM)
		c->order[c->n_order++] = (uint16_t)number;
}

/* Ours in front, then all others as they were. */
static void make_order(const struct efi_view *v, enum slot first, bool with_other, struct efi_change *c)
{
	c->set_order = true;
	add(c, c->number[first]);
	if (with_other)
		add(c, c->number[slot_other(first)]);
	for (size_t i = 0; i < v->n_order; i++)
		if (v->order[i] != c->number[SLOT_A] && v->order[i] != c->number[SLOT_B])
			add(c, v->order[i]);
}

void efivars_decide(const struct efi_view *v, const struct bootrec *rec, enum slot first, enum slot next,
		    struct efi_change *ret)
{
	struct efi_change c = { 0 };
	enum slot other = slot_other(first);
	bool want_other, has_other;
	size_t used = 0;

	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		c.number[s] = v->entry[s];
		c.create[s] = (v->entry[s] == EFI_NONE || v->mend[s]) && boot_entry_wanted(rec, s);
		if (c.create[s] && !v->mend[s])
			c.number[s] = v->free[used++];
	}
	want_other = c.number[other] != EFI_NONE && boot_entry_wanted(rec, other);
	has_other = in_order(v, c.number[other]);
	/* In order already: our first slot first, and the other one anywhere after it. */
	if (c.number[first] != EFI_NONE &&
	    (!v->has_order || v->n_order == 0 || v->order[0] != c.number[first] || (want_other && !has_other)))
		make_order(v, first, want_other || has_other, &c);
	if (next == SLOT_NONE) {
		c.remove_next = v->next != EFI_NONE && is_ours(v, v->next);
	} else if (c.number[next] != EFI_NONE) {
		c.set_next = v->next != c.number[next];
		c.next = (uint16_t)c.number[next];
	}
	*ret = c;
}

#define TRIES 3

/* Firmware has been seen to refuse the first tries, for as long as its flash part is busy. */
static void pause_before(int try)
{
	const struct timespec t = { .tv_nsec = 20000000 };

	if (try > 0)
		(void)nanosleep(&t, NULL); /* cut short by a signal is fine */
}

static int ensure_set(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	uint8_t back[2 * EFI_ORDER_ROOM];
	struct why last = { 0 };
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		size_t m = sizeof(back);

		pause_before(i);
		last = (struct why){ 0 };
		s->writes++;
		r = s->ops->set(s, name, data, n, &last);
		r = r ? r : s->ops->get(s, name, back, &m, &last);
		if (!r && bytes_equal(bytes_of(back, m), bytes_of(data, n)))
			return 0;
		r = r ? r : fail(&last, -EIO, "%s: reads back different from what was set", name);
	}
	return fail(w, r, "%s", last.text);
}

static int ensure_removed(struct efi_store *s, const char *name, struct why *w)
{
	struct why last = { 0 };
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		uint8_t back[8];
		size_t m = sizeof(back);

		pause_before(i);
		last = (struct why){ 0 };
		s->writes++;
		r = s->ops->remove(s, name, &last);
		if ((!r || r == -ENOENT) && s->ops->get(s, name, back, &m, NULL) == -ENOENT)
			return 0;
		r = r ? r : fail(&last, -EIO, "%s: is still there after its removal", name);
	}
	return fail(w, r, "%s", last.text);
}

static int explain(int r, struct why *w)
{
	if (r == -ENOSPC)
		return why_next(w, r,
				"the firmware's variable store is full; crash dumps in /sys/fs/pstore often fill it");
	if (r == -EROFS)
		return why_next(w, r,
				"efivarfs may be mounted read-only: mount -o remount,rw /sys/firmware/efi/efivars");
	return r;
}

int efivars_apply(struct efi_store *s, const struct efi_option want[2], const struct efi_change *c, struct why *w)
{
	uint8_t data[2 * EFI_ORDER_ROOM];
	int r = c->remove_next ? ensure_removed(s, "BootNext", w) : 0;

	for (size_t k = 0; k < 2 && !r; k++) {
		char name[16];

		boot_name(c->number[k], name);
		if (c->create[k])
			r = ensure_set(s, name, want[k].data, want[k].n, w);
	}
	if (!r && c->set_order) {
		for (size_t i = 0; i < c->n_order; i++)
			put_le16(data + 2 * i, c->order[i]);
		r = ensure_set(s, "BootOrder", data, 2 * c->n_order, w);
	}
	if (!r && c->set_next) {
		put_le16(data, c->next);
		r = ensure_set(s, "BootNext", data, 2, w);
	}
	return explain(r, w);
}

int efivars_ensure(struct efi_store *s, const struct efi_option want[2], const struct bootrec *rec, enum slot first,
		   enum slot next, struct why *w)
{
	struct efi_change c;
	struct efi_view v;
	int r = efivars_observe(s, want, &v, w);

	if (r)
		return r;
	efivars_decide(&v, rec, first, next, &c);
	if (next != SLOT_NONE && c.number[next] == EFI_NONE)
		return fail(w, -ENOENT, "no boot entry '%s' to start", descriptions[next]);
	return efivars_apply(s, want, &c, w);
}
