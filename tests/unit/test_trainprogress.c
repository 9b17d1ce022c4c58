/* What a job says about itself (bootstage/trainer/trainprogress.h). */
#include "bootstage/trainer/trainprogress.h"

#include "tests/support.h"

static void progress_is_a_line_with_a_step(void **state)
{
	struct train_progress p;

	(void)state;
	assert_true(trainprogress_parse("{\"step\": 3, \"of\": 10, \"loss\": 0.5, \"checkpoint\": true}", &p));
	assert_int_equal(p.step, 3);
	assert_int_equal(p.of, 10);
	assert_true(p.has_loss && p.loss > 0.49 && p.loss < 0.51);
	assert_true(p.checkpoint);
	assert_true(trainprogress_parse("{\"step\": 0, \"epoch\": [1, {}], \"checkpoint\": \"a.checkpoint\"}", &p));
	assert_int_equal(p.of, 0);
	assert_false(p.has_loss);
	assert_true(p.checkpoint);
	assert_true(trainprogress_parse("{\"step\": 11, \"of\": 10, \"checkpoint\": false, \"loss\": \"high\"}", &p));
	assert_int_equal(p.of, 0); /* cannot be */
	assert_false(p.checkpoint || p.has_loss);
}

static void other_lines_are_none(void **state)
{
	static const char *const lines[] = { "",
					     "step 3 of 10",
					     "{",
					     "{}",
					     "[1]",
					     "{\"of\": 10}",
					     "{\"step\": -1}",
					     "{\"step\": 1.5}",
					     "{\"step\": \"1\"}",
					     "{\"step\": 1, \"step\": 2}",
					     "{\"step\": 1} x",
					     " {\"step\": 1}",
					     "{\"step\": 99999999999999999999}" };
	struct train_progress p, before;

	(void)state;
	memset(&p, 0x5a, sizeof(p));
	before = p;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (trainprogress_parse(lines[i], &p))
			fail_msg("'%s' is taken", lines[i]);
	assert_memory_equal(&p, &before, sizeof(p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(progress_is_a_line_with_a_step),
		cmocka_unit_test(other_lines_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
