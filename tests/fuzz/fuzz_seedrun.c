/* fuzz_seedrun - any bytes as the state of a seed training. What is taken is saved again as it was, and goes on. */
#include "bootstage/trainer/seedrun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct seed_params p = { .hidden = 2, .seed = 5, .rows = 120, .epochs = 3 };
	AUTO_FREE uint8_t *again = NULL;
	AUTO_SEEDRUN s = { 0 };
	struct why w = { 0 };
	size_t again_n = 0;
	int r = seedrun_load(&p, bytes_of(data, n), &s, &w);

	if ((r != 0) != (w.text[0] != '\0'))
		abort();
	if (r)
		return 0;
	if (seedrun_save(&s, &again, &again_n, NULL) || !bytes_equal(bytes_of(data, n), bytes_of(again, again_n)))
		abort();
	if (!seedrun_over(&s))
		seedrun_epoch(&s);
	return 0;
}
