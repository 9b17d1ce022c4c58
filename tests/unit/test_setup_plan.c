/* What follows from what is there: the whole table (updater/setup_plan.h). I15 */
#include "updater/setup_plan.h"

#include "tests/support.h"

static const enum setup_kind all[] = { SETUP_SYSTEM, SETUP_PORT, SETUP_SPACE,   SETUP_GROUP,   SETUP_USER,
				       SETUP_FOLDER, SETUP_DATA, SETUP_TREES,   SETUP_FILE,    SETUP_LINK,
				       SETUP_TUNING, SETUP_TREE, SETUP_SERVICE, SETUP_DATABASE };

static bool is_check(enum setup_kind k)
{
	return k == SETUP_SYSTEM || k == SETUP_PORT || k == SETUP_SPACE;
}

static bool is_text(enum setup_kind k)
{
	return k == SETUP_FILE || k == SETUP_LINK;
}

/* In words, as docs/host.md has it. */
static enum setup_state want(enum setup_kind k, bool theirs, const struct setup_sight *s)
{
	if (s->there == THERE_SAME)
		return SETUP_OK;
	if (s->there == THERE_NOT)
		return SETUP_CREATE;
	if (s->there == THERE_LATER)
		return SETUP_PENDING;
	if (is_check(k) || s->blocked || (!s->ours && !theirs))
		return SETUP_FOREIGN; /* never touched */
	if (!s->ours || (is_text(k) && s->touched))
		return SETUP_KEPT; /* somebody's own work */
	return SETUP_CHANGE;
}

static void every_sight_of_every_kind_has_its_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		for (unsigned int bits = 0; bits < 64; bits++) {
			const struct setup_item item = { .kind = all[i], .theirs = bits & 1 };
			const struct setup_sight sight = { .there = (enum setup_there)(bits >> 4),
							   .ours = bits & 2,
							   .touched = bits & 4,
							   .blocked = bits & 8 };
			enum setup_state got = setup_decide(&item, &sight);

			if (got != want(all[i], item.theirs, &sight))
				fail_msg("%s, bits %u: %s", setup_kind_name(all[i]), bits, setup_state_name(got));
		}
	}
}

static void what_is_not_ours_is_never_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct setup_item item = { .kind = all[i] };
		const struct setup_sight sight = { .there = THERE_OTHER };

		assert_int_equal(setup_decide(&item, &sight), SETUP_FOREIGN);
	}
}

static void a_plan_counts_what_is_to_do_and_finds_what_is_in_the_way(void **state)
{
	struct setup_step steps[] = { { .state = SETUP_OK },
				      { .state = SETUP_CREATE },
				      { .state = SETUP_KEPT },
				      { .state = SETUP_PENDING },
				      { .state = SETUP_CHANGE } };
	struct setup_plan p = { steps, ARRAY_SIZE(steps) };

	(void)state;
	assert_int_equal(setup_plan_todo(&p), 2);
	assert_null(setup_plan_foreign(&p));
	steps[3].state = SETUP_FOREIGN;
	assert_ptr_equal(setup_plan_foreign(&p), &steps[3]);
	steps[1].state = steps[4].state = SETUP_OK;
	assert_int_equal(setup_plan_todo(&p), 0);
}

static void taking_back_leaves_what_was_changed_since(void **state)
{
	static const enum setup_made made[] = { MADE_PRODUCT, MADE_GROUP, MADE_USER, MADE_FOLDER, MADE_DATA,
						MADE_TREES,   MADE_FILE,  MADE_LINK, MADE_TUNING };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		for (unsigned int bits = 0; bits < 8; bits++) {
			const struct setup_entry e = { .made = made[i] };
			const struct setup_remains r = { .there = bits & 1, .same = bits & 2 };
			bool keep_data = bits & 4;
			bool text = made[i] == MADE_FILE || made[i] == MADE_LINK;
			bool data = made[i] == MADE_DATA || made[i] == MADE_USER || made[i] == MADE_GROUP;

			assert_int_equal(setup_undo_decide(&e, &r, keep_data),
					 !r.there                                   ? UNDO_GONE
					 : (text && !r.same) || (data && keep_data) ? UNDO_KEEP
										    : UNDO_REMOVE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sight_of_every_kind_has_its_state),
		cmocka_unit_test(what_is_not_ours_is_never_changed),
		cmocka_unit_test(a_plan_counts_what_is_to_do_and_finds_what_is_in_the_way),
		cmocka_unit_test(taking_back_leaves_what_was_changed_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
