/* A seed training in memory (bootstage/trainer/seedrun.h), and its model evaluated (onnxnet.h). */
#include "bootstage/trainer/seedrun.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/io.h"
#include "bootstage/trainer/onnx.h"
#include "bootstage/trainer/onnxnet.h"
#include "tests/support.h"

#define EPOCHS 6u

static const struct seed_params mlp = { .hidden = 8, .seed = 21, .rows = 1000, .epochs = EPOCHS };
static const struct seed_params logistic = { .hidden = 0, .seed = 21, .rows = 1000, .epochs = EPOCHS };

static struct flow_row *some_rows(uint32_t n)
{
	struct flow_row *rows = calloc(n, sizeof(*rows));

	assert_non_null(rows);
	flow_synthesize(99, rows, n);
	return rows;
}

static struct seedrun begun(const struct seed_params *p, enum seed_source source)
{
	struct seedrun s;
	struct why w = { 0 };

	assert_ok(seedrun_begin(p, source == SEED_TELEMETRY ? some_rows(500) : NULL, 500, &s, &w), w);
	return s;
}

static struct pb_out model_of(struct seedrun *s, struct seed_figures *f)
{
	struct pb_out o;
	struct why w = { 0 };

	while (!seedrun_over(s))
		seedrun_epoch(s);
	assert_ok(seedrun_model(s, "core", &o, f, &w), w);
	return o;
}

/* Saved after `at` epochs, loaded by another process as it were, and gone on with. */
static struct pb_out interrupted(const struct seed_params *p, enum seed_source source, unsigned int at)
{
	AUTO_SEEDRUN s = begun(p, source), again = { 0 };
	AUTO_FREE uint8_t *state = NULL;
	struct seed_figures f;
	struct why w = { 0 };
	size_t n = 0;

	while (s.epoch < at)
		seedrun_epoch(&s);
	assert_ok(seedrun_save(&s, &state, &n, &w), w);
	assert_int_equal(n, seedrun_saved_bytes(p, source, s.n_rows));
	assert_ok(seedrun_load(p, bytes_of(state, n), &again, &w), w);
	assert_int_equal(again.epoch, at);
	assert_true(again.loss == s.loss);
	return model_of(&again, &f);
}

/* R5, C21: a training that goes on ends with the same model */
static void training_interrupted_at_any_epoch_ends_with_the_same_bytes(void **state)
{
	static const struct {
		const struct seed_params *p;
		enum seed_source source;
	} cases[] = { { &mlp, SEED_SYNTHETIC }, { &logistic, SEED_SYNTHETIC }, { &mlp, SEED_TELEMETRY } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_SEEDRUN whole = begun(cases[i].p, cases[i].source);
		struct seed_figures f;
		AUTO_PB_OUT want = model_of(&whole, &f);

		for (unsigned int at = 0; at <= EPOCHS; at++) {
			AUTO_PB_OUT got = interrupted(cases[i].p, cases[i].source, at);

			assert_int_equal(got.n, want.n);
			assert_memory_equal(got.p, want.p, want.n);
		}
	}
}

