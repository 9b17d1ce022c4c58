/* The order of stages, circles, and what may run when others have failed (bootstage/stageorder.h). */
#include "bootstage/stageorder.h"

#include "tests/support.h"

static struct stage table[STAGES_MAX];
static struct stages all = { .at = table };

static void clear(void)
{
	memset(table, 0, sizeof(table));
	all.n = 0;
}

static struct stage *add(const char *name, enum stage_phase phase, const char *after)
{
	struct stage *s = &table[all.n++];
	char names[200], *save = NULL;

	s->phase = phase;
	s->on_failure = FAIL_DEGRADE;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	(void)snprintf(s->file, sizeof(s->file), "10-%s.stage", name);
	(void)snprintf(names, sizeof(names), "%s", after);
	for (char *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save))
		(void)snprintf(s->after[s->n_after++], STAGE_NAME_MAX, "%s", n);
	return s;
}

static const char *order(void)
{
	static char text[400];
	struct stageorder o;
	struct why w = { 0 };

	text[0] = '\0';
	assert_ok(stageorder_make(&all, &o, &w), w);
	assert_int_equal(o.n, all.n);
	for (size_t i = 0; i < o.n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			       table[o.at[i]].name);
	return text;
}

static const char *refusal(void)
{
	static struct why w;
	struct stageorder o, before;

	w = (struct why){ 0 };
	memset(&o, 0x5a, sizeof(o));
	memcpy(&before, &o, sizeof(o));
	assert_int_equal(stageorder_make(&all, &o, &w), -EBADMSG);
	assert_int_equal(w.exit, EXIT_USAGE);
	assert_memory_equal(&o, &before, sizeof(o));
	return w.text;
}

static void phases_come_first_then_after_then_file_names(void **state)
{
	(void)state;
	clear();
	add("a", IN_POST, "");
	add("b", IN_EARLY, "d");
	add("c", IN_INITRAMFS, "");
	add("d", IN_EARLY, "c");
	add("e", IN_EARLY, "");
	add("f", IN_COMMITTED, "c a");
	assert_string_equal(order(), "c d b e a f");
}

static void no_stages_are_in_order(void **state)
{
	(void)state;
	clear();
	assert_string_equal(order(), "");
}

static void a_circle_is_named(void **state)
{
	(void)state;
	clear();
	add("free", IN_EARLY, "");
	add("tail", IN_EARLY, "a");
	add("a", IN_EARLY, "b");
	add("b", IN_EARLY, "c free");
	add("c", IN_EARLY, "a");
	assert_string_equal(refusal(), "3 stages wait for each other: a -> b -> c -> a");
	clear();
	for (int i = 0; i < (int)STAGES_MAX; i++) {
		char name[64], after[64];

		(void)snprintf(name, sizeof(name), "a-stage-with-a-long-name-number-%d", i);
		(void)snprintf(after, sizeof(after), "a-stage-with-a-long-name-number-%d", (i + 1) % (int)STAGES_MAX);
		add(name, IN_EARLY, after);
	}
	assert_non_null(strstr(refusal(), "56 stages wait for each other: a-stage-with-a-long-name-number-0 -> "));
}

static void unknown_and_later_stages_cannot_be_waited_for(void **state)
{
	(void)state;
	clear();
	add("a", IN_EARLY, "nobody");
	assert_string_equal(refusal(), "10-a.stage: [stage] after=nobody: there is no such stage");
	clear();
	add("a", IN_EARLY, "b");
	add("b", IN_POST, "");
	assert_string_equal(refusal(), "10-a.stage: [stage] after=b: that runs later, in phase post");
}

/* One stage b behind one stage a: what becomes of b. */
static enum stage_next next_of(enum stage_failure on_failure, bool settled, bool passed, bool blocked)
{
	struct stageorder_now now = { .settled = settled, .passed = passed, .blocked = blocked };
	struct stageorder o;
	struct why w = { 0 };
	size_t cause = 99;
	enum stage_next n;

	clear();
	add("a", IN_EARLY, "")->on_failure = on_failure;
	add("b", IN_EARLY, "a");
	assert_ok(stageorder_make(&all, &o, &w), w);
	n = stageorder_next(&all, &o, &now, 1, &cause);
	assert_int_equal(cause, n == NEXT_SKIP ? 0 : 99);
	return n;
}

static void dependents_run_or_are_skipped_as_on_failure_says(void **state)
{
	(void)state;
	for (enum stage_failure f = FAIL_IGNORE; f <= FAIL_BOOT; f++) {
		bool grave = f == FAIL_CLOSED || f == FAIL_BOOT;

		assert_int_equal(next_of(f, false, false, false), NEXT_WAIT);
		assert_int_equal(next_of(f, true, true, false), NEXT_RUN);
		assert_int_equal(next_of(f, true, false, false), grave ? NEXT_SKIP : NEXT_RUN);
		assert_int_equal(next_of(f, true, false, true), NEXT_SKIP); /* a was skipped itself */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_come_first_then_after_then_file_names),
		cmocka_unit_test(no_stages_are_in_order),
		cmocka_unit_test(a_circle_is_named),
		cmocka_unit_test(unknown_and_later_stages_cannot_be_waited_for),
		cmocka_unit_test(dependents_run_or_are_skipped_as_on_failure_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
