/* The journal of trees: what is written is read, and every damage is found (updater/tree_record.h). */
#include "updater/tree_record.h"

#include <stdio.h>

#include "tests/support.h"

static struct tree_release release(const char *version, uint8_t byte, uint64_t epoch)
{
	struct tree_release t = { .epoch = epoch };

	memset(t.id.b, byte, sizeof(t.id.b));
	tree_name(version, &t.id, t.name);
	return t;
}

static struct tree_record full(void)
{
	struct tree_record r = { .sequence = 77, .phase = TREE_TRIAL, .epoch_floor = 5 };

	r.current = release("1.0.0", 0x11, 5);
	r.previous = release("0.9.0-rc.1+build", 0x22, 4);
	r.next = release("1.1.0", 0x33, 6);
	tree_history_add(&r, r.previous.name);
	tree_history_add(&r, r.current.name);
	tree_history_add(&r, r.next.name);
	tree_outcome_set(&r.outcome, TREE_FAILED, TREE_REASON_UNIT, "core.service: failed (exit-code)");
	memcpy(r.outcome.from, r.current.name, TREE_NAME_MAX);
	memcpy(r.outcome.to, r.next.name, TREE_NAME_MAX);
	return r;
}

static void what_is_written_is_read(void **state)
{
	struct tree_record r = full(), back, few = { .sequence = 1 };
	struct why w = { 0 };
	char *text = NULL;
	size_t n = 0;

	(void)state;
	assert_ok(tree_record_format(&r, &text, &n, &w), w);
	assert_ok(tree_record_parse(bytes_of(text, n), "t", &back, &w), w);
	assert_memory_equal(&r, &back, sizeof(r));
	free(text);
	assert_ok(tree_record_format(&few, &text, &n, &w), w);
	assert_ok(tree_record_parse(bytes_of(text, n), "t", &back, &w), w);
	assert_memory_equal(&few, &back, sizeof(few));
	free(text);
}

static void every_damage_is_found_and_leaves_ret_alone(void **state)
{
	struct tree_record r = full(), back, was;
	char *text = NULL;
	size_t n = 0;

	(void)state;
	memset(&back, 0x5a, sizeof(back));
	was = back;
	assert_int_equal(tree_record_format(&r, &text, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		struct why w = { 0 };

		text[i] ^= 1;
		assert_int_equal(tree_record_parse(bytes_of(text, n), "t", &back, &w), -EBADMSG);
		assert_int_equal(w.exit, EXIT_FAILED);
		text[i] ^= 1;
		assert_int_equal(tree_record_parse(bytes_of(text, i), "t", &back, NULL), -EBADMSG);
	}
	assert_memory_equal(&back, &was, sizeof(was));
	free(text);
}

/* A text with a good sum. */
static int parse_text(const char *body, struct why *w)
{
	char text[4096], hex[2 * HASH_BYTES + 1] = "";
	struct hash sum = hash_of(bytes_str(body));
	struct tree_record r;

	for (size_t i = 0; i < HASH_BYTES; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", sum.b[i]);
	(void)snprintf(text, sizeof(text), "%s# sum %s\n", body, hex);
	*w = (struct why){ 0 };
	return tree_record_parse(bytes_str(text), "t", &r, w);
}

#define TOP "# tandem tree journal 1\n[journal]\nsequence=1\n"

static void what_does_not_fit_together_is_refused(void **state)
{
	static const struct {
		const char *body, *why;
		int code;
	} table[] = {
		{ "# tandem tree journal 2\n", "newer", -EPROTONOSUPPORT },
		{ "# tandem boot record 1\n", "no journal", -EBADMSG },
		{ "# tandem tree journal 1\n", "no sequence", -EBADMSG },
		{ TOP "phase=dreaming\n", "no such word", -EBADMSG },
		{ TOP "phase=trial\n", "without", -EBADMSG },
		{ TOP "tree=x\n", "no name of a tree", -EBADMSG },
		{ TOP "tree=../../../etc-0123456789abcdef\n", "no name of a tree", -EBADMSG },
		{ TOP "tree=1.0.0-0123456789abcdef\ntree=1.0.0-0123456789abcdef\n", "twice", -EBADMSG },
		{ TOP "[tree.current]\nepoch=4\n", "no name", -EBADMSG },
		{ TOP "[tree.current]\nname=1.0.0-0123456789abcdef\n", "do not match", -EBADMSG },
		{ TOP "[tree.other]\nepoch=4\n", "neither current", -EBADMSG },
		{ TOP "[outcome]\nresult=maybe\n", "no such word", -EBADMSG },
		{ TOP "frob=1\n", "unknown key", -EBADMSG },
	};
	struct why w;

	(void)state;
	assert_int_equal(parse_text(TOP, &w), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (parse_text(table[i].body, &w) != table[i].code || !strstr(w.text, table[i].why))
			fail_msg("row %zu: %s", i, w.text);
}

static void names_are_versions_and_ids(void **state)
{
	static const char *const bad[] = { "",
					   "-0123456789abcdef",
					   "1.0.0",
					   "1.0.0-0123456789ABCDEF",
					   "1.0-0123456789abcdef",
					   "1.0.0-0123456789abcde",
					   "1.0.0/0123456789abcdef",
					   "../x-0123456789abcdef" };
	char version[MANIFEST_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(tree_name_valid(bad[i]));
	assert_true(tree_name_valid("1.0.0-rc.1-0123456789abcdef"));
	tree_name_version("1.0.0-rc.1-0123456789abcdef", version);
	assert_string_equal(version, "1.0.0-rc.1");
	tree_name_version("", version);
	assert_string_equal(version, "");
}

static void the_history_is_bounded_and_without_doubles(void **state)
{
	struct tree_record r = { .sequence = 1 };
	char version[24];

	(void)state;
	for (unsigned int i = 0; i < TREE_HISTORY_MAX + 5; i++) {
		struct tree_release t;

		(void)snprintf(version, sizeof(version), "1.0.%u", i);
		t = release(version, (uint8_t)i, 0);
		tree_history_add(&r, t.name);
		tree_history_add(&r, t.name);
	}
	assert_int_equal(r.n_history, TREE_HISTORY_MAX);
	assert_memory_equal(r.history[0], "1.0.5-", 6);
	tree_history_drop(&r, r.history[0]);
	assert_int_equal(r.n_history, TREE_HISTORY_MAX - 1);
	assert_memory_equal(r.history[0], "1.0.6-", 6);
	tree_history_add(&r, r.history[0]); /* again: it is the newest now */
	assert_memory_equal(r.history[r.n_history - 1], "1.0.6-", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_damage_is_found_and_leaves_ret_alone),
		cmocka_unit_test(what_does_not_fit_together_is_refused),
		cmocka_unit_test(names_are_versions_and_ids),
		cmocka_unit_test(the_history_is_bounded_and_without_doubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
