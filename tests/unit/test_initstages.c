/* Which stage of phase initramfs ends a trial (bootstage/initstages.h). */
#include "bootstage/initstages.h"

#include "tests/support.h"

static const char *refusal(const char *text, const struct baseline *base, enum slot committed)
{
	static char reason[REASON_TEXT_BYTES];

	return initstages_refusal(text, base, committed, reason, sizeof(reason)) ? reason : "none";
}

static void the_first_stage_that_is_not_excused_ends_the_trial(void **state)
{
	struct baseline base = { .slot = SLOT_A };

	(void)state;
	baseline_add(&base, "tune");
	assert_string_equal(refusal("", NULL, SLOT_A), "none");
	assert_string_equal(refusal("tune: no room: 3 GiB\n", NULL, SLOT_A), "stage tune: no room: 3 GiB");
	assert_string_equal(refusal("tune: no room\n", &base, SLOT_A), "none");
	assert_string_equal(refusal("tune: no room\n", &base, SLOT_B), "stage tune: no room");
	assert_string_equal(refusal("tune: no room\nnet: no link\n", &base, SLOT_A), "stage net: no link");
	assert_string_equal(refusal("tuner: x", &base, SLOT_A), "stage tuner: x");
}

static void any_text_is_taken(void **state)
{
	char text[400];

	(void)state;
	assert_string_equal(refusal("\n\n", NULL, SLOT_A), "none");
	assert_string_equal(refusal("nonsense", NULL, SLOT_A), "stage nonsense");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(refusal(text, NULL, SLOT_A)), REASON_TEXT_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_stage_that_is_not_excused_ends_the_trial),
		cmocka_unit_test(any_text_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
