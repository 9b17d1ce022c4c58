/*
 * crc32c - the checksum of Castagnoli, as in iSCSI, ext4 and SSE 4.2.
 * Source: RFC 3720, appendix B.4, has the test vectors.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/bytes.h"

/** Of `in` behind what `crc` is of; 0 to begin. */
uint32_t crc32c(uint32_t crc, struct bytes in);

#endif
