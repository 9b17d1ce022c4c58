/* fuzz_stageresult - any bytes as the result of a stage: refused, or within the limits that what reads it relies on. */
#include <stdlib.h>

#include "bootstage/stageresult.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct stage_result r, before;
	struct why w = { 0 };

	memset(&r, 0x5a, sizeof(r));
	memcpy(&before, &r, sizeof(r));
	if (stageresult_parse(bytes_of(data, n), "fuzz", &r, &w)) {
		must(w.code == -EBADMSG && w.text[0] && memcmp(&r, &before, sizeof(r)) == 0);
		return 0;
	}
	must(stage_name_valid(r.name) && r.phase <= IN_COMMITTED && r.end <= END_CANCELLED);
	must(r.on_failure <= FAIL_BOOT && r.class < CLASS_COUNT && r.start_us <= r.end_us);
	must(r.exit_code >= -1 && r.exit_code <= 255 && r.signal >= 0);
	must(strlen(r.reason) < sizeof(r.reason) && strlen(r.cgroup) < sizeof(r.cgroup));
	return 0;
}
