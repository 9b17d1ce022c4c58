/* Where a machine's trust set is kept (updater/trustseat.h): state partition and boot record, or a file. I9. */
#include "updater/trustseat.h"

#include <sys/file.h>

#include "tests/rig.h"
#include "tests/support.h"
#include "tests/trustkit.h"

static struct rig g;
static struct machine m;
static struct trustkit kit;
static struct sysconf conf;
static char room[TRUSTSET_CHAIN_MAX];

/* Folders with key 2 for releases and key 0 as root; and a machine on the rig's parts. */
static int begin(void **state)
{
	struct minisig_key key;
	char text[MINISIG_KEY_TEXT_MAX];

	(void)state;
	rig_make(&g);
	trustkit_make(&kit);
	key = keys_public(&kit.keys[2]);
	(void)minisig_key_format(&key, text);
	scratch_put("seat-keys/2.pub", text);
	key = keys_public(&kit.keys[0]);
	(void)minisig_key_format(&key, text);
	scratch_put("seat-roots/0.pub", text);
	conf = g.conf;
	(void)snprintf(conf.product, sizeof(conf.product), "rig");
	(void)snprintf(conf.trust_keys, sizeof(conf.trust_keys), "%s", scratch_path("seat-keys"));
	(void)snprintf(conf.trust_roots, sizeof(conf.trust_roots), "%s", scratch_path("seat-roots"));
	m = (struct machine){ .state = g.state, .boot = g.boot, .has_record = true, .lock = -1 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_done(&g);
	return 0;
}

/* Sets 1 and 2: releases by key 3, then by key 4. */
static struct bytes chain(uint64_t first, uint64_t last)
{
	size_t n = 0;

	for (uint64_t e = first; e <= last; e++) {
		struct trustset s = trustkit_set(&kit, e, "0", 1, e == 1 ? "3" : "4", 1);

		n = trustkit_sign(&kit, &s, "0", room, n);
	}
	return bytes_of(room, n);
}

static bool is_key(const struct trust *t, unsigned int number)
{
	return t->n == 1 && minisig_id_equal(&t->keys[0].id, &kit.keys[number].id);
}

static void believed_statements_are_kept_and_the_record_knows(void **state)
{
	struct trustseat s;
	struct trust t;
	struct why w = { 0 };

	(void)state;
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_ok(trustseat_believe(&s, bytes_of(NULL, 0), true, &t, &w), w);
	assert_true(is_key(&t, 2));
	assert_int_equal(m.boot.rec.trust_epoch, 0);
	assert_ok(trustseat_believe(&s, chain(1, 2), true, &t, &w), w);
	assert_true(is_key(&t, 4));
	assert_int_equal(m.boot.rec.trust_epoch, 2);
	trustseat_done(&s);
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_int_equal(s.now.origin, ORIGIN_STORED);
	assert_int_equal(s.now.set.epoch, 2);
	trustseat_done(&s);
}

static void looking_keeps_nothing(void **state)
{
	struct trustseat s;
	struct trust t;
	struct why w = { 0 };

	(void)state;
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_ok(trustseat_believe(&s, chain(1, 2), false, &t, &w), w);
	assert_true(is_key(&t, 4));
	trustseat_done(&s);
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_int_equal(s.now.set.epoch, 0);
	assert_int_equal(m.boot.rec.trust_epoch, 0);
	trustseat_done(&s);
}

/* The power was cut between the set and the record: what is next makes up for it. */
static void record_that_lags_behind_is_raised(void **state)
{
	struct trustseat s;
	struct trust t;
	struct why w = { 0 };

	(void)state;
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_ok(trustseat_believe(&s, chain(1, 1), false, &t, &w), w);
	assert_ok(trustnow_save(&s.now, &w), w);
	trustseat_done(&s);
	assert_int_equal(m.boot.rec.trust_epoch, 0);
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_ok(trustseat_believe(&s, bytes_of(NULL, 0), true, &t, &w), w);
	assert_int_equal(m.boot.rec.trust_epoch, 1);
	trustseat_done(&s);
}

static void lost_set_is_refused_until_the_chain_is_back(void **state)
{
	struct trustseat s;
	struct trust t;
	struct why w = { 0 };

	(void)state;
	m.boot.rec.trust_epoch = 2;
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_int_equal(trustseat_believe(&s, bytes_of(NULL, 0), true, &t, &w), -ESTALE);
	assert_int_equal(w.exit, EXIT_REFUSED);
	w = (struct why){ 0 };
	assert_ok(trustseat_believe(&s, chain(1, 2), true, &t, &w), w);
	assert_true(is_key(&t, 4));
	trustseat_done(&s);
	m.has_record = false; /* and without a record nothing is known to be lost */
	assert_ok(blk_zero(&g.state, STATE_TRUST_BYTES, STATE_TRUST_OFFSET, &w), w);
	assert_ok(trustseat_open(&conf, &m, &s, &w), w);
	assert_ok(trustseat_believe(&s, bytes_of(NULL, 0), true, &t, &w), w);
	assert_true(is_key(&t, 2));
	trustseat_done(&s);
}

static void file_is_made_when_it_is_written_and_held_by_one(void **state)
{
	static char path[256];
	static struct trustseat s, other;
	struct trust t;
	struct why w = { 0 };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", scratch_path("var/lib/tandem/trust"));
	assert_ok(trustseat_open_file(&conf, path, TRUSTSEAT_READ, &s, &w), w);
	assert_int_equal(s.now.set.epoch, 0);
	trustseat_done(&s);
	assert_int_equal(access(path, F_OK), -1);
	assert_ok(trustseat_open_file(&conf, path, TRUSTSEAT_WRITE, &s, &w), w);
	assert_ok(trustseat_believe(&s, chain(1, 2), true, &t, &w), w);
	assert_int_equal(trustseat_open_file(&conf, path, TRUSTSEAT_WRITE, &other, &w), -EWOULDBLOCK);
	trustseat_done(&other);
	trustseat_done(&s);
	w = (struct why){ 0 };
	assert_ok(trustseat_open_file(&conf, path, TRUSTSEAT_READ, &s, &w), w);
	assert_int_equal(s.now.set.epoch, 2);
	trustseat_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(believed_statements_are_kept_and_the_record_knows, begin, end),
		cmocka_unit_test_setup_teardown(looking_keeps_nothing, begin, end),
		cmocka_unit_test_setup_teardown(record_that_lags_behind_is_raised, begin, end),
		cmocka_unit_test_setup_teardown(lost_set_is_refused_until_the_chain_is_back, begin, end),
		cmocka_unit_test_setup_teardown(file_is_made_when_it_is_written_and_held_by_one, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
