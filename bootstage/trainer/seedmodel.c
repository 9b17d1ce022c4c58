#include <inttypes.h>
#include <stdarg.h>

#include "bootstage/trainer/onnx.h"
#include "bootstage/trainer/onnxnet.h"
#include "bootstage/trainer/onnxtensor.h"
#include "bootstage/trainer/seedrun.h"

#define IR_VERSION 8u
#define OPSET      13u

enum { M_IR = 1, M_PRODUCER = 2, M_PRODUCER_VERSION = 3, M_GRAPH = 7, M_OPSET = 8, M_META = 14 };
enum { G_NODE = 1, G_NAME = 2, G_INITIALIZER = 5, G_INPUT = 11, G_OUTPUT = 12 };
enum { A_FLOAT = 1, A_INT = 2 };

static void put_meta(struct pb_out *o, const char *key, const char *value)
{
	struct pb_out entry = { 0 };

	pb_put_text(&entry, 1, key);
	pb_put_text(&entry, 2, value);
	pb_put_message(o, M_META, &entry);
}

static void PRINTF(3, 4) put_meta_as(struct pb_out *o, const char *key, const char *fmt, ...)
{
	char value[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	put_meta(o, key, value);
}

/* Numbers of a tensor, rows by columns; rows 0: a vector. */
struct numbers {
	const char *name;
	unsigned int rows;
	unsigned int columns;
	const double *wide;
	const float *narrow;
	float one; /* where there is but one number */
};

static float number(const struct numbers *t, size_t i)
{
	return t->wide ? (float)t->wide[i] : t->narrow ? t->narrow[i] : t->one;
}

static void put_tensor(struct pb_out *o, const struct numbers *t)
{
	size_t n = (size_t)(t->rows > 0 ? t->rows : 1) * t->columns;
	AUTO_FREE uint8_t *raw = malloc(4 * n);
	struct pb_out tensor = { .failed = !raw };

	if (t->rows > 0)
		pb_put_u64(&tensor, 1, t->rows);
	pb_put_u64(&tensor, 1, t->columns);
	pb_put_u64(&tensor, 2, ONNX_FLOAT);
	for (size_t i = 0; raw && i < n; i++) {
		float v = number(t, i);
		uint32_t bits;

		memcpy(&bits, &v, sizeof(bits));
		put_le32(raw + 4 * i, bits);
	}
	pb_put_text(&tensor, 8, t->name);
	pb_put_bytes(&tensor, 9, bytes_of(raw, 4 * n));
	pb_put_message(o, G_INITIALIZER, &tensor);
}

/* a op b gives out; b NULL where it takes one. */
static void put_node(struct pb_out *o, const char *op, const char *a, const char *b, const char *out)
{
	struct pb_out node = { 0 };

	pb_put_text(&node, 1, a);
	if (b)
		pb_put_text(&node, 1, b);
	pb_put_text(&node, 2, out);
	pb_put_text(&node, 3, out);
	pb_put_text(&node, 4, op);
	pb_put_message(o, G_NODE, &node);
}

/* out = a * turned(w) + b */
static void put_gemm(struct pb_out *o, const char *a, const char *w, const char *b, const char *out)
{
	struct pb_out node = { 0 }, turned = { 0 };

	pb_put_text(&turned, 1, "transB");
	pb_put_u64(&turned, 3, 1);
	pb_put_u64(&turned, 20, A_INT);
	pb_put_text(&node, 1, a);
	pb_put_text(&node, 1, w);
	pb_put_text(&node, 1, b);
	pb_put_text(&node, 2, out);
	pb_put_text(&node, 3, out);
	pb_put_text(&node, 4, "Gemm");
	pb_put_message(&node, 5, &turned);
	pb_put_message(o, G_NODE, &node);
}

/* A row of so many floats, as many rows as there are. */
static void put_value(struct pb_out *o, uint32_t field, const char *name, unsigned int columns)
{
	struct pb_out value = { 0 }, type = { 0 }, tensor = { 0 }, shape = { 0 }, dim = { 0 };

	pb_put_text(&dim, 2, "rows");
	pb_put_message(&shape, 1, &dim);
	pb_put_u64(&dim, 1, columns);
	pb_put_message(&shape, 1, &dim);
	pb_put_u64(&tensor, 1, ONNX_FLOAT);
	pb_put_message(&tensor, 2, &shape);
	pb_put_message(&type, 1, &tensor);
	pb_put_text(&value, 1, name);
	pb_put_message(&value, 2, &type);
	pb_put_message(o, field, &value);
}

static void put_nodes(struct pb_out *o, const struct seedrun *s)
{
	put_node(o, "Add", "flow", "one", "from_one");
	put_node(o, "Log", "from_one", NULL, "magnitude");
	put_node(o, "Sub", "magnitude", "mean", "centred");
	put_node(o, "Div", "centred", "deviation", "scaled");
	if (s->model.hidden > 0) {
		put_gemm(o, "scaled", "W", "b", "hidden");
		put_node(o, "Relu", "hidden", NULL, "active");
	}
	put_gemm(o, s->model.hidden > 0 ? "active" : "scaled", "v", "c", "logit");
	put_node(o, "Sigmoid", "logit", NULL, "probability");
}

static void put_graph(struct pb_out *o, const struct seedrun *s, const char *job)
{
	unsigned int hidden = s->model.hidden;
	const struct numbers tensors[] = {
		{ .name = "one", .columns = 1, .one = 1 },
		{ .name = "mean", .columns = FLOW_FEATURES, .narrow = s->scale.mean },
		{ .name = "deviation", .columns = FLOW_FEATURES, .narrow = s->scale.deviation },
		{ .name = "v", .rows = 1, .columns = hidden > 0 ? hidden : FLOW_FEATURES, .wide = mlp_v(&s->model) },
		{ .name = "c", .columns = 1, .wide = mlp_c(&s->model) },
		{ .name = "W", .rows = hidden, .columns = FLOW_FEATURES, .wide = mlp_w(&s->model) },
		{ .name = "b", .columns = hidden, .wide = mlp_b(&s->model) },
	};
	struct pb_out graph = { 0 };

	put_nodes(&graph, s);
	pb_put_text(&graph, G_NAME, job);
	for (size_t i = 0; i < ARRAY_SIZE(tensors) - (hidden > 0 ? 0 : 2); i++)
		put_tensor(&graph, &tensors[i]);
	put_value(&graph, G_INPUT, "flow", FLOW_FEATURES);
	put_value(&graph, G_OUTPUT, "probability", 1);
	pb_put_message(o, M_GRAPH, &graph);
}

/* All but the metadata. */
static void put_model(struct pb_out *o, const struct seedrun *s, const char *job)
{
	struct pb_out opset = { 0 };

	pb_put_u64(o, M_IR, IR_VERSION);
	pb_put_text(o, M_PRODUCER, "tandem-seedtrain");
	pb_put_text(o, M_PRODUCER_VERSION, TANDEM_VERSION);
	put_graph(o, s, job);
	pb_put_u64(&opset, 2, OPSET);
	pb_put_message(o, M_OPSET, &opset);
}

static void put_features(struct pb_out *o)
{
	char names[200] = "";
	size_t n = 0;

	for (unsigned int i = 0; i < FLOW_FEATURES; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? "," : "", flow_names[i]);
	put_meta(o, "features", names);
}

static void put_provenance(struct pb_out *o, const struct seedrun *s, const struct seed_figures *f)
{
	put_meta(o, "provenance", s->source == SEED_TELEMETRY ? "seed-telemetry" : "seed-synthetic");
	put_features(o);
	if (s->params.hidden > 0)
		put_meta_as(o, "model", "mlp, %u hidden", s->params.hidden);
	else
		put_meta(o, "model", "logistic regression");
	put_meta_as(o, "train_rows", "%" PRIu32, s->n_train);
	put_meta_as(o, "epochs", "%" PRIu32, s->epoch);
	put_meta_as(o, "seed", "%" PRIu64, s->params.seed);
	put_meta_as(o, "holdout_rows", "%" PRIu32, f->rows);
	put_meta_as(o, "holdout_accuracy", "%.4f", f->accuracy);
	put_meta_as(o, "holdout_missed", "%" PRIu32, f->missed);
	put_meta_as(o, "holdout_false_alarms", "%" PRIu32, f->false_alarms);
}

static int judge(const struct seedrun *s, struct bytes file, struct seed_figures *ret, struct why *w)
{
	struct seed_figures f = { .rows = s->n_rows - s->n_train };
	AUTO_ONNXNET *net = NULL;
	int r = onnxnet_load(file, &net, w);

	if (r)
		return r;
	for (uint32_t i = s->n_train; i < s->n_rows; i++) {
		const struct flow_row *row = &s->rows[s->order[i]];
		double x[FLOW_FEATURES], p;

		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			x[k] = (double)row->x[k];
		onnxnet_eval(net, x, &p);
		f.caught += row->bad && p > 0.5;
		f.missed += row->bad && p <= 0.5;
		f.false_alarms += !row->bad && p > 0.5;
	}
	f.accuracy = f.rows > 0 ? 1 - (double)(f.missed + f.false_alarms) / f.rows : 0;
	*ret = f;
	return 0;
}

int seedrun_model(const struct seedrun *s, const char *job, struct pb_out *ret, struct seed_figures *ret_figures,
		  struct why *w)
{
	struct seed_figures f = { 0 };
	AUTO_PB_OUT o = { 0 };
	int r;

	put_model(&o, s, job);
	if (o.failed)
		return fail(w, -ENOMEM, "no memory for the model");
	r = judge(s, bytes_of(o.p, o.n), &f, w);
	if (r)
		return why_in(w, r, "the model that was trained");
	put_provenance(&o, s, &f);
	if (o.failed)
		return fail(w, -ENOMEM, "no memory for the model");
	*ret = o;
	*ret_figures = f;
	o = (struct pb_out){ 0 };
	return 0;
}
