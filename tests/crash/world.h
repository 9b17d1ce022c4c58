/*
 * world - a simulated appliance whose power can be cut at any durable operation.
 *
 * It stands behind the product's own seams (blk_ops, esp_ops, efi_store_ops), so that the real sequences, store and
 * state machine run on it. Devices keep what was written but not yet flushed; when the power goes, any subset of that
 * may have reached the medium, and the write in flight may be torn at any sector. Every operation after the cut fails,
 * until world_power_on().
 *
 * Rules of the medium. Disk writes: any subset of those since the device's last flush, the last one cut at any set of its
 * 512-byte sectors; since no two of them overlap, their order does not matter. ESP: any subset of the operations since
 * the last sync, a rename also half done (new name gone); data of a file only after its flush. Variables: old or new
 * (UEFI 2.10 section 8.2), in order; the whole store can be lost on demand.
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include "base/blk.h"
#include "partitions/sequence.h"

#define WORLD_BLOCK       4096u
#define WORLD_SLOT_BLOCKS 4u
#define WORLD_STATE_BYTES (128u << 10) /* of tandem-state, the part that is modelled: both record regions */
#define WORLD_PENDING     64u
#define WORLD_FILES       8u
#define WORLD_VARS        16u
#define WORLD_SECTOR      512u

enum world_device { DEV_STATE, DEV_ROOT_A, DEV_ROOT_B, DEV_COUNT };

/* How the cut leaves the medium. */
struct world_cut {
	uint64_t at;      /* operation number, from 0; UINT64_MAX: never */
	uint64_t keep;    /* bit i: pending operation i reached the medium */
	uint32_t sectors; /* of the write in flight, when it is kept: bit i: its sector i reached the medium */
	bool half_rename; /* a rename that is not kept has removed the old file of that name */
	bool lose_vars;   /* the variable store is empty at power-on */
};

struct world_file {
	char path[96];
	uint8_t data[64];
	size_t n;
	bool exists;
};

enum world_kind { OP_WRITE, OP_CREATE, OP_APPEND, OP_RENAME, OP_REMOVE };

struct world_op {
	enum world_kind kind;
	enum world_device device;
	uint64_t off;
	size_t n;
	uint8_t data[WORLD_BLOCK];
	char path[96], to[96];
	bool synced; /* the file was flushed after it */
};

struct world_var {
	char name[16];
	uint8_t data[EFI_OPTION_MAX];
	size_t n;
};

struct world {
	struct world_cut cut;
	uint64_t ops;       /* durable operations so far */
	bool off;           /* the power is cut */
	size_t cut_pending; /* at the cut: operations that were pending */
	size_t cut_sectors; /* at the cut: sectors of the write in flight; 1 for a variable; 0: it was neither */
	bool cut_rename;    /* at the cut: a rename is pending */
	uint8_t *medium[DEV_COUNT], *view[DEV_COUNT];
	struct world_file files[WORLD_FILES], synced_files[WORLD_FILES];
	struct world_op pending[WORLD_PENDING];
	size_t n_pending;
	struct world_var vars[WORLD_VARS];
	size_t n_vars;
	char open_path[96]; /* of the ESP file being written */
	enum slot running;  /* SLOT_NONE: firmware or hook */
	bool ignores_flush; /* the disk lies: for the negative control */
	const char *broken; /* a rule that the product broke; NULL while all is well */
};

void world_init(struct world *w);
void world_done(struct world *w);
/** Become a copy of `from`, with a new cut to come. */
void world_copy(struct world *w, const struct world *from, const struct world_cut *cut);
/** After a cut: what reached the medium is what there is; volatile variables and views are gone. */
void world_power_on(struct world *w);
/** Without a cut: an orderly reboot; nothing pending is lost. */
void world_reboot(struct world *w);

/* The product's seams; each begins with the product's type and is passed by its address. */
struct world_blk {
	struct blk blk;
	struct world *world;
	enum world_device device;
};
struct world_esp {
	struct esp esp;
	struct world *world;
};
struct world_efi {
	struct efi_store store;
	struct world *world;
};
void world_blk(struct world *w, enum world_device d, struct world_blk *ret);
void world_esp(struct world *w, struct world_esp *ret);
void world_efi(struct world *w, struct world_efi *ret);

/* For the simulated firmware; not durable operations of the product. */
const struct world_file *world_file(const struct world *w, const char *path);
const struct world_var *world_var(const struct world *w, const char *name);
void world_var_put(struct world *w, const char *name, const uint8_t *data, size_t n);
void world_var_drop(struct world *w, const char *name);
void world_file_put(struct world *w, const char *path, const void *data, size_t n);

#endif
