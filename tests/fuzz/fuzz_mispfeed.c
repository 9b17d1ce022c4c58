/* fuzz_mispfeed - the list of a MISP feed's events: what is read can be written and read again, and then all of it is had. */
#include <stdlib.h>

#include "bootstage/intel/mispfeed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_MISPFEED f = { 0 };
	AUTO_MISPFEED again = { 0 };
	AUTO_FREE char *text = NULL;
	size_t k = 0;

	if (mispfeed_read(bytes_of(data, n), &f, NULL))
		return 0;
	for (size_t i = 0; i < f.n; i++)
		f.at[i].had = true;
	if (mispfeed_format(&f, &text, &k, NULL) || mispfeed_read(bytes_of((uint8_t *)text, k), &again, NULL) ||
	    again.n != f.n)
		abort();
	mispfeed_compare(&f, &again);
	for (size_t i = 0; i < f.n; i++)
		if (f.at[i].had != (f.at[i].at_s > 0))
			abort();
	return 0;
}
