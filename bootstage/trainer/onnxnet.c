#include "bootstage/trainer/onnxnet.h"

#include <math.h>

#include "bootstage/trainer/onnx.h"
#include "bootstage/trainer/onnxtensor.h"

#define NAME       64u
#define INPUTS_MAX 3u
#define NODES_MAX  ONNXNET_VALUES_MAX

enum { M_GRAPH = 7, G_NODE = 1, G_INITIALIZER = 5, G_INPUT = 11, G_OUTPUT = 12 };
enum { N_INPUT = 1, N_OUTPUT = 2, N_OP = 4, N_ATTRIBUTE = 5, N_DOMAIN = 7 };

enum op { OP_ADD, OP_DIV, OP_GEMM, OP_IDENTITY, OP_LOG, OP_MATMUL, OP_MUL, OP_RELU, OP_SIGMOID, OP_SUB, OP_TANH };

static const char *const op_names[] = { "Add", "Div",  "Gemm",    "Identity", "Log", "MatMul",
					"Mul", "Relu", "Sigmoid", "Sub",      "Tanh" };
static const unsigned int op_inputs[] = { 2, 2, 2, 1, 1, 2, 2, 1, 1, 2, 1 };

/* A value: one row, or an initializer of rows by columns. */
struct value {
	char name[NAME];
	size_t rows;
	size_t columns;
	double *at;
	bool fixed; /* an initializer */
};

struct node {
	enum op op;
	unsigned int in[INPUTS_MAX]; /* values */
	unsigned int n_in;
	unsigned int out;
	double alpha;
	double beta;
	bool turned; /* Gemm's transB */
};

struct onnxnet {
	struct value values[ONNXNET_VALUES_MAX];
	unsigned int n_values;
	struct node nodes[NODES_MAX];
	unsigned int n_nodes;
	unsigned int input;
	unsigned int output;
	bool has_input;
	bool has_output;
};

void onnxnet_free(struct onnxnet **n)
{
	for (unsigned int i = 0; *n && i < (*n)->n_values; i++)
		free((*n)->values[i].at);
	free(*n);
	*n = NULL;
}

static int unknown(struct why *w, const char *what)
{
	return fail(w, -EOPNOTSUPP, "a model that is valid, but not one that can be evaluated here: %s", what);
}

