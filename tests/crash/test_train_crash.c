/*
 * The trainer when the power goes, or it is killed, at each durable operation: no acknowledged record of the journal is lost or
 * changed, and a job's current model is the old or the new one, whole, with the old one still there.
 *
 * The real code runs on a simulated file and a simulated folder. Of what was not synced any part may have reached the medium:
 * of a file any of its sectors, and its length; of a folder any of the operations on names; a file's content only with
 * its sync.
 */
#include "bootstage/trainer/promote.h"
#include "bootstage/trainer/trainjournal.h"

#include "tests/support.h"

#define SECTOR 512u
#define ROOM   (64u << 10)
#define NEVER  UINT64_MAX

/* --- the journal --- */

struct disk {
	uint8_t view[ROOM], medium[ROOM];
	size_t view_n, medium_n;
	uint64_t ops, cut_at;
	bool off, lies; /* lies: a sync does nothing, for the negative control */
};

static bool alive(struct disk *d)
{
	d->off = d->off || d->ops++ == d->cut_at;
	return !d->off;
}

static int power(const struct disk *d, struct why *w)
{
	return d->off ? fail(w, -EIO, "no power") : 0;
}

static int do_read(void *arg, char **ret, size_t *ret_n, struct why *w)
{
	const struct disk *d = arg;

	*ret = calloc(1, d->view_n + 1);
	if (!*ret)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(*ret, d->view, d->view_n);
	*ret_n = d->view_n;
	return 0;
}

/* The write in flight is in the view: what of it reaches the medium is decided at power-on. */
static int do_append(void *arg, uint64_t at, const void *buf, size_t n, struct why *w)
{
	struct disk *d = arg;

	if (d->off)
		return power(d, w);
	assert_true(at + n <= ROOM && at == d->view_n);
	memcpy(d->view + at, buf, n);
	d->view_n = at + n;
	(void)alive(d);
	return power(d, w);
}

static void settle(struct disk *d)
{
	if (d->lies)
		return;
	memcpy(d->medium, d->view, d->view_n);
	d->medium_n = d->view_n;
}

static int do_sync(void *arg, struct why *w)
{
	struct disk *d = arg;

	if (alive(d))
		settle(d);
	return power(d, w);
}

static int do_cut(void *arg, uint64_t at, struct why *w)
{
	struct disk *d = arg;

	if (d->off)
		return power(d, w);
	d->view_n = at;
	if (alive(d))
		settle(d);
	return power(d, w);
}

static int do_replace(void *arg, const void *buf, size_t n, struct why *w)
{
	struct disk *d = arg;

	if (alive(d)) {
		memcpy(d->view, buf, n);
		d->view_n = n;
		settle(d);
	}
	return power(d, w);
}

static const struct trainjournal_file simulated = { do_read, do_append, do_sync, do_cut, do_replace };

/* Some sectors of what was not synced, and some length, reached the medium. */
static void power_on(struct disk *d, unsigned int sectors, size_t length)
{
	size_t longest = d->view_n > d->medium_n ? d->view_n : d->medium_n;
	size_t shortest = d->view_n > d->medium_n ? d->medium_n : d->view_n;

	memset(d->medium + d->medium_n, 0, ROOM - d->medium_n);
	for (size_t s = shortest / SECTOR, k = 0; s * SECTOR < d->view_n; s++, k++)
		if (sectors >> k & 1)
			memcpy(d->medium + s * SECTOR, d->view + s * SECTOR, SECTOR);
	d->medium_n = length ? longest : shortest;
	memcpy(d->view, d->medium, ROOM);
	d->view_n = d->medium_n;
	d->off = false;
	d->cut_at = NEVER;
}

