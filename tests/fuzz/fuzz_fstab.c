/* fuzz_fstab - any text as fstab. A line that is added is found, and taking it out again leaves what was there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "tuning/fstab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)data, n), *without = NULL, *with = NULL, *again = NULL;

	if (!text)
		return 0;
	without = fstab_drop_swap(text, "/swap file");
	if (!without || fstab_has_swap(without, "/swap file") || strlen(without) > strlen(text))
		abort();
	with = fstab_add_swap(without, "/swap file", 10);
	if (!with || !fstab_has_swap(with, "/swap file"))
		abort();
	again = fstab_drop_swap(with, "/swap file");
	if (!again || strncmp(again, without, strlen(without)) != 0 || strlen(again) > strlen(without) + 1)
		abort();
	return 0;
}
