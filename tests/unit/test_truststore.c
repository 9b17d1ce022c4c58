/* The two copies of the last accepted trust statement (updater/truststore.h): damage, failing operations, newer formats. */
#include "updater/truststore.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/faultblk.h"
#include "tests/support.h"
#include "tests/trustkit.h"

static struct trustkit kit;
static char room[4][TRUSTSET_STATEMENT_MAX];
static struct statement statements[4];
static struct blk file;

static int begin(void **state)
{
	static char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", scratch_path("trust"));
	(void)unlink(path);
	return truststore_file(path, true, &file, NULL);
}

static int end(void **state)
{
	(void)state;
	return blk_close(&file, NULL);
}

static int make_statements(void **state)
{
	(void)state;
	trustkit_make(&kit);
	for (uint64_t e = 1; e <= 3; e++) {
		struct trustset s = trustkit_set(&kit, e, "01", 2, "2", 1);

		statements[e] = trustkit_statement(&kit, &s, "01", room[e]);
	}
	return 0;
}

static int store(struct blk *to, uint64_t epoch, struct why *w)
{
	struct truststore st;
	int r = truststore_read(to, 0, &st, w);

	r = r ? r : truststore_write(&st, &statements[epoch], w);
	truststore_done(&st);
	return r;
}

/* What is stored; the caller ends it. */
static struct truststore look(struct blk *from)
{
	struct truststore st;
	struct why w = { 0 };

	assert_ok(truststore_read(from, 0, &st, &w), w);
	return st;
}

static void patch(uint64_t off, size_t n, uint8_t with)
{
	AUTO_FREE uint8_t *buf = blk_alloc(BLK_ALIGN);
	struct why w = { 0 };

	assert_non_null(buf);
	assert_ok(blk_read(&file, buf, BLK_ALIGN, off / BLK_ALIGN * BLK_ALIGN, &w), w);
	memset(buf + off % BLK_ALIGN, with, n);
	assert_ok(blk_write(&file, buf, BLK_ALIGN, off / BLK_ALIGN * BLK_ALIGN, &w), w);
}

static void new_file_holds_nothing(void **state)
{
	struct truststore st = look(&file);

	(void)state;
	assert_int_equal(st.state, STORED_NEVER);
	assert_string_equal(st.damage[0], "");
	truststore_done(&st);
}

static void stored_statement_is_read_back(void **state)
{
	struct truststore st;
	struct why w = { 0 };

	(void)state;
	for (uint64_t e = 1; e <= 3; e++) {
		assert_ok(store(&file, e, &w), w);
		st = look(&file);
		assert_int_equal(st.state, STORED_VALID);
		assert_int_equal(st.set.epoch, e);
		assert_int_equal(st.statement_n, statements[e].text.n + statements[e].signatures.n);
		assert_memory_equal(st.statement, statements[e].text.p, st.statement_n);
		truststore_done(&st);
	}
}

/* Either copy may be lost, from any of its bytes, without loss of the set: both hold it. */
static void damage_of_one_copy_costs_nothing(void **state)
{
	static const uint64_t at[] = { 0, 8, 16, 24, 32, 64, 4064, 4096, 4200, 4096 + 400 };
	struct why w = { 0 };

	(void)state;
	for (unsigned int copy = 0; copy < 2; copy++) {
		for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
			struct truststore st;

			assert_ok(blk_zero(&file, STATE_TRUST_BYTES, 0, &w), w);
			assert_ok(store(&file, 1, &w), w);
			assert_ok(store(&file, 2, &w), w);
			patch(copy * (STATE_TRUST_BYTES / 2) + at[i], 2, 0xa5);
			st = look(&file);
			assert_int_equal(st.state, STORED_VALID);
			assert_int_equal(st.set.epoch, 2);
			assert_true(st.damage[copy][0] && !st.damage[1 - copy][0]);
			truststore_done(&st);
			assert_ok(store(&file, 3, &w), w);
			st = look(&file);
			assert_int_equal(st.set.epoch, 3);
			assert_true(!st.damage[0][0] && !st.damage[1][0]);
			truststore_done(&st);
		}
	}
}

static void damage_of_both_is_told_from_nothing(void **state)
{
	struct truststore st;
	struct why w = { 0 };

	(void)state;
	assert_ok(store(&file, 1, &w), w);
	patch(0, 1, 0);
	patch(STATE_TRUST_BYTES / 2 + 4100, 1, 0);
	st = look(&file);
	assert_int_equal(st.state, STORED_DAMAGED);
	assert_non_null(strstr(st.damage[0], "copy 0: its first block is damaged"));
	assert_non_null(strstr(st.damage[1], "copy 1: "));
	truststore_done(&st);
	assert_ok(store(&file, 1, &w), w);
	st = look(&file);
	assert_int_equal(st.state, STORED_VALID);
	truststore_done(&st);
}

