/*
 * checkpoint - what a training can go on from after a crash: a file NAME.checkpoint that says how far it is and whether it
 * is whole.
 * Layer:  bootstage/trainer. Format and act.
 * Trust:  hostile: folders are a job's.
 * Source: docs/formats/checkpoint.md
 */
#ifndef BOOTSTAGE_TRAINER_CHECKPOINT_H
#define BOOTSTAGE_TRAINER_CHECKPOINT_H

#include "base/bytes.h"
#include "base/why.h"

#define CHECKPOINT_SUFFIX  ".checkpoint"
#define CHECKPOINT_VERSION 1u
#define CHECKPOINT_HEADER  40u
#define CHECKPOINT_NAME    256u

/* The first 40 bytes. */
struct checkpoint_head {
	uint64_t generation; /* higher is newer, within one folder */
	uint64_t length;     /* of what follows */
	uint32_t crc;        /* CRC-32 (IEEE 802.3) of what follows */
};

/**
 * Decode the first CHECKPOINT_HEADER bytes. Pure.
 * Returns 0; -EOPNOTSUPP a checkpoint of somebody else; -EPROTONOSUPPORT a newer format; -EBADMSG damaged.
 */
MUST_USE int checkpoint_parse(struct bytes in, struct checkpoint_head *ret, struct why *w);
void checkpoint_format(const struct checkpoint_head *h, uint8_t out[CHECKPOINT_HEADER]);
/** The CRC that a head has for that payload. */
uint32_t checkpoint_crc(struct bytes payload);

/**
 * Whether an open file is a whole checkpoint: all of it is read.
 * @name  for the reason
 * @ret_generation  untouched on failure
 * Returns as checkpoint_parse(); -EBADMSG also when it is empty, cut short or longer than it says; -EIO.
 */
MUST_USE int checkpoint_check(int fd, const char *name, uint64_t *ret_generation, struct why *w);

/**
 * The newest whole one among the files of a folder whose names end in CHECKPOINT_SUFFIX; those of others do not count.
 * Returns 0; -ENODATA there is none; -errno the folder could not be read.
 */
MUST_USE int checkpoint_newest(int dirfd, char ret_name[CHECKPOINT_NAME], uint64_t *ret_generation, struct why *w);

/** Write one, durable when the call returns; a power cut leaves the old file of that name or the new one. */
MUST_USE int checkpoint_write(int dirfd, const char *name, uint64_t generation, struct bytes payload, struct why *w);
/**
 * Read one of at most max bytes of payload.
 * @ret  allocated, to be freed by the caller; untouched on failure
 */
MUST_USE int checkpoint_read(int dirfd, const char *name, size_t max, uint8_t **ret, size_t *ret_n,
			     uint64_t *ret_generation, struct why *w);

#endif
