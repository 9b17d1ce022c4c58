#include "base/quota.h"

bool quota_take(struct quota *q, uint64_t now_ms, bool *ret_last)
{
	if (q->n == 0 || now_ms - q->begun_ms >= q->each_ms) {
		q->n = 0;
		q->begun_ms = now_ms;
	}
	if (q->n == q->most)
		return false;
	*ret_last = ++q->n == q->most;
	return true;
}
