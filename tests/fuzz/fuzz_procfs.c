/*
 * fuzz_procfs - any text as /proc/swaps, meminfo, mountinfo, cgroup, or a capture's statfs: the first byte says which.
 * Every line is answered once, names stay inside the text, and what is used or free is never more than there is.
 */
#include <stdint.h>
#include <string.h>

#include "tuning/procfs.h"

/* Read to the end with one of the readers, which are told apart by the caller. */
static void read_swaps(char *text, struct why *w)
{
	struct lines from = { .at = text };
	const char *end = text + strlen(text);
	struct swap_line s;

	while (swaps_next(&from, &s, w) > 0)
		if (s.used_bytes > s.bytes || s.bytes % 1024 || s.name < text || s.name + strlen(s.name) > end)
			abort();
}

static void read_mounts(char *text, struct why *w)
{
	struct lines from = { .at = text };
	const char *end = text + strlen(text);
	struct mount_line m;

	while (mountinfo_next(&from, &m, w) > 0) {
		const char *const names[] = { m.root, m.point, m.type, m.source };

		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (names[i] < text || names[i] + strlen(names[i]) > end)
				abort();
		if (m.major >= 1u << 12 || m.minor >= 1u << 20)
			abort();
	}
}

static void read_statfs(char *text, struct why *w)
{
	struct lines from = { .at = text };
	struct statfs_line s;

	while (statfs_next(&from, &s, w) > 0)
		if (s.free_bytes > s.size_bytes || strlen(s.point) == 0)
			abort();
}

static void read_meminfo(char *text, struct why *w)
{
	uint64_t bytes = 1;

	if (meminfo_total(text, &bytes, w) == 0 && bytes % 1024)
		abort();
}

static void read_cgroup(char *text, struct why *w)
{
	const char *path = NULL;

	if (cgroup_path(text, &path, w) == 0 && path[0] != '/')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const readers[])(char *, struct why *) = { read_swaps, read_mounts, read_statfs, read_meminfo,
								 read_cgroup };
	AUTO_FREE char *text = n ? strndup((const char *)data + 1, n - 1) : NULL;
	struct why w = { 0 };

	if (!text)
		return 0;
	readers[data[0] % ARRAY_SIZE(readers)](text, &w);
	return 0;
}
