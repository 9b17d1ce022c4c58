#include "bootstage/intel/pgvalue.h"

#include <assert.h>

#include "bootstage/intel/graph.h"

#define US_1970_TO_2000 INT64_C(946684800000000)
#define ROOM_FIRST      65536u

/* pg_type.dat */
enum {
	T_BOOL = 16,
	T_BYTEA = 17,
	T_INT8 = 20,
	T_INT2 = 21,
	T_INT4 = 23,
	T_TEXT = 25,
	T_FLOAT4 = 700,
	T_FLOAT8 = 701,
	T_TIME = 1184
};
enum { T_INT2S = 1005, T_INT4S = 1007, T_TEXTS = 1009, T_INT8S = 1016, T_TIMES = 1185, T_UUID = 2950, T_UUIDS = 2951 };

static void put_be(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t get_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* What is before 2000 by more than the type holds cannot be told from -infinity; nobody has such times. */
static uint64_t time_to_pg(int64_t us)
{
	return us < INT64_MIN + US_1970_TO_2000 ? (uint64_t)INT64_MIN : (uint64_t)(us - US_1970_TO_2000);
}

/* --- parameters --- */

static void param(struct pg_params *p, Oid type, const void *value, size_t n)
{
	assert(p->n < (int)PG_PARAMS_MAX);
	p->types[p->n] = type;
	p->values[p->n] = value;
	p->lengths[p->n] = (int)n;
	p->formats[p->n] = 1;
	p->n++;
}

static void param_number(struct pg_params *p, Oid type, uint64_t v, size_t n)
{
	uint8_t *at = p->numbers[p->n < (int)PG_PARAMS_MAX ? p->n : 0];

	put_be(at, v, n);
	param(p, type, at, n);
}

void pg_param_null(struct pg_params *p)
{
	param(p, 0, NULL, 0);
}

void pg_param_text(struct pg_params *p, struct bytes text)
{
	param(p, T_TEXT, text.n ? (const void *)text.p : "", text.n);
}

void pg_param_bytea(struct pg_params *p, struct bytes v)
{
	param(p, T_BYTEA, v.n ? (const void *)v.p : "", v.n);
}

void pg_param_bool(struct pg_params *p, bool value)
{
	param_number(p, T_BOOL, value, 1);
}

void pg_param_i16(struct pg_params *p, int16_t value)
{
	param_number(p, T_INT2, (uint64_t)value, 2);
}

void pg_param_i32(struct pg_params *p, int32_t value)
{
	param_number(p, T_INT4, (uint64_t)value, 4);
}

void pg_param_i64(struct pg_params *p, int64_t value)
{
	param_number(p, T_INT8, (uint64_t)value, 8);
}

void pg_param_f64(struct pg_params *p, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	param_number(p, T_FLOAT8, bits, 8);
}

void pg_param_time(struct pg_params *p, int64_t us)
{
	if (us == TIME_NONE)
		param(p, T_TIME, NULL, 0);
	else
		param_number(p, T_TIME, time_to_pg(us), 8);
}

#define ARRAY_HEAD 20u /* dimensions, nulls, type of elements, length, first index */

static void array_head(uint8_t *a, Oid element, bool nulls, size_t n)
{
	put_be(a, 1, 4);
	put_be(a + 4, nulls, 4);
	put_be(a + 8, element, 4);
	put_be(a + 12, n, 4);
	put_be(a + 16, 1, 4);
}

/* An array of one dimension with `n` elements that take `bytes` with their lengths; returns where the first one goes. */
static uint8_t *param_array(struct pg_params *p, Oid type, Oid element, size_t n, size_t bytes)
{
	uint8_t *a = n > INT32_MAX || bytes > INT32_MAX - ARRAY_HEAD ? NULL : malloc(ARRAY_HEAD + bytes);

	if (!a) {
		p->no_memory = true;
		pg_param_null(p);
		return NULL;
	}
	array_head(a, element, false, n);
	p->arrays[p->n < (int)PG_PARAMS_MAX ? p->n : 0] = a;
	param(p, type, a, ARRAY_HEAD + bytes);
	return a + ARRAY_HEAD;
}

void pg_param_i64s(struct pg_params *p, const int64_t *values, size_t n)
{
	uint8_t *at = param_array(p, T_INT8S, T_INT8, n, n * 12);

	for (size_t i = 0; at && i < n; i++, at += 12) {
		put_be(at, 8, 4);
		put_be(at + 4, (uint64_t)values[i], 8);
	}
}

void pg_param_i16s(struct pg_params *p, const int16_t *values, size_t n)
{
	uint8_t *at = param_array(p, T_INT2S, T_INT2, n, n * 6);

	for (size_t i = 0; at && i < n; i++, at += 6) {
		put_be(at, 2, 4);
		put_be(at + 4, (uint64_t)values[i], 2);
	}
}

void pg_param_i32s(struct pg_params *p, const int32_t *values, size_t n)
{
	uint8_t *at = param_array(p, T_INT4S, T_INT4, n, n * 8);

	for (size_t i = 0; at && i < n; i++, at += 8) {
		put_be(at, 4, 4);
		put_be(at + 4, (uint64_t)values[i], 4);
	}
}

void pg_param_times(struct pg_params *p, const int64_t *values, size_t n)
{
	size_t nulls = 0;
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		nulls += values[i] == TIME_NONE;
	at = param_array(p, T_TIMES, T_TIME, n, n * 12 - nulls * 8);
	if (at)
		array_head(at - ARRAY_HEAD, T_TIME, nulls > 0, n);
	for (size_t i = 0; at && i < n; i++) {
		put_be(at, values[i] == TIME_NONE ? UINT32_MAX : 8, 4);
		at += 4;
		if (values[i] == TIME_NONE)
			continue;
		put_be(at, time_to_pg(values[i]), 8);
		at += 8;
	}
}

void pg_param_uuids(struct pg_params *p, const struct pg_uuid *values, size_t n)
{
	uint8_t *at = param_array(p, T_UUIDS, T_UUID, n, n * 20);

	for (size_t i = 0; at && i < n; i++, at += 20) {
		put_be(at, 16, 4);
		memcpy(at + 4, values[i].b, 16);
	}
}

void pg_param_texts(struct pg_params *p, const struct bytes *values, size_t n)
{
	size_t bytes = 0;
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		bytes += 4 + values[i].n;
	at = param_array(p, T_TEXTS, T_TEXT, n, bytes);
	for (size_t i = 0; at && i < n; i++) {
		put_be(at, values[i].n, 4);
		at += 4;
		if (values[i].n)
			memcpy(at, values[i].p, values[i].n);
		at += values[i].n;
	}
}

void pg_params_free(struct pg_params *p)
{
	for (size_t i = 0; i < PG_PARAMS_MAX; i++)
		free(p->arrays[i]);
	*p = (struct pg_params){ 0 };
}

/* --- results --- */

/* The value as it came; n is 0 for NULL. */
static struct bytes value(const PGresult *r, int row, int column)
{
	if (!r || row >= PQntuples(r) || column >= PQnfields(r))
		return (struct bytes){ 0 };
	return bytes_of(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

int64_t pg_get_int(const PGresult *r, int row, int column)
{
	struct bytes v = value(r, row, column);

	if (v.n == 2)
		return (int16_t)get_be(v.p, 2);
	if (v.n == 4)
		return (int32_t)get_be(v.p, 4);
	return v.n == 8 ? (int64_t)get_be(v.p, 8) : 0;
}

double pg_get_float(const PGresult *r, int row, int column)
{
	struct bytes v = value(r, row, column);
	double d = 0;
	float f = 0;

	if (v.n == 4) {
		uint32_t bits = (uint32_t)get_be(v.p, 4);

		memcpy(&f, &bits, sizeof(f));
		return (double)f;
	}
	if (v.n == 8) {
		uint64_t bits = get_be(v.p, 8);

		memcpy(&d, &bits, sizeof(d));
	}
	return d;
}

bool pg_get_bool(const PGresult *r, int row, int column)
{
	struct bytes v = value(r, row, column);

	return v.n == 1 && v.p[0];
}

int64_t pg_get_time(const PGresult *r, int row, int column)
{
	struct bytes v = value(r, row, column);
	int64_t us = v.n == 8 ? (int64_t)get_be(v.p, 8) : TIME_NONE;

	return us == INT64_MIN || us > INT64_MAX - US_1970_TO_2000 ? TIME_NONE : us + US_1970_TO_2000;
}

struct bytes pg_get_text(const PGresult *r, int row, int column)
{
	struct bytes v = value(r, row, column);

	return v.p ? v : bytes_of("", 0);
}

struct bytes pg_get_jsonb(const PGresult *r, int row, int column)
{
	struct bytes v = value(r, row, column);

	return v.n > 0 ? bytes_of(v.p + 1, v.n - 1) : bytes_of("", 0);
}

/* --- rows for COPY --- */

void pg_rows_free(struct pg_rows *r)
{
	free(r->p);
	free(r->at);
	*r = (struct pg_rows){ 0 };
}

void pg_rows_reset(struct pg_rows *r)
{
	r->n = r->n_rows = 0;
	r->no_memory = false;
}

/* So many more bytes at the end; NULL, and no_memory, when they cannot be had. */
static uint8_t *grow(struct pg_rows *r, size_t n)
{
	if (r->no_memory)
		return NULL;
	if (r->room - r->n < n) {
		size_t room = r->room ? r->room : ROOM_FIRST;
		uint8_t *p;

		while (room - r->n < n && room <= SIZE_MAX / 2)
			room *= 2;
		p = room - r->n < n ? NULL : realloc(r->p, room);
		if (!p) {
			r->no_memory = true;
			return NULL;
		}
		r->p = p;
		r->room = room;
	}
	r->n += n;
	return r->p + r->n - n;
}

void pg_row(struct pg_rows *r, unsigned int columns)
{
	uint8_t *p;

	if (r->n_rows == r->rows_room) {
		size_t room = r->rows_room ? 2 * r->rows_room : 1024;
		size_t *at = realloc(r->at, room * sizeof(*at));

		if (!at) {
			r->no_memory = true;
			return;
		}
		r->at = at;
		r->rows_room = room;
	}
	p = grow(r, 2);
	if (!p)
		return;
	put_be(p, columns, 2);
	r->at[r->n_rows++] = r->n - 2;
}

void pg_put_null(struct pg_rows *r)
{
	uint8_t *p = grow(r, 4);

	if (p)
		put_be(p, UINT32_MAX, 4);
}

static void put_number(struct pg_rows *r, uint64_t v, size_t n)
{
	uint8_t *p = grow(r, 4 + n);

	if (!p)
		return;
	put_be(p, n, 4);
	put_be(p + 4, v, n);
}

void pg_put_bool(struct pg_rows *r, bool v)
{
	put_number(r, v, 1);
}

void pg_put_i16(struct pg_rows *r, int16_t v)
{
	put_number(r, (uint64_t)v, 2);
}

void pg_put_i32(struct pg_rows *r, int32_t v)
{
	put_number(r, (uint64_t)v, 4);
}

void pg_put_i64(struct pg_rows *r, int64_t v)
{
	put_number(r, (uint64_t)v, 8);
}

void pg_put_f32(struct pg_rows *r, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_number(r, bits, 4);
}

void pg_put_time(struct pg_rows *r, int64_t us)
{
	if (us == TIME_NONE)
		pg_put_null(r);
	else
		put_number(r, time_to_pg(us), 8);
}

void pg_put_bytes(struct pg_rows *r, struct bytes v)
{
	uint8_t *p = v.n > INT32_MAX ? NULL : grow(r, 4 + v.n);

	if (!p) {
		r->no_memory = true;
		return;
	}
	put_be(p, v.n, 4);
	if (v.n)
		memcpy(p + 4, v.p, v.n);
}

void pg_put_jsonb(struct pg_rows *r, struct bytes text)
{
	uint8_t *p = text.n >= INT32_MAX ? NULL : grow(r, 5 + text.n);

	if (!p) {
		r->no_memory = true;
		return;
	}
	put_be(p, text.n + 1, 4);
	p[4] = 1; /* version of the form */
	if (text.n)
		memcpy(p + 5, text.p, text.n);
}

void pg_put_uuid(struct pg_rows *r, const struct pg_uuid *v)
{
	pg_put_bytes(r, bytes_of(v->b, sizeof(v->b)));
}

void pg_put_i64s(struct pg_rows *r, const int64_t *values, size_t n)
{
	uint8_t *p = n > INT32_MAX / 16 ? NULL : grow(r, 4 + ARRAY_HEAD + 12 * n);

	if (!p) {
		r->no_memory = true;
		return;
	}
	put_be(p, ARRAY_HEAD + 12 * n, 4);
	array_head(p + 4, T_INT8, false, n);
	p += 4 + ARRAY_HEAD;
	for (size_t i = 0; i < n; i++, p += 12) {
		put_be(p, 8, 4);
		put_be(p + 4, (uint64_t)values[i], 8);
	}
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Length of the string that begins at p[0]; up to the end when it has none. */
static size_t string_length(const uint8_t *p, size_t n)
{
	size_t i = 1;

	for (;;) {
		const uint8_t *quote = i < n ? memchr(p + i, '"', n - i) : NULL;
		size_t back = 0;

		if (!quote)
			return n;
		i = (size_t)(quote - p) + 1;
		while (quote[-1 - (ptrdiff_t)back] == '\\')
			back++;
		if (back % 2 == 0)
			return i;
	}
}

static size_t squeeze(const uint8_t *p, size_t n, uint8_t *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n;) {
		size_t len = p[i] == '"' ? string_length(p + i, n - i) : 1;

		if (len > 1)
			memcpy(out + at, p + i, len);
		else if (!is_space(p[i]))
			out[at] = p[i];
		at += len > 1 || !is_space(p[i]) ? len : 0;
		i += len;
	}
	return at;
}

void pg_put_json(struct pg_rows *r, struct bytes text)
{
	uint8_t *p = text.n >= INT32_MAX ? NULL : grow(r, 4 + text.n);
	size_t n;

	if (!p) {
		r->no_memory = true;
		return;
	}
	n = squeeze(text.p, text.n, p + 4);
	put_be(p, n, 4);
	r->n -= text.n - n;
}
