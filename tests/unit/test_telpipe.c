/*
 * telpipe: every frame of every agent is counted once in the database, whatever ends when: the connection, before or behind
 * a commit; the process; the power. And no answer says that something is durable that is not (N10).
 */
#include "bootstage/intel/telpipe.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

#define AGENTS 3u
#define FRAMES 5u
#define ROOM   65536u
#define NEVER  UINT64_MAX

struct world {
	/* what lasts */
	uint64_t marks[AGENTS + 1];
	unsigned int counted[AGENTS + 1][FRAMES + 1];
	uint8_t medium[ROOM];
	size_t medium_n;
	/* the process */
	uint8_t view[ROOM];
	size_t view_n;
	/* the agents */
	bool acked[AGENTS + 1][FRAMES + 1];
	unsigned int refused;
	/* the plan */
	uint64_t ops, cut_at;
	bool done;                        /* the operation in flight took place */
	bool off;                         /* the process is dead */
	uint64_t outage_at, outage_until; /* operations of the database in which it fails */
	uint64_t db_ops;
	bool disk_full, unreadable;
	uint32_t bad_agent; /* whose rows the database does not take */
	unsigned int bad_seen, notes;
};

/* Returns whether the operation takes place; *ret_failed whether the process learns of it. */
static bool does(struct world *x, bool *ret_failed)
{
	bool here = x->ops++ == x->cut_at;

	*ret_failed = x->off || here;
	if (x->off)
		return false;
	x->off = here;
	return !here || x->done;
}

static int end(bool failed, struct why *w)
{
	return failed ? fail(w, -EIO, "no power") : 0;
}

static bool out(struct world *x)
{
	uint64_t op = x->db_ops++;

	return op >= x->outage_at && op < x->outage_until;
}

static int do_connect(void *arg, struct telseqs *agents, struct why *w)
{
	struct world *x = arg;
	bool failed;

	if (!does(x, &failed) || failed || out(x))
		return fail(w, -ENOTCONN, "no database");
	for (uint32_t a = 1; a <= AGENTS; a++)
		if (x->marks[a])
			assert_non_null(telseqs_stored(agents, a, x->marks[a]));
	return 0;
}

static void count(struct world *x, const struct telagg *rows, const struct telpipe_mark *marks, size_t n)
{
	for (size_t i = 0; i < rows->n_rows; i++) {
		const struct telagg_row *r = &rows->rows[i];

		x->counted[r->agent][rows->names[r->src].value.p[0] - '0'] += (unsigned int)r->count;
	}
	for (size_t i = 0; i < n; i++)
		x->marks[marks[i].agent] = marks[i].seq;
}

static int do_store(void *arg, struct telagg *rows, const struct telpipe_mark *marks, size_t n, struct why *w)
{
	struct world *x = arg;
	bool failed, done, fails = out(x);

	for (size_t i = 0; i < n; i++) {
		if (marks[i].before != x->marks[marks[i].agent])
			return fail(w, -ESTALE, "another process");
		if (marks[i].agent == x->bad_agent) {
			x->bad_seen++;
			return fail(w, -EBADMSG, "not a value");
		}
	}
	done = does(x, &failed);
	/* An outage of an odd operation ends the connection behind the commit. */
	if (done && (!fails || x->db_ops % 2))
		count(x, rows, marks, n);
	return failed || fails ? fail(w, -ENOTCONN, "the connection ended") : 0;
}

static void do_disconnect(void *arg)
{
	(void)arg;
}

static void do_answer(void *arg, uint64_t tag, uint32_t agent, uint64_t seq, enum tel_verdict v)
{
	struct world *x = arg;

	if (x->off)
		return;
	assert_int_equal(tag, agent * 100 + seq);
	x->refused += v == TEL_REFUSED;
	x->acked[agent][seq] = true;
}

static void do_note(void *arg, const struct why *w)
{
	assert_true(w->text[0]);
	((struct world *)arg)->notes++;
}

static const struct telpipe_ops ops = {
	.connect = do_connect,
	.store = do_store,
	.disconnect = do_disconnect,
	.answer = do_answer,
	.note = do_note,
};

static int disk_size(void *arg, uint64_t *ret, struct why *w)
{
	(void)w;
	*ret = ((struct world *)arg)->view_n;
	return 0;
}

