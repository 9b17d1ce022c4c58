/* The journal of trainings: its form, torn and rotten ends, newer versions, and being made smaller (trainjournal.h). */
#include "bootstage/trainer/trainjournal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "tests/support.h"

static const struct train_record full = {
	.sequence = 7,
	.cycle = 3,
	.time_us = -1,
	.event = TRAIN_FAILED,
	.seed = true,
	.exit_code = 255,
	.signal = 9,
	.step = 5,
	.of = 10,
	.used_bytes = 1ull << 40,
	.peak_bytes = 2,
	.cpu_us = 3,
	.job = "core",
	.text = "exit code 255",
};

static void same(const struct train_record *a, const struct train_record *b)
{
	assert_int_equal(a->event, b->event);
	assert_int_equal(a->cycle, b->cycle);
	assert_int_equal(a->exit_code, b->exit_code);
	assert_int_equal(a->used_bytes, b->used_bytes);
	assert_string_equal(a->job, b->job);
	assert_string_equal(a->text, b->text);
}

static void record_is_read_as_it_was_written(void **state)
{
	uint8_t buf[TRAINRECORD_MAX];
	struct train_record r;
	struct why w = { 0 };
	size_t n = train_record_write(&full, buf), got = 0;

	(void)state;
	assert_ok(train_record_read(bytes_of(buf, n), &r, &got, &w), w);
	assert_int_equal(got, n);
	same(&r, &full);
	assert_int_equal(r.time_us, -1);
	assert_int_equal(r.signal, 9);
	assert_true(r.seed);
	assert_int_equal(r.step, 5);
	assert_int_equal(r.of, 10);
	assert_int_equal(r.peak_bytes, 2);
	assert_int_equal(r.cpu_us, 3);
	assert_int_equal(r.sequence, 7);
}

static void longest_texts_fit_in_a_record(void **state)
{
	uint8_t buf[TRAINRECORD_MAX];
	struct train_record r = full, back;
	struct why w = { 0 };
	size_t n, got = 0;

	(void)state;
	memset(r.job, 'j', sizeof(r.job) - 1);
	memset(r.text, 't', sizeof(r.text) - 1);
	n = train_record_write(&r, buf);
	assert_true(n <= TRAINRECORD_MAX);
	assert_ok(train_record_read(bytes_of(buf, n), &back, &got, &w), w);
	same(&r, &back);
}

