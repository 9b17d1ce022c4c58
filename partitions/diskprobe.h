/*
 * diskprobe - what is on this device, or at this offset of an image: libblkid's answer in a struct.
 *
 * Trust: what is found was written by others; labels are bounded text, nothing more.
 */
#ifndef PARTITIONS_DISKPROBE_H
#define PARTITIONS_DISKPROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

struct diskprobe {
	bool several;   /* signatures of different kinds that contradict each other; the rest is empty then */
	char table[24]; /* "gpt", "dos", "PMBR", ...; empty: no partition table */
	char type[32];  /* "ext4", "vfat", "swap", "crypto_LUKS", "linux_raid_member", ...; empty: none known */
	char usage[16]; /* "filesystem", "raid", "crypto", "other" */
	char label[129];
	char uuid[48];
};

/**
 * Look at `bytes` bytes from `off` on; 0: to the end.
 * @fd  open for reading; `name` is for reasons
 * Returns 0, also when nothing is found; -EINVAL outside the file; -EIO and the like when it cannot be read.
 */
MUST_USE int diskprobe_at(int fd, const char *name, uint64_t off, uint64_t bytes, struct diskprobe *ret, struct why *w);

/** Whether anything known was found. */
bool diskprobe_found(const struct diskprobe *p);
/** "ext4 filesystem labelled 'data'" and the like, for people; "nothing known" when nothing was found. Returns out. */
char *diskprobe_describe(const struct diskprobe *p, char out[256]);

#endif