static bool find(const struct onnxnet *n, const char *name, unsigned int *ret)
{
	for (unsigned int i = 0; i < n->n_values; i++)
		if (strcmp(n->values[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static int add_value(struct onnxnet *n, const char *name, size_t rows, size_t columns, unsigned int *ret, struct why *w)
{
	struct value *v = &n->values[n->n_values];

	if (n->n_values == ONNXNET_VALUES_MAX || strlen(name) >= NAME || columns > ONNXNET_COLUMNS_MAX ||
	    rows > ONNXNET_COLUMNS_MAX || rows == 0 || columns == 0)
		return unknown(w, "its size");
	*v = (struct value){ .rows = rows, .columns = columns };
	memcpy(v->name, name, strlen(name) + 1);
	v->at = calloc(rows * columns, sizeof(*v->at));
	if (!v->at)
		return fail(w, -ENOMEM, "no memory for a model");
	*ret = n->n_values++;
	return 0;
}

static int read_floats(struct pb in, const struct onnx_tensor *t, double *ret, struct why *w)
{
	AUTO_FREE float *f = calloc(t->elements + 1, sizeof(*f));
	int r = f ? onnx_tensor_floats(in, t, f, w) : fail(w, -ENOMEM, "no memory for a model");

	for (uint64_t i = 0; r == 0 && i < t->elements; i++)
		ret[i] = (double)f[i];
	return r;
}

static int add_initializer(struct onnxnet *n, struct pb in, struct why *w)
{
	AUTO_FREE struct onnx_tensor *t = malloc(sizeof(*t));
	unsigned int i = 0;
	int r = t ? onnx_tensor_read(in, t, w) : fail(w, -ENOMEM, "no memory for a model");

	if (r)
		return r;
	if (t->n_dims > 2 || t->type != ONNX_FLOAT || t->where == ONNX_EXTERNAL)
		return unknown(w, "its tensors");
	r = add_value(n, t->name, t->n_dims == 2 ? t->dims[0] : 1, t->n_dims ? t->dims[t->n_dims - 1] : 1, &i, w);
	if (r)
		return r;
	n->values[i].fixed = true;
	return read_floats(in, t, n->values[i].at, w);
}

/* The last dimension of a shape: TypeProto.tensor_type.shape.dim.dim_value; 0: it is not said. */
static int last_dim(struct pb type, uint64_t *ret, struct why *w)
{
	static const uint32_t path[] = { 1, 2, 1 };
	struct pb_field x;
	uint64_t elements = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		struct pb inner = { 0 };

		while ((r = pb_next(&type, &x, w)) > 0) {
			if (x.number == path[i] && x.wire == PB_BYTES)
				inner = x.in;
			else if (i == 0)
				return unknown(w, "its input");
			else if (i == 1 && x.number == 1 && x.wire == PB_VARINT)
				elements = x.value;
		}
		if (r || !inner.src)
			return r ? r : unknown(w, "its input");
		type = inner;
	}
	*ret = 0;
	while ((r = pb_next(&type, &x, w)) > 0)
		if (x.number == 1 && x.wire == PB_VARINT)
			*ret = x.value;
	return r ? r : elements == ONNX_FLOAT ? 0 : unknown(w, "its input");
}

static int add_input(struct onnxnet *n, struct pb in, struct why *w)
{
	char name[NAME] = "";
	uint64_t columns = 0;
	unsigned int i = 0;
	struct pb_field x;
	int r;

	while ((r = pb_next(&in, &x, w)) > 0) {
		if (x.number == 1 && pb_text(&x.in, name, sizeof(name), NULL))
			return unknown(w, "its input");
		r = x.number == 2 ? last_dim(x.in, &columns, w) : 0;
		if (r)
			return r;
	}
	if (r || find(n, name, &i)) /* a name that an initializer is the default of */
		return r;
	if (n->has_input)
		return unknown(w, "several inputs");
	n->has_input = true;
	return add_value(n, name, 1, columns, &n->input, w);
}

/* --- nodes --- */

static int read_attribute(struct node *d, struct pb in, struct why *w)
{
	char name[NAME] = "";
	struct pb_field x;
	uint64_t whole = 0;
	float real = 0;
	int r;

	while ((r = pb_next(&in, &x, w)) > 0) {
		uint32_t bits = (uint32_t)x.value;

		if (x.number == 1 && pb_text(&x.in, name, sizeof(name), NULL))
			return unknown(w, "its attributes");
		if (x.number == 2 && x.wire == PB_FIXED32)
			memcpy(&real, &bits, sizeof(real));
		if (x.number == 3 && x.wire == PB_VARINT)
			whole = x.value;
	}
	if (r)
		return r;
	if (d->op == OP_GEMM && strcmp(name, "alpha") == 0)
		d->alpha = (double)real;
	else if (d->op == OP_GEMM && strcmp(name, "beta") == 0)
		d->beta = (double)real;
	else if (d->op == OP_GEMM && strcmp(name, "transB") == 0)
		d->turned = whole != 0;
	else if (d->op != OP_GEMM || strcmp(name, "transA") != 0 || whole != 0)
		return unknown(w, "its attributes");
	return 0;
}

static int read_op(struct pb in, enum op *ret, struct why *w)
{
	char name[NAME] = "";
	int r = pb_text(&in, name, sizeof(name), NULL);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(op_names); i++)
		if (strcmp(name, op_names[i]) == 0) {
			*ret = (enum op)i;
			return 0;
		}
	return unknown(w, "its operators");
}

static int read_input(const struct onnxnet *n, struct node *d, struct pb in, struct why *w)
{
	char name[NAME] = "";

	if (pb_text(&in, name, sizeof(name), NULL) || d->n_in == INPUTS_MAX || !find(n, name, &d->in[d->n_in]))
		return unknown(w, "what its nodes use");
	d->n_in++;
	return 0;
}

/* The operator first, since attributes are its; fields come in any order. */
static int read_node(const struct onnxnet *n, struct pb in, struct node *ret, char ret_out[NAME], struct why *w)
{
	struct node d = { .alpha = 1, .beta = 1 };
	struct pb again = in;
	struct pb_field x;
	unsigned int outputs = 0;
	int r;

	while ((r = pb_next(&again, &x, w)) > 0) {
		r = x.number == N_OP                             ? read_op(x.in, &d.op, w)
		    : x.number == N_DOMAIN && pb_left(&x.in) > 0 ? unknown(w, "its operators")
								 : 0;
		if (r)
			return r;
	}
	while (r == 0 && (r = pb_next(&in, &x, w)) > 0) {
		r = x.number == N_INPUT       ? read_input(n, &d, x.in, w)
		    : x.number == N_ATTRIBUTE ? read_attribute(&d, x.in, w)
					      : 0;
		if (r == 0 && x.number == N_OUTPUT && (outputs++ || pb_text(&x.in, ret_out, NAME, NULL)))
			r = unknown(w, "what its nodes make");
	}
	*ret = d;
	return r ? r : outputs == 1 ? 0 : unknown(w, "what its nodes make");
}

static bool joins(const struct value *a, const struct value *b)
{
	return a->rows == 1 && b->rows == 1 && (a->columns == b->columns || a->columns == 1 || b->columns == 1);
}

/* How many columns come out; 0: the shapes do not fit. */
static size_t columns_of(const struct onnxnet *n, const struct node *d)
{
	const struct value *a = &n->values[d->in[0]], *b = &n->values[d->in[1]], *c = &n->values[d->in[2]];
	bool product = d->op == OP_GEMM || d->op == OP_MATMUL;
	size_t columns;

	if (d->n_in < op_inputs[d->op] || d->n_in > (d->op == OP_GEMM ? 3 : op_inputs[d->op]) || a->rows != 1)
		return 0;
	if (op_inputs[d->op] == 1)
		return a->columns;
	if (!product)
		return joins(a, b) ? (a->columns > b->columns ? a->columns : b->columns) : 0;
	if ((d->turned ? b->columns : b->rows) != a->columns)
		return 0;
	columns = d->turned ? b->rows : b->columns;
	if (d->n_in == 3 && (c->rows != 1 || (c->columns != 1 && c->columns != columns)))
		return 0;
	return columns;
}

static int add_node(struct onnxnet *n, struct pb in, struct why *w)
{
	char out[NAME] = "";
	struct node d;
	size_t columns;
	int r = read_node(n, in, &d, out, w);

	if (r)
		return r;
	columns = columns_of(n, &d);
	if (columns == 0)
		return unknown(w, "its shapes");
	r = add_value(n, out, 1, columns, &d.out, w);
	if (r == 0)
		n->nodes[n->n_nodes++] = d;
	return r;
}

static int add_output(struct onnxnet *n, struct pb in, struct why *w)
{
	char name[NAME] = "";
	struct pb_field x;
	int r;

	while ((r = pb_next(&in, &x, w)) > 0)
		if (x.number == 1 && pb_text(&x.in, name, sizeof(name), NULL))
			return unknown(w, "its output");
	if (r)
		return r;
	if (n->has_output || !find(n, name, &n->output))
		return unknown(w, "its output");
	n->has_output = true;
	return 0;
}

static int walk(struct onnxnet *n, struct pb graph, uint32_t number,
		int (*one)(struct onnxnet *, struct pb, struct why *), struct why *w)
{
	struct pb_field x;
	int r;

	while ((r = pb_next(&graph, &x, w)) > 0) {
		r = x.number == number ? one(n, x.in, w) : 0;
		if (r)
			return r;
	}
	return r;
}

static int read_graph(struct onnxnet *n, struct pb graph, struct why *w)
{
	int r = walk(n, graph, G_INITIALIZER, add_initializer, w);

	r = r ? r : walk(n, graph, G_INPUT, add_input, w);
	r = r ? r : walk(n, graph, G_NODE, add_node, w);
	r = r ? r : walk(n, graph, G_OUTPUT, add_output, w);
	if (r)
		return r;
	return n->has_input && n->has_output && n->values[n->output].rows == 1 ? 0 : unknown(w, "its input and output");
}

int onnxnet_load(struct bytes in, struct onnxnet **ret, struct why *w)
{
	AUTO_FREE struct onnx_model *m = malloc(sizeof(*m));
	AUTO_ONNXNET *n = calloc(1, sizeof(*n));
	struct pb_source src = pb_source_mem(in, "the model");
	struct pb all = pb_all(&src);
	struct pb_field x;
	int r = m && n ? onnx_check(in, m, w) : fail(w, -ENOMEM, "no memory for a model");

	if (r)
		return r;
	if (in.n > ONNXNET_BYTES_MAX || m->nodes > NODES_MAX)
		return unknown(w, "its size");
	while ((r = pb_next(&all, &x, w)) > 0) {
		r = x.number == M_GRAPH ? read_graph(n, x.in, w) : 0;
		if (r)
			return r;
	}
	if (r)
		return r;
	*ret = MOVE(n);
	return 0;
}

size_t onnxnet_inputs(const struct onnxnet *n)
{
	return n->values[n->input].columns;
}

size_t onnxnet_outputs(const struct onnxnet *n)
{
	return n->values[n->output].columns;
}

/* --- what they compute --- */

static void product(const struct onnxnet *n, const struct node *d)
{
	const struct value *a = &n->values[d->in[0]], *b = &n->values[d->in[1]], *c = &n->values[d->in[2]];
	const struct value *out = &n->values[d->out];

	for (size_t i = 0; i < out->columns; i++) {
		double sum = 0;

		for (size_t k = 0; k < a->columns; k++)
			sum += a->at[k] * (d->turned ? b->at[i * b->columns + k] : b->at[k * b->columns + i]);
		out->at[i] = d->alpha * sum + (d->n_in == 3 ? d->beta * c->at[c->columns == 1 ? 0 : i] : 0);
	}
}

static double of_one(enum op op, double a)
{
	return op == OP_LOG       ? log(a)
	       : op == OP_RELU    ? (a > 0 ? a : 0)
	       : op == OP_SIGMOID ? 1 / (1 + exp(-a))
	       : op == OP_TANH    ? tanh(a)
				  : a;
}

static double of_two(enum op op, double a, double b)
{
	return op == OP_ADD ? a + b : op == OP_SUB ? a - b : op == OP_MUL ? a * b : a / b;
}

static void each(const struct onnxnet *n, const struct node *d)
{
	const struct value *a = &n->values[d->in[0]], *b = &n->values[d->in[1]], *out = &n->values[d->out];

	for (size_t i = 0; i < out->columns; i++) {
		double x = a->at[a->columns == 1 ? 0 : i];

		out->at[i] = d->n_in == 1 ? of_one(d->op, x) : of_two(d->op, x, b->at[b->columns == 1 ? 0 : i]);
	}
}

void onnxnet_eval(struct onnxnet *n, const double *x, double *ret)
{
	memcpy(n->values[n->input].at, x, onnxnet_inputs(n) * sizeof(*x));
	for (unsigned int i = 0; i < n->n_nodes; i++) {
		const struct node *d = &n->nodes[i];

		if (d->op == OP_GEMM || d->op == OP_MATMUL)
			product(n, d);
		else
			each(n, d);
	}
	memcpy(ret, n->values[n->output].at, onnxnet_outputs(n) * sizeof(*ret));
}
