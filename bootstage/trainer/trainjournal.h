/*
 * trainjournal - what has become of the trainings: records behind each other in one file, each with a sum.
 * Layer:  bootstage/trainer. Format, and act through a table of calls, so that a test can cut the power.
 * Trust:  hostile: a file that may be torn, rotten or of a newer version.
 * Source: docs/formats/trainjournal.md.
 *
 * Promised: a record whose trainjournal_add() returned 0 is found again after SIGKILL and after a power cut, in its order. A
 * torn end is cut off. Their order is that of their numbers, whatever the clock did.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINJOURNAL_H
#define BOOTSTAGE_TRAINER_TRAINJOURNAL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/why.h"
#include "bootstage/trainer/job.h"

#define TRAINJOURNAL_TEXT    240u       /* with the NUL */
#define TRAINJOURNAL_MAX     (4u << 20) /* bytes of a file; more is not read */
#define TRAINJOURNAL_COMPACT (256u << 10)
#define TRAINRECORD_MAX      512u /* bytes of one in the file */

/* Numbers of the file. */
enum train_event {
	TRAIN_BEGIN = 1,       /* of a cycle; no job */
	TRAIN_QUEUED = 2,      /* the job is part of this cycle */
	TRAIN_RUNNING = 3,     /* it is about to be started; text: its cgroup */
	TRAIN_CHECKPOINT = 4,  /* it says that it can go on from here */
	TRAIN_PAUSED = 5,      /* it ran out of room, and is to run again */
	TRAIN_INTERRUPTED = 6, /* the trainer was told to stop */
	TRAIN_TRAINED = 7,     /* it ended with 0; its model is still to be taken */
	TRAIN_PROMOTED = 8,    /* a new model is the current one */
	TRAIN_DONE = 9,
	TRAIN_FAILED = 10,
	TRAIN_SKIPPED = 11,
	TRAIN_ROLLED_BACK = 12, /* the previous model is the current one */
	TRAIN_END = 13,         /* of the cycle */
};
#define TRAIN_EVENTS 14u

/* What a cycle is for. */
enum train_mode {
	TRAIN_ALL,     /* every job; first a seed where there is no model */
	TRAIN_DAY_ONE, /* only the seeds */
	TRAIN_ONE,     /* only the job that the record of its begin names */
};

struct train_record {
	uint64_t sequence; /* 1, 2, ... */
	uint64_t cycle;    /* 1, 2, ... */
	int64_t time_us;   /* of CLOCK_REALTIME, for people */
	enum train_event event;
	enum train_mode mode;    /* of TRAIN_BEGIN */
	bool seed;               /* of a job: this is about its seed training */
	int exit_code;           /* -1: none */
	int signal;              /* 0: none */
	uint64_t step, of;       /* its progress; of 0: not known */
	uint64_t used_bytes;     /* of its folder */
	uint64_t peak_bytes;     /* of memory */
	uint64_t cpu_us;         /* that it took */
	char job[TRAINJOB_NAME]; /* "": of the cycle */
	char text[TRAINJOURNAL_TEXT];
};

/** "running", "done", ... */
const char *train_event_name(enum train_event e);
const char *train_mode_name(enum train_mode m);

/** One record in the file's form. @ret holds TRAINRECORD_MAX. Returns its size. */
size_t train_record_write(const struct train_record *r, uint8_t *ret);
/**
 * The record at the front.
 * @ret_n  how long it is
 * Returns 0; -ENODATA nothing is there; -EBADMSG torn or rotten; -EPROTONOSUPPORT whole, of a newer version.
 */
MUST_USE int train_record_read(struct bytes in, struct train_record *ret, size_t *ret_n, struct why *w);

/* What the file is reached through. Each returns 0 or -errno. */
struct trainjournal_file {
	int (*read)(void *arg, char **ret, size_t *ret_n, struct why *w); /* all of it; nothing when there is none */
	int (*append)(void *arg, uint64_t at, const void *buf, size_t n, struct why *w);
	int (*sync)(void *arg, struct why *w);
	int (*cut)(void *arg, uint64_t at, struct why *w);                   /* to this size; durable */
	int (*replace)(void *arg, const void *buf, size_t n, struct why *w); /* all of it or nothing; durable */
};

struct trainjournal {
	const struct trainjournal_file *file;
	void *arg;
	struct train_record *at; /* in their order; allocated */
	size_t n, room;
	uint64_t bytes;      /* of the file that count */
	uint64_t lost_bytes; /* that did not, when it was opened */
	uint64_t compact_at; /* private from here: bytes; over that the file is made smaller */
	bool uncut;          /* what lies behind the end has to go first */
};

/**
 * Read what is there; change nothing.
 * @ret  ended by trainjournal_close()
 * Returns 0; -EPROTONOSUPPORT records of a newer version; -E2BIG over TRAINJOURNAL_MAX; -EIO, -ENOMEM.
 */
MUST_USE int trainjournal_open(struct trainjournal *ret, const struct trainjournal_file *file, void *arg,
			       struct why *w);
void trainjournal_close(struct trainjournal *j);
#define AUTO_TRAINJOURNAL CLEANUP(trainjournal_close) struct trainjournal

/**
 * Add one, durable when it returns 0; its sequence and time are filled in here. A file over TRAINJOURNAL_COMPACT, and twice
 * as large as it was made the last time, is made smaller before: what trainjournal_keeps() stays.
 */
MUST_USE int trainjournal_add(struct trainjournal *j, const struct train_record *r, struct why *w);

/**
 * Whether a record is still needed: those of the last two cycles, and the last of each kind for each job. Of checkpoints and
 * rollbacks, which a job or a person may make without end, only the latter. Pure.
 */
bool trainjournal_keeps(const struct trainjournal *j, size_t i);

/* The file itself. */
struct trainjournal_disk {
	int fd; /* -1: not written to yet */
	char path[PATH_MAX];
};
extern const struct trainjournal_file trainjournal_disk;
/** It is made, with its folder, when it is first added to. */
void trainjournal_disk_open(struct trainjournal_disk *d, const char *path);
void trainjournal_disk_close(struct trainjournal_disk *d);

#endif
