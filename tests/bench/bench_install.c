/*
 * bench_install BUNDLE DEVICE [WORKERS]: the install pipeline alone, as tests/bench/install measures it. Prints one line:
 * wall milliseconds, processor milliseconds, peak resident KiB, then what was skipped, written, zeroed and fetched.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/proc.h"
#include "updater/pipeline.h"

static uint64_t cpu_ms(const struct rusage *u)
{
	return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 +
	       (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

static int run(const char *path, struct blk *to, unsigned int workers, struct pipeline_stats *ret, struct why *w)
{
	CLEANUP(source_close) struct source src = { 0 };
	CLEANUP(bundle_close) struct bundle b = { 0 };
	struct pipeline_job job = { .bundle = &b, .to = to, .workers = workers };
	int r = source_file(path, &src, w);

	r = r ? r : bundle_open_unverified(&src, BUNDLE_WHOLE, &b, w);
	r = r ? r : manifest_pick(&b.manifest, PAYLOAD_IMAGE, 'b', &job.payload, w);
	return r ? r : pipeline_run(&job, ret, w);
}

int main(int argc, char **argv)
{
	struct pipeline_stats s = { 0 };
	struct why w = { 0 };
	struct rusage usage;
	struct blk to = { 0 };
	uint64_t begun;
	int r;

	if (argc < 3 || sodium_init() < 0)
		return EXIT_USAGE;
	begun = now_ms();
	r = blk_open(argv[2], BLK_WRITE_EXCLUSIVE, &to, &w);
	r = r ? r : run(argv[1], &to, argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : pipeline_processors(), &s, &w);
	r = r ? r : blk_close(&to, &w);
	if (r || getrusage(RUSAGE_SELF, &usage))
		return why_report(&w, "bench_install");
	(void)printf("%" PRIu64 " %" PRIu64 " %ld skipped %" PRIu64 " written %" PRIu64 " zeroed %" PRIu64 " fetched %" PRIu64
		     "\n", now_ms() - begun, cpu_ms(&usage), usage.ru_maxrss, s.skipped_bytes, s.written_bytes,
		     s.zeroed_bytes, s.fetched_bytes);
	return EXIT_DONE;
}
