/* What a load knows of nodes: found again, and never taken for another. */
#include "bootstage/intel/loadids.h"

#include <stdio.h>

#include "tests/support.h"

static struct load_mark mark_of(unsigned int i)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "malware--%u", i);
	return load_mark(bytes_str(key));
}

static void what_was_met_is_known_or_forgotten_never_another(void **state)
{
	struct load_ids s = { 0 };
	unsigned int known = 0, n = 2 * LOAD_IDS;

	(void)state;
	assert_int_equal(load_ids_init(&s, NULL), 0);
	for (unsigned int i = 1; i <= n; i++) {
		struct load_mark m = mark_of(i);

		assert_int_equal(load_ids_get(&s, &m), 0);
		load_ids_put(&s, &m, i);
		assert_int_equal(load_ids_get(&s, &m), i);
	}
	for (unsigned int i = 1; i <= n; i++) {
		struct load_mark m = mark_of(i);
		int64_t id = load_ids_get(&s, &m);

		assert_true(id == 0 || id == i);
		known += id != 0;
	}
	assert_true(known > LOAD_IDS / 2 && known <= LOAD_IDS);
	load_ids_free(&s);
}

static void without_a_table_nothing_is_known(void **state)
{
	struct load_ids s = { 0 };
	struct load_mark m = mark_of(1);

	(void)state;
	load_ids_put(&s, &m, 1);
	assert_int_equal(load_ids_get(&s, &m), 0);
	load_ids_clear(&s);
	load_ids_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_met_is_known_or_forgotten_never_another),
		cmocka_unit_test(without_a_table_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