static int disk_read(void *arg, uint64_t at, void *buf, size_t n, struct why *w)
{
	if (((struct world *)arg)->unreadable)
		return fail(w, -EIO, "a bad sector");
	memcpy(buf, ((struct world *)arg)->view + at, n);
	return 0;
}

static int disk_write(void *arg, uint64_t at, const void *buf, size_t n, struct why *w)
{
	struct world *x = arg;
	bool failed;

	assert_true(at + n <= ROOM);
	if (x->disk_full)
		return fail(w, -ENOSPC, "the disk is full");
	if (does(x, &failed)) {
		memcpy(x->view + at, buf, n);
		x->view_n = at + n;
	}
	return end(failed, w);
}

static int disk_sync(void *arg, struct why *w)
{
	struct world *x = arg;
	bool failed;

	if (does(x, &failed)) {
		memcpy(x->medium, x->view, x->view_n);
		x->medium_n = x->view_n;
	}
	return end(failed, w);
}

static int disk_cut(void *arg, uint64_t at, struct why *w)
{
	struct world *x = arg;
	bool failed;

	if (does(x, &failed))
		x->view_n = at;
	return end(failed, w);
}

static const struct telspool_file disk = {
	.size = disk_size,
	.read = disk_read,
	.write = disk_write,
	.sync = disk_sync,
	.cut = disk_cut,
};

/* So many events, each of another minute. */
static struct tel_frame frame_of(uint8_t *p, size_t room, uint32_t agent, uint64_t seq, unsigned int events)
{
	const char name[] = { (char)('0' + seq), '\0' };
	struct tel_event e = { .time_us = 5,
			       .count = 1,
			       .kind = EDGE_CONNECTED,
			       .src_kind = NODE_HOST,
			       .dst_kind = NODE_HOST,
			       .src = bytes_str(name),
			       .dst = bytes_str("d") };
	struct tel_writer t;
	struct tel_frame f = { 0 };
	struct bytes whole = { 0 };

	tel_write_begin(&t, p, room, agent, seq);
	for (unsigned int i = 0; i < events; i++, e.time_us += TEL_MINUTE_US)
		assert_int_equal(tel_write_event(&t, &e, NULL), 0);
	assert_int_equal(tel_write_end(&t, &whole, NULL), 0);
	assert_int_equal(tel_frame_read(whole, &f, NULL), 0);
	return f;
}

static struct tel_frame frame(uint8_t *room, uint32_t agent, uint64_t seq)
{
	return frame_of(room, 512, agent, seq, 1);
}

/* The agents send, in order, what has no answer; each waits for two frames at a time. */
static void run(struct world *x, struct telpipe *p, unsigned int steps)
{
	uint64_t now = 1000, sent[AGENTS + 1] = { 0 };
	uint8_t room[512];

	for (unsigned int i = 0; i < steps && !x->off; i++, now += 70) {
		for (uint32_t a = 1; a <= AGENTS; a++) {
			uint64_t seq = sent[a] + 1;
			struct tel_frame f;

			while (seq <= FRAMES && x->acked[a][seq])
				seq++;
			if (seq > FRAMES || (seq > 2 && !x->acked[a][seq - 2]))
				continue;
			f = frame(room, a, seq);
			if (telpipe_take(p, &f, a * 100 + seq, now) == 0)
				sent[a] = seq;
		}
		telpipe_step(p, now);
		assert_true(telpipe_due_ms(p, now) <= 60000);
	}
}

static bool all_acked(const struct world *x)
{
	for (uint32_t a = 1; a <= AGENTS; a++)
		for (uint64_t s = 1; s <= FRAMES; s++)
			if (!x->acked[a][s])
				return false;
	return true;
}

/* One life of the process: until everything is answered and stored, or it is dead. */
static void live(struct world *x)
{
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };

	if (telspool_open(&spool, &disk, x, ROOM, &w))
		return;
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	run(x, &p, 1000);
	telpipe_done(&p);
	telspool_close(&spool);
}

static void power_on(struct world *x, bool synced_only)
{
	if (synced_only) {
		memcpy(x->view, x->medium, x->medium_n);
		x->view_n = x->medium_n;
	}
	x->off = false;
	x->cut_at = NEVER;
}

static void check(const struct world *x)
{
	for (uint32_t a = 1; a <= AGENTS; a++) {
		for (uint64_t s = 1; s <= FRAMES; s++) {
			assert_true(x->acked[a][s]);
			assert_int_equal(x->counted[a][s], 1);
		}
		assert_int_equal(x->marks[a], FRAMES);
	}
	assert_int_equal(x->refused, 0);
}

