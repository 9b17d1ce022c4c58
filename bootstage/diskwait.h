/*
 * diskwait - the boot disk, waited for by events.
 * Layer:  bootstage; decides when to stop waiting. Searching, listening and the clock come in as functions.
 */
#ifndef BOOTSTAGE_DISKWAIT_H
#define BOOTSTAGE_DISKWAIT_H

#include "partitions/diskfind.h"

#define DISKWAIT_SECONDS       30u
#define DISKWAIT_GRACE_SECONDS 3u /* for the disk that the record names, once another one was found */

struct diskwait_ops {
	/* As bootdisk_find(). */
	int (*find)(void *with, struct bootdisk *ret, struct why *w);
	/* Wait until a block device came or went; false when the time was over. */
	bool (*wait)(void *with, unsigned int timeout_ms);
	uint64_t (*now_ms)(void);
};

/**
 * Search until a boot disk is there with its device nodes, for at most timeout_ms. One whose record names other hardware,
 * or several of which none is named, are taken or refused only after DISKWAIT_GRACE_SECONDS: the real one may be slow.
 * @ret_waited_ms  time spent in ops->wait
 * Returns 0 or the search's last failure.
 */
MUST_USE int diskwait(const struct diskwait_ops *ops, void *with, unsigned int timeout_ms, struct bootdisk *ret,
		      uint64_t *ret_waited_ms, struct why *w);

/** The real ones: find() and wait() get a struct diskwait_real. */
struct diskwait_real {
	const struct sysconf *conf;
	const char *esp_partuuid; /* NULL: not known */
	int uevents;
};
extern const struct diskwait_ops diskwait_real;

#endif
