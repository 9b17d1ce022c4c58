/*
 * tree_record - the journal of tree slots: which tree serves, which one is on its way, and how far it has come.
 * Layer:  updater; format. Pure: text to struct and back.
 * Trust:  a file that only root writes; damage is found by its hash. No bytes of it are believed before.
 * Source: docs/formats/treejournal.md.
 */
#ifndef UPDATER_TREE_RECORD_H
#define UPDATER_TREE_RECORD_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/why.h"
#include "updater/manifest.h"

#define TREE_RECORD_MAX  (32u << 10) /* bytes of the text */
#define TREE_NAME_MAX    88u         /* with NUL: a version, '-', 16 hex digits */
#define TREE_TEXT_MAX    160u
#define TREE_HISTORY_MAX 40u

enum tree_phase {
	TREE_IDLE,      /* `current` serves; nothing is going on */
	TREE_UNPACKING, /* `next` is being unpacked */
	TREE_STAGED,    /* `next` is whole, nothing was switched */
	TREE_SWITCHING, /* from here on `next` may be what ROOT/current names */
	TREE_TRIAL,     /* it is, and its units were started */
	TREE_RETURNING, /* `current` is on its way back */
};

enum tree_result { TREE_NEVER, TREE_COMMITTED, TREE_FAILED };

enum tree_reason {
	TREE_REASON_NONE,
	TREE_REASON_UNIT,        /* a unit ended, or could not be started */
	TREE_REASON_HEALTH,      /* not healthy at the deadline */
	TREE_REASON_INTERRUPTED, /* by the operator */
	TREE_REASON_CUT,         /* power cut or killed: found when it was settled */
	TREE_REASON_ERROR,       /* something else: no space, no permission */
};

/* A tree on the disk. No name: none. */
struct tree_release {
	char name[TREE_NAME_MAX]; /* of its folder below ROOT/releases: VERSION-ID, ID the first 16 digits of `id` */
	uint64_t epoch;
	struct hash id; /* of its bundle */
};

/* How the last switch ended. */
struct tree_outcome {
	enum tree_result result;
	char from[TREE_NAME_MAX], to[TREE_NAME_MAX];
	enum tree_reason reason;
	char text[TREE_TEXT_MAX]; /* printable ASCII without ';' */
};

struct tree_record {
	uint64_t sequence;
	enum tree_phase phase;
	uint64_t epoch_floor;
	struct tree_release current;  /* the committed one; none before the first */
	struct tree_release previous; /* what was committed before it */
	struct tree_release next;     /* in every phase but TREE_IDLE */
	struct tree_outcome outcome;
	char history[TREE_HISTORY_MAX]
		    [TREE_NAME_MAX]; /* trees in the order they were unpacked, oldest first; all differ */
	size_t n_history;
};

/**
 * Read a journal.
 * @ret  untouched on failure
 * Returns 0; -EBADMSG damaged or inconsistent; -EPROTONOSUPPORT newer; -E2BIG over TREE_RECORD_MAX.
 */
MUST_USE int tree_record_parse(struct bytes text, const char *name, struct tree_record *ret, struct why *w);
/** Write what tree_record_parse() reads. @ret allocated, ended by NUL. -EINVAL when it would not be read back. -ENOMEM. */
MUST_USE int tree_record_format(const struct tree_record *r, char **ret, size_t *ret_n, struct why *w);

/** VERSION-ID of a bundle. */
void tree_name(const char *version, const struct hash *id, char ret[TREE_NAME_MAX]);
/** Whether a folder of that name can be ours. */
bool tree_name_valid(const char *name);
/** The version in a valid name; "" of none. */
void tree_name_version(const char *name, char ret[MANIFEST_NAME_MAX]);

/** Put it last in the history, where it is not yet; the oldest goes when it is full. */
void tree_history_add(struct tree_record *r, const char *name);
void tree_history_drop(struct tree_record *r, const char *name);

/** Note an outcome; `text` is cut and made printable. */
void tree_outcome_set(struct tree_outcome *o, enum tree_result result, enum tree_reason reason, const char *text);

/* "idle", "unpacking", ...; "none", "committed", "failed"; "none", "unit", "health", ... */
const char *tree_phase_name(enum tree_phase p);
const char *tree_result_name(enum tree_result r);
const char *tree_reason_name(enum tree_reason r);

#endif
