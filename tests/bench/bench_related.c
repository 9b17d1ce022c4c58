/*
 * bench_related FIRST SECOND RUNS NODES: walks of three steps from RUNS of the nodes 1 to NODES, by related_find(), by
 * related_walk() over one server and over two, and by queries that were written by hand; in turn, so that each is compared
 * within one run. Prints for each the median and the least of its milliseconds, and the median of its ratio to the first.
 * Ends with an error when any of them finds another number of nodes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bootstage/intel/related.h"

#define RUNS_MAX 101
#define FROM     INT64_C(1772323200000000) /* 2026-03-01 */
#define DAY      INT64_C(86400000000)

#define WALK                                                                                                           \
	"WITH RECURSIVE r (id, depth) AS (SELECT $1::bigint, 0 UNION SELECT e.dst, r.depth + 1 FROM r "                \
	"JOIN intel_edges e ON e.src = r.id WHERE r.depth < 3) "
#define NAMED                                                                                                          \
	"SELECT n.key, n.kind, n.name, x.depth FROM (SELECT id, min(depth) AS depth FROM r GROUP BY id) x JOIN nodes n ON n.node_id = x.id"

struct bench {
	struct related_server servers[2];
	struct relquery query; /* of the graph alone, three steps */
	struct relquery timed; /* with telemetry, two */
};

struct way {
	const char *name;
	int (*run)(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w);
	const char *sql;
	size_t of; /* what it is compared with */
	double ms[RUNS_MAX];
};

static int by_hand(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w)
{
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *rows = NULL;
	struct relsql sql = { 0 };
	int r;

	(void)snprintf(sql.name, sizeof(sql.name), "%.39s", way->name);
	(void)snprintf(sql.text, sizeof(sql.text), "%s", way->sql);
	pg_param_i64(&a, start);
	r = related_prepare(&b->servers[0], &sql, w);
	r = r ? r : pg_query_prepared(b->servers[0].pg, sql.name, &a, &rows, w);
	*ret_n = r ? 0 : (size_t)PQntuples(rows) - 1; /* the start is among them */
	return r;
}

/* The recursive query of related_find() as it is, without making a set of its rows and asking for names. */
static int by_query(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w)
{
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *rows = NULL;
	struct relsql sql;
	int r;

	(void)way;
	relquery_sql(&b->query, false, &sql);
	relquery_params(&b->query, false, start, &a);
	r = related_prepare(&b->servers[0], &sql, w);
	r = r ? r : pg_query_prepared(b->servers[0].pg, sql.name, &a, &rows, w);
	*ret_n = r ? 0 : (size_t)PQntuples(rows);
	return r;
}

static int count(int r, struct answers *a, size_t *ret_n)
{
	*ret_n = r ? 0 : a->n;
	if (!r)
		answers_free(a);
	return r;
}

static int by_find(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w)
{
	struct answers a;

	(void)way;
	return count(related_find(&b->servers[0], &b->query, start, &a, w), &a, ret_n);
}

static int by_walk(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w)
{
	struct answers a;

	(void)way;
	return count(related_walk(b->servers, 1, &b->query, start, &a, w), &a, ret_n);
}

static int by_find_timed(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w)
{
	struct answers a;

	(void)way;
	return count(related_find(&b->servers[0], &b->timed, start, &a, w), &a, ret_n);
}

static int by_two(struct bench *b, const struct way *way, int64_t start, size_t *ret_n, struct why *w)
{
	struct answers a;

	(void)way;
	return count(related_walk(b->servers, 2, &b->timed, start, &a, w), &a, ret_n);
}

static struct way ways[] = {
	{ "by hand, with names", by_hand, WALK NAMED, 0, { 0 } },
	{ "by hand, ids alone", by_hand, WALK "SELECT id, min(depth) FROM r GROUP BY id", 0, { 0 } },
	{ "related_find", by_find, NULL, 0, { 0 } },
	{ "related_walk, one server", by_walk, NULL, 0, { 0 } },
	{ "related_find's query, ids alone", by_query, NULL, 1, { 0 } },
	{ "related_find, its telemetry", by_find_timed, NULL, 5, { 0 } },
	{ "related_walk, two servers", by_two, NULL, 5, { 0 } },
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(const double *v, int n)
{
	double sorted[RUNS_MAX];

	memcpy(sorted, v, (size_t)n * sizeof(*v));
	qsort(sorted, (size_t)n, sizeof(*sorted), compare);
	return sorted[n / 2];
}

static int run_all(struct bench *b, int run, int64_t start, struct why *w)
{
	size_t want = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		double began = now();
		size_t n = 0;
		int r = ways[i].run(b, &ways[i], start, &n, w);

		if (r)
			return r;
		ways[i].ms[run] = now() - began;
		if (i > 0 && ways[i].of == 0 && n != want)
			return fail(w, -EBADMSG, "%s: %zu nodes, want %zu", ways[i].name, n, want);
		want = i == 0 ? n : want;
	}
	return 0;
}

static void print(int runs)
{
	(void)printf("%-34s %8s %8s %8s\n", "", "ms", "least", "ratio");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		double ratio[RUNS_MAX], least = ways[i].ms[0];

		for (int k = 0; k < runs; k++) {
			ratio[k] = ways[i].ms[k] / ways[ways[i].of].ms[k];
			least = ways[i].ms[k] < least ? ways[i].ms[k] : least;
		}
		(void)printf("%-34s %8.1f %8.1f %8.2f\n", ways[i].name, median(ways[i].ms, runs), least,
			     median(ratio, runs));
	}
}

static int bench(char **argv, struct why *w)
{
	AUTO_PG first = { 0 };
	AUTO_PG second = { 0 };
	int runs = (int)strtol(argv[3], NULL, 10);
	int64_t nodes = strtoll(argv[4], NULL, 10);
	struct bench b = { .servers = { { .pg = &first }, { .pg = &second } } };
	int r = pg_open(&(struct pg_options){ .conninfo = argv[1] }, &first, w);

	r = r ? r : pg_open(&(struct pg_options){ .conninfo = argv[2] }, &second, w);
	b.query = relquery_default(FROM + 3 * DAY);
	b.query.direction = DIRECTION_OUT;
	b.query.limit = RELQUERY_LIMIT_MAX;
	b.timed = b.query;
	b.timed.depth = 2;
	b.query.from_us = TIME_NONE;
	b.query.to_us = TIME_NONE;
	runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
	for (int i = -1; !r && i < runs; i++) /* once to warm up */
		r = run_all(&b, i < 0 ? 0 : i, 1 + (int64_t)(i + 1) * 7919 % nodes, w);
	if (!r)
		print(runs);
	return r;
}

int main(int argc, char **argv)
{
	struct why w = { 0 };

	if (argc != 5)
		return EXIT_USAGE;
	return bench(argv, &w) ? why_report(&w, "bench_related") : EXIT_DONE;
}
