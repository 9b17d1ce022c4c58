/*
 * sha1 - SHA-1 (RFC 3174) of one buffer, for names only: UUIDs of version 5 are made of it. Pure, and cannot fail. Nothing that
 * has to be trusted may rest on it; for that there is hash.h.
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include "base/bytes.h"

#define SHA1_BYTES 20u

void sha1_of(struct bytes in, uint8_t ret[SHA1_BYTES]);

#endif
