/* fuzz_teljson - a line of telemetry. What was taken is a frame that its reader takes, of the agent that was named. */
#include <stdlib.h>

#include "bootstage/intel/teljson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t room[TEL_FRAME_MAX];
	struct bytes frame = { 0 };
	struct teljson_who who;
	struct tel_frame f;

	if (teljson_read(bytes_of(data, n), room, &frame, &who, NULL))
		return 0;
	if (tel_frame_read(frame, &f, NULL) || f.agent != who.agent || f.seq != who.seq || f.whole.n != frame.n)
		abort();
	return 0;
}
