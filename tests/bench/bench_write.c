/*
 * bench_write DEVICE HOW DEPTH BYTES: write all of a device with O_DIRECT and flush it, DEPTH requests of BYTES at a time.
 * HOW: `thread`, each thread with one pwrite(2) at a time, or `uring`, one thread with an io_uring. Prints wall and processor
 * milliseconds and context switches: what keeping a queue full is worth on a device.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/args.h"
#include "base/auto.h"
#include "base/blk.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"

#define DEPTH_MAX 64u

struct bench {
	int fd;
	uint64_t size;
	size_t depth, bytes;
	uint8_t *buf; /* depth of them */
	_Atomic uint64_t next;
};

static void *write_thread(void *arg)
{
	struct bench *b = arg;
	uint64_t at;

	while ((at = atomic_fetch_add(&b->next, b->bytes)) < b->size)
		if (pwrite(b->fd, b->buf, b->bytes, (off_t)at) != (ssize_t)b->bytes)
			return arg;
	return NULL;
}

static int by_threads(struct bench *b, struct why *w)
{
	pthread_t threads[DEPTH_MAX];
	void *failed = NULL;
	int r = 0;

	for (size_t i = 0; i < b->depth; i++)
		if (pthread_create(&threads[i], NULL, write_thread, b))
			return fail(w, -EAGAIN, "no thread");
	for (size_t i = 0; i < b->depth; i++)
		if (pthread_join(threads[i], &failed) || failed)
			r = fail(w, -EIO, "a write failed");
	return r;
}

/* An io_uring without a library: one submission per call, completions polled from the shared ring. */
struct uring {
	int fd;
	struct io_uring_params p;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqes;
};

static uint8_t *map(const struct uring *u, size_t n, off_t what)
{
	uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd, what);

	return p == MAP_FAILED ? NULL : p;
}

static int uring_open(struct uring *u, unsigned int depth, struct why *w)
{
	u->fd = (int)syscall(SYS_io_uring_setup, depth, &u->p);
	if (u->fd < 0)
		return fail_errno(w, "io_uring_setup");
	u->sq = map(u, u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
	u->cq = map(u, u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	u->sqes = (void *)map(u, u->p.sq_entries * sizeof(*u->sqes), IORING_OFF_SQES);
	return u->sq && u->cq && u->sqes ? 0 : fail_errno(w, "io_uring");
}

static _Atomic uint32_t *word(uint8_t *ring, uint32_t off)
{
	return (_Atomic uint32_t *)(void *)(ring + off);
}

static void uring_put(struct uring *u, const struct bench *b, uint64_t at, size_t slot)
{
	uint32_t tail = atomic_load(word(u->sq, u->p.sq_off.tail)), i = tail & (u->p.sq_entries - 1);

	u->sqes[i] = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE,
					    .fd = b->fd,
					    .addr = (uintptr_t)(b->buf + slot * b->bytes),
					    .len = (uint32_t)b->bytes,
					    .off = at,
					    .user_data = slot };
	atomic_store(word(u->sq, u->p.sq_off.array) + i, i);
	atomic_store(word(u->sq, u->p.sq_off.tail), tail + 1);
}

/* A completion, when there is one. */
static bool uring_take(struct uring *u, struct io_uring_cqe *ret)
{
	uint32_t head = atomic_load(word(u->cq, u->p.cq_off.head));

	if (head == atomic_load(word(u->cq, u->p.cq_off.tail)))
		return false;
	*ret = ((struct io_uring_cqe *)(void *)(u->cq + u->p.cq_off.cqes))[head & (u->p.cq_entries - 1)];
	atomic_store(word(u->cq, u->p.cq_off.head), head + 1);
	return true;
}

static int by_uring(struct bench *b, struct why *w)
{
	struct uring u = { 0 };
	struct io_uring_cqe done;
	uint64_t at = 0, left = 0;
	unsigned int fresh = 0;
	int r = uring_open(&u, (unsigned int)b->depth, w);

	for (; !r && left < b->depth && at < b->size; left++, fresh++, at += b->bytes)
		uring_put(&u, b, at, left);
	while (!r && left > 0) {
		if (syscall(SYS_io_uring_enter, u.fd, fresh, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			return fail_errno(w, "io_uring_enter");
		for (fresh = 0; uring_take(&u, &done); left--) {
			if (done.res != (int)b->bytes)
				return fail(w, -EIO, "a write gave %d", done.res);
			if (at < b->size) {
				uring_put(&u, b, at, (size_t)done.user_data);
				at += b->bytes;
				left++;
				fresh++;
			}
		}
	}
	return r;
}

static int run(char **argv, struct why *w)
{
	uint64_t depth = 0, bytes = 0, begun;
	struct bench b = { .fd = -1 };
	struct rusage u;
	int r = parse_u64(argv[3], DEPTH_MAX, &depth, w);

	r = r ? r : parse_u64(argv[4], 64u << 20, &bytes, w);
	if (r || depth == 0 || bytes == 0)
		return r ? r : fail(w, -EINVAL, "0");
	AUTO_FREE uint8_t *buf = blk_alloc(depth * bytes);
	AUTO_FD fd = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (!buf || fd < 0)
		return fail_errno(w, "%s", argv[1]);
	memset(buf, 0x5a, depth * bytes);
	b = (struct bench){ .fd = fd, .depth = (size_t)depth, .bytes = (size_t)bytes, .buf = buf };
	r = fd_size(fd, argv[1], &b.size, w);
	begun = now_ms();
	r = r ? r : argv[2][0] == 'u' ? by_uring(&b, w) : by_threads(&b, w);
	if (!r && fdatasync(fd))
		r = fail_errno(w, "%s", argv[1]);
	begun = now_ms() - begun;
	if (r || getrusage(RUSAGE_SELF, &u))
		return r;
	(void)printf("%s %s %s wall_ms %llu cpu_ms %lld switches %ld\n", argv[2], argv[3], argv[4],
		     (unsigned long long)begun,
		     (long long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
			     (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000,
		     u.ru_nvcsw + u.ru_nivcsw);
	return 0;
}

int main(int argc, char **argv)
{
	struct why w = { 0 };

	if (argc != 5)
		return EXIT_USAGE;
	return run(argv, &w) ? why_report(&w, "bench_write") : EXIT_DONE;
}