static void each_prefix_and_each_flipped_bit_is_refused(void **state)
{
	uint8_t buf[TRAINRECORD_MAX];
	struct train_record r = full, before = full;
	size_t n = train_record_write(&full, buf), got = 0;

	(void)state;
	assert_int_equal(train_record_read(bytes_of(buf, 0), &r, &got, NULL), -ENODATA);
	for (size_t i = 1; i < n; i++)
		assert_int_equal(train_record_read(bytes_of(buf, i), &r, &got, NULL), -EBADMSG);
	for (size_t i = 0; i < n * 8; i++) {
		buf[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(train_record_read(bytes_of(buf, n), &r, &got, NULL), -EBADMSG);
		buf[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_memory_equal(&r, &before, sizeof(r));
	assert_int_equal(got, 0);
}

/* --- the file --- */

static char path[PATH_MAX];

static void open_file(struct trainjournal *j, struct trainjournal_disk *d)
{
	struct why w = { 0 };

	trainjournal_disk_open(d, path);
	assert_ok(trainjournal_open(j, &trainjournal_disk, d, &w), w);
}

static void close_file(struct trainjournal *j, struct trainjournal_disk *d)
{
	trainjournal_close(j);
	trainjournal_disk_close(d);
}

static void add(struct trainjournal *j, enum train_event event, uint64_t cycle, const char *job, const char *text)
{
	struct train_record r = { .event = event, .cycle = cycle, .exit_code = -1 };
	struct why w = { 0 };

	(void)snprintf(r.job, sizeof(r.job), "%s", job);
	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	assert_ok(trainjournal_add(j, &r, &w), w);
}

static void what_was_added_is_found_again(void **state)
{
	struct trainjournal_disk d;
	struct trainjournal j;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", scratch_path("a/b/journal"));
	open_file(&j, &d);
	assert_int_equal(j.n, 0);
	add(&j, TRAIN_BEGIN, 1, "", "");
	add(&j, TRAIN_RUNNING, 1, "core", "a cut character: \xc3");
	close_file(&j, &d);
	open_file(&j, &d);
	assert_int_equal(j.n, 2);
	assert_int_equal(j.at[0].sequence, 1);
	assert_int_equal(j.at[1].sequence, 2);
	assert_string_equal(j.at[1].text, "a cut character: ?");
	assert_true(j.at[1].time_us > 0);
	close_file(&j, &d);
}

static void torn_end_does_not_count_and_is_cut_off_by_the_next_record(void **state)
{
	struct trainjournal_disk d;
	struct trainjournal j;
	struct stat st;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", scratch_path("torn"));
	open_file(&j, &d);
	add(&j, TRAIN_BEGIN, 1, "", "");
	add(&j, TRAIN_RUNNING, 1, "core", "this one is torn");
	close_file(&j, &d);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 3), 0);
	open_file(&j, &d);
	assert_int_equal(j.n, 1);
	assert_true(j.lost_bytes > 0);
	add(&j, TRAIN_END, 1, "", "");
	close_file(&j, &d);
	open_file(&j, &d);
	assert_int_equal(j.n, 2);
	assert_int_equal(j.lost_bytes, 0);
	assert_int_equal(j.at[1].event, TRAIN_END);
	close_file(&j, &d);
}

static void newer_version_is_refused_and_left_alone(void **state)
{
	struct trainjournal_disk d;
	struct trainjournal j;
	uint8_t buf[TRAINRECORD_MAX];
	size_t n = train_record_write(&full, buf);
	struct why w = { 0 };
	AUTO_FD fd = -1;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", scratch_path("newer"));
	buf[8] = 2;
	put_le32(buf + 4, crc32c(crc32c(0, bytes_of(buf, 4)), bytes_of(buf + 8, n - 8)));
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_ok(write_full(fd, buf, n, "t", &w), w);
	trainjournal_disk_open(&d, path);
	assert_int_equal(trainjournal_open(&j, &trainjournal_disk, &d, &w), -EPROTONOSUPPORT);
	assert_non_null(strstr(w.text, "version 2"));
}

/* The clock is set back: the order is that of the numbers. */
static void records_of_an_older_file_behind_newer_ones_do_not_count(void **state)
{
	struct trainjournal_disk d;
	struct trainjournal j;
	uint8_t buf[TRAINRECORD_MAX];
	struct why w = { 0 };
	size_t n;
	AUTO_FD fd = -1;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", scratch_path("older"));
	open_file(&j, &d);
	for (int i = 0; i < 9; i++)
		add(&j, TRAIN_BEGIN, 4, "", "");
	close_file(&j, &d);
	n = train_record_write(&full, buf); /* number 7 */
	fd = open(path, O_WRONLY | O_APPEND);
	assert_ok(write_full(fd, buf, n, "t", &w), w);
	open_file(&j, &d);
	assert_int_equal(j.n, 9);
	assert_int_equal(j.lost_bytes, n);
	close_file(&j, &d);
}

/* A file in memory, since thousands of records are thousands of fsyncs. */
struct memory {
	uint8_t p[TRAINJOURNAL_MAX];
	size_t n;
};

static int memory_read(void *arg, char **ret, size_t *ret_n, struct why *w)
{
	struct memory *m = arg;

	(void)w;
	*ret = malloc(m->n + 1);
	assert_non_null(*ret);
	memcpy(*ret, m->p, m->n);
	*ret_n = m->n;
	return 0;
}

static int memory_append(void *arg, uint64_t at, const void *buf, size_t n, struct why *w)
{
	struct memory *m = arg;

	(void)w;
	assert_true(at + n <= sizeof(m->p));
	memcpy(m->p + at, buf, n);
	m->n = (size_t)at + n;
	return 0;
}

static int memory_replace(void *arg, const void *buf, size_t n, struct why *w)
{
	return memory_append(arg, 0, buf, n, w);
}

static int memory_sync(void *arg, struct why *w)
{
	(void)arg;
	(void)w;
	return 0;
}

static const struct trainjournal_file memory_file = {
	.read = memory_read,
	.append = memory_append,
	.sync = memory_sync,
	.replace = memory_replace,
};

static void file_that_grows_is_made_smaller_and_keeps_what_is_needed(void **state)
{
	static struct memory file;
	struct trainjournal j;
	struct why w = { 0 };
	uint64_t cycle = 0;
	bool promoted = false;

	(void)state;
	assert_ok(trainjournal_open(&j, &memory_file, &file, &w), w);
	add(&j, TRAIN_BEGIN, 1, "", "");
	add(&j, TRAIN_PROMOTED, 1, "core", "the only one");
	while (j.bytes <= TRAINJOURNAL_COMPACT || cycle < 10) {
		add(&j, TRAIN_BEGIN, ++cycle + 1, "", "");
		for (int i = 0; i < 100; i++)
			add(&j, TRAIN_CHECKPOINT, cycle + 1, "core", "");
		add(&j, TRAIN_DONE, cycle + 1, "core", "");
		add(&j, TRAIN_END, cycle + 1, "", "");
	}
	add(&j, TRAIN_BEGIN, cycle + 2, "", "");
	trainjournal_close(&j);
	assert_true(file.n < TRAINJOURNAL_COMPACT / 2);
	assert_ok(trainjournal_open(&j, &memory_file, &file, &w), w);
	for (size_t i = 0; i < j.n; i++)
		promoted = promoted || (j.at[i].event == TRAIN_PROMOTED && j.at[i].cycle == 1);
	assert_true(promoted);
	assert_int_equal(j.at[j.n - 1].cycle, cycle + 2);
	assert_int_equal(j.lost_bytes, 0);
	trainjournal_close(&j);
}

/* A training of days that has a checkpoint every ten seconds. */
static void cycle_without_end_does_not_outgrow_what_can_be_read(void **state)
{
	static struct memory file;
	struct trainjournal j;
	size_t running = 0;
	struct why w = { 0 };

	(void)state;
	assert_ok(trainjournal_open(&j, &memory_file, &file, &w), w);
	add(&j, TRAIN_BEGIN, 1, "", "");
	for (int i = 0; i < 60000; i++) {
		if (i % 10000 == 0)
			add(&j, TRAIN_RUNNING, 1, "core", "no cgroup");
		add(&j, i % 2 ? TRAIN_CHECKPOINT : TRAIN_ROLLED_BACK, 1, "core", "");
		assert_true(j.bytes <= TRAINJOURNAL_COMPACT + TRAINRECORD_MAX);
	}
	trainjournal_close(&j);
	assert_ok(trainjournal_open(&j, &memory_file, &file, &w), w);
	for (size_t i = 0; i < j.n; i++)
		running += j.at[i].event == TRAIN_RUNNING;
	assert_int_equal(running, 6); /* how often it was started counts */
	assert_int_equal(j.at[j.n - 1].event, TRAIN_CHECKPOINT);
	assert_int_equal(j.at[j.n - 1].sequence, 60007);
	trainjournal_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_is_read_as_it_was_written),
		cmocka_unit_test(longest_texts_fit_in_a_record),
		cmocka_unit_test(each_prefix_and_each_flipped_bit_is_refused),
		cmocka_unit_test(what_was_added_is_found_again),
		cmocka_unit_test(torn_end_does_not_count_and_is_cut_off_by_the_next_record),
		cmocka_unit_test(newer_version_is_refused_and_left_alone),
		cmocka_unit_test(records_of_an_older_file_behind_newer_ones_do_not_count),
		cmocka_unit_test(file_that_grows_is_made_smaller_and_keeps_what_is_needed),
		cmocka_unit_test(cycle_without_end_does_not_outgrow_what_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
