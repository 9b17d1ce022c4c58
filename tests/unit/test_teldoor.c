/*
 * teldoor: agents at the socket. A thread serves; the test is the agents, and the database.
 */
#include "bootstage/intel/teldoor.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/proc.h"
#include "tests/support.h"

#define SOON_MS 20000u

static struct world {
	struct teldoor *door;
	struct telpipe pipe;
	struct telspool spool;
	struct telspool_disk disk;
	const char *path;
	pthread_t thread;
	atomic_bool stop, refuse; /* refuse: the database takes nothing */
	atomic_uint store_ms;     /* that it takes for a batch */
} x;

static void pause_ms(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	IGNORE(nanosleep(&t, NULL));
}

static int do_connect(void *arg, struct telseqs *agents, struct why *w)
{
	(void)arg, (void)agents;
	return atomic_load(&x.refuse) ? fail(w, -ENOTCONN, "no database") : 0;
}

static int do_store(void *arg, struct telagg *rows, const struct telpipe_mark *marks, size_t n, struct why *w)
{
	(void)arg, (void)rows, (void)marks, (void)n;
	pause_ms(atomic_load(&x.store_ms));
	return atomic_load(&x.refuse) ? fail(w, -ENOTCONN, "no database") : 0;
}

static void do_disconnect(void *arg)
{
	(void)arg;
}

static void do_answer(void *arg, uint64_t tag, uint32_t agent, uint64_t seq, enum tel_verdict v)
{
	(void)arg;
	teldoor_answer(x.door, tag, agent, seq, v);
}

static void do_note(void *arg, const struct why *w)
{
	(void)arg, (void)w;
}

static const struct telpipe_ops ops = {
	.connect = do_connect, .store = do_store, .disconnect = do_disconnect, .answer = do_answer, .note = do_note
};

static bool stop(void)
{
	return atomic_load(&x.stop);
}

static void *serve(void *arg)
{
	(void)arg;
	IGNORE(teldoor_serve(x.door, &x.pipe, stop, NULL));
	return NULL;
}

/* A door with an empty spool of so many bytes behind it; idle_ms 0: as ever. */
static void open_door(size_t batch_rows, uint64_t spool_bytes, unsigned int idle_ms)
{
	const struct teldoor_want want = { .path = scratch_path("socket"), .mode = 0600, .idle_ms = idle_ms };
	struct why w = { 0 };

	x.path = want.path;
	atomic_store(&x.stop, false);
	x.disk.fd = -1;
	assert_ok(telspool_disk_open(&x.disk, scratch_path("spool"), &w), w);
	assert_int_equal(ftruncate(x.disk.fd, 0), 0);
	assert_ok(telspool_open(&x.spool, &telspool_disk, &x.disk, spool_bytes, &w), w);
	assert_ok(telpipe_init(&x.pipe, &ops, NULL, &x.spool, batch_rows, &w), w);
	assert_ok(teldoor_listen(&want, &x.door, &w), w);
	assert_int_equal(pthread_create(&x.thread, NULL, serve, NULL), 0);
}

static struct teldoor_facts close_door(void)
{
	struct teldoor_facts f;

	atomic_store(&x.refuse, false);
	atomic_store(&x.store_ms, 0);
	atomic_store(&x.stop, true);
	assert_int_equal(pthread_join(x.thread, NULL), 0);
	f = *teldoor_facts(x.door);
	telpipe_done(&x.pipe);
	teldoor_close(x.door);
	telspool_close(&x.spool);
	telspool_disk_close(&x.disk);
	return f;
}

static int agent_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static void agent_connect(int fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", x.path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
}

static int agent(void)
{
	int fd = agent_socket();

	agent_connect(fd);
	return fd;
}

/* So many events, each a row of its own. */
static size_t frame(uint8_t *p, size_t room, uint32_t number, uint64_t seq, unsigned int events)
{
	struct tel_writer t;
	struct bytes out = { 0 };

	tel_write_begin(&t, p, room, number, seq);
	for (unsigned int i = 0; i < events; i++) {
		const struct tel_event e = { .time_us = i * INT64_C(60000000),
					     .count = 1,
					     .kind = EDGE_CONNECTED,
					     .src_kind = NODE_HOST,
					     .dst_kind = NODE_HOST,
					     .src = bytes_str("a"),
					     .dst = bytes_str("b") };

		assert_int_equal(tel_write_event(&t, &e, NULL), 0);
	}
	assert_int_equal(tel_write_end(&t, &out, NULL), 0);
	return out.n;
}

/* Whether there is something to read, or the end, within so many milliseconds. */
static bool is_readable(int fd, unsigned int ms)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };

	return poll(&f, 1, (int)ms) > 0;
}

/* How many bytes come of the answers to n binary frames, until there are enough or nothing comes any more. */
static size_t answers(int fd, size_t n)
{
	uint8_t in[4096];
	size_t got = 0;

	while (got < n * TEL_ACK_BYTES && is_readable(fd, SOON_MS)) {
		ssize_t some = recv(fd, in, sizeof(in), 0);

		if (some <= 0)
			break;
		got += (size_t)some;
	}
	return got / TEL_ACK_BYTES;
}

