/* fuzz_trainprogress - any line of a job's output. What is taken as progress is in bounds; what is not leaves ret alone. */
#include <math.h>
#include <stdlib.h>

#include "bootstage/trainer/trainprogress.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct train_progress p, before;
	char *line = malloc(n + 1);

	must(line);
	if (n > 0)
		memcpy(line, data, n);
	line[n] = '\0';
	memset(&p, 0x5a, sizeof(p));
	memcpy(&before, &p, sizeof(p));
	if (trainprogress_parse(line, &p))
		must((p.of == 0 || p.step <= p.of) && (!p.has_loss || isfinite(p.loss)));
	else
		must(memcmp(&p, &before, sizeof(p)) == 0);
	free(line);
	return 0;
}
