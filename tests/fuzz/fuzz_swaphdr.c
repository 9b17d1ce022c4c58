/* fuzz_swaphdr - any bytes as the first page of a swap area. What is taken can be written and read again. */
#include "tuning/swaphdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t page[SWAPHDR_PAGE_MIN];
	struct swaphdr h, again;
	struct why w = { 0 };
	int r = swaphdr_parse(bytes_of(data, n), &h, &w);

	if ((r != 0) != (w.text[0] != '\0'))
		abort();
	if (r)
		return 0;
	swaphdr_write(&h, page, sizeof(page));
	if (swaphdr_parse(bytes_of(page, sizeof(page)), &again, NULL) || again.pages != h.pages ||
	    memcmp(again.uuid, h.uuid, sizeof(h.uuid)) != 0 || strcmp(again.label, h.label) != 0)
		abort();
	return 0;
}