static void send_all(int fd, const uint8_t *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void more_frames_than_answers_have_room_for_are_all_answered(void **state)
{
	const size_t many = 800;
	AUTO_FREE uint8_t *p = malloc(many * 128);
	size_t n = 0;
	int fd;

	(void)state;
	assert_non_null(p);
	open_door(5000, TELSPOOL_MAX_BYTES, 0);
	fd = agent();
	for (size_t i = 1; i <= many; i++)
		n += frame(p + n, 128, 1, i, 1);
	send_all(fd, p, n);
	assert_int_equal(answers(fd, many), many);
	(void)close(fd);
	(void)close_door();
}

static void only_a_socket_is_taken_over(void **state)
{
	struct teldoor_want want = { .path = scratch_path("precious"), .mode = 0600 };
	struct teldoor *d = NULL;
	struct stat st;

	(void)state;
	scratch_put("precious", "text");
	assert_int_equal(teldoor_listen(&want, &d, NULL), -EEXIST);
	assert_int_equal(stat(want.path, &st), 0);
	assert_int_equal(st.st_size, 4);
}

static void who_comes_when_there_are_no_descriptors_is_turned_away(void **state)
{
	struct rlimit before, now;
	int fd;

	(void)state;
	open_door(5000, TELSPOOL_MAX_BYTES, 0);
	fd = agent_socket();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	agent_connect(fd);
	assert_true(is_readable(fd, SOON_MS));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(answers(fd, 1), 0);
	(void)close(fd);
	assert_int_equal(close_door().turned_away, 1);
}

static void an_agent_that_owes_nothing_stays(void **state)
{
	uint8_t p[128];
	int whole, half;

	(void)state;
	open_door(5000, TELSPOOL_MAX_BYTES, 500);
	whole = agent();
	half = agent();
	send_all(whole, p, frame(p, sizeof(p), 1, 1, 1));
	assert_int_equal(answers(whole, 1), 1);
	send_all(half, p, TEL_HEADER + 1);
	assert_true(is_readable(half, SOON_MS));
	assert_int_equal(recv(half, p, sizeof(p), 0), 0);
	assert_false(is_readable(whole, 1200));
	(void)close(whole);
	(void)close(half);
	(void)close_door();
}

/* Without a database and with a spool that takes nothing there is one batch, of 8 MiB: 78 such frames. */
static void who_is_made_to_wait_is_not_closed_for_it(void **state)
{
	AUTO_FREE uint8_t *p = malloc(TEL_FRAME_MAX);
	int first, other;

	(void)state;
	assert_non_null(p);
	atomic_store(&x.refuse, true);
	open_door(1, 100, 500);
	first = agent();
	for (uint64_t i = 1; i <= 79; i++)
		send_all(first, p, frame(p, TEL_FRAME_MAX, 1, i, 4096));
	other = agent();
	send_all(other, p, frame(p, TEL_FRAME_MAX, 2, 1, 4096));
	assert_false(is_readable(other, 1500));
	atomic_store(&x.refuse, false);
	assert_int_equal(answers(other, 1), 1);
	(void)close(first);
	(void)close(other);
	(void)close_door();
}

/* As many as fill several batches each time that they are looked at, and one that comes last. */
static void each_has_its_turn_however_much_others_send(void **state)
{
	enum { MANY = 40 };
	AUTO_FREE uint8_t *p = malloc(65536);
	uint64_t end = now_ms() + SOON_MS, seq[MANY] = { 0 };
	uint8_t in[4096];
	int fds[MANY + 1];
	size_t left[MANY] = { 0 };

	(void)state;
	assert_non_null(p);
	atomic_store(&x.store_ms, 2);
	open_door(1, TELSPOOL_MAX_BYTES, 0);
	for (size_t i = 0; i <= MANY; i++) {
		fds[i] = agent();
		assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
	}
	send_all(fds[MANY], p, frame(p, 65536, MANY + 1, 1, 1));
	while (now_ms() < end && !is_readable(fds[MANY], 0)) {
		for (uint32_t i = 0; i < MANY; i++) {
			size_t n = frame(p, 65536, i + 1, seq[i] + (left[i] == 0), 500);
			ssize_t some =
				send(fds[i], p + (left[i] ? n - left[i] : 0), left[i] ? left[i] : n, MSG_NOSIGNAL);

			if (some > 0) {
				seq[i] += left[i] == 0;
				left[i] = (left[i] ? left[i] : n) - (size_t)some;
			}
			IGNORE(recv(fds[i], in, sizeof(in), 0) < 0);
		}
	}
	assert_true(is_readable(fds[MANY], 0));
	for (size_t i = 0; i <= MANY; i++)
		(void)close(fds[i]);
	(void)close_door();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_frames_than_answers_have_room_for_are_all_answered),
		cmocka_unit_test(only_a_socket_is_taken_over),
		cmocka_unit_test(who_comes_when_there_are_no_descriptors_is_turned_away),
		cmocka_unit_test(an_agent_that_owes_nothing_stays),
		cmocka_unit_test(who_is_made_to_wait_is_not_closed_for_it),
		cmocka_unit_test(each_has_its_turn_however_much_others_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
