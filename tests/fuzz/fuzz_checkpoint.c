/* fuzz_checkpoint - any bytes as the head of a checkpoint. What is taken is written again as it was. */
#include "bootstage/trainer/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t copy[CHECKPOINT_HEADER], again[CHECKPOINT_HEADER];
	struct checkpoint_head h = { 0 };
	struct why w = { 0 };
	int r;

	if (n >= sizeof(copy)) { /* with a right sum: the fuzzer will not find one */
		memcpy(copy, data, sizeof(copy));
		put_le32(copy + 36, checkpoint_crc(bytes_of(copy, 36)));
		r = checkpoint_parse(bytes_of(copy, sizeof(copy)), &h, &w);
	} else {
		r = checkpoint_parse(bytes_of(data, n), &h, &w);
	}
	if ((r != 0) != (w.text[0] != '\0'))
		abort();
	if (r)
		return 0;
	checkpoint_format(&h, again);
	if (memcmp(copy, again, sizeof(again)) != 0)
		abort();
	return 0;
}