/* Adds records until the power goes; returns how many were acknowledged. */
static unsigned int write_some(struct disk *d, unsigned int from, unsigned int n)
{
	AUTO_TRAINJOURNAL j = { 0 };
	struct why w = { 0 };

	assert_ok(trainjournal_open(&j, &simulated, d, &w), w);
	assert_int_equal(j.n, from);
	for (unsigned int i = from; i < n; i++) {
		struct train_record r = { .event = TRAIN_QUEUED, .cycle = 1, .exit_code = -1, .used_bytes = i };

		(void)snprintf(r.job, sizeof(r.job), "core");
		memset(r.text, 'a', i * 37 % (TRAINJOURNAL_TEXT - 1));
		if (trainjournal_add(&j, &r, NULL))
			return i;
	}
	return n;
}

/* Returns how many there are; each as it was written. */
static unsigned int read_back(struct disk *d)
{
	AUTO_TRAINJOURNAL j = { 0 };
	struct why w = { 0 };

	assert_ok(trainjournal_open(&j, &simulated, d, &w), w);
	for (size_t i = 0; i < j.n; i++) {
		assert_int_equal(j.at[i].used_bytes, i);
		assert_int_equal(j.at[i].sequence, i + 1);
		assert_int_equal(strlen(j.at[i].text), i * 37 % (TRAINJOURNAL_TEXT - 1));
	}
	return (unsigned int)j.n;
}

static bool journal_survives(uint64_t cut_at, unsigned int sectors, size_t length, bool lies)
{
	static struct disk d;
	unsigned int acknowledged, found;

	memset(&d, 0, sizeof(d));
	d.cut_at = cut_at;
	d.lies = lies;
	acknowledged = write_some(&d, 0, 12);
	power_on(&d, sectors, length);
	found = read_back(&d);
	if (found < acknowledged)
		return false;
	assert_true(found <= acknowledged + 1);
	assert_int_equal(write_some(&d, found, 16), 16); /* and it goes on */
	assert_int_equal(read_back(&d), 16);
	return true;
}

static void journal_loses_no_acknowledged_record_at_any_cut(void **state)
{
	(void)state;
	for (uint64_t cut = 0; cut < 26; cut++)
		for (unsigned int sectors = 0; sectors < 8; sectors++)
			for (size_t length = 0; length < 2; length++)
				assert_true(journal_survives(cut, sectors, length, false));
}

static void journal_on_a_disk_that_lies_is_found_out(void **state)
{
	(void)state;
	assert_false(journal_survives(20, 0, 0, true));
}

/* A second cut while what the first has left is being cut off. */
static void journal_survives_a_cut_while_it_is_mended(void **state)
{
	static struct disk d, kept;

	(void)state;
	for (uint64_t second = 0; second < 6; second++)
		for (unsigned int sectors = 0; sectors < 4; sectors++) {
			unsigned int acknowledged, found;

			memset(&d, 0, sizeof(d));
			d.cut_at = 10;
			acknowledged = write_some(&d, 0, 12);
			power_on(&d, 0, 1);
			kept = d;
			assert_true(read_back(&d) >= acknowledged);
			d = kept;
			d.ops = 0;
			d.cut_at = second;
			acknowledged = write_some(&d, read_back(&d), 12);
			power_on(&d, sectors, 1);
			found = read_back(&d);
			assert_true(found >= acknowledged && found <= acknowledged + 1);
		}
}

/* --- the models --- */

#define NAMES   8u
#define PENDING 16u

enum content { NONE, OLDER, OLD, NEW, TORN };
enum name_op { LINK, RENAME, REMOVE, EXCHANGE };

struct pending {
	enum name_op op;
	char from[80], to[80];
};

struct entry {
	char name[80];
	enum content content;
};

struct folder {
	struct entry view[NAMES], medium[NAMES];
	struct pending pending[PENDING];
	size_t n_pending;
	uint64_t ops, cut_at;
	bool off, new_is_durable, forgets; /* forgets: the content's sync does nothing, for the negative control */
};

static struct entry *find(struct entry *at, const char *name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(at[i].name, name) == 0 && at[i].content)
			return &at[i];
	return NULL;
}

static enum content content_of(struct entry *at, const char *name)
{
	const struct entry *e = find(at, name);

	return e ? e->content : NONE;
}

