/*
 * bench_intel_parse FILE ROUNDS: a STIX bundle read in three ways by turns, each from the file in blocks: `carve`, where records begin
 * and end and nothing else, which is what a splitter of any kind has to do; `parse`, our strict check with type, id, modified and
 * name of each record; `yajl`, its SAX parser over the whole with callbacks that
 * do nothing. Prints for each: median and best MB per second of processor time, objects found.
 * FILE may be "-": then the standard input is parsed, once.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "base/parse.h"
#include "bootstage/intel/input.h"
#include "bootstage/intel/scan.h"

#define BLOCK_BYTES (256u << 10)
#define ROUNDS_MAX  99u

static int64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The bare carver: depth outside strings; records are what begins at depth 2 (objects of the one list). */
struct ranges {
	unsigned int depth;
	bool string, escape;
	uint64_t at, from, n, bytes;
};

static const uint8_t *in_string(struct ranges *c, const uint8_t *p, const uint8_t *end)
{
	p = c->escape ? p + 1 : scan_quoted(p, end);
	c->escape = false;
	if (p >= end)
		return end;
	c->string = *p != '"';
	c->escape = *p == '\\';
	return p + 1;
}

static const uint8_t *outside(struct ranges *c, const uint8_t *start, const uint8_t *p, const uint8_t *end)
{
	p = scan_nest(p, end);
	if (p == end)
		return p;
	if (*p == '"') {
		c->string = true;
	} else if ((*p | 0x20) == '{') {
		if (c->depth++ == 2)
			c->from = c->at + (uint64_t)(p - start);
	} else if (--c->depth == 2) {
		c->bytes += c->at + (uint64_t)(p - start) - c->from + 1;
		c->n++;
	}
	return p + 1;
}

static int carve_alone(int fd, uint64_t *ret_n, struct why *w)
{
	static uint8_t block[BLOCK_BYTES];
	struct ranges c = { 0 };
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		const uint8_t *p = block, *end = block + n;

		while (p < end)
			p = c.string ? in_string(&c, p, end) : outside(&c, block, p, end);
		c.at += (uint64_t)n;
	}
	*ret_n = c.n;
	return n < 0 ? fail_errno(w, "read") : 0;
}

static size_t picked;

static void pick(const struct jsontext *t)
{
	static const char *const keys[] = { "type", "id", "modified", "name" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		picked += jsontext_get(t, keys[i]).n;
}

static int read_fd(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	ssize_t n = read(*(int *)arg, buf, room);

	*ret_n = n > 0 ? (size_t)n : 0;
	return n < 0 ? fail_errno(w, "feed") : 0;
}

static int parse(int fd, uint64_t *ret_n, struct why *w)
{
	struct input *in = NULL;
	struct carved got = { 0 };
	struct carve c = { 0 };
	uint64_t n = 0;
	int r = input_open((struct carve_source){ read_fd, &fd }, "feed", 0, &in, w);

	r = r ? r : carve_init(&c, input_source(in), 0, w);
	while (!r && got.what != CARVE_END) {
		r = carve_next(&c, &got, w);
		if (got.what == CARVE_RECORD) {
			pick(&got.value);
			n++;
		}
	}
	carve_done(&c);
	input_close(in);
	*ret_n = n;
	return r;
}

static int yajl_nothing(void *arg)
{
	(void)arg;
	return 1;
}

static int yajl_text(void *arg, const unsigned char *s, size_t n)
{
	(void)arg;
	(void)s;
	(void)n;
	return 1;
}

static int yajl_digits(void *arg, const char *s, size_t n)
{
	(void)arg;
	(void)s;
	(void)n;
	return 1;
}

static int yajl_truth(void *arg, int value)
{
	(void)arg;
	(void)value;
	return 1;
}

static int yajl_begin(void *arg)
{
	uint64_t *n = arg;

	++*n;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = yajl_nothing,
	.yajl_boolean = yajl_truth,
	.yajl_number = yajl_digits,
	.yajl_string = yajl_text,
	.yajl_start_map = yajl_begin,
	.yajl_map_key = yajl_text,
	.yajl_end_map = yajl_nothing,
	.yajl_start_array = yajl_nothing,
	.yajl_end_array = yajl_nothing,
};

static int sax(int fd, uint64_t *ret_n, struct why *w)
{
	static uint8_t block[BLOCK_BYTES];
	yajl_handle h = yajl_alloc(&callbacks, NULL, ret_n);
	yajl_status s = yajl_status_ok;
	ssize_t n = 0;

	*ret_n = 0;
	while (h && s == yajl_status_ok && (n = read(fd, block, sizeof(block))) > 0)
		s = yajl_parse(h, block, (size_t)n);
	s = h && s == yajl_status_ok ? yajl_complete_parse(h) : s;
	if (h)
		yajl_free(h);
	return !h || n < 0 || s != yajl_status_ok ? fail(w, -EIO, "yajl") : 0;
}

static const struct way {
	const char *name;
	int (*run)(int fd, uint64_t *ret_n, struct why *w);
} ways[] = {
	{ "carve", carve_alone },
	{ "parse", parse },
	{ "yajl", sax },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(const char *path, const struct way *way, double *ret_rate, uint64_t *ret_n, struct why *w)
{
	AUTO_FD fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	int64_t before = cpu_ns();
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", path);
	(void)lseek(fd, 0, SEEK_SET); /* a pipe is where it is */
	r = way->run(fd, ret_n, w);
	*ret_rate = (double)size * 1000 / (double)(cpu_ns() - before);
	return r;
}

int main(int argc, char **argv)
{
	static double rates[ARRAY_SIZE(ways)][ROUNDS_MAX];
	uint64_t rounds = 0, found[ARRAY_SIZE(ways)] = { 0 };
	struct why w = { 0 };
	int r = argc == 3 ? parse_u64(argv[2], ROUNDS_MAX, &rounds, &w)
			  : misuse(&w, -EINVAL, "usage: bench_intel_parse FILE ROUNDS");

	if (!r && strcmp(argv[1], "-") == 0) {
		r = measure(argv[1], &ways[1], &rates[1][0], &found[1], &w);
		printf("parse 0 0 %" PRIu64 "\n", found[1]);
		return r ? why_report(&w, "bench_intel_parse") : 0;
	}
	for (size_t k = 0; !r && k < rounds; k++)
		for (size_t i = 0; !r && i < ARRAY_SIZE(ways); i++)
			r = measure(argv[1], &ways[i], &rates[i][k], &found[i], &w);
	for (size_t i = 0; !r && i < ARRAY_SIZE(ways); i++) {
		qsort(rates[i], rounds, sizeof(rates[i][0]), compare);
		printf("%s %.0f %.0f %" PRIu64 "\n", ways[i].name, rates[i][rounds / 2], rates[i][rounds - 1],
		       found[i]);
	}
	return r ? why_report(&w, "bench_intel_parse") : 0;
}
