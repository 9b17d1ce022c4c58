/*
 * diskmake - make a disk: from a layout and contents to a device or an image file that boots.
 *
 * In two halves: diskmake_plan() looks and refuses, and writes nothing; diskmake_run() writes. An image file is made
 * under a temporary name and renamed when it is whole. On a device the old table goes first and the new one comes last,
 * behind a flush: after a power cut there is the old disk or one without any table, which nothing takes for a good one.
 */
#ifndef PARTITIONS_DISKMAKE_H
#define PARTITIONS_DISKMAKE_H

#include <limits.h>
#include <sys/stat.h>

#include "partitions/bootrec.h"
#include "partitions/diskcopy.h"
#include "partitions/gpt.h"
#include "partitions/layout.h"
#include "partitions/sysblock.h"

/* Content for a partition. */
struct diskmake_put {
	const char *part;
	const char *path; /* in its vfat filesystem; NULL: the file is a raw image for the whole partition */
	const char *file;
};

struct diskmake_request {
	const char *target;
	const struct layout *layout;
	uint64_t size_bytes; /* of an image file; 0: as the layout says, else as the file has now */
	const char *seed;    /* GUIDs and times depend on it and nothing else; NULL: random and now */
	bool force;          /* over a known filesystem or partition table; never over something in use */
	const struct diskmake_put *puts;
	size_t n_puts;
	const struct bootrec *record; /* first boot record; NULL: the state partition stays all zero */
	const struct diskcopy_watch *watch;
	void (*note)(void *arg, const char *doing); /* what comes next, for people; may be NULL */
	void *note_arg;
};

/* What diskmake_plan() found out, for diskmake_run(). */
struct diskmake {
	const struct diskmake_request *want;
	char target[PATH_MAX]; /* links followed */
	bool device;
	mode_t mode;                    /* of an image file that is there already; 0: there is none */
	char disk[SYSBLOCK_NAME_BYTES]; /* kernel name of a device */
	uint64_t size_bytes;
	uint32_t sector_bytes;
	struct layout_plan plan;
	bool esp_tight; /* the ESP has less than four times the largest file for it: an update may not fit */
	char fs_uuid[LAYOUT_PARTS_MAX][GUID_TEXT_BYTES];
	char hash_seed[LAYOUT_PARTS_MAX][GUID_TEXT_BYTES];
	struct gpt_part parts[LAYOUT_PARTS_MAX];
	struct gpt_table table; /* its parts are the ones above */
};

/**
 * Look at the target and decide everything; nothing is written. `want` is borrowed until diskmake_run() is over.
 * @ret  must not be moved afterwards. On -ENOSPC its size_bytes and sector_bytes are set, to report what does not fit
 * Returns 0; -EBUSY (refused) in use; -EEXIST (refused) holds something known, without force; -ENOSPC too small;
 * -EINVAL wrong request; -EROFS, -ENOENT (a program or a content is missing) and the like.
 */
MUST_USE int diskmake_plan(const struct diskmake_request *want, struct diskmake *ret, struct why *w);

/**
 * Do it. Returns 0 when everything is on the medium and, for a device, the kernel has the new partitions. On failure an
 * image file is as it was before; a device may be without a partition table, the reason's next step says so.
 */
MUST_USE int diskmake_run(struct diskmake *m, struct why *w);

#endif
