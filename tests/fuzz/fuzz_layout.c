/* layout.conf from hostile text: what is accepted has places that follow each other inside the disk. */
#include <stdlib.h>

#include "partitions/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes)
{
	uint64_t at = LAYOUT_ALIGN_BYTES;
	struct layout_plan p;

	if (layout_place(l, disk_bytes, sector_bytes, &p, NULL))
		return;
	if (p.n != l->n)
		abort();
	for (size_t i = 0; i < p.n; i++) {
		if (p.at[i].start_bytes != at || p.at[i].size_bytes == 0 || p.at[i].size_bytes % LAYOUT_ALIGN_BYTES)
			abort();
		at += p.at[i].size_bytes;
		if (at > disk_bytes)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout l;
	struct why w = { 0 };
	uint64_t enough;

	if (layout_parse(bytes_of(data, size), "fuzz", &l, &w)) {
		if (!w.code || !w.text[0])
			abort();
		return 0;
	}
	enough = layout_enough(&l, 0, 512);
	if (enough == 0 || enough > LAYOUT_SIZE_MAX)
		abort();
	check(&l, enough, 512);
	check(&l, enough, 4096);
	check(&l, l.disk_bytes, 512);
	check(&l, UINT64_MAX, 4096);
	return 0;
}
