/*
 * cap - the limit that a job's folder has on the disk, kept by the kernel where it can.
 * Layer:  bootstage/trainer. Act.
 * Source: REQUIREMENTS R1, R2; docs/trainer.md, "Disk".
 *
 * Best first: a project quota on the folder's file system; a file system of its own, in a file of that size; else only a
 * limit on each file's size and a look at the whole once a second, which is the runner's.
 */
#ifndef BOOTSTAGE_TRAINER_CAP_H
#define BOOTSTAGE_TRAINER_CAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"

enum cap_kind {
	CAP_AUTO, /* the best there is; only wanted */
	CAP_PROJECT,
	CAP_LOOP,
	CAP_SCAN,
};
/** "auto", "project", "loop", "scan". */
const char *cap_kind_name(enum cap_kind kind);
/** And back. False: no such word. */
bool cap_kind_named(const char *word, enum cap_kind *ret);

struct cap_want {
	const char *job;    /* its name */
	const char *folder; /* is made when it is not there; a symlink is refused */
	const char *images; /* folder for the file of CAP_LOOP, on the disk that is to be filled; is made. NULL: none */
	uint64_t bytes;     /* the cap */
	enum cap_kind kind; /* CAP_AUTO; or just that one */
	bool mount_nothing; /* CAP_AUTO must not choose CAP_LOOP: a tree that is not this machine's */
	uid_t uid;          /* whose the folder is to be when it is made, with mode 0750 */
	gid_t gid;
};

struct cap {
	enum cap_kind kind;   /* never CAP_AUTO */
	uint64_t taken_bytes; /* of CAP_LOOP, by its file, if that is there: not free, whatever is in the folder */
	int fd;               /* of the folder, beyond what was mounted there */
	uint64_t bytes;
	uint32_t project; /* of CAP_PROJECT */
	char folder[320];
	char said[400]; /* "project quota 1413742600"; and why nothing better, "; " between them */
};

/**
 * Put the cap on the folder; all that is in it already is put under it as well. Doing it again changes nothing; another
 * size changes the limit (CAP_LOOP: -E2BIG (refused), the file system stays as it is).
 * @ret  to be ended with cap_close(); untouched on failure
 * Returns 0; -EOPNOTSUPP when just that kind was wanted and cannot be had; -ENOSPC no room for the file of CAP_LOOP; -errno.
 */
MUST_USE int cap_open(const struct cap_want *want, struct cap *ret, struct why *w);
/**
 * After a boot: the file system of its own that a folder has is mounted again, so that what is in the folder can be seen;
 * of any size.
 * Returns 0, also when it has none; -errno.
 */
MUST_USE int cap_attach(const struct cap_want *want, struct why *w);
/** Which kind cap_open() would give, and why nothing better, without changing anything. @ret  fd is -1 */
MUST_USE int cap_look(const struct cap_want *want, struct cap *ret, struct why *w);

/**
 * How much of the cap is used, as whoever keeps it counts: the quota, what the file system has left, or usage_scan().
 * Only the last takes long.
 */
MUST_USE int cap_usage(const struct cap *c, uint64_t *ret_bytes, struct why *w);
/** Whether a write has failed, or will soon, for want of room below the cap: less than 1 MiB and 1 % of it is left. */
bool cap_reached(const struct cap *c, uint64_t used_bytes);

/** Limit and mount stay: the models in the folder are to be read. */
void cap_close(struct cap *c);
#define AUTO_CAP CLEANUP(cap_close) struct cap

/**
 * For the child that becomes the job, after its ids were set and before exec: no file larger than the cap; no way to take a
 * file out of its project (the owner of a file could otherwise), none past a quota (CAP_SYS_RESOURCE), and no new
 * privileges. Async-signal-safe.
 * Returns 0 or -errno.
 */
MUST_USE int cap_fence(uint64_t cap_bytes);

#endif
