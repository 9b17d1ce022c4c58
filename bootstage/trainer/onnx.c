#include "bootstage/trainer/onnx.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "bootstage/trainer/onnxscope.h"
#include "bootstage/trainer/onnxtensor.h"

enum { M_IR = 1, M_PRODUCER = 2, M_GRAPH = 7, M_OPSET = 8, M_META = 14 };
enum { G_NODE = 1, G_INITIALIZER = 5, G_INPUT = 11, G_OUTPUT = 12, G_SPARSE = 15 };
enum { N_INPUT = 1, N_OUTPUT = 2, N_OP = 4, N_ATTRIBUTE = 5 };
enum { A_NAME = 1, A_TENSOR = 5, A_GRAPH = 6, A_TENSORS = 10, A_GRAPHS = 11 };
enum { V_NAME = 1, V_TYPE = 2 };

struct checker {
	struct onnx_model m;
	struct onnx_scope scope;
	int dirfd; /* for other files; -1: they are not looked for */
	struct why *w;
};

static int check_graph(struct checker *c, struct pb in);

static int wrong_form(struct checker *c, const char *what, const struct pb_field *x)
{
	return fail(c->w, -EBADMSG, "%s: field %u has the wrong form", what, x->number);
}

static int check_external(struct checker *c, const struct onnx_tensor *t)
{
	struct stat st;

	c->m.external++;
	if (c->dirfd < 0)
		return 0;
	if (fstatat(c->dirfd, t->file, &st, AT_SYMLINK_NOFOLLOW))
		return fail(c->w, errno == ENOENT ? -EBADMSG : -errno, "tensor '%.60s': its file '%s': %s", t->name,
			    t->file, strerror(errno));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < t->file_bytes_min)
		return fail(c->w, -EBADMSG, "tensor '%.60s': its file '%s' is too short", t->name, t->file);
	return 0;
}

static int check_tensor(struct checker *c, struct pb in, struct onnx_tensor *ret)
{
	int r = onnx_tensor_read(in, ret, c->w);

	return r ? r : ret->where == ONNX_EXTERNAL ? check_external(c, ret) : 0;
}

static int add_initializer(struct checker *c, struct pb in)
{
	struct onnx_tensor t;
	int r = check_tensor(c, in, &t);

	if (r)
		return r;
	if (t.name[0] == '\0')
		return fail(c->w, -EBADMSG, "an initializer without a name");
	c->m.initializers++;
	if (__builtin_add_overflow(c->m.parameters, t.elements, &c->m.parameters))
		return fail(c->w, -E2BIG, "more parameters than there can be");
	return onnx_scope_add(&c->scope, t.name, ONNX_INITIALIZER, c->w);
}

/* SparseTensorProto: its values have its name; that they agree with the indices is for who uses it. */
static int add_sparse(struct checker *c, struct pb in)
{
	struct pb_field x;
	bool values = false;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		struct onnx_tensor t;

		if (x.number != 1 && x.number != 2)
			continue;
		if (x.wire != PB_BYTES)
			return wrong_form(c, "a sparse tensor", &x);
		values |= x.number == 1;
		r = x.number == 1 ? add_initializer(c, x.in) : check_tensor(c, x.in, &t);
		if (r)
			return r;
	}
	return r ? r : values ? 0 : fail(c->w, -EBADMSG, "a sparse tensor without values");
}

/* ValueInfoProto; in the outermost graph with a type. */
static int read_value(struct checker *c, struct pb in, char ret_name[ONNX_NAME_MAX + 1])
{
	struct pb_field x;
	bool typed = false;
	int r;

	ret_name[0] = '\0';
	while ((r = pb_next(&in, &x, c->w)) > 0) {
		if (x.number != V_NAME && x.number != V_TYPE)
			continue;
		if (x.wire != PB_BYTES)
			return wrong_form(c, "an input or output", &x);
		typed |= x.number == V_TYPE;
		r = x.number == V_NAME ? pb_text(&x.in, ret_name, ONNX_NAME_MAX + 1, c->w) : 0;
		if (r)
			return r;
	}
	if (r)
		return r;
	if (ret_name[0] == '\0')
		return fail(c->w, -EBADMSG, "an input or output without a name");
	if (!typed && c->scope.level == 1)
		return fail(c->w, -EBADMSG, "'%.60s': no type", ret_name);
	return 0;
}

