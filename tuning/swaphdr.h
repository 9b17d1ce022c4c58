/*
 * swaphdr - the first page of a swap area, as mkswap(8) writes it and swapon(2) reads it.
 * Layer:  tuning; may include base/ only. Format: no I/O.
 * Trust:  a page of a file; hostile until parsed.
 * Source: Linux include/linux/swap.h, union swap_header; version 1, the byte order of this machine, which is little-endian
 *         on everything that Tandem runs on.
 */
#ifndef TUNING_SWAPHDR_H
#define TUNING_SWAPHDR_H

#include "base/bytes.h"
#include "base/why.h"

#define SWAPHDR_UUID_BYTES  16u
#define SWAPHDR_LABEL_BYTES 16u
#define SWAPHDR_PAGE_MIN    4096u
#define SWAPHDR_PAGE_MAX    65536u

struct swaphdr {
	uint32_t pages; /* that can be swapped to: all but this first one */
	uint8_t uuid[SWAPHDR_UUID_BYTES];
	char label[SWAPHDR_LABEL_BYTES + 1];
};

/** Fill a page of page_bytes, a power of two from SWAPHDR_PAGE_MIN to SWAPHDR_PAGE_MAX. The area has no bad pages. */
void swaphdr_write(const struct swaphdr *h, uint8_t *page, size_t page_bytes);

/**
 * Read a page. Its length is the page size of the kernel that is to use the area.
 * @ret  untouched on failure
 * Returns 0; -EBADMSG no header of a swap area, or one that no kernel takes; -EPROTONOSUPPORT another version.
 */
MUST_USE int swaphdr_parse(struct bytes page, struct swaphdr *ret, struct why *w);

#endif
