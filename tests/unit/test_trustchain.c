/*
 * Which trust set is in force and what may follow it (updater/trustchain.h): the whole table of epochs, signers, and what
 * is stored, in the image, and remembered. I9.
 */
#include "updater/trustchain.h"

#include "tests/support.h"
#include "tests/trustkit.h"

static struct trustkit kit;
static char room[TRUSTSET_CHAIN_MAX];

static int make_kit(void **state)
{
	(void)state;
	trustkit_make(&kit);
	return 0;
}

/* Keys 0, 1: roots (two of two); 2: release. Then 0, 3 and 4; and so on: each set drops a root and takes a new one. */
static struct trustset nth(uint64_t epoch)
{
	static const char *const roots[] = { "01", "13", "34", "45", "56", "67" };

	return trustkit_set(&kit, epoch, roots[epoch % 6], 2, epoch % 2 ? "2" : "27", 1);
}

/* The statements of [from, to], each signed by the roots before and by its own. */
static struct bytes history(uint64_t from, uint64_t to)
{
	static const char *const signers[] = { "0167", "013", "134", "345", "456", "567" };
	size_t n = 0;

	for (uint64_t e = from; e <= to; e++) {
		struct trustset s = nth(e);

		n = trustkit_sign(&kit, &s, signers[e % 6], room, n);
	}
	return bytes_of(room, n);
}

/* As it is after its statement was parsed. */
static struct trustset parsed(uint64_t epoch)
{
	static char text[TRUSTSET_TEXT_MAX];
	struct trustset s = nth(epoch), ret = s;

	if (epoch > 0)
		assert_int_equal(trustset_parse(bytes_of(text, trustset_format(&s, text)), &ret, NULL), 0);
	return ret;
}

