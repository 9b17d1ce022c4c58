/* fuzz_feedconf - a feed's file and its state: what was taken as a state is written and read again as it was. */
#include <stdlib.h>

#include "bootstage/intel/feedstate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct feedconf f;
	struct feedstate s, again;
	char text[4096];

	if (feedconf_parse(bytes_of(data, n), "1-a.feed", &f, NULL) == 0 && (!f.source[0] || f.interval_s == 0))
		abort();
	if (feedstate_parse(bytes_of(data, n), "a.state", &s, NULL))
		return 0;
	if (feedstate_parse(bytes_of(text, feedstate_format(&s, text, sizeof(text))), "a.state", &again, NULL) ||
	    again.result != s.result || again.bytes != s.bytes)
		abort();
	return 0;
}