static void frames_are_counted_once_after_every_cut(void **state)
{
	static const uint64_t outages[][2] = { { NEVER, NEVER }, { 0, 3 }, { 1, 2 }, { 2, 3 },
					       { 2, 6 },         { 3, 9 }, { 4, 5 } };
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	unsigned int cuts = 0;

	(void)state;
	assert_non_null(x);
	for (size_t o = 0; o < ARRAY_SIZE(outages); o++) {
		for (uint64_t cut = 0; cut < 60; cut++) {
			for (unsigned int how = 0; how < 4; how++) {
				*x = (struct world){ .cut_at = cut,
						     .done = how & 1,
						     .outage_at = outages[o][0],
						     .outage_until = outages[o][1] };
				live(x);
				cuts += x->off;
				power_on(x, how & 2);
				live(x);
				check(x);
			}
		}
	}
	assert_true(cuts > 200);
}

static void frames_that_come_again_are_answered_and_not_counted(void **state)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };
	uint8_t room[512];
	struct tel_frame f;

	(void)state;
	assert_non_null(x);
	*x = (struct world){ .cut_at = NEVER, .outage_at = NEVER };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 100, &w), w);
	telpipe_step(&p, 0);
	f = frame(room, 1, 3);
	assert_int_equal(telpipe_take(&p, &f, 103, 0), 0);
	assert_int_equal(telpipe_take(&p, &f, 103, 0), 0); /* before it is durable */
	assert_false(x->acked[1][3]);
	assert_int_equal(telpipe_due_ms(&p, 0), TELPIPE_WAIT_MS);
	telpipe_step(&p, TELPIPE_WAIT_MS - 1);
	assert_false(x->acked[1][3]);
	telpipe_step(&p, TELPIPE_WAIT_MS);
	assert_true(x->acked[1][3]);
	x->acked[1][3] = false;
	assert_int_equal(telpipe_take(&p, &f, 103, 300), 0); /* and behind */
	assert_true(x->acked[1][3]);
	assert_int_equal(x->counted[1][3], 1);
	assert_int_equal(p.facts.frames, 3);
	assert_int_equal(p.facts.duplicates, 2);
	assert_int_equal(p.facts.events, 1);
	telpipe_done(&p);
	telspool_close(&spool);
}

static void a_full_disk_and_no_database_answer_nothing_and_lose_nothing(void **state)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };

	(void)state;
	assert_non_null(x);
	*x = (struct world){ .cut_at = NEVER, .outage_until = 20, .disk_full = true };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	run(x, &p, 20);
	assert_false(x->acked[1][1]);
	x->outage_until = 0; /* the database comes back, the disk stays full */
	run(x, &p, 400);
	check(x);
	telpipe_done(&p);
	telspool_close(&spool);
}

/* What is gathered while there is no database is more than one batch. */
static void what_the_spool_does_not_take_is_stored_when_there_is_a_database_again(void **state)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	AUTO_FREE uint8_t *room = malloc(TEL_FRAME_MAX);
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };

	(void)state;
	assert_true(x && room);
	*x = (struct world){ .cut_at = NEVER, .outage_until = NEVER, .disk_full = true };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	for (uint64_t seq = 1; seq <= FRAMES; seq++) {
		struct tel_frame f = frame_of(room, TEL_FRAME_MAX, 1, seq, TEL_EVENTS_MAX);

		assert_int_equal(telpipe_take(&p, &f, 100 + seq, 0), 0);
	}
	for (uint64_t now = 0; now < 20000; now += 200)
		telpipe_step(&p, now);
	assert_false(x->acked[1][1]);
	x->outage_until = 0;
	for (uint64_t now = 20000; now < 40000; now += 200)
		telpipe_step(&p, now);
	for (uint64_t seq = 1; seq <= FRAMES; seq++) {
		assert_true(x->acked[1][seq]);
		assert_int_equal(x->counted[1][seq], TEL_EVENTS_MAX);
	}
	telpipe_done(&p);
	telspool_close(&spool);
}

static void refused_with(bool disk_full)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };

	assert_non_null(x);
	*x = (struct world){ .cut_at = NEVER, .outage_at = NEVER, .bad_agent = 2, .disk_full = disk_full };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	run(x, &p, 400);
	assert_true(all_acked(x));
	for (uint64_t s = 1; s <= FRAMES; s++) {
		assert_int_equal(x->counted[1][s], 1);
		assert_int_equal(x->counted[2][s], 0);
		assert_int_equal(x->counted[3][s], 1);
	}
	assert_int_equal(p.facts.dropped, FRAMES);
	assert_true(telspool_empty(&spool));
	telpipe_done(&p);
	telspool_close(&spool);
}

