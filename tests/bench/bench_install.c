/*
 * bench_install BUNDLE|URL DEVICE [--workers N] [--no-read-back] [--base DEVICE [--base-bundle BUNDLE]]
 * [--origin DEVICE] [--decrypt-with FILE]: the install pipeline alone, as tests/bench/install, encrypt and delta measure it. Prints one
 * line: wall milliseconds, processor milliseconds, peak resident KiB, then what was skipped, written, zeroed, copied and
 * fetched, how long making the map of the base took, and, of a URL, the requests, the bytes of bodies, and how many of these
 * came twice; last the most KiB of memory of its own, and of pages of files, that were seen ten times a second.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/args.h"
#include "base/heap.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"
#include "updater/basemap.h"
#include "updater/decryptfile.h"
#include "updater/pipeline.h"
#include "updater/source_http.h"

#define HEAD_FILE "bench_install.head" /* in the folder that it runs in */

struct bench {
	const char *bundle, *device, *base, *base_bundle, *origin, *key;
	struct blk to, from, made_from;
	struct source src, base_src, head_src, joined;
	struct bundle b, head;
	struct basemap map;
	struct pipeline_job job;
	struct pipeline_stats stats;
	struct source_stats net;
	uint64_t map_ms;
	uint64_t own_kib, file_kib; /* most that was seen */
};

