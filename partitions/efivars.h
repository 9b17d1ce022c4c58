/*
 * efivars - the firmware's boot variables as an actuator: what they should be follows from the boot record alone.
 * Layer:  partitions. efivars_decide() is pure; efivars_observe() and efivars_apply() act on efivarfs.
 * Trust:  variables can hold anything (other systems, firmware faults); ours are known by description and device path.
 * Source: UEFI 2.10 section 3.3 (boot variables).
 *
 * Our entries are those of efioption.h. One of ours that was switched off, or was given further data (which would
 * replace the kernel's command line), is put right under its number. Others' entries and unknown members of BootOrder
 * are kept. A variable is written only when it differs, then read back, up to three times. At most four are written
 * after one decision: two entries, BootOrder, BootNext.
 */
#ifndef PARTITIONS_EFIVARS_H
#define PARTITIONS_EFIVARS_H

#include "partitions/bootstate.h"
#include "partitions/efioption.h"

#define EFI_ORDER_MAX  256u                 /* entries, and members of BootOrder that are not ours */
#define EFI_ORDER_ROOM (EFI_ORDER_MAX + 2u) /* and ours */
#define EFI_NONE       0x10000u             /* no such entry */

/* Where variables live. The default is efivarfs; a test puts a recording store here. */
struct efi_store;
struct efi_store_ops {
	/* A global variable. *n: room in, size out. -ENOENT: not there. */
	int (*get)(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *w);
	int (*set)(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w);
	int (*remove)(struct efi_store *s, const char *name, struct why *w);
	/* Every number for which a Boot#### exists, ascending. -E2BIG: more than EFI_ORDER_MAX. */
	int (*list)(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *w);
};
struct efi_store {
	const struct efi_store_ops *ops;
	unsigned int writes; /* variables set or removed so far */
};

/**
 * The machine's own variables. -ENODATA when there are none (no UEFI, efivarfs not mounted, runtime services off).
 * The environment variable EFIVARFS_PATH names a folder that stands for efivarfs, as with libefivar.
 */
MUST_USE int efi_store_open(struct efi_store *ret, struct why *w);
/**
 * Bytes that the kernel still lets be written to the machine's own variable store; on x86 it keeps 5 KiB back, which are
 * not counted (statfs(2) f_bavail on efivarfs). -ENODATA: the kernel does not say.
 */
MUST_USE int efi_store_room(uint64_t *ret_bytes, struct why *w);
/**
 * The partition GUID of the ESP that the running image was started from (systemd-stub's LoaderDevicePartUUID), in lower
 * case. -ENODATA: not set; -EBADMSG: no GUID.
 */
MUST_USE int efi_loader_partuuid(char ret[37], struct why *w);

/* What the variables say. */
struct efi_view {
	uint32_t entry[2]; /* number of our entry for each slot; EFI_NONE */
	bool mend[2];      /* it is there, with other attributes or further data */
	uint32_t free[2];  /* numbers for new entries, which nothing uses or names */
	uint32_t current;  /* BootCurrent; EFI_NONE */
	uint32_t next;     /* BootNext; EFI_NONE */
	uint16_t order[EFI_ORDER_ROOM];
	size_t n_order;
	bool has_order; /* there is one, of whole numbers */
};

/** The slot whose entry the firmware says it started; SLOT_NONE when that is none of ours. */
enum slot efi_view_current(const struct efi_view *v);

/** Read what there is. -E2BIG: more entries, or members of BootOrder, than this program can keep. */
MUST_USE int efivars_observe(struct efi_store *s, const struct efi_option want[2], struct efi_view *ret, struct why *w);

/* What to change. */
struct efi_change {
	bool create[2]; /* make or mend the entry of the slot, under number[] */
	uint32_t number[2];
	bool set_order;
	uint16_t order[EFI_ORDER_ROOM];
	size_t n_order;
	bool set_next, remove_next;
	uint16_t next;
};

/**
 * Pure: what differs between the variables and the record.
 * @first  the slot that BootOrder starts with: rec->committed, or the target in a commit
 * @next   slot that BootNext must name; SLOT_NONE: none of ours. One that others set (fwupd does) is left then.
 */
void efivars_decide(const struct efi_view *v, const struct bootrec *rec, enum slot first, enum slot next,
		    struct efi_change *ret);

/**
 * Carry a change out: BootNext removed, entries, BootOrder, BootNext set; each read back, up to three tries.
 * Returns 0; the store's error (typically -EIO, -ENOSPC: store full, -EROFS) with the variable's name.
 */
MUST_USE int efivars_apply(struct efi_store *s, const struct efi_option want[2], const struct efi_change *c,
			   struct why *w);

/** observe, decide, apply. */
MUST_USE int efivars_ensure(struct efi_store *s, const struct efi_option want[2], const struct bootrec *rec,
			    enum slot first, enum slot next, struct why *w);

#endif