static void put(struct entry *at, const char *name, enum content content)
{
	struct entry *e = find(at, name);

	for (size_t i = 0; !e && i < NAMES; i++)
		if (!at[i].content)
			e = &at[i];
	if (!e)
		fail_msg("no room for %s", name);
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
	e->content = content;
}

static void apply(struct entry *at, const struct pending *p)
{
	enum content from = content_of(at, p->from), to = content_of(at, p->to);

	if (!from)
		return;
	if (p->op == REMOVE)
		put(at, p->from, NONE);
	else if (p->op == LINK && !to)
		put(at, p->to, from);
	else if (p->op == RENAME && from != to) { /* two names of one file: rename(2) does nothing */
		put(at, p->to, from);
		put(at, p->from, NONE);
	} else if (p->op == EXCHANGE && to) {
		put(at, p->to, from);
		put(at, p->from, to);
	}
}

static bool on(struct folder *f)
{
	f->off = f->off || f->ops++ == f->cut_at;
	return !f->off;
}

static int ended(const struct folder *f, struct why *w)
{
	return f->off ? fail(w, -EIO, "no power") : 0;
}

static int change(struct folder *f, enum name_op op, const char *from, const char *to, struct why *w)
{
	struct pending p = { .op = op };
	bool before = f->off;

	(void)snprintf(p.from, sizeof(p.from), "%s", from);
	(void)snprintf(p.to, sizeof(p.to), "%s", to);
	if (before)
		return ended(f, w);
	if (!find(f->view, from))
		return -ENOENT;
	if (op == LINK && find(f->view, to))
		return fail(w, -EEXIST, "%s is there", to);
	(void)on(f); /* the one in flight may have happened */
	assert_true(f->n_pending < PENDING);
	f->pending[f->n_pending++] = p;
	apply(f->view, &p);
	return ended(f, w);
}

static int sync_content(void *arg, const char *name, struct why *w)
{
	struct folder *f = arg;

	if (!f->off && !find(f->view, name))
		return -ENOENT;
	if (on(f) && !f->forgets)
		f->new_is_durable = true;
	return ended(f, w);
}

static int do_link(void *arg, const char *from, const char *to, struct why *w)
{
	return change(arg, LINK, from, to, w);
}

static int do_rename(void *arg, const char *from, const char *to, struct why *w)
{
	return change(arg, RENAME, from, to, w);
}

static int do_exchange(void *arg, const char *one, const char *other, struct why *w)
{
	return change(arg, EXCHANGE, one, other, w);
}

static int do_remove(void *arg, const char *name, struct why *w)
{
	return change(arg, REMOVE, name, "", w);
}

static int sync_names(void *arg, struct why *w)
{
	struct folder *f = arg;

	if (on(f)) {
		memcpy(f->medium, f->view, sizeof(f->medium));
		f->n_pending = 0;
	}
	return ended(f, w);
}

static const struct promote_files folder = { sync_content, do_link, do_rename, do_exchange, do_remove, sync_names };

/* @keep  bit i: pending operation i reached the medium */
static void folder_on(struct folder *f, uint32_t keep)
{
	for (size_t i = 0; i < f->n_pending; i++)
		if (keep >> i & 1)
			apply(f->medium, &f->pending[i]);
	memcpy(f->view, f->medium, sizeof(f->view));
	for (size_t i = 0; i < NAMES; i++)
		if (f->view[i].content == NEW && !f->new_is_durable)
			f->view[i].content = f->medium[i].content = TORN;
	f->n_pending = 0;
	f->off = false;
	f->cut_at = NEVER;
}

static const struct model_names names = { "c.onnx", "c.onnx.next", "c.onnx.prev", "c.onnx.link", "c.onnx.rejected" };

static void folder_begin(struct folder *f, enum content now, enum content prev, uint64_t cut_at)
{
	*f = (struct folder){ .cut_at = cut_at };
	if (now)
		put(f->view, names.now, now);
	if (prev)
		put(f->view, names.prev, prev);
	put(f->view, names.next, NEW);
	memcpy(f->medium, f->view, sizeof(f->medium));
}

