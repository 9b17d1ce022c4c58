/*
 * fuzz_cpuset - any text as a list of CPUs. What is taken must be written the same way again, count what it lists, and
 * hold itself: and with itself changes nothing, minus itself leaves nothing.
 */
#include <stdint.h>
#include <string.h>

#include "tuning/cpuset.h"

static void check_taken(const struct cpuset *s)
{
	AUTO_CPUSET again = { 0 }, none = { 0 };
	AUTO_FREE char *list = cpuset_format(s), *second = NULL;
	struct why w = { 0 };
	size_t n = 0;

	if (!list || cpuset_parse(list, &again, &w))
		abort();
	cpuset_and(&again, s);
	second = cpuset_format(&again);
	if (!second || strcmp(list, second) != 0)
		abort();
	for (CPUSET_EACH(cpu, s)) {
		if (!cpuset_has(&again, cpu))
			abort();
		n++;
	}
	if (n != cpuset_count(s) || cpuset_copy(s, &none))
		abort();
	cpuset_minus(&none, s);
	if (cpuset_count(&none) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)data, n);
	AUTO_CPUSET s = { 0 };
	struct why w = { 0 };
	int r;

	if (!text)
		abort();
	r = cpuset_parse(text, &s, &w);
	if ((r != 0) != (w.text[0] != '\0') || (r != 0 && s.words))
		abort();
	if (r == 0)
		check_taken(&s);
	return 0;
}