static void step_table(void **state)
{
	static const struct {
		uint64_t present, statement;
		enum trust_step step;
	} table[] = {
		{ 0, 1, TRUST_NEXT },
		{ 0, 2, TRUST_GAP },
		{ 5, 1, TRUST_OLDER },
		{ 5, 4, TRUST_OLDER },
		{ 5, 5, TRUST_SAME },
		{ 5, 6, TRUST_NEXT },
		{ 5, 7, TRUST_GAP },
		{ 5, UINT64_MAX, TRUST_GAP },
		{ UINT64_MAX - 1, UINT64_MAX, TRUST_NEXT },
		{ UINT64_MAX, UINT64_MAX, TRUST_SAME },
		{ UINT64_MAX, 1, TRUST_OLDER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(trust_step(table[i].present, table[i].statement), table[i].step);
}

/* Every set of signers out of four keys: roots before are 0 and 1, of which both have to sign; its own are 1, 2, 3: two. */
static void every_set_of_signers(void **state)
{
	struct trustset present = trustkit_set(&kit, 4, "01", 2, "7", 1);
	struct trustset next = trustkit_set(&kit, 5, "123", 2, "7", 1);
	unsigned int taken = 0;

	(void)state;
	for (unsigned int mask = 0; mask < 16; mask++) {
		bool by_old = (mask & 3) == 3, by_own = __builtin_popcount(mask & 14) >= 2;
		struct trustset ret = present;
		struct statement s;
		struct why w = { 0 };
		char signers[5] = "";
		size_t n = 0;
		int r;

		for (unsigned int k = 0; k < 4; k++)
			if (mask & 1u << k)
				signers[n++] = (char)('0' + k);
		signers[n] = '\0';
		s = trustkit_statement(&kit, &next, signers, room);
		r = trust_take(&present, &s, &ret, &w);
		assert_int_equal(r, by_old && by_own ? 0 : -EKEYREJECTED);
		assert_int_equal(ret.epoch, r ? 4 : 5);
		assert_int_equal(w.exit, r ? EXIT_REFUSED : 0);
		if (r)
			assert_non_null(strstr(w.text, by_old ? "its own set" : "the set in force"));
		taken += r == 0;
	}
	assert_int_equal(taken, 3); /* 0 1 and 2, 3, or both */
}

static void two_signatures_of_one_root_count_once(void **state)
{
	struct trustset present = trustkit_set(&kit, 4, "01", 2, "7", 1), ret;
	struct trustset next = trustkit_set(&kit, 5, "2", 1, "7", 1);
	struct statement s = trustkit_statement(&kit, &next, "0022", room);

	(void)state;
	assert_int_equal(trust_take(&present, &s, &ret, NULL), -EKEYREJECTED);
}

/* A release key is not enough for anything but bundles. */
static void release_keys_do_not_make_sets(void **state)
{
	struct trustset present = trustkit_set(&kit, 4, "0", 1, "27", 1), ret;
	struct trustset next = trustkit_set(&kit, 5, "2", 1, "27", 1);
	struct statement s = trustkit_statement(&kit, &next, "27", room);

	(void)state;
	assert_int_equal(trust_take(&present, &s, &ret, NULL), -EKEYREJECTED);
}

static void revoked_root_signs_nothing_more(void **state)
{
	struct trustset first = trustkit_set(&kit, 1, "01", 1, "2", 1), second = trustkit_set(&kit, 2, "0", 1, "2", 1),
			ret;
	struct trustset third = trustkit_set(&kit, 3, "1", 1, "2", 1);
	struct statement s;
	struct why w = { 0 };

	(void)state;
	s = trustkit_statement(&kit, &second, "0", room);
	assert_ok(trust_take(&first, &s, &ret, &w), w);
	s = trustkit_statement(&kit, &third, "1", room);
	assert_int_equal(trust_take(&ret, &s, &ret, &w), -EKEYREJECTED);
	assert_int_equal(ret.epoch, 2);
}

static void changed_byte_is_refused(void **state)
{
	struct trustset present = nth(0), next = nth(1), ret;

	(void)state;
	for (size_t at = 0;; at++) {
		struct statement s = trustkit_statement(&kit, &next, "013", room);

		if (at == s.text.n)
			break;
		room[at] ^= 1;
		assert_true(trust_take(&present, &s, &ret, NULL) != 0);
	}
}

static void other_products_statement_is_refused(void **state)
{
	struct trustset present = trustkit_set(&kit, 0, "0", 1, "2", 1), next = trustkit_set(&kit, 1, "0", 1, "2", 1),
			ret;
	struct statement s;
	struct why w = { 0 };

	(void)state;
	(void)snprintf(next.product, sizeof(next.product), "other");
	s = trustkit_statement(&kit, &next, "0", room);
	assert_int_equal(trust_take(&present, &s, &ret, &w), -EPERM);
	assert_int_equal(w.exit, EXIT_REFUSED);
	present.product[0] = '\0'; /* for any */
	w = (struct why){ 0 };
	assert_ok(trust_take(&present, &s, &ret, &w), w);
	assert_string_equal(ret.product, "other");
}

/* A device at any epoch that is given the statements of any range. */
static void every_range_to_every_device(void **state)
{
	(void)state;
	for (uint64_t present = 0; present <= 4; present++) {
		for (uint64_t from = 1; from <= 5; from++) {
			for (uint64_t to = from; to <= 5; to++) {
				struct trustset set = parsed(present);
				struct trust_path path;
				struct why w = { 0 };
				bool gap = from > present + 1;
				int r = trust_follow(&set, history(from, to), &path, &w);

				if (r != (gap ? -ESTALE : 0))
					fail_msg("at %d, %d to %d: %s", (int)present, (int)from, (int)to, w.text);
				if (gap)
					continue;
				assert_int_equal(path.set.epoch, to > present ? to : present);
				assert_int_equal(path.steps, to > present ? to - present : 0);
				assert_int_equal(path.last.epoch, to >= present ? to : 0);
			}
		}
	}
}

static void gap_is_refused_saying_what_is_missing(void **state)
{
	struct trustset set = parsed(1);
	struct trust_path path;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(trust_follow(&set, history(5, 5), &path, &w), -ESTALE);
	assert_string_equal(w.text,
			    "the trust set in force is 1, the next statement here is 5: statements 2 to 4 are missing");
	assert_int_equal(w.exit, EXIT_REFUSED);
	w = (struct why){ 0 };
	assert_int_equal(trust_follow(&set, history(3, 5), &path, &w), -ESTALE);
	assert_string_equal(w.text,
			    "the trust set in force is 1, the next statement here is 3: statement 2 is missing");
}

static void other_text_of_the_same_epoch_is_refused(void **state)
{
	struct trustset set = parsed(2), fork = nth(2);
	struct trust_path path;
	struct why w = { 0 };
	size_t n;

	(void)state;
	fork.threshold[TRUST_ROOT] = 1;
	n = trustkit_sign(&kit, &fork, "134", room, 0);
	assert_int_equal(trust_follow(&set, bytes_of(room, n), &path, &w), -ESTALE);
	assert_non_null(strstr(w.text, "is not the one that is in force"));
}

static void chain_counts_as_a_whole_or_not_at_all(void **state)
{
	struct trustset set = parsed(0);
	struct trust_path path = { 0 };
	struct bytes chain = history(1, 3);

	(void)state;
	assert_int_equal(trust_follow(&set, bytes_of(chain.p, chain.n - 3), &path, NULL), -EBADMSG);
	assert_int_equal(path.set.epoch, 0);
	assert_int_equal(path.steps, 0);
	assert_int_equal(trust_follow(&set, bytes_of(NULL, 0), &path, NULL), 0);
	assert_int_equal(path.steps, 0);
}

/* What is stored, what the image has, and what comes out. Epoch -1: nothing. */
static const struct {
	enum trust_stored stored;
	int stored_epoch, anchor, chain_from, chain_to;
	int result, set;
	enum trust_origin origin;
	bool ignored;
} choices[] = {
	/* nothing was accepted yet: the image's */
	{ STORED_NEVER, -1, 0, 0, 0, 0, 0, ORIGIN_FOLDER, false },
	{ STORED_NEVER, -1, 0, 1, 3, 0, 3, ORIGIN_IMAGE, false },
	{ STORED_NEVER, -1, 3, 3, 3, 0, 3, ORIGIN_IMAGE, false },
	{ STORED_NEVER, -1, 3, 3, 5, 0, 5, ORIGIN_IMAGE, false },
	{ STORED_NEVER, -1, 0, 2, 3, -ESTALE, 0, ORIGIN_FOLDER, false },
	{ STORED_NEVER, -1, -1, 0, 0, -ENODATA, 0, ORIGIN_FOLDER, false },
	/* both copies are lost: the same; the floor decides whether that is enough */
	{ STORED_DAMAGED, -1, 0, 0, 0, 0, 0, ORIGIN_FOLDER, false },
	{ STORED_DAMAGED, -1, 3, 3, 4, 0, 4, ORIGIN_IMAGE, false },
	{ STORED_DAMAGED, -1, -1, 0, 0, -ENODATA, 0, ORIGIN_FOLDER, false },
	/* what was accepted rules, with whatever follows from there */
	{ STORED_VALID, 2, 0, 0, 0, 0, 2, ORIGIN_STORED, false },
	{ STORED_VALID, 2, -1, 0, 0, 0, 2, ORIGIN_STORED, false },
	{ STORED_VALID, 2, 0, 1, 1, 0, 2, ORIGIN_STORED, false },
	{ STORED_VALID, 2, 0, 1, 2, 0, 2, ORIGIN_STORED, false },
	{ STORED_VALID, 2, 0, 1, 4, 0, 4, ORIGIN_IMAGE, false },
	{ STORED_VALID, 2, 3, 3, 3, 0, 3, ORIGIN_IMAGE, false },
	{ STORED_VALID, 2, 4, 4, 5, 0, 2, ORIGIN_STORED, true },
	{ STORED_VALID, 5, 3, 3, 4, 0, 5, ORIGIN_STORED, false },
	/* a newer program's */
	{ STORED_NEWER, -1, 0, 0, 0, -EPROTONOSUPPORT, 0, ORIGIN_FOLDER, false },
};

static void choice_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		struct trustset stored = { 0 }, anchor = { 0 };
		const struct why none = { .code = -ENODATA, .exit = EXIT_FAILED, .text = "no keys" };
		struct trust_known k = { .stored = choices[i].stored,
					 .stored_set = &stored,
					 .anchor = choices[i].anchor < 0 ? NULL : &anchor,
					 .anchor_why = &none };
		struct trust_choice c = { 0 };
		struct why w = { 0 };
		int r;

		if (choices[i].stored_epoch >= 0)
			stored = parsed((uint64_t)choices[i].stored_epoch);
		if (choices[i].anchor >= 0)
			anchor = parsed((uint64_t)choices[i].anchor);
		if (choices[i].chain_from)
			k.chain = history((uint64_t)choices[i].chain_from, (uint64_t)choices[i].chain_to);
		r = trust_choose(&k, &c, &w);
		if (r != choices[i].result || (!r && c.path.set.epoch != (uint64_t)choices[i].set))
			fail_msg("row %zu: %d: %s", i, r, w.text);
		if (r)
			continue;
		assert_int_equal(c.origin, choices[i].origin);
		assert_int_equal(c.ignored.code != 0, choices[i].ignored);
		assert_true(c.origin != ORIGIN_IMAGE || c.path.last.epoch == c.path.set.epoch);
	}
}

