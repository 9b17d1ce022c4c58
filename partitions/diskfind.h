/*
 * diskfind - the partitions of a disk, and which disk is the boot disk.
 * Layer:  partitions; act, through libblkid and /sys. Never by a file system's label or UUID: both slots can carry the
 *         same image, and a clone carries the same everything.
 * Trust:  partition tables are hostile; libblkid checks them.
 */
#ifndef PARTITIONS_DISKFIND_H
#define PARTITIONS_DISKFIND_H

#include "partitions/efivars.h"
#include "partitions/sysblock.h"
#include "partitions/sysconf.h"

#define DISK_PARTS_MAX 64u
#define DISK_NAME_MAX  64u

struct disk_part {
	char device[DISK_NAME_MAX]; /* "/dev/vda2"; "" on an image file, or while the kernel has no such partition */
	char name[73 * 3];          /* PARTLABEL, UTF-8 */
	char partuuid[37];          /* lower case */
	uint32_t number;
	uint64_t start_bytes, size_bytes;
};

struct disk {
	char device[256]; /* "/dev/vda", or the path of an image file */
	uint32_t sector_bytes;
	size_t n;
	struct disk_part parts[DISK_PARTS_MAX];
};

/**
 * Read the GPT of a disk or image file; of an image the one for sectors of 512 bytes, or else of 4096.
 * @ret  untouched on failure
 * Returns 0; -ENODATA: no GPT on it; -E2BIG: more than DISK_PARTS_MAX; -EIO and the like.
 */
MUST_USE int disk_read(const char *device, struct disk *ret, struct why *w);

/**
 * The one partition that `place` (PARTLABEL=x, PARTUUID=x) means.
 * Returns 0; -ENODATA: none; -ENOTUNIQ (refused): several; -EINVAL: no such place.
 */
MUST_USE int disk_part_find(const struct disk *d, const char *place, const struct disk_part **ret, struct why *w);

/** The ESP as device paths want it. */
MUST_USE int disk_part_esp(const struct disk *d, const struct disk_part *p, struct efi_esp *ret, struct why *w);

/** The whole disk that a partition's device is on: "/dev/vda2" -> "/dev/vda". -ENODATA: it is none; -ENOTBLK. */
MUST_USE int disk_of_part(const char *part_device, char ret_disk[DISK_NAME_MAX], struct why *w);

/**
 * Identity of the hardware behind a disk: a digest of its WWID, serial number or card id; of its place on the bus
 * where it has none. Two disks with the same content differ in it, unless their maker gave them the same number, or they
 * have none and share a controller. -ENOTBLK: no block device.
 */
MUST_USE int disk_identity(const char *device, uint8_t ret[16], struct why *w);
/** The same for a disk by its kernel name, in a tree of one's own. */
MUST_USE int disk_identity_in(const struct sysblock *s, const char *name, uint8_t ret[16], struct why *w);

struct bootdisk {
	struct disk disk;
	struct disk_part esp, state;
	struct disk_part data;    /* number is 0, device "" when system.conf names none or it is missing */
	struct disk_part root[2]; /* the same when it is missing; not both */
	uint8_t identity[16];     /* zero: an image file */
	bool at_home;             /* the record on it names this identity, or none yet */
};

/**
 * The boot disk: the one whose ESP has the partition GUID `esp_partuuid` (the running image came from there) and that
 * has the state partition and a root partition as in conf. NULL: any disk with all of them. Several such disks are clones
 * of each other; the one whose boot record remembers it (bootrec.home) is taken, and without exactly one the call is
 * refused.
 * @ret  untouched on failure
 * Returns 0; -ENODATA none (yet); -ENOTUNIQ (refused) several, all named, or none but one in which a place of conf means
 * several partitions or two places mean the same.
 */
MUST_USE int bootdisk_find(const struct sysconf *conf, const char *esp_partuuid, struct bootdisk *ret, struct why *w);
/** The same in a tree of one's own. */
MUST_USE int bootdisk_find_in(const struct sysblock *s, const struct sysconf *conf, const char *esp_partuuid,
			      struct bootdisk *ret, struct why *w);

/** As bootdisk_find() on one given disk or image file. */
MUST_USE int bootdisk_on(const struct sysconf *conf, const char *device, const char *esp_partuuid, struct bootdisk *ret,
			 struct why *w);

#endif
