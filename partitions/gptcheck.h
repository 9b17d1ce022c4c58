/*
 * gptcheck - is each of the two copies of a GUID partition table whole?
 *
 * libfdisk and libblkid read a table as long as one copy is good and do not say which; a disk that lives on its last
 * copy should be mended while it can be. Format layer: bytes to verdict, and a reader around it.
 * Trust:  read from a disk; hostile.
 * Source: UEFI 2.10, section 5.3.2 (header), 5.3.3 (entries).
 */
#ifndef PARTITIONS_GPTCHECK_H
#define PARTITIONS_GPTCHECK_H

#include "base/bytes.h"
#include "base/why.h"

#define GPTCHECK_ENTRIES_MAX (1u << 20) /* bytes of entries that are looked at; 8192 partitions */

enum gptcheck_state {
	GPTCHECK_MISSING, /* no signature there */
	GPTCHECK_DAMAGED, /* a signature, and something that is wrong */
	GPTCHECK_OK,
};

struct gptcheck_copy {
	enum gptcheck_state state;
	char problem[120]; /* what is wrong; empty for OK */
	uint64_t lba;      /* where it was looked for; the rest is set for OK only */
	uint64_t other_lba;
	uint64_t entries_lba;
	uint32_t n_entries;
	uint32_t entry_bytes;
	uint32_t entries_crc;
	uint8_t disk_id[16];
};

struct gptcheck {
	uint32_t sector_bytes;
	uint64_t sectors;
	struct gptcheck_copy primary; /* in sector 1 */
	struct gptcheck_copy backup;  /* where the primary says, else in the last sector */
	bool same;                    /* both OK, with the same disk id and entries */
	bool backup_at_end;           /* the backup is in the last sector */
};

/** CRC-32 of ISO 3309, as UEFI wants it. Continue with the last result, begin with 0. */
uint32_t gptcheck_crc(uint32_t crc, struct bytes in);

/**
 * Judge one header. Pure.
 * @sector  the sector at `lba`, 512 bytes or more, hostile
 */
struct gptcheck_copy gptcheck_header(struct bytes sector, uint64_t lba, uint64_t sectors);
/** Judge the entries that an OK header describes: copy->state turns DAMAGED when the checksum is wrong. Pure. */
void gptcheck_entries(struct bytes entries, struct gptcheck_copy *copy);

/**
 * Look at both copies on a disk or image.
 * @sector_bytes  0: tell from where the table is, 512 or 4096 (an image of a disk with 4096-byte sectors)
 * Returns 0, whatever it found; -EIO when the disk cannot be read; -EINVAL when it is smaller than a table.
 */
MUST_USE int gptcheck_read(int fd, const char *name, uint64_t disk_bytes, uint32_t sector_bytes, struct gptcheck *ret,
			   struct why *w);

#endif
