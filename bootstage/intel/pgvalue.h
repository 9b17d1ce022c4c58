/*
 * pgvalue - what goes to PostgreSQL and comes back, in its binary form: parameters, rows for COPY, values of a result.
 * Layer:  bootstage/intel. Format: memory only.
 * Trust:  values come from feeds; results from the server. Neither can make a field that is longer than it says.
 * Source: PostgreSQL 15: src/include/catalog/pg_type.dat for numbers of types, "COPY", binary format, the send and receive
 *         functions of each type.
 *
 * Times are microseconds since 1970, UTC; TIME_NONE of graph.h is NULL.
 */
#ifndef BOOTSTAGE_INTEL_PGVALUE_H
#define BOOTSTAGE_INTEL_PGVALUE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct pg_uuid {
	uint8_t b[16];
};

/* --- parameters --- */

#define PG_PARAMS_MAX 12u

struct pg_params {
	int n;
	bool no_memory; /* an array did not fit: the query fails with ENOMEM */
	Oid types[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	uint8_t numbers[PG_PARAMS_MAX][8];
	void *arrays[PG_PARAMS_MAX];
};

/* Append one, $1 first. Text and bytea are borrowed until the query; arrays and numbers are copied. At most PG_PARAMS_MAX. */
void pg_param_null(struct pg_params *p);
void pg_param_text(struct pg_params *p, struct bytes text);
void pg_param_bytea(struct pg_params *p, struct bytes value);
void pg_param_bool(struct pg_params *p, bool value);
void pg_param_i16(struct pg_params *p, int16_t value);
void pg_param_i32(struct pg_params *p, int32_t value);
void pg_param_i64(struct pg_params *p, int64_t value);
void pg_param_f64(struct pg_params *p, double value);
void pg_param_time(struct pg_params *p, int64_t us); /* timestamptz; microseconds since 1970, UTC */
void pg_param_i64s(struct pg_params *p, const int64_t *values, size_t n);
void pg_param_i16s(struct pg_params *p, const int16_t *values, size_t n);
void pg_param_i32s(struct pg_params *p, const int32_t *values, size_t n);
void pg_param_times(struct pg_params *p, const int64_t *values, size_t n); /* TIME_NONE: NULL */
void pg_param_uuids(struct pg_params *p, const struct pg_uuid *values, size_t n);
void pg_param_texts(struct pg_params *p, const struct bytes *values, size_t n);
void pg_params_free(struct pg_params *p);
#define AUTO_PG_PARAMS CLEANUP(pg_params_free) struct pg_params

/* --- results --- */

/* One value of a result in the binary form. NULL, or another type, gives 0, false, "" and TIME_NONE of graph.h. */
int64_t pg_get_int(const PGresult *r, int row, int column); /* smallint, integer, bigint */
double pg_get_float(const PGresult *r, int row, int column);
bool pg_get_bool(const PGresult *r, int row, int column);
int64_t pg_get_time(const PGresult *r, int row, int column);
/** Borrowed from the result, a NUL follows. Text; jsonb without its version byte is pg_get_jsonb(). */
struct bytes pg_get_text(const PGresult *r, int row, int column);
struct bytes pg_get_jsonb(const PGresult *r, int row, int column);

/* --- COPY BINARY --- */

/* Rows in memory, each by its fields in the order of the columns. Start with { 0 }. */
struct pg_rows {
	uint8_t *p;
	size_t n, room; /* bytes */
	size_t *at;     /* where each row begins */
	size_t n_rows, rows_room;
	bool no_memory;
};

void pg_rows_free(struct pg_rows *r);
#define AUTO_PG_ROWS CLEANUP(pg_rows_free) struct pg_rows
/** Forget the rows, keep the memory. */
void pg_rows_reset(struct pg_rows *r);

/** Begin a row of so many columns; then one put for each. */
void pg_row(struct pg_rows *r, unsigned int columns);
void pg_put_null(struct pg_rows *r);
void pg_put_bool(struct pg_rows *r, bool value);
void pg_put_i16(struct pg_rows *r, int16_t value);
void pg_put_i32(struct pg_rows *r, int32_t value);
void pg_put_i64(struct pg_rows *r, int64_t value);
void pg_put_f32(struct pg_rows *r, float value);
void pg_put_time(struct pg_rows *r, int64_t us);          /* TIME_NONE: NULL */
void pg_put_bytes(struct pg_rows *r, struct bytes value); /* text, bytea, uuid */
void pg_put_jsonb(struct pg_rows *r, struct bytes text);
/** json: a checked text, without the white space outside of its strings. */
void pg_put_json(struct pg_rows *r, struct bytes text);
void pg_put_uuid(struct pg_rows *r, const struct pg_uuid *value);
void pg_put_i64s(struct pg_rows *r, const int64_t *values, size_t n); /* bigint[] */

#endif