static void an_agent_whose_rows_are_refused_does_not_hold_the_others_back(void **state)
{
	(void)state;
	refused_with(false);
	refused_with(true);
}

static void a_second_process_with_the_same_agents_counts_nothing_twice(void **state)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };
	uint8_t room[512];
	struct tel_frame f;

	(void)state;
	assert_non_null(x);
	*x = (struct world){ .cut_at = NEVER, .outage_at = NEVER };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	telpipe_step(&p, 0);
	f = frame(room, 1, 1);
	x->marks[1] = 1; /* it came there, too */
	x->counted[1][1] = 1;
	assert_int_equal(telpipe_take(&p, &f, 101, 0), 0);
	for (uint64_t now = 200; now < 2000; now += 200)
		telpipe_step(&p, now);
	assert_true(x->acked[1][1]);
	assert_int_equal(x->counted[1][1], 1);
	assert_true(telspool_empty(&spool));
	telpipe_done(&p);
	telspool_close(&spool);
}

static void a_spool_that_cannot_be_read_is_tried_now_and_then(void **state)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };
	uint8_t room[512];
	struct tel_frame f;

	(void)state;
	assert_non_null(x);
	*x = (struct world){ .cut_at = NEVER, .outage_until = NEVER };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	f = frame(room, 1, 1);
	assert_int_equal(telpipe_take(&p, &f, 101, 0), 0);
	telpipe_step(&p, TELPIPE_WAIT_MS);
	assert_true(x->acked[1][1]); /* it is in the spool */
	x->unreadable = true;
	x->outage_until = x->notes = 0;
	telpipe_step(&p, 20000);
	assert_int_equal(telpipe_due_ms(&p, 20000), TELPIPE_RETRY_MS);
	telpipe_step(&p, 20001);
	assert_int_equal(x->notes, 1);
	assert_false(telpipe_replays(&p));
	x->unreadable = false;
	telpipe_step(&p, 20000 + TELPIPE_RETRY_MS);
	assert_int_equal(x->counted[1][1], 1);
	assert_true(telspool_empty(&spool));
	telpipe_done(&p);
	telspool_close(&spool);
}

/* An old backup was put back, or an agent's number was pruned. */
static void a_database_that_has_forgotten_an_agent_takes_what_comes_next(void **state)
{
	AUTO_FREE struct world *x = calloc(1, sizeof(*x));
	struct telspool spool;
	struct telpipe p;
	struct why w = { 0 };
	uint8_t room[512];

	(void)state;
	assert_non_null(x);
	*x = (struct world){ .cut_at = NEVER, .outage_at = NEVER };
	assert_ok(telspool_open(&spool, &disk, x, ROOM, &w), w);
	assert_ok(telpipe_init(&p, &ops, x, &spool, 4, &w), w);
	for (uint64_t seq = 1, now = 0; seq <= 3; seq++) {
		struct tel_frame f = frame(room, 1, seq);

		assert_int_equal(telpipe_take(&p, &f, 100 + seq, now), 0);
		for (uint64_t end = now + 1000; now < end; now += 200)
			telpipe_step(&p, now);
		assert_true(x->acked[1][seq]);
		assert_int_equal(x->counted[1][seq], 1);
		x->marks[1] = seq == 2 ? 0 : x->marks[1];
	}
	assert_true(telspool_empty(&spool));
	telpipe_done(&p);
	telspool_close(&spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_counted_once_after_every_cut),
		cmocka_unit_test(frames_that_come_again_are_answered_and_not_counted),
		cmocka_unit_test(a_full_disk_and_no_database_answer_nothing_and_lose_nothing),
		cmocka_unit_test(what_the_spool_does_not_take_is_stored_when_there_is_a_database_again),
		cmocka_unit_test(an_agent_whose_rows_are_refused_does_not_hold_the_others_back),
		cmocka_unit_test(a_spool_that_cannot_be_read_is_tried_now_and_then),
		cmocka_unit_test(a_database_that_has_forgotten_an_agent_takes_what_comes_next),
		cmocka_unit_test(a_second_process_with_the_same_agents_counts_nothing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