static int add_input(struct checker *c, struct pb in)
{
	char name[ONNX_NAME_MAX + 1];
	bool has_default;
	int r = read_value(c, in, name);

	if (r)
		return r;
	has_default = onnx_scope_has(&c->scope, name);
	r = onnx_scope_add(&c->scope, name, ONNX_INPUT, c->w);
	c->m.inputs += r == 0 && c->scope.level == 1 && !has_default;
	return r;
}

static int check_known(struct checker *c, const char *who, const char *name)
{
	if (name[0] == '\0' || onnx_scope_has(&c->scope, name))
		return 0;
	return fail(c->w, -EBADMSG, "%s: '%.60s' is made by nothing before it", who, name);
}

static int check_output(struct checker *c, struct pb in)
{
	char name[ONNX_NAME_MAX + 1];
	int r = read_value(c, in, name);

	c->m.outputs += c->scope.level == 1;
	return r ? r : check_known(c, "an output", name);
}

static int check_attribute(struct checker *c, struct pb in)
{
	struct pb_field x;
	bool named = false;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		bool tensor = x.number == A_TENSOR || x.number == A_TENSORS;
		bool graph = x.number == A_GRAPH || x.number == A_GRAPHS;
		struct onnx_tensor t;

		if ((tensor || graph || x.number == A_NAME) && x.wire != PB_BYTES)
			return wrong_form(c, "an attribute", &x);
		named |= x.number == A_NAME && pb_left(&x.in) > 0;
		r = tensor ? check_tensor(c, x.in, &t) : graph ? check_graph(c, x.in) : 0;
		if (r)
			return r;
	}
	return r ? r : named ? 0 : fail(c->w, -EBADMSG, "an attribute without a name");
}

/* Its inputs and attributes. */
static int check_uses(struct checker *c, struct pb in)
{
	char name[ONNX_NAME_MAX + 1];
	struct pb_field x;
	bool op = false;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		if (x.number < N_INPUT || x.number > 7)
			continue;
		if (x.wire != PB_BYTES)
			return wrong_form(c, "a node", &x);
		op |= x.number == N_OP && pb_left(&x.in) > 0;
		r = 0;
		if (x.number == N_INPUT) {
			r = pb_text(&x.in, name, sizeof(name), c->w);
			r = r ? r : check_known(c, "a node", name);
		} else if (x.number == N_ATTRIBUTE) {
			r = check_attribute(c, x.in);
		}
		if (r)
			return r;
	}
	return r ? r : op ? 0 : fail(c->w, -EBADMSG, "a node without an operator");
}

static int add_results(struct checker *c, struct pb in)
{
	char name[ONNX_NAME_MAX + 1];
	struct pb_field x;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		if (x.number != N_OUTPUT)
			continue;
		r = pb_text(&x.in, name, sizeof(name), c->w);
		if (r == 0 && name[0] != '\0')
			r = onnx_scope_add(&c->scope, name, ONNX_RESULT, c->w);
		if (r)
			return r;
	}
	return r;
}

static int check_node(struct checker *c, struct pb in)
{
	int r;

	if (c->m.nodes == ONNX_NODES_MAX)
		return fail(c->w, -E2BIG, "more than %u nodes", ONNX_NODES_MAX);
	c->m.nodes++;
	r = check_uses(c, in);
	return r ? r : add_results(c, in);
}

/* Fields come in any order: what values there are from the start, then the nodes in their order, then what comes out. */
static int walk_graph(struct checker *c, struct pb in, uint32_t number, int (*one)(struct checker *, struct pb))
{
	struct pb_field x;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		if (x.number != number)
			continue;
		if (x.wire != PB_BYTES)
			return wrong_form(c, "a graph", &x);
		r = one(c, x.in);
		if (r)
			return r;
	}
	return r;
}

static int check_graph(struct checker *c, struct pb in)
{
	int r;

	if (c->scope.level == ONNX_DEPTH_MAX)
		return fail(c->w, -E2BIG, "graphs more than %u deep", ONNX_DEPTH_MAX);
	onnx_scope_enter(&c->scope);
	r = walk_graph(c, in, G_INITIALIZER, add_initializer);
	r = r ? r : walk_graph(c, in, G_SPARSE, add_sparse);
	r = r ? r : walk_graph(c, in, G_INPUT, add_input);
	r = r ? r : walk_graph(c, in, G_NODE, check_node);
	r = r ? r : walk_graph(c, in, G_OUTPUT, check_output);
	onnx_scope_leave(&c->scope);
	return r;
}

