/*
 * quota - so many in a time, for what a program that runs for years says of itself. Pure.
 */
#ifndef BASE_QUOTA_H
#define BASE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct quota {
	unsigned int most; /* in each_ms */
	uint64_t each_ms;
	unsigned int n; /* private from here */
	uint64_t begun_ms;
};

/** Whether there may be one more now. @ret_last  it is the last one for now */
bool quota_take(struct quota *q, uint64_t now_ms, bool *ret_last);

#endif
