/* What a folder takes up, for tests/bench/train-scan: bench_usage FOLDER prints the bytes, as du -s -B1. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "bootstage/trainer/usage.h"

int main(int argc, char **argv)
{
	struct usage u;
	struct why w = { 0 };

	if (argc != 2 || usage_scan(AT_FDCWD, argv[1], NULL, NULL, &u, &w))
		return why_report(&w, "bench_usage");
	(void)printf("%" PRIu64 "\n", u.allocated_bytes);
	return 0;
}
