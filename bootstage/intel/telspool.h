/*
 * telspool - frames that wait on the disk for the database: one file, written at its end, with a sum for each frame.
 * Layer:  bootstage/intel. Act: a file through a table of calls, so that a test can cut the power.
 *
 * Promised: what telspool_append() said 0 to is found again after SIGKILL and after a power cut, in its order, once. What it
 * did not say 0 to may be found, too, but never without what was written before it. A torn end is cut off; a frame that
 * rotted is passed over and counted.
 */
#ifndef BOOTSTAGE_INTEL_TELSPOOL_H
#define BOOTSTAGE_INTEL_TELSPOOL_H

#include "bootstage/intel/telframe.h"

#define TELSPOOL_MAX_BYTES (256ull << 20)

/* What the file is reached through. Each returns 0 or -errno. */
struct telspool_file {
	int (*size)(void *arg, uint64_t *ret, struct why *w);
	int (*read)(void *arg, uint64_t at, void *buf, size_t n, struct why *w);
	int (*write)(void *arg, uint64_t at, const void *buf, size_t n, struct why *w);
	int (*sync)(void *arg, struct why *w);
	int (*cut)(void *arg, uint64_t at, struct why *w); /* to this size */
};

struct telspool {
	const struct telspool_file *file;
	void *arg;
	uint64_t max_bytes;
	uint64_t end_bytes;  /* durable */
	uint64_t next_bytes; /* what was not replayed yet begins here */
	uint64_t lost_bytes; /* that rotted, since it was opened */
	bool uncut;          /* private from here: what lies behind the end has to go first */
	uint8_t *buf;
};

/** Look at what is there. -EPROTONOSUPPORT: frames of a newer version, which are left alone. -ENOMEM, -EIO. */
MUST_USE int telspool_open(struct telspool *s, const struct telspool_file *file, void *arg, uint64_t max_bytes,
			   struct why *w);
void telspool_close(struct telspool *s);

/** Whole frames, durable when it returns 0. -ENOSPC over max_bytes; on any failure nothing of them counts. */
MUST_USE int telspool_append(struct telspool *s, struct bytes frames, struct why *w);

/**
 * The next frames in their order, whole ones, borrowed until the next call. Empty at the end.
 * They count as replayed only after telspool_replayed().
 */
MUST_USE int telspool_next(struct telspool *s, struct bytes *ret, struct why *w);
/** The first n bytes of what telspool_next() gave are in the database. When nothing is left the file becomes empty. */
MUST_USE int telspool_replayed(struct telspool *s, size_t n, struct why *w);
bool telspool_empty(const struct telspool *s);

/* The file itself. */
struct telspool_disk {
	int fd;
	char path[256];
};
extern const struct telspool_file telspool_disk;
/** Open or make it, locked against a second process (-EBUSY), its name durable. */
MUST_USE int telspool_disk_open(struct telspool_disk *d, const char *path, struct why *w);
void telspool_disk_close(struct telspool_disk *d);

#endif
