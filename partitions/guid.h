/*
 * guid - GUIDs as text, in the form of RFC 4122: made at random or from a seed, checked, compared.
 */
#ifndef PARTITIONS_GUID_H
#define PARTITIONS_GUID_H

#include <stdbool.h>

#include "base/why.h"

#define GUID_TEXT_BYTES 37u /* 36 characters and a NUL */

/** Whether s is a GUID in text form, hex digits in either case. */
bool guid_valid(const char *s);
/** Whether both are the same GUID; case does not matter. */
bool guid_equal(const char *a, const char *b);

/**
 * Make a version 4 GUID in lower case.
 * @seed  NULL: random. Otherwise the GUID depends on seed and purpose alone, so that a build can be repeated.
 * Returns 0; -EIO and the like when the kernel gives no random bytes.
 */
MUST_USE int guid_make(const char *seed, const char *purpose, char ret[GUID_TEXT_BYTES], struct why *w);

#endif