/* R5: models that have learned something, from rows they were not shown */
static void models_are_right_about_rows_that_were_held_out(void **state)
{
	static const struct {
		unsigned int hidden;
		double least;
	} cases[] = { { 0, 0.92 }, { 16, 0.97 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			const struct seed_params p = { cases[i].hidden, seed, 8000, 20 };
			AUTO_SEEDRUN s = begun(&p, SEED_SYNTHETIC);
			struct seed_figures f = { 0 };
			AUTO_PB_OUT model = model_of(&s, &f);

			print_message("# hidden %u, seed %u: %.4f of %u right, %u missed, %u false alarms\n", p.hidden,
				      (unsigned int)seed, f.accuracy, f.rows, f.missed, f.false_alarms);
			assert_true(f.accuracy > cases[i].least);
			assert_int_equal(f.rows, 1600);
			assert_true(model.n < 2000);
		}
}

/* Figures are of the file, so weights that were rounded to floats are what was judged. */
static void model_is_valid_and_says_what_was_trained(void **state)
{
	AUTO_SEEDRUN s = begun(&mlp, SEED_SYNTHETIC), t = begun(&logistic, SEED_TELEMETRY);
	struct seed_figures f = { 0 };
	AUTO_PB_OUT a = model_of(&s, &f), b = model_of(&t, &f);
	struct onnx_model m;
	AUTO_ONNXNET *net = NULL;
	struct why w = { 0 };

	(void)state;
	assert_ok(onnx_check(bytes_of(a.p, a.n), &m, &w), w);
	assert_string_equal(onnx_meta(&m, "provenance"), "seed-synthetic");
	assert_string_equal(onnx_meta(&m, "features"), "contacts,minutes,gap_cv,span_minutes,night_share,sources");
	assert_non_null(onnx_meta(&m, "holdout_accuracy"));
	assert_int_equal(m.parameters, 8 * 6 + 8 + 8 + 1 + 13);
	assert_ok(onnxnet_load(bytes_of(a.p, a.n), &net, &w), w);
	assert_int_equal(onnxnet_inputs(net), FLOW_FEATURES);
	assert_int_equal(onnxnet_outputs(net), 1);
	for (uint32_t i = 0; i < s.n_rows; i++) {
		double x[FLOW_FEATURES], scaled[FLOW_FEATURES], p;

		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			x[k] = (double)s.rows[i].x[k];
		onnxnet_eval(net, x, &p);
		flow_scaled(&s.scale, &s.rows[i], scaled);
		assert_true(fabs(p - mlp_predict(&s.model, scaled)) < 1e-4);
	}
	assert_ok(onnx_check(bytes_of(b.p, b.n), &m, &w), w);
	assert_string_equal(onnx_meta(&m, "provenance"), "seed-telemetry");
}

static void state_of_another_training_is_not_taken_up(void **state)
{
	AUTO_SEEDRUN s = begun(&mlp, SEED_SYNTHETIC), again = { 0 };
	struct seed_params p[4] = { mlp, mlp, mlp, mlp };
	AUTO_FREE uint8_t *saved = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	p[0].hidden = 9;
	p[1].seed = 22;
	p[2].rows = 1001;
	p[3].epochs = 7;
	assert_ok(seedrun_save(&s, &saved, &n, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		assert_int_equal(seedrun_load(&p[i], bytes_of(saved, n), &again, NULL), -ESTALE);
	assert_null(again.rows);
}

static void damaged_state_is_refused(void **state)
{
	AUTO_SEEDRUN s = begun(&mlp, SEED_TELEMETRY), again = { 0 };
	AUTO_FREE uint8_t *saved = NULL;
	struct why w = { 0 };
	size_t n = 0, last;

	(void)state;
	assert_ok(seedrun_save(&s, &saved, &n, &w), w);
	for (size_t i = 0; i < n; i += 1 + i / 40)
		assert_int_equal(seedrun_load(&mlp, bytes_of(saved, i), &again, NULL), -EBADMSG);
	last = n - 1;
	saved[last] = 2; /* a row that is neither good nor bad */
	assert_int_equal(seedrun_load(&mlp, bytes_of(saved, n), &again, NULL), -EBADMSG);
	saved[last] = 1;
	memset(saved + n - 5, 0xff, 4); /* a figure that is no number */
	assert_int_equal(seedrun_load(&mlp, bytes_of(saved, n), &again, NULL), -EBADMSG);
	memset(saved + n - 5, 0, 4);
	assert_ok(seedrun_load(&mlp, bytes_of(saved, n), &again, &w), w);
}

/* --- onnxnet --- */

static int load(const char *name, struct onnxnet **ret)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;
	char path[200];

	(void)snprintf(path, sizeof(path), "tests/data/onnx/%s", name);
	assert_ok(file_read(AT_FDCWD, path, 1u << 20, &text, &n, &w), w);
	return onnxnet_load(bytes_of(text, n), ret, NULL);
}

static void model_of_others_is_evaluated(void **state)
{
	static const char *const names[] = { "ok-logit.onnx", "ok-typed.onnx" };
	const double x[3] = { 0.25, -1, 0.5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_ONNXNET *net = NULL;
		double y = 0, z = 0.25 - 2 + 1.5 + 0.5;
		int r = load(names[i], &net);

		if (i == 1) { /* it has texts and doubles, too */
			assert_int_equal(r, -EOPNOTSUPP);
			continue;
		}
		assert_int_equal(r, 0);
		onnxnet_eval(net, x, &y);
		assert_true(fabs(y - 1 / (1 + exp(-z))) < 1e-15);
	}
}

static void model_that_is_valid_but_something_else_is_not_evaluated(void **state)
{
	static const char *const names[] = { "ok-if.onnx", "ok-foreign.onnx", "ok-external.onnx", "ok-sparse.onnx" };
	AUTO_ONNXNET *net = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(load(names[i], &net), -EOPNOTSUPP);
	assert_int_equal(load("bad-shape.onnx", &net), -EBADMSG);
	assert_null(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(training_interrupted_at_any_epoch_ends_with_the_same_bytes),
		cmocka_unit_test(models_are_right_about_rows_that_were_held_out),
		cmocka_unit_test(model_is_valid_and_says_what_was_trained),
		cmocka_unit_test(state_of_another_training_is_not_taken_up),
		cmocka_unit_test(damaged_state_is_refused),
		cmocka_unit_test(model_of_others_is_evaluated),
		cmocka_unit_test(model_that_is_valid_but_something_else_is_not_evaluated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
