/* The models of a seed training and a step of it (bootstage/trainer/mlp.h), and the rows it takes (flow.h). */
#include "bootstage/trainer/mlp.h"

#include <math.h>
#include <string.h>

#include "tests/support.h"

#define ROWS 2000u

static void rows_are_the_same_for_the_same_seed_and_of_both_sorts(void **state)
{
	static struct flow_row a[ROWS], b[ROWS];
	size_t n_bad = 0;

	(void)state;
	flow_synthesize(7, a, ROWS);
	flow_synthesize(7, b, ROWS);
	assert_memory_equal(a, b, sizeof(a));
	flow_synthesize(8, b, ROWS);
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i < ROWS; i++) {
		n_bad += a[i].bad;
		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			assert_true(isfinite(a[i].x[k]) && a[i].x[k] >= 0);
		assert_true(a[i].x[FLOW_CONTACTS] >= a[i].x[FLOW_MINUTES]);
		assert_true(a[i].x[FLOW_SPAN] + 1 >= a[i].x[FLOW_MINUTES] && a[i].x[FLOW_SPAN] < 1440);
		assert_true(a[i].x[FLOW_NIGHT_SHARE] <= 1);
	}
	assert_in_range(n_bad, ROWS * 2 / 5, ROWS * 3 / 5);
}

static void shuffle_has_each_once_and_normal_numbers_are_normal(void **state)
{
	struct flow_random r = { .state = 3 };
	uint32_t order[ROWS];
	uint8_t seen[ROWS] = { 0 };
	double sum = 0, squares = 0;

	(void)state;
	flow_shuffle(&r, order, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		seen[order[i]]++;
	for (size_t i = 0; i < ROWS; i++)
		assert_int_equal(seen[i], 1);
	for (int i = 0; i < 100000; i++) {
		double v = flow_random_normal(&r);

		sum += v;
		squares += v * v;
	}
	assert_true(fabs(sum / 100000) < 0.02 && fabs(squares / 100000 - 1) < 0.03);
}

static void scaled_rows_have_mean_0_and_deviation_1(void **state)
{
	static struct flow_row rows[ROWS];
	static uint32_t which[ROWS];
	double sum[FLOW_FEATURES] = { 0 }, squares[FLOW_FEATURES] = { 0 }, x[FLOW_FEATURES];
	struct flow_scale s;

	(void)state;
	flow_synthesize(7, rows, ROWS);
	for (uint32_t i = 0; i < ROWS; i++) {
		which[i] = i;
		rows[i].x[FLOW_SOURCES] = 5; /* always the same */
	}
	s = flow_scale_of(rows, which, ROWS);
	for (uint32_t i = 0; i < ROWS; i++) {
		flow_scaled(&s, &rows[i], x);
		for (unsigned int k = 0; k < FLOW_FEATURES; k++) {
			sum[k] += x[k];
			squares[k] += x[k] * x[k];
		}
	}
	for (unsigned int k = 0; k < FLOW_FEATURES; k++) {
		assert_true(fabs(sum[k] / ROWS) < 1e-3);
		assert_true(k == FLOW_SOURCES ? squares[k] < 1e-3 : fabs(squares[k] / ROWS - 1) < 1e-3);
	}
}

static double loss_of(const struct mlp *m, const struct mlp_row *rows, size_t n)
{
	double loss = 0;

	for (size_t i = 0; i < n; i++) {
		double p = mlp_predict(m, rows[i].x);

		loss -= rows[i].y > 0.5 ? log(p) : log(1 - p);
	}
	return loss / (double)n;
}

static void make_rows(struct mlp_row *rows, uint32_t *which, uint32_t n)
{
	struct flow_random r = { .state = 11 };

	for (uint32_t i = 0; i < n; i++) {
		which[i] = i;
		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			rows[i].x[k] = flow_random_normal(&r);
		rows[i].y = rows[i].x[0] * rows[i].x[1] > 0 ? 1 : 0;
	}
}

/* What back-propagation says is what differences of the loss say. */
static void gradient_is_the_slope_of_the_loss(void **state)
{
	static const unsigned int hidden[] = { 0, 5 };
	struct mlp_row rows[40];
	uint32_t which[40];
	double gradient[100];
	struct why w = { 0 };

	(void)state;
	make_rows(rows, which, 40);
	for (size_t h = 0; h < ARRAY_SIZE(hidden); h++) {
		AUTO_MLP m = { 0 };

		assert_ok(mlp_init(hidden[h], 5, &m, &w), w);
		assert_true(fabs(mlp_step(&m, rows, which, 40, 0, gradient) - loss_of(&m, rows, 40)) < 1e-9);
		for (size_t i = 0; i < m.n; i++) {
			double was = m.p[i], up, down;

			m.p[i] = was + 1e-6;
			up = loss_of(&m, rows, 40);
			m.p[i] = was - 1e-6;
			down = loss_of(&m, rows, 40);
			m.p[i] = was;
			assert_true(fabs((up - down) / 2e-6 - gradient[i]) < 1e-6);
		}
	}
}

static double share_right(const struct mlp *m, const struct mlp_row *rows, size_t n)
{
	size_t right = 0;

	for (size_t i = 0; i < n; i++)
		right += (mlp_predict(m, rows[i].x) > 0.5) == (rows[i].y > 0.5);
	return (double)right / (double)n;
}

/* No line divides what a product's sign says; a hidden layer learns it. */
static void hidden_layer_learns_what_a_line_cannot_divide(void **state)
{
	static struct mlp_row rows[ROWS];
	static uint32_t which[ROWS];
	double gradient[200];
	struct why w = { 0 };
	double right[2];

	(void)state;
	make_rows(rows, which, ROWS);
	for (unsigned int i = 0; i < 2; i++) {
		AUTO_MLP m = { 0 };

		assert_ok(mlp_init(i ? 16 : 0, 1, &m, &w), w);
		for (unsigned int pass = 0; pass < 60; pass++)
			for (uint32_t at = 0; at < ROWS; at += 50)
				(void)mlp_step(&m, rows, which + at, 50, 0.01, gradient);
		right[i] = share_right(&m, rows, ROWS);
	}
	assert_true(right[0] < 0.6);
	assert_true(right[1] > 0.95);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_the_same_for_the_same_seed_and_of_both_sorts),
		cmocka_unit_test(shuffle_has_each_once_and_normal_numbers_are_normal),
		cmocka_unit_test(scaled_rows_have_mean_0_and_deviation_1),
		cmocka_unit_test(gradient_is_the_slope_of_the_loss),
		cmocka_unit_test(hidden_layer_learns_what_a_line_cannot_divide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
