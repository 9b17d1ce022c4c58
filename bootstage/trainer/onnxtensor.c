#include "bootstage/trainer/onnxtensor.h"

#include <inttypes.h>

#include "base/parse.h"

enum {
	T_DIMS = 1,
	T_TYPE = 2,
	T_SEGMENT = 3,
	T_FLOAT = 4,
	T_INT32 = 5,
	T_STRING = 6,
	T_INT64 = 7,
	T_NAME = 8,
	T_RAW = 9,
	T_DOUBLE = 10,
	T_UINT64 = 11,
	T_EXTERNAL = 13,
	T_LOCATION = 14
};

/* What each type's numbers take: bits in raw_data, and which field has them otherwise, how many to an element. */
static const struct kind {
	unsigned int bits;
	unsigned int field;
	unsigned int each;
} kinds[] = {
	[1] = { 32, T_FLOAT, 1 },   [2] = { 8, T_INT32, 1 },   [3] = { 8, T_INT32, 1 },     [4] = { 16, T_INT32, 1 },
	[5] = { 16, T_INT32, 1 },   [6] = { 32, T_INT32, 1 },  [7] = { 64, T_INT64, 1 },    [8] = { 0, T_STRING, 1 },
	[9] = { 8, T_INT32, 1 },    [10] = { 16, T_INT32, 1 }, [11] = { 64, T_DOUBLE, 1 },  [12] = { 32, T_UINT64, 1 },
	[13] = { 64, T_UINT64, 1 }, [14] = { 64, T_FLOAT, 2 }, [15] = { 128, T_DOUBLE, 2 }, [16] = { 16, T_INT32, 1 },
	[17] = { 8, T_INT32, 1 },   [18] = { 8, T_INT32, 1 },  [19] = { 8, T_INT32, 1 },    [20] = { 8, T_INT32, 1 },
	[21] = { 4, T_INT32, 0 },   [22] = { 4, T_INT32, 0 },  [23] = { 4, T_INT32, 0 },
};

/* What was found while walking. */
struct found {
	struct onnx_tensor t;
	uint64_t raw_bytes;
	bool raw;
	bool external;
	bool typed;
	uint32_t field;  /* of the typed data */
	uint64_t values; /* in it */
	uint64_t file_at;
	uint64_t file_n;
	bool file_n_given;
};

static int bad(const struct found *f, int code, struct why *w, const char *what)
{
	return fail(w, code, "tensor '%.60s': %s", f->t.name, what);
}

static int add_dim(struct found *f, uint64_t value, struct why *w)
{
	if (f->t.n_dims == ONNX_DIMS_MAX)
		return bad(f, -E2BIG, w, "too many dimensions");
	if (value > INT64_MAX)
		return bad(f, -EBADMSG, w, "a dimension below 0");
	f->t.dims[f->t.n_dims++] = value;
	return 0;
}

static int add_dims(struct found *f, struct pb_field *x, struct why *w)
{
	int r = 0;

	if (x->wire == PB_VARINT)
		return add_dim(f, x->value, w);
	if (x->wire != PB_BYTES)
		return bad(f, -EBADMSG, w, "dimensions of unknown form");
	while (r == 0 && pb_left(&x->in) > 0) {
		uint64_t v;

		r = pb_varint(&x->in, &v, w);
		r = r ? r : add_dim(f, v, w);
	}
	return r;
}

/* How many numbers a field adds: one, or those of a packed run. */
static int count_values(struct pb_field *x, uint64_t *ret, struct why *w)
{
	unsigned int size = x->number == T_FLOAT ? 4 : x->number == T_DOUBLE ? 8 : 0;
	uint64_t n = 0, v;
	int r = 0;

	if (x->number == T_STRING || x->wire != PB_BYTES) {
		*ret = 1;
		return 0;
	}
	if (size > 0 && pb_left(&x->in) % size != 0)
		return fail(w, -EBADMSG, "a run of numbers ends within one");
	if (size > 0) {
		*ret = pb_left(&x->in) / size;
		return 0;
	}
	for (; r == 0 && pb_left(&x->in) > 0; n++)
		r = pb_varint(&x->in, &v, w);
	if (r == 0)
		*ret = n;
	return r;
}