/* An image whose statement others signed does not overrule what was accepted, however high its epoch. */
static void foreign_statement_in_an_image_is_ignored(void **state)
{
	struct trustset stored = trustkit_set(&kit, 2, "0", 1, "2", 1), foreign = trustkit_set(&kit, 3, "5", 1, "5", 1);
	struct trust_known k = { .stored = STORED_VALID, .stored_set = &stored, .anchor = &foreign };
	struct trust_choice c;
	struct why w = { 0 };

	(void)state;
	k.chain = bytes_of(room, trustkit_sign(&kit, &foreign, "5", room, 0));
	assert_ok(trust_choose(&k, &c, &w), w);
	assert_int_equal(c.path.set.epoch, 2);
	assert_int_equal(c.ignored.code, -EKEYREJECTED);
}

static void set_below_the_floor_is_refused(void **state)
{
	struct trustset set = { .epoch = 3 };
	struct why w = { 0 };

	(void)state;
	assert_int_equal(trust_check_floor(&set, 0, NULL), 0);
	assert_int_equal(trust_check_floor(&set, 3, NULL), 0);
	assert_int_equal(trust_check_floor(&set, 4, &w), -ESTALE);
	assert_int_equal(w.exit, EXIT_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step_table),
		cmocka_unit_test(every_set_of_signers),
		cmocka_unit_test(two_signatures_of_one_root_count_once),
		cmocka_unit_test(release_keys_do_not_make_sets),
		cmocka_unit_test(revoked_root_signs_nothing_more),
		cmocka_unit_test(changed_byte_is_refused),
		cmocka_unit_test(other_products_statement_is_refused),
		cmocka_unit_test(every_range_to_every_device),
		cmocka_unit_test(gap_is_refused_saying_what_is_missing),
		cmocka_unit_test(other_text_of_the_same_epoch_is_refused),
		cmocka_unit_test(chain_counts_as_a_whole_or_not_at_all),
		cmocka_unit_test(choice_table),
		cmocka_unit_test(foreign_statement_in_an_image_is_ignored),
		cmocka_unit_test(set_below_the_floor_is_refused),
	};

	return cmocka_run_group_tests(tests, make_kit, NULL);
}