/* A copy whose hashes are right and whose signatures are not. */
static void unsigned_statement_is_damage(void **state)
{
	struct trustset set = trustkit_set(&kit, 7, "01", 2, "2", 1);
	struct statement s = trustkit_statement(&kit, &set, "0", room[0]);
	struct truststore st = look(&file);
	struct why w = { 0 };

	(void)state;
	assert_ok(truststore_write(&st, &s, &w), w);
	truststore_done(&st);
	st = look(&file);
	assert_int_equal(st.state, STORED_DAMAGED);
	truststore_done(&st);
}

static void newer_format_is_left_alone(void **state)
{
	AUTO_FREE uint8_t *buf = blk_alloc(BLK_ALIGN);
	struct truststore_block b = { .epoch = 9, .bytes = 100 };
	struct truststore st;
	struct hash sum;
	struct why w = { 0 };

	(void)state;
	assert_non_null(buf);
	assert_ok(store(&file, 1, &w), w);
	truststore_block_format(&b, buf);
	buf[8] = 2;
	sum = hash_of(bytes_of(buf, 4064));
	memcpy(buf + 4064, sum.b, sizeof(sum.b));
	assert_ok(blk_write(&file, buf, BLK_ALIGN, 0, &w), w);
	st = look(&file);
	assert_int_equal(st.state, STORED_NEWER);
	assert_int_equal(truststore_write(&st, &statements[2], NULL), -EPROTONOSUPPORT);
	truststore_done(&st);
}

/* Each operation of a write fails: the old statement stays, or the new one is there. */
static void every_failing_operation_keeps_a_set(void **state)
{
	struct why w = { 0 };
	bool failed = true;

	(void)state;
	for (uint64_t at = 2; failed; at++) { /* the first two are the reading */
		struct faultblk f;
		struct truststore st;
		int r;

		assert_ok(blk_zero(&file, STATE_TRUST_BYTES, 0, &w), w);
		assert_ok(store(&file, 1, &w), w);
		faultblk_init(&f, &file);
		f.fail_at = at;
		f.error = -EIO;
		r = store(&f.blk, 2, NULL);
		failed = f.ops > at;
		st = look(&file);
		assert_int_equal(st.state, STORED_VALID);
		assert_true(st.set.epoch == 2 || (r && st.set.epoch == 1));
		truststore_done(&st);
	}
}

static void device_that_lies_is_caught(void **state)
{
	struct why w = { 0 };
	struct faultblk f;

	(void)state;
	faultblk_init(&f, &file);
	f.lie_at = 4100;
	assert_int_equal(store(&f.blk, 1, &w), -EIO);
	assert_non_null(strstr(w.text, "reads back different"));
}

static void block_out_of_range_is_refused(void **state)
{
	uint8_t out[TRUSTSTORE_BLOCK_BYTES];
	struct truststore_block b = { .epoch = 1, .bytes = TRUSTSET_STATEMENT_MAX }, back;

	(void)state;
	truststore_block_format(&b, out);
	assert_int_equal(truststore_block_parse(bytes_of(out, sizeof(out)), &back, NULL), 0);
	assert_memory_equal(&b, &back, sizeof(b));
	for (size_t n = 0; n < sizeof(out); n += 512)
		assert_int_equal(truststore_block_parse(bytes_of(out, n), &back, NULL), -EBADMSG);
	b.bytes++;
	truststore_block_format(&b, out);
	assert_int_equal(truststore_block_parse(bytes_of(out, sizeof(out)), &back, NULL), -EBADMSG);
	b.bytes = 0;
	truststore_block_format(&b, out);
	assert_int_equal(truststore_block_parse(bytes_of(out, sizeof(out)), &back, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_file_holds_nothing, begin, end),
		cmocka_unit_test_setup_teardown(stored_statement_is_read_back, begin, end),
		cmocka_unit_test_setup_teardown(damage_of_one_copy_costs_nothing, begin, end),
		cmocka_unit_test_setup_teardown(damage_of_both_is_told_from_nothing, begin, end),
		cmocka_unit_test_setup_teardown(unsigned_statement_is_damage, begin, end),
		cmocka_unit_test_setup_teardown(newer_format_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(every_failing_operation_keeps_a_set, begin, end),
		cmocka_unit_test_setup_teardown(device_that_lies_is_caught, begin, end),
		cmocka_unit_test(block_out_of_range_is_refused),
	};

	return cmocka_run_group_tests(tests, make_statements, NULL);
}