static int add_typed(struct found *f, struct pb_field *x, struct why *w)
{
	static const enum pb_wire wires[] = {
		[T_FLOAT] = PB_FIXED32, [T_INT32] = PB_VARINT,   [T_STRING] = PB_BYTES,
		[T_INT64] = PB_VARINT,  [T_DOUBLE] = PB_FIXED64, [T_UINT64] = PB_VARINT,
	};
	uint64_t n = 0;
	int r;

	if (x->wire != PB_BYTES && x->wire != wires[x->number])
		return bad(f, -EBADMSG, w, "numbers of unknown form");
	if (f->typed && f->field != x->number)
		return bad(f, -EBADMSG, w, "its numbers are there twice");
	r = count_values(x, &n, w);
	if (r)
		return r;
	f->typed = true;
	f->field = x->number;
	f->values += n; /* each takes a byte of the file at least */
	return 0;
}

static bool inside_folder(const char *path)
{
	if (path[0] == '/' || path[0] == '\0')
		return false;
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return false;
	}
	return true;
}

/* One StringStringEntryProto of external_data. */
static int add_external(struct found *f, struct pb in, struct why *w)
{
	char key[32] = "", value[sizeof(f->t.file)] = "";
	struct pb_field x;
	int r;

	while ((r = pb_next(&in, &x, w)) > 0) {
		if (x.wire != PB_BYTES || (x.number != 1 && x.number != 2))
			continue;
		r = x.number == 1 ? pb_text(&x.in, key, sizeof(key), w) : pb_text(&x.in, value, sizeof(value), w);
		if (r)
			return r;
	}
	if (r)
		return r;
	if (strcmp(key, "offset") == 0)
		return parse_u64(value, INT64_MAX, &f->file_at, w) ? -EBADMSG : 0;
	if (strcmp(key, "length") == 0) {
		f->file_n_given = true;
		return parse_u64(value, INT64_MAX, &f->file_n, w) ? -EBADMSG : 0;
	}
	if (strcmp(key, "location") != 0)
		return 0;
	if (!inside_folder(value))
		return bad(f, -EBADMSG, w, "its numbers are in a file outside of the model's folder");
	memcpy(f->t.file, value, sizeof(value));
	return 0;
}

static int add_field(struct found *f, struct pb_field *x, struct why *w)
{
	bool text = x->number == T_NAME || x->number == T_RAW || x->number == T_EXTERNAL;
	bool number = x->number == T_TYPE || x->number == T_LOCATION;

	if ((text && x->wire != PB_BYTES) || (number && x->wire != PB_VARINT))
		return bad(f, -EBADMSG, w, "a field of the wrong form");
	switch (x->number) {
	case T_DIMS:
		return add_dims(f, x, w);
	case T_TYPE:
		f->t.type = x->value;
		return 0;
	case T_SEGMENT:
		return bad(f, -EBADMSG, w, "it is a segment of one");
	case T_FLOAT:
	case T_INT32:
	case T_STRING:
	case T_INT64:
	case T_DOUBLE:
	case T_UINT64:
		return add_typed(f, x, w);
	case T_NAME:
		return pb_text(&x->in, f->t.name, sizeof(f->t.name), w);
	case T_RAW:
		if (f->raw)
			return bad(f, -EBADMSG, w, "its numbers are there twice");
		f->raw = true;
		f->t.data = x->in;
		return 0;
	case T_EXTERNAL:
		return add_external(f, x->in, w);
	case T_LOCATION:
		f->external = x->value == 1;
		return x->value > 1 ? bad(f, -EBADMSG, w, "its numbers are nowhere") : 0;
	default:
		return 0;
	}
}

static int count_elements(struct found *f, struct why *w)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < f->t.n_dims; i++)
		if (__builtin_mul_overflow(n, f->t.dims[i], &n))
			return bad(f, -E2BIG, w, "more elements than there can be");
	if (n > UINT64_MAX / 256)
		return bad(f, -E2BIG, w, "more elements than there can be");
	f->t.elements = n;
	return 0;
}

