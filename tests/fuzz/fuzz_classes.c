/*
 * fuzz_classes - any bytes as classes.conf. What is taken keeps the promises that control files are written by: every value
 * within its bounds, no guarantee over its limit, never a process that cannot be killed. What is refused has its reason
 * and leaves ret alone.
 */
#include <stdlib.h>

#include "tuning/classes.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct class_limits *c)
{
	must(c->cpu_shares >= CLASS_SHARES_MIN && c->cpu_shares <= CLASS_SHARES_MAX);
	must(class_weight(c->cpu_shares) >= 1 && class_weight(c->cpu_shares) <= 10000);
	must(c->cpu_quota_percent == CLASS_UNLIMITED ||
	     (c->cpu_quota_percent >= 1 && c->cpu_quota_percent <= CLASS_QUOTA_MAX));
	must(c->memory_limit_bytes >= CLASS_MEMORY_MIN && c->memory_guarantee_bytes <= c->memory_limit_bytes);
	must(c->memory_guarantee_bytes <= INT64_MAX);
	must(c->swap_limit_bytes == CLASS_UNLIMITED || c->swap_limit_bytes <= INT64_MAX);
	must(c->oom_score_adj > CLASS_OOM_NEVER && c->oom_score_adj <= 1000);
	must(c->pids_limit == CLASS_UNLIMITED || (c->pids_limit >= 1 && c->pids_limit <= CLASS_PIDS_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct classes c, before, again;
	struct why w = { 0 };

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	if (classes_parse(bytes_of(data, n), "fuzz", &classes_default, &c, &w)) {
		must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
		must(memcmp(&c, &before, sizeof(c)) == 0);
		return 0;
	}
	for (enum class_id id = 0; id < CLASS_COUNT; id++)
		check(&c.at[id]);
	again = c; /* over itself it changes nothing */
	must(classes_parse(bytes_of(data, n), "fuzz", &again, &again, NULL) == 0);
	must(memcmp(&again, &c, sizeof(c)) == 0);
	return 0;
}
