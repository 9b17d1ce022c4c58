/* fuzz_undolog - any text as what is kept for undo. What is taken can be kept and read again. */
#include <stdint.h>
#include <string.h>

#include "tuning/undolog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)data, n);
	struct lines from = { .at = text };
	struct undo_line line;
	struct why w = { 0 };
	int r;

	while (text && (r = undolog_next(&from, &line, &w)) != 0) {
		AUTO_UNDOLOG l = { 0 };

		if (r < 0 && !w.text[0])
			abort();
		if (r < 0)
			return 0;
		if (undolog_add(&l, line.kind, line.name, line.value, NULL) || !undolog_has(&l, line.kind, line.name))
			abort();
	}
	return 0;
}
