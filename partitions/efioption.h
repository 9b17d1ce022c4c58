/*
 * efioption - a slot's load option: the value of its Boot#### variable, to the byte.
 * Layer:  partitions; format. Pure.
 * Trust:  makes bytes and reads none; what other systems wrote into variables never comes here.
 * Source: UEFI 2.10 sections 3.1.3 (load option), 10.3.1 (nodes), 10.3.5.1 (hard drive), 10.3.5.4 (file path).
 *
 * Description "Tandem a" / "Tandem b", device path HD(partition GUID)/File(boot file)/End, no further data. libefivar has
 * the same nodes, but only as a shared library: with ours, the program of the initramfs is one static file. The test
 * compares both to the byte.
 */
#ifndef PARTITIONS_EFIOPTION_H
#define PARTITIONS_EFIOPTION_H

#include "partitions/bootrec.h"

#define EFI_OPTION_MAX 512u

/* The ESP as a GPT entry, for device paths. */
struct efi_esp {
	uint32_t number;
	uint64_t start_sectors, size_sectors; /* in logical sectors of the disk */
	uint8_t guid[16];                     /* as stored in the GPT entry (mixed endian) */
};

struct efi_option {
	uint8_t data[EFI_OPTION_MAX];
	size_t n;
};

/**
 * Build the load option of a slot.
 * @path  below the ESP: "EFI/tandem/a/linux.efi"
 * Returns 0; -ENAMETOOLONG; -EINVAL: the path has other characters than printable ASCII.
 */
MUST_USE int efi_option_make(enum slot slot, const struct efi_esp *esp, const char *path, struct efi_option *ret,
			     struct why *w);

#endif
