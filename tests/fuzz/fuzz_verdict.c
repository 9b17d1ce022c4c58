/* fuzz_verdict - any bytes as a verdict: refused, or within the limits that what shows it relies on. */
#include <stdlib.h>

#include "bootstage/verdict.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct verdict v, before;
	struct why w = { 0 };

	memset(&v, 0x5a, sizeof(v));
	memcpy(&before, &v, sizeof(v));
	if (verdict_parse(bytes_of(data, n), "fuzz", &v, &w)) {
		must(w.code == -EBADMSG && w.text[0] && memcmp(&v, &before, sizeof(v)) == 0);
		return 0;
	}
	must(v.result <= VERDICT_UNDONE && v.role <= ROLE_UNKNOWN && v.n <= SYSCONF_PROBES);
	must(strlen(v.note) < sizeof(v.note));
	for (size_t i = 0; i < v.n; i++)
		must(strlen(v.probes[i].what) < SYSCONF_TEXT && strlen(v.probes[i].said) < HEALTH_SAID_MAX);
	return 0;
}