/* OperatorSetIdProto: domain, version. */
static int read_opset(struct checker *c, struct pb in)
{
	char domain[64] = "";
	uint64_t version = 0;
	struct pb_field x;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		if (x.number == 1 && x.wire == PB_BYTES)
			IGNORE(pb_text(&x.in, domain, sizeof(domain), NULL)); /* a longer one is not ONNX's */
		else if (x.number == 2 && x.wire == PB_VARINT)
			version = x.value;
		if (x.number == 1 && pb_left(&x.in) > 0 && domain[0] == '\0')
			domain[0] = '?';
	}
	if (r)
		return r;
	if (version == 0 || version > INT64_MAX)
		return fail(c->w, -EBADMSG, "a set of operators without a version");
	if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
		c->m.opset = version;
	return 0;
}

/* What is no short text is left out: it is for people and for status. */
static int read_meta(struct checker *c, struct pb in)
{
	struct onnx_meta m = { 0 };
	struct pb_field x;
	bool fits = true;
	int r;

	while ((r = pb_next(&in, &x, c->w)) > 0) {
		if (x.wire == PB_BYTES && x.number == 1)
			fits &= pb_text(&x.in, m.key, sizeof(m.key), NULL) == 0;
		else if (x.wire == PB_BYTES && x.number == 2)
			fits &= pb_text(&x.in, m.value, sizeof(m.value), NULL) == 0;
	}
	if (r == 0 && fits && m.key[0] != '\0' && c->m.n_meta < ONNX_META_MAX)
		c->m.meta[c->m.n_meta++] = m;
	return r;
}

struct seen {
	bool graph;
	bool opset;
};

static int model_field(struct checker *c, const struct pb_field *x, struct seen *seen)
{
	bool number = x->number == M_IR;
	bool bytes = x->number == M_PRODUCER || x->number == M_GRAPH || x->number == M_OPSET || x->number == M_META;

	if ((number && x->wire != PB_VARINT) || (bytes && x->wire != PB_BYTES))
		return wrong_form(c, "the model", x);
	switch (x->number) {
	case M_IR:
		c->m.ir_version = x->value;
		return 0;
	case M_PRODUCER:
		IGNORE(pb_text(&x->in, c->m.producer, sizeof(c->m.producer), NULL));
		return 0;
	case M_GRAPH:
		if (seen->graph)
			return fail(c->w, -EBADMSG, "two graphs");
		seen->graph = true;
		return check_graph(c, x->in);
	case M_OPSET:
		seen->opset = true;
		return read_opset(c, x->in);
	case M_META:
		return read_meta(c, x->in);
	default:
		return 0;
	}
}

static int check_model(struct checker *c, struct pb_source *src)
{
	struct pb all = pb_all(src);
	struct seen seen = { 0 };
	struct pb_field x;
	int r;

	if (src->size == 0)
		return fail(c->w, -ENODATA, "it is empty");
	while ((r = pb_next(&all, &x, c->w)) > 0) {
		r = model_field(c, &x, &seen);
		if (r)
			return r;
	}
	if (r)
		return r;
	if (c->m.ir_version == 0 || c->m.ir_version > INT64_MAX || !seen.graph)
		return fail(c->w, -EBADMSG, "not a model of ONNX");
	if (!seen.opset && c->m.ir_version >= 3)
		return fail(c->w, -EBADMSG, "it does not say which operators it uses");
	return c->m.outputs > 0 ? 0 : fail(c->w, -EBADMSG, "nothing comes out of it");
}

static int check_source(struct pb_source *src, int dirfd, struct onnx_model *ret, struct why *w)
{
	struct why why = { 0 };
	struct checker c = { .dirfd = dirfd, .w = &why };
	int r = check_model(&c, src);

	onnx_scope_done(&c.scope);
	if (r)
		return fail(w, r, "%s is not a valid model: %s", src->name, why.text);
	*ret = c.m;
	return 0;
}

int onnx_check(struct bytes in, struct onnx_model *ret, struct why *w)
{
	struct pb_source src = pb_source_mem(in, "the model");

	return check_source(&src, -1, ret, w);
}

int onnx_check_at(int dirfd, const char *name, struct onnx_model *ret, struct why *w)
{
	AUTO_FD fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO_PB_SOURCE src = { 0 };
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", name);
	r = pb_source_file(fd, name, &src, w);
	return r ? r : check_source(&src, dirfd, ret, w);
}

const char *onnx_meta(const struct onnx_model *m, const char *key)
{
	for (unsigned int i = 0; i < m->n_meta; i++)
		if (strcmp(m->meta[i].key, key) == 0)
			return m->meta[i].value;
	return NULL;
}