static uint64_t cpu_ms(const struct rusage *u)
{
	return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 +
	       (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

static int open_bundle(const char *path, struct source *src, struct bundle *ret, struct why *w)
{
	static const struct source_http_options http;
	int r = http_is_url(path) ? source_http(path, &http, src, w) : source_file(path, src, w);

	return r ? r : bundle_open_unverified(src, BUNDLE_WHOLE, ret, w);
}

static int open_base(struct bench *k, struct why *w)
{
	struct basemap_job job = { .base = &k->from, .workers = 2 };
	uint64_t begun = now_ms();
	int r = blk_open(k->base, BLK_READ, &k->from, w);

	if (!r && k->base_bundle) {
		r = open_bundle(k->base_bundle, &k->base_src, &k->head, w);
		r = r ? r : manifest_pick(&k->head.manifest, PAYLOAD_IMAGE, 'a', &job.payload, w);
		job.head = &k->head;
	}
	r = r ? r : basemap_open(&job, &k->map, w);
	k->job.base = &k->from;
	k->job.map = &k->map;
	k->map_ms = now_ms() - begun;
	return r;
}

/* As tandem install has it on the state partition: the head is fetched once, and read from there. */
static int keep_head(struct bench *k, struct why *w)
{
	const struct source_range whole = { .bytes = bundle_head_bytes(&k->b) };
	AUTO_FREE uint8_t *text = NULL;
	int r;

	if (!source_pays(&k->src))
		return 0;
	text = malloc((size_t)whole.bytes);
	if (!text)
		return fail(w, -ENOMEM, "out of memory");
	source_expect(&k->src, &whole, 1);
	r = source_read(&k->src, text, (size_t)whole.bytes, 0, w);
	r = r ? r : file_replace(AT_FDCWD, HEAD_FILE, text, (size_t)whole.bytes, 0600, w);
	r = r ? r : source_file(HEAD_FILE, &k->head_src, w);
	k->joined = source_joined(&k->head_src, &k->src);
	bundle_move(&k->b, &k->joined);
	k->job.thorough = true;
	return r;
}

static void note_most(const char *status, const char *name, uint64_t *most)
{
	const char *at = strstr(status, name);
	uint64_t n = at ? strtoull(at + strlen(name), NULL, 10) : 0;

	*most = n > *most ? n : *most;
}

static void note_memory(void *arg, const struct pipeline_stats *s)
{
	char status[4096] = { 0 };
	AUTO_FD fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	struct bench *k = arg;

	(void)s;
	if (fd < 0 || read(fd, status, sizeof(status) - 1) <= 0)
		return;
	note_most(status, "RssAnon:", &k->own_kib);
	note_most(status, "RssFile:", &k->file_kib);
}

static int unlock(struct bench *k, struct why *w)
{
	AUTO_DECRYPT struct decrypt_keys keys = { 0 };
	int r = decrypt_keys_load(&keys, k->key, w);

	return r ? r : bundle_unlock(&k->b, &keys, w);
}

static int run(struct bench *k, struct why *w)
{
	int r = blk_open(k->device, BLK_WRITE_EXCLUSIVE, &k->to, w);

	k->job.bundle = &k->b;
	k->job.step = note_memory;
	k->job.arg = k;
	k->job.to = &k->to;
	r = r ? r : open_bundle(k->bundle, &k->src, &k->b, w);
	r = r ? r : keep_head(k, w);
	if (!r && k->key)
		r = unlock(k, w);
	r = r ? r : manifest_pick(&k->b.manifest, PAYLOAD_IMAGE, 'b', &k->job.payload, w);
	if (!r && k->base)
		r = open_base(k, w);
	if (!r && k->origin) {
		r = blk_open(k->origin, BLK_READ, &k->made_from, w);
		k->job.origin = &k->made_from;
	}
	r = r ? r : pipeline_run(&k->job, &k->stats, w);
	basemap_done(&k->map);
	bundle_close(&k->head);
	source_close(&k->base_src);
	k->net = source_stats(&k->src);
	bundle_close(&k->b);
	source_close(&k->src);
	source_close(&k->head_src);
	return r ? r : blk_close(&k->to, w);
}

static int report(const struct bench *k, uint64_t ms, struct why *w)
{
	const struct pipeline_stats *s = &k->stats;
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u))
		return fail_errno(w, "getrusage");
	(void)printf("%" PRIu64 " %" PRIu64 " %ld skipped %" PRIu64 " written %" PRIu64 " zeroed %" PRIu64
		     " copied %" PRIu64 " fetched %" PRIu64 " buffers %" PRIu64 " map_ms %" PRIu64 " requests %" PRIu64
		     " received %" PRIu64 " twice %" PRIu64 " own %" PRIu64 " files %" PRIu64 "\n",
		     ms, cpu_ms(&u), u.ru_maxrss, s->skipped_bytes, s->written_bytes, s->zeroed_bytes, s->copied_bytes,
		     s->fetched_bytes, s->memory_bytes, k->map_ms, k->net.requests, k->net.received_bytes,
		     k->net.twice_bytes, k->own_kib, k->file_kib);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench k;
	const char *workers = NULL;
	const struct opt opts[] = {
		{ .name = "workers", .arg = "N", .help = "threads", .value = &workers },
		{ .name = "no-read-back", .help = "write only", .flag = &k.job.no_read_back },
		{ .name = "base", .arg = "DEVICE", .help = "copy from there", .value = &k.base },
		{ .name = "decrypt-with", .arg = "FILE", .help = "secret key", .value = &k.key },
		{ .name = "origin", .arg = "DEVICE", .help = "what a delta was made from", .value = &k.origin },
		{ .name = "base-bundle", .arg = "BUNDLE", .help = "what the base holds", .value = &k.base_bundle },
	};
	uint64_t begun = now_ms(), n = 0;
	struct why w = { 0 };
	struct args args;
	int r;

	heap_keep_small();
	r = args_parse("bench_install BUNDLE|URL DEVICE", "", opts, ARRAY_SIZE(opts), argc, argv, 2, 2, &args);

	if (r >= 0)
		return r;
	r = sodium_init() < 0 ? -EIO : workers ? parse_u64(workers, PIPELINE_WORKERS_MAX, &n, &w) : 0;
	k.bundle = args.at[0];
	k.device = args.at[1];
	k.job.workers = (unsigned int)n;
	r = r ? r : run(&k, &w);
	r = r ? r : report(&k, now_ms() - begun, &w);
	return r ? why_report(&w, "bench_install") : EXIT_DONE;
}
