/*
 * Power cuts while a trust statement is stored (updater/truststore.h): after every operation, with every subset of the
 * 4 KiB blocks of what was not flushed (of more than eight: none, all, each one alone, all but one), what is read is the
 * old set or the new one, never none, and the new one once the call has returned. Then it is done again, and again cut. I9.
 */
#include "tests/support.h"
#include "tests/trustkit.h"
#include "updater/truststore.h"

#define BLOCKS (TRUSTSTORE_COPY_BYTES / BLK_ALIGN)

/* A disk that keeps what was written since the last flush apart. */
struct disk {
	struct blk blk;
	uint8_t medium[STATE_TRUST_BYTES], view[STATE_TRUST_BYTES];
	uint64_t pending_at; /* of the one write that is pending: the store flushes after each */
	size_t pending_n;
	unsigned int ops, cut_at;
	bool off, ignores_flush;
};

static bool cut(struct disk *d)
{
	d->off = d->off || d->ops == d->cut_at;
	d->ops++;
	return d->off;
}

static int disk_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct disk *d = (struct disk *)b;

	if (d->off)
		return fail(w, -EIO, "no power");
	assert_true(off + n <= sizeof(d->view));
	memcpy(buf, d->view + off, n);
	return 0;
}

static int disk_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	struct disk *d = (struct disk *)b;

	if (d->off)
		return fail(w, -EIO, "no power");
	assert_true(off + n <= sizeof(d->view));
	assert_true(d->pending_n == 0 || d->ignores_flush);
	memcpy(d->view + off, buf, n);
	d->pending_at = off;
	d->pending_n = n;
	return cut(d) ? fail(w, -EIO, "no power") : 0;
}

static int disk_flush(struct blk *b, struct why *w)
{
	struct disk *d = (struct disk *)b;

	if (d->off || cut(d))
		return fail(w, -EIO, "no power");
	if (d->ignores_flush)
		return 0;
	memcpy(d->medium, d->view, sizeof(d->medium));
	d->pending_n = 0;
	return 0;
}

static int disk_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	(void)b;
	(void)n;
	(void)off;
	return fail(w, -EIO, "never called");
}

static const struct blk_ops disk_ops = {
	.read = disk_read, .write = disk_write, .zero = disk_zero, .flush = disk_flush
};

/* Of the pending write, the blocks in `keep` are on the medium. */
static void power_on(struct disk *d, uint64_t keep)
{
	for (size_t i = 0; i * BLK_ALIGN < d->pending_n; i++)
		if (keep & 1ull << i)
			memcpy(d->medium + d->pending_at + i * BLK_ALIGN, d->view + d->pending_at + i * BLK_ALIGN,
			       BLK_ALIGN);
	memcpy(d->view, d->medium, sizeof(d->view));
	d->pending_n = 0;
	d->off = false;
	d->ops = 0;
	d->cut_at = UINT32_MAX;
}

static struct trustkit kit;
static char room[3][TRUSTSET_STATEMENT_MAX];
static struct statement statements[3]; /* of epochs 0 (not used), 1, 2 */
static struct disk base, after, again;

/* Read what is stored; 0: nothing. */
static uint64_t epoch_of(struct disk *d)
{
	struct truststore st;
	struct why w = { 0 };
	uint64_t epoch;

	assert_ok(truststore_read(&d->blk, 0, &st, &w), w);
	epoch = st.state == STORED_VALID ? st.set.epoch : 0;
	truststore_done(&st);
	return epoch;
}

static int store(struct disk *d, uint64_t epoch)
{
	struct truststore st;
	struct why w = { 0 };
	int r;

	assert_ok(truststore_read(&d->blk, 0, &st, &w), w);
	r = truststore_write(&st, &statements[epoch], &w);
	truststore_done(&st);
	return r;
}

static uint64_t keep_mask(unsigned int i)
{
	if (i == 0)
		return 0;
	if (i == 1)
		return UINT64_MAX;
	i -= 2;
	return i < BLOCKS ? 1ull << i : ~(1ull << (i - BLOCKS));
}

/* From what `base` is: store `epoch` with a cut at every operation and every leftover; and finish afterwards. */
static unsigned int explore(uint64_t epoch, bool lies)
{
	uint64_t before = epoch_of(&base);
	unsigned int broken = 0;

	for (unsigned int at = 0;; at++) {
		for (unsigned int mask = 0; mask < 2 + 2 * BLOCKS; mask++) {
			uint64_t got;
			int r;

			after = base;
			after.cut_at = at;
			after.ignores_flush = lies;
			r = store(&after, epoch);
			if (!after.off && r == 0 && !lies) {
				assert_int_equal(epoch_of(&after), epoch);
				return broken;
			}
			if (!after.off && lies && at > 8)
				return broken;
			power_on(&after, keep_mask(mask));
			got = epoch_of(&after);
			if (got != epoch && (got != before || r == 0))
				broken++;
			for (unsigned int second = 0; second < 5 && !lies; second++) {
				again = after;
				again.cut_at = second;
				(void)store(&again, epoch);
				power_on(&again, keep_mask(mask));
				broken += epoch_of(&again) != epoch && epoch_of(&again) != before;
				assert_int_equal(store(&again, epoch), 0);
				broken += epoch_of(&again) != epoch;
			}
		}
	}
}

static void begin(void)
{
	memset(&base, 0, sizeof(base));
	base.blk =
		(struct blk){ .ops = &disk_ops, .name = "disk", .size_bytes = sizeof(base.medium), .align = BLK_ALIGN };
	base.cut_at = UINT32_MAX;
}

static int make_statements(void **state)
{
	(void)state;
	trustkit_make(&kit);
	for (uint64_t e = 1; e <= 2; e++) {
		struct trustset s = trustkit_set(&kit, e, "01", 2, "2", 1);

		statements[e] = trustkit_statement(&kit, &s, "01", room[e]);
	}
	return 0;
}

static void first_statement_survives_every_cut(void **state)
{
	(void)state;
	begin();
	assert_int_equal(explore(1, false), 0);
}

static void next_statement_survives_every_cut(void **state)
{
	(void)state;
	begin();
	assert_int_equal(store(&base, 1), 0);
	assert_int_equal(explore(2, false), 0);
}

/* The negative control: with a disk that acknowledges flushes it does not carry out, the same search finds losses. */
static void a_disk_that_ignores_flushes_is_caught(void **state)
{
	(void)state;
	begin();
	assert_int_equal(store(&base, 1), 0);
	assert_true(explore(2, true) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_statement_survives_every_cut),
		cmocka_unit_test(next_statement_survives_every_cut),
		cmocka_unit_test(a_disk_that_ignores_flushes_is_caught),
	};

	return cmocka_run_group_tests(tests, make_statements, NULL);
}
