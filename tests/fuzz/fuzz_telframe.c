/*
 * fuzz_telframe - a frame of telemetry. What was taken can be written again and gives the same bytes; and its sum is not what
 * keeps bad events out: the rest is checked behind a right sum as well.
 */
#include <stdlib.h>

#include "bootstage/intel/telframe.h"

static void check(const struct tel_frame *f)
{
	static uint8_t room[TEL_FRAME_MAX];
	struct bytes rest = f->events, again = { 0 };
	struct tel_writer t;
	struct tel_event e;
	uint32_t n = 0;

	tel_write_begin(&t, room, sizeof(room), f->agent, f->seq);
	for (; tel_event_next(&rest, &e); n++)
		if (tel_write_event(&t, &e, NULL))
			abort();
	if (n != f->n_events || tel_write_end(&t, &again, NULL) || !bytes_equal(again, f->whole))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = n ? malloc(n) : NULL;
	struct tel_frame f;
	uint32_t body = 0;

	if (tel_frame_read(bytes_of(data, n), &f, NULL) == 0)
		check(&f);
	if (copy && n >= TEL_HEADER && n < 65536) {
		memcpy(copy, data, n);
		body = (uint32_t)(n - TEL_HEADER);
		put_le32(copy + 8, body);
		put_le32(copy + 28, tel_crc32(tel_crc32(0, bytes_of(copy, 28)), bytes_of(copy + TEL_HEADER, body)));
		if (tel_frame_read(bytes_of(copy, n), &f, NULL) == 0)
			check(&f);
	}
	free(copy);
	return 0;
}
