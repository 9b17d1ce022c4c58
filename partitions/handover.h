/*
 * handover - what tandem-init decided and did, for the booted system: /run/tandem/boot (INI) and /run/tandem/init.log.
 * Layer:  partitions; format and file.
 * Source: docs/boot.md.
 */
#ifndef PARTITIONS_HANDOVER_H
#define PARTITIONS_HANDOVER_H

#include "partitions/diskfind.h"

#define HANDOVER_FOLDER "/run/tandem"
#define HANDOVER_PATH   HANDOVER_FOLDER "/boot"
#define HANDOVER_LOG    HANDOVER_FOLDER "/init.log"

struct json;

struct handover {
	enum slot slot;      /* that was started */
	enum boot_role role; /* as what */
	enum boot_mode mode;
	char note[160];                 /* why */
	char disk[DISK_NAME_MAX];       /* the boot disk, "/dev/vda" */
	char esp_partuuid[37];          /* of its ESP, to find it again */
	char root[DISK_NAME_MAX];       /* the slot's partition */
	char record[200];               /* "valid", or what is wrong with it */
	char watchdog[DISK_NAME_MAX];   /* device that was armed; "" none */
	char data[160];                 /* "mounted", or why not */
	uint32_t boot_current;          /* EFI_NONE: not known */
	uint32_t efi_writes;            /* variables written by the hook */
	uint64_t start_us, handover_us; /* CLOCK_BOOTTIME: first instruction, switch of the root */
	uint64_t own_us;                /* of these, not spent in loading modules or waiting for devices */
};

/**
 * Write HANDOVER_PATH and HANDOVER_LOG below `root` ("" for the real ones). Texts are cut at 170 bytes; what is not
 * printable ASCII, and ';', is written as '.'.
 */
MUST_USE int handover_write(const char *root, const struct handover *h, const char *log, struct why *w);
/**
 * Read HANDOVER_PATH. -ENOENT: this system was not started by tandem-init; -EBADMSG (usage), -E2BIG: damaged.
 * @ret  untouched on failure
 */
MUST_USE int handover_read(const char *root, struct handover *ret, struct why *w);

/** All of it but boot_current as an object; NULL writes null. An unknown slot and empty texts are null as well. */
void handover_json(struct json *j, const char *key, const struct handover *h);

/**
 * Pure: the value of `key=` in a kernel command line, read as the kernel reads it (lib/cmdline.c, next_arg): quotes hold
 * blanks together, one pair around the value or the whole word goes away, '-' and '_' in names are the same, and "--"
 * ends it. The last one counts; false when there is none, or when that one does not fit in `room`.
 * @ret  untouched when false
 */
bool cmdline_value(const char *cmdline, const char *key, char *ret, size_t room);
/** Pure: tandem.slot= as a slot; SLOT_NONE when absent or neither a nor b. */
enum slot cmdline_slot(const char *cmdline);

/* Three witnesses of which slot runs. */
struct running {
	enum slot cmdline;  /* tandem.slot= on the kernel command line */
	enum slot root;     /* the partition that is mounted at / */
	enum slot firmware; /* whose entry BootCurrent is; SLOT_NONE: unknown, which disagrees with nobody */
	enum slot slot;     /* what they agree on; SLOT_NONE when they do not */
};
/** Pure: fill `slot`. In chooser mode only the root counts. Returns whether they agree. */
bool running_agree(struct running *r, enum boot_mode mode);

#endif
