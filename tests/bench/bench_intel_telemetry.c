/*
 * bench_intel_telemetry frames AGENTS EVENTS DESTINATIONS FIRST SEQ: what so many agents say at one time, to standard output: a
 * frame each (docs/formats/telemetry.md) with EVENTS addresses that its host talked to, of DESTINATIONS from number FIRST on.
 *
 * bench_intel_telemetry plain CONNINFO TABLE AGENTS EVENTS DESTINATIONS: rows a second of one COPY BINARY with as many rows
 * of the same hosts and addresses, by numbers, into that table.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bootstage/intel/pg.h"
#include "bootstage/intel/telframe.h"

#define PORTION 5000u
#define SPREAD                                                                                                         \
	7368787u /* a prime: neighbours get numbers far from each other, as nodes get theirs in the order of keys */
#define ADDRESS0 UINT32_C(0x0a000000)

struct load {
	uint64_t agents, events, destinations, first, seq;
};

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int64_t minute_us(void)
{
	return (int64_t)(time(NULL) / 60) * 60 * 1000000;
}

/* The destinations of an agent are all different ones as long as there are that many. */
static uint64_t destination(const struct load *l, uint64_t agent, uint64_t event)
{
	return (agent * 31 + event * 997) % l->destinations;
}

/* --- frames --- */

static int put_event(struct tel_writer *t, const struct load *l, uint64_t agent, uint64_t event, struct why *w)
{
	struct in_addr a = { .s_addr = htonl(ADDRESS0 + (uint32_t)(l->first + destination(l, agent, event))) };
	char host[32], address[INET_ADDRSTRLEN] = "";
	struct tel_event e = { .time_us = minute_us(),
			       .count = 1,
			       .kind = EDGE_CONNECTED,
			       .src_kind = NODE_HOST,
			       .dst_kind = NODE_IPV4_ADDR };

	(void)snprintf(host, sizeof(host), "host-%06" PRIu64, agent);
	(void)inet_ntop(AF_INET, &a, address, sizeof(address));
	e.src = bytes_str(host);
	e.dst = bytes_str(address);
	return tel_write_event(t, &e, w);
}

static int put_frame(const struct load *l, uint64_t agent, struct why *w)
{
	static uint8_t room[TEL_FRAME_MAX];
	struct tel_writer t;
	struct bytes frame;
	int r = 0;

	tel_write_begin(&t, room, sizeof(room), (uint32_t)agent, l->seq);
	for (uint64_t i = 0; !r && i < l->events; i++)
		r = put_event(&t, l, agent, i, w);
	r = r ? r : tel_write_end(&t, &frame, w);
	if (!r && fwrite(frame.p, 1, frame.n, stdout) != frame.n)
		r = fail_errno(w, "output");
	return r;
}

static int frames(const struct load *l, struct why *w)
{
	int r = 0;

	for (uint64_t agent = 1; !r && agent <= l->agents; agent++)
		r = put_frame(l, agent, w);
	return r ? r : fflush(stdout) ? fail_errno(w, "output") : 0;
}

/* --- plain --- */

static void put_row(struct pg_rows *rows, const struct load *l, uint64_t i, int64_t at_us)
{
	uint64_t agent = i / l->events + 1, nodes = l->agents + l->destinations;

	pg_row(rows, 6);
	pg_put_time(rows, at_us);
	pg_put_i32(rows, (int32_t)agent);
	pg_put_i64(rows, (int64_t)(agent * SPREAD % nodes));
	pg_put_i64(rows, (int64_t)((l->agents + 1 + destination(l, agent, i % l->events)) * SPREAD % nodes));
	pg_put_i16(rows, EDGE_CONNECTED);
	pg_put_f32(rows, 1);
}

static int copy(struct pg *p, const char *table, const struct load *l, struct why *w)
{
	AUTO_PG_ROWS rows = { 0 };
	uint64_t total = l->agents * l->events;
	int64_t at_us = minute_us();
	char sql[160];
	int r;

	(void)snprintf(sql, sizeof(sql), "COPY %s (ts, agent_id, src, dst, kind, weight) FROM STDIN (FORMAT binary)",
		       table);
	r = pg_copy_begin(p, sql, w);
	for (uint64_t i = 0; !r && i < total;) {
		uint64_t end = total - i < PORTION ? total : i + PORTION;

		for (pg_rows_reset(&rows); i < end; i++)
			put_row(&rows, l, i, at_us);
		r = pg_copy_send(p, &rows, 0, rows.n_rows, w);
	}
	return r ? r : pg_copy_end(p, NULL, w);
}

static int plain(const char *conninfo, const char *table, const struct load *l, struct why *w)
{
	struct pg_options o = { .conninfo = conninfo, .statement_timeout_ms = 600000 };
	AUTO_PG p = { 0 };
	double start;
	int r = pg_open(&o, &p, w);

	start = now_s();
	r = r ? r : copy(&p, table, l, w);
	if (!r)
		(void)printf("%.0f\n", (double)(l->agents * l->events) / (now_s() - start));
	return r;
}

int main(int argc, char **argv)
{
	struct load l = { 0 };
	struct why w = { 0 };
	uint64_t *const numbers[] = { &l.agents, &l.events, &l.destinations, &l.first, &l.seq };
	bool is_plain = argc == 7 && strcmp(argv[1], "plain") == 0;
	int from = is_plain ? 4 : 2, r;

	if (!is_plain && (argc != 7 || strcmp(argv[1], "frames") != 0))
		return 2;
	for (int i = from; i < argc; i++)
		*numbers[i - from] = strtoull(argv[i], NULL, 10);
	r = is_plain ? plain(argv[2], argv[3], &l, &w) : frames(&l, &w);
	return r ? why_report(&w, "bench_intel_telemetry") : 0;
}
