/* The tables of kinds: every number has a name, every name leads back to its number, and stored numbers stay. */
#include "bootstage/intel/graph.h"

#include "tests/support.h"

static void every_kind_has_one_name(void **state)
{
	(void)state;
	for (int k = 0; k < NODE_KINDS; k++) {
		assert_non_null(node_kind_name((enum node_kind)k));
		assert_int_equal(node_kind_of(bytes_str(node_kind_name((enum node_kind)k))), k);
	}
	for (int k = 0; k < EDGE_KINDS; k++) {
		assert_non_null(edge_kind_name((enum edge_kind)k));
		assert_int_equal(edge_kind_of(bytes_str(edge_kind_name((enum edge_kind)k))), k);
	}
}

static void unknown_types_are_other(void **state)
{
	(void)state;
	assert_int_equal(node_kind_of(bytes_str("x-mitre-tactic")), NODE_OTHER);
	assert_int_equal(node_kind_of(bytes_str("malwar")), NODE_OTHER);
	assert_int_equal(node_kind_of(bytes_of("", 0)), NODE_OTHER);
	assert_int_equal(edge_kind_of(bytes_str("usess")), EDGE_OTHER);
}

/* They are in databases: a kind that is put between others would change the meaning of what is stored. */
static void stored_numbers_stay(void **state)
{
	(void)state;
	assert_int_equal(NODE_MALWARE, 10);
	assert_int_equal(NODE_HASH, 40);
	assert_int_equal(NODE_SIGHTING, 47);
	assert_int_equal(NODE_ALIAS, 48);
	assert_int_equal(EDGE_USES, 36);
	assert_int_equal(EDGE_REFERENCE, 40);
	assert_int_equal(EDGE_RESOLVED, 53);
	assert_int_equal(EDGE_KNOWN_AS, 54);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_one_name),
		cmocka_unit_test(unknown_types_are_other),
		cmocka_unit_test(stored_numbers_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
