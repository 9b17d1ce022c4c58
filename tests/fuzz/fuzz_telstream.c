/*
 * fuzz_telstream - frames out of bytes as they come. However they are cut into pieces, the same frames are found and the same
 * ones refused.
 */
#include <stdlib.h>

#include "bootstage/intel/telstream.h"

#define FOUND_MAX 4096u

struct found {
	int r;
	uint32_t agent;
	uint64_t seq;
	size_t bytes;
};

static size_t read_all(const uint8_t *data, size_t n, size_t piece, struct found *ret)
{
	static uint8_t scratch[TEL_FRAME_MAX];
	struct telstream s = { 0 };
	struct telstream_found f;
	size_t found = 0;
	int r = -ENODATA;

	while (found < FOUND_MAX && r != -EPROTO) {
		r = telstream_next(&s, scratch, &f, NULL);
		if (r == -ENODATA && n > 0) {
			size_t room = 0;
			uint8_t *to = telstream_room(&s, &room);

			room = room < piece ? room : piece;
			room = room < n ? room : n;
			if (!to)
				abort();
			memcpy(to, data, room);
			telstream_came(&s, room);
			data += room;
			n -= room;
			continue;
		}
		if (r == -ENODATA)
			r = telstream_last(&s, scratch, &f, NULL);
		if (r == -ENODATA)
			break;
		ret[found++] = (struct found){ .r = r, .agent = f.who.agent, .seq = f.who.seq, .bytes = f.bytes };
		if (r != -EPROTO)
			telstream_took(&s, &f);
	}
	telstream_done(&s);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct found whole[FOUND_MAX], pieces[FOUND_MAX];
	size_t piece = n ? data[0] % 61 + 1 : 1, a = read_all(data, n, SIZE_MAX, whole);

	if (read_all(data, n, piece, pieces) != a)
		abort();
	for (size_t i = 0; i < a; i++)
		if (whole[i].r != pieces[i].r || whole[i].bytes != pieces[i].bytes ||
		    (whole[i].r != -EPROTO && (whole[i].agent != pieces[i].agent || whole[i].seq != pieces[i].seq)))
			abort();
	return 0;
}