static int check_external(struct found *f, uint64_t need, struct why *w)
{
	if (f->t.file[0] == '\0')
		return bad(f, -EBADMSG, w, "its numbers are in another file without a name");
	if (f->raw || f->typed)
		return bad(f, -EBADMSG, w, "its numbers are there twice");
	if (f->file_n_given && need > 0 && f->file_n != need)
		return bad(f, -EBADMSG, w, "its shape is not that of its numbers");
	f->t.where = ONNX_EXTERNAL;
	f->t.file_bytes_min = f->file_at + (f->file_n_given ? f->file_n : need);
	return 0;
}

static int check_raw(struct found *f, const struct kind *k, uint64_t need, struct why *w)
{
	if (f->typed)
		return bad(f, -EBADMSG, w, "its numbers are there twice");
	if (k && k->bits == 0)
		return bad(f, -EBADMSG, w, "texts as raw data");
	if (k && pb_left(&f->t.data) != need)
		return bad(f, -EBADMSG, w, "its shape is not that of its numbers");
	f->t.where = ONNX_RAW;
	return 0;
}

static int check_typed(struct found *f, const struct kind *k, struct why *w)
{
	f->t.where = ONNX_TYPED;
	if (!k)
		return 0;
	if (f->typed && f->field != k->field)
		return bad(f, -EBADMSG, w, "its numbers are not of its type");
	if (k->each > 0 ? f->values != f->t.elements * k->each : f->values < (f->t.elements + 1) / 2)
		return bad(f, -EBADMSG, w, "its shape is not that of its numbers");
	return 0;
}

/* Types that came after those we know are taken as they are. */
static int check(struct found *f, struct why *w)
{
	const struct kind *k = f->t.type < ARRAY_SIZE(kinds) ? &kinds[f->t.type] : NULL;
	uint64_t need;
	int r = count_elements(f, w);

	if (r)
		return r;
	if (f->t.type == 0)
		return bad(f, -EBADMSG, w, "no type");
	need = k ? (f->t.elements * k->bits + 7) / 8 : 0;
	if (f->external)
		return check_external(f, need, w);
	return f->raw ? check_raw(f, k, need, w) : check_typed(f, k, w);
}

int onnx_tensor_read(struct pb m, struct onnx_tensor *ret, struct why *w)
{
	struct found f = { 0 };
	struct pb_field x;
	int r;

	while ((r = pb_next(&m, &x, w)) > 0) {
		r = add_field(&f, &x, w);
		if (r)
			return r;
	}
	r = r ? r : check(&f, w);
	if (r)
		return r;
	*ret = f.t;
	return 0;
}

static float float_of(uint32_t bits)
{
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static int floats_of_run(struct pb *in, uint64_t n, float *ret, struct why *w)
{
	uint8_t b[4];

	for (uint64_t i = 0; i < n; i++) {
		uint32_t bits = 0;
		int r = pb_copy(in, b, sizeof(b), w);

		r = r ? r : bytes_le32(bytes_of(b, sizeof(b)), 0, &bits);
		if (r)
			return r;
		ret[i] = float_of(bits);
	}
	return 0;
}

int onnx_tensor_floats(struct pb m, const struct onnx_tensor *t, float *ret, struct why *w)
{
	struct pb data = t->data;
	struct pb_field x;
	uint64_t n = 0;
	int r;

	if (t->type != ONNX_FLOAT || t->where == ONNX_EXTERNAL)
		return fail(w, -EOPNOTSUPP, "tensor '%.60s': not floats in the file itself", t->name);
	if (t->where == ONNX_RAW)
		return floats_of_run(&data, t->elements, ret, w);
	while ((r = pb_next(&m, &x, w)) > 0) {
		uint64_t part = x.wire == PB_BYTES ? pb_left(&x.in) / 4 : 1;

		if (x.number != T_FLOAT || n + part > t->elements)
			continue;
		if (x.wire != PB_BYTES)
			ret[n] = float_of((uint32_t)x.value);
		else if ((r = floats_of_run(&x.in, part, ret + n, w)))
			return r;
		n += part;
	}
	return r;
}