/* What the trainer does that comes after: jobturn's last step. A torn model is not taken. Returns what is current. */
static enum content finish(struct folder *f)
{
	enum content now = content_of(f->view, names.now);
	struct why w = { 0 };

	if (content_of(f->view, names.next) == NEW)
		assert_ok(promote(&folder, f, &names, now == OLD || now == NEW || now == OLDER, &w), w);
	return content_of(f->view, names.now);
}

static bool model_survives(enum content now, enum content prev, uint64_t cut_at, uint32_t keep, bool forgets)
{
	struct folder f;
	enum content after;
	int r;

	folder_begin(&f, now, prev, cut_at);
	f.forgets = forgets;
	r = promote(&folder, &f, &names, now == OLD, NULL);
	folder_on(&f, keep);
	after = content_of(f.view, names.now);
	if (after == TORN || (after != now && after != NEW) || (r == 0 && after != NEW))
		return false;
	if (now == OLD && after == NEW && content_of(f.view, names.prev) != OLD)
		return false;
	if (now == OLD && content_of(f.view, names.now) != OLD && content_of(f.view, names.prev) != OLD)
		return false;
	if (content_of(f.view, names.next) == TORN)
		return true; /* not taken; the job runs again */
	return finish(&f) == NEW && (now != OLD || content_of(f.view, names.prev) == OLD) && !find(f.view, names.next);
}

static void current_model_is_whole_at_any_cut(void **state)
{
	static const enum content before[][2] = { { OLD, NONE }, { OLD, OLDER }, { NONE, NONE }, { OLD, OLD } };

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(before); b++)
		for (uint64_t cut = 0; cut < 12; cut++)
			for (uint32_t keep = 0; keep < 32; keep++)
				if (!model_survives(before[b][0], before[b][1], cut, keep, false))
					fail_msg("before %zu, cut %d, kept %x", b, (int)cut, keep);
}

static void model_whose_content_was_not_synced_is_found_out(void **state)
{
	bool all = true;

	(void)state;
	for (uint64_t cut = 0; cut < 12; cut++)
		all = all && model_survives(OLD, NONE, cut, 31, true);
	assert_false(all);
}

/* Killed, not cut off: whatever was done stays, in its order. */
static void promotion_goes_on_after_a_kill(void **state)
{
	(void)state;
	for (uint64_t cut = 0; cut < 12; cut++) {
		struct folder f;

		folder_begin(&f, OLD, OLDER, cut);
		IGNORE(promote(&folder, &f, &names, true, NULL));
		f.off = false;
		f.cut_at = NEVER;
		assert_int_equal(finish(&f), NEW);
		assert_int_equal(content_of(f.view, names.prev), OLD);
		assert_int_equal(content_of(f.view, names.link), NONE);
	}
}

static void way_back_is_one_step(void **state)
{
	(void)state;
	for (uint64_t cut = 0; cut < 3; cut++)
		for (uint32_t keep = 0; keep < 2; keep++) {
			struct folder f;
			enum content now, prev;

			folder_begin(&f, NEW, OLD, cut);
			f.new_is_durable = true;
			IGNORE(promote_back(&folder, &f, &names, NULL));
			folder_on(&f, keep);
			now = content_of(f.view, names.now);
			prev = content_of(f.view, names.prev);
			assert_true((now == NEW && prev == OLD) || (now == OLD && prev == NEW));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_loses_no_acknowledged_record_at_any_cut),
		cmocka_unit_test(journal_on_a_disk_that_lies_is_found_out),
		cmocka_unit_test(journal_survives_a_cut_while_it_is_mended),
		cmocka_unit_test(current_model_is_whole_at_any_cut),
		cmocka_unit_test(model_whose_content_was_not_synced_is_found_out),
		cmocka_unit_test(promotion_goes_on_after_a_kill),
		cmocka_unit_test(way_back_is_one_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
