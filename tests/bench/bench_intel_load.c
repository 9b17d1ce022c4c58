/*
 * bench_intel_load CONNINFO plain|indexed ROWS [BATCH]: rows a second of COPY BINARY with edges, into a table without indexes or
 * into one as intel_edges; in one statement, or BATCH rows a transaction, each batch in the order of the key as the loader
 * has them. CONNINFO: a database with the schema, whose tables bench_* are made anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bootstage/intel/pg.h"

#define NODES   100000u
#define KINDS   40u
#define PORTION 5000u

struct row {
	int64_t src, dst;
	int16_t kind;
};

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The i-th of edges in no order, no two the same: dst and kind give i back, src is any. */
static struct row row_of(uint64_t i)
{
	uint64_t at = i * 7368787 % (NODES * (uint64_t)KINDS);

	return (struct row){ .src = (int64_t)(mix(i) % NODES),
			     .dst = (int64_t)(at / KINDS),
			     .kind = (int16_t)(at % KINDS) };
}

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->dst > y->dst) - (x->dst < y->dst);
}

static void put(struct pg_rows *rows, const struct row *r, size_t n)
{
	pg_rows_reset(rows);
	for (size_t i = 0; i < n; i++) {
		pg_row(rows, 6);
		pg_put_i64(rows, r[i].src);
		pg_put_i16(rows, r[i].kind);
		pg_put_i64(rows, r[i].dst);
		pg_put_time(rows, INT64_C(1760000000000000));
		pg_put_time(rows, INT64_C(1770000000000000));
		pg_put_i32(rows, 1);
	}
}

static int copy_all(struct pg *p, const char *sql, uint64_t total, size_t batch, struct why *w)
{
	AUTO_PG_ROWS rows = { 0 };
	size_t portion = batch ? batch : PORTION;
	AUTO_FREE struct row *some = calloc(portion, sizeof(*some));
	int r = some ? 0 : fail(w, -ENOMEM, "out of memory");

	if (!r && !batch)
		r = pg_copy_begin(p, sql, w);
	for (uint64_t i = 0; !r && i < total; i += portion) {
		size_t n = total - i < portion ? (size_t)(total - i) : portion;

		for (size_t k = 0; k < n; k++)
			some[k] = row_of(i + k);
		if (batch)
			qsort(some, n, sizeof(*some), by_key);
		put(&rows, some, n);
		r = batch ? pg_copy(p, sql, &rows, 0, n, w) : pg_copy_send(p, &rows, 0, n, w);
	}
	return r || batch ? r : pg_copy_end(p, NULL, w);
}

int main(int argc, char **argv)
{
	struct pg_options o = { .conninfo = argc > 1 ? argv[1] : "", .statement_timeout_ms = 600000 };
	bool indexed = argc > 2 && strcmp(argv[2], "indexed") == 0;
	uint64_t total = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
	size_t batch = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	struct why w = { 0 };
	AUTO_PG p = { 0 };
	double start = 0;
	int r = pg_open(&o, &p, &w);

	r = r ? r : pg_run(&p, "DROP TABLE IF EXISTS bench_edges; CREATE TABLE bench_edges (LIKE intel_edges)", &w);
	if (!r && indexed)
		r = pg_run(&p, "DROP TABLE bench_edges; CREATE TABLE bench_edges (LIKE intel_edges INCLUDING ALL)", &w);
	r = r ? r : pg_run(&p, "CHECKPOINT", &w);
	start = now_s();
	r = r ? r
	      : copy_all(&p, "COPY bench_edges (src, kind, dst, first_seen, last_seen, n) FROM STDIN (FORMAT binary)",
			 total, batch, &w);
	if (r)
		return why_report(&w, "bench_intel_load");
	(void)printf("%.0f\n", (double)total / (now_s() - start));
	return 0;
}
