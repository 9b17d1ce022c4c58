/*
 * fuzz_cmdline - any text as a kernel command line: a key, a NUL, the line. A value that is found is part of the line and
 * fits; a plain word put behind the line counts, unless a quote or "--" before it takes it in.
 */
#include <stdlib.h>

#include "partitions/handover.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char more[] = " tandem.slot=b";
	AUTO_FREE char *text = malloc(n + sizeof(more) + 1);
	char small[4] = "???", large[4096] = "?";
	const char *key;
	char *line;
	bool in_small, in_large;
	enum slot s;

	if (!text)
		abort();
	memcpy(text, data, n);
	text[n] = '\0';
	key = text;
	line = strlen(text) < n ? text + strlen(text) + 1 : text;
	in_small = cmdline_value(line, key, small, sizeof(small));
	in_large = cmdline_value(line, key, large, sizeof(large));
	must(!in_small || (in_large && strcmp(small, large) == 0));
	must(in_small || strcmp(small, "???") == 0);
	must(!in_large || strstr(line, large));
	must(in_large || strcmp(large, "?") == 0);
	s = cmdline_slot(line);
	must(s == SLOT_A || s == SLOT_B || s == SLOT_NONE);
	if (strchr(line, '"') || strstr(line, "--"))
		return 0;
	memcpy(line + strlen(line), more, sizeof(more));
	must(cmdline_slot(line) == SLOT_B);
	return 0;
}
