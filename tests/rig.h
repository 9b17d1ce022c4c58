/*
 * rig - a small appliance without a disk, for tests of what the updater does to one: slots and state partition are files,
 * the ESP is a folder, firmware variables are files of another folder. Slot a runs and is committed, slot b is free.
 * And bundles for it, signed by the key that it trusts.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "partitions/sequence.h"
#include "updater/keys.h"
#include "updater/recipient.h"
#include "updater/trust.h"

#define RIG_SLOT_BYTES  (4u << 20)
#define RIG_CHUNK_BYTES (16u << 10)
#define RIG_BOOT_BYTES  (100u * 1000) /* of a boot file */

struct rig {
	struct sysconf conf;
	struct blk state;
	struct bootstore store;
	struct efi_store efi;
	struct esp esp;
	struct boot_machine boot;
	struct secret_key key;
	struct trust trust;
	struct decrypt_keys device; /* one key */
};

/** Everything as new, in the scratch folder; a rig that was there before is replaced. */
void rig_make(struct rig *g);
void rig_done(struct rig *g);
/** Path of a slot's file; valid for the process. */
const char *rig_slot_path(enum slot s);
/** Leave the programs' view behind and read everything again, as after a reboot (or a power cut) into slot a. */
void rig_reopen(struct rig *g);

struct rig_image {
	const char *version;
	uint64_t epoch;
	const char *compatible;       /* NULL: the rig's */
	uint32_t seed;                /* of the content: images of other seeds are equal in a third of their blocks */
	size_t bytes;                 /* of the root image; 0: 3 MiB and a bit */
	uint32_t chunk_bytes;         /* 0: RIG_CHUNK_BYTES */
	uint32_t group_bytes;         /* 0: as chunk_bytes */
	const char *boot_name;        /* NULL: linux.efi; "": no boot file */
	const struct secret_key *key; /* NULL: the rig's */
	bool encrypted;               /* for the rig's device */
};
/** Make a bundle with this image and a boot file for each slot. Returns its path, valid until the eighth call. */
const char *rig_bundle(const struct rig *g, const char *name, const struct rig_image *image);
/** The image's content; to be freed. */
uint8_t *rig_root(const struct rig_image *image, size_t *ret_n);
/** What the boot file of slot s is; RIG_BOOT_BYTES of them, to be freed. */
uint8_t *rig_boot(const struct rig_image *image, enum slot s);

/** Fail the test unless the file begins with these bytes. */
void rig_assert_holds(const char *path, const uint8_t *want, size_t n);
/** Fill a file of a slot's size with bytes that are in no image. */
void rig_fill(const char *path, size_t n);

#endif
