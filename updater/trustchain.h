/*
 * trustchain - which trust set is in force, and which statement may bring the next one.
 * Layer:  updater; decide. Pure: no files, no clock.
 * Trust:  statements are hostile; a text is parsed after the set in force has signed it.
 * Source: docs/formats/trust.md has the table.
 */
#ifndef UPDATER_TRUSTCHAIN_H
#define UPDATER_TRUSTCHAIN_H

#include "updater/trustset.h"

/* What a statement is to a set, by its epoch. */
enum trust_step {
	TRUST_OLDER, /* history: passed over */
	TRUST_SAME,  /* this set's own epoch: passed over when it is this very text, else refused */
	TRUST_NEXT,  /* follows: verified and taken */
	TRUST_GAP,   /* others are missing in between: refused */
};
enum trust_step trust_step(uint64_t present, uint64_t statement);

/**
 * Take one statement: by enough of the present set's roots AND by enough of its own; for the same product.
 * @ret  may be `present`; untouched unless 0 is returned
 * Returns 0; -EKEYREJECTED (refused) the signatures; -ESTALE (refused) not the next one; -EPERM (refused) for another
 * product; -EBADMSG and others of the text.
 */
MUST_USE int trust_take(const struct trustset *present, const struct statement *s, struct trustset *ret, struct why *w);

/* Where a chain led. */
struct trust_path {
	struct trustset set;
	struct statement last; /* the statement of `set`, borrowed from the chain; empty when it is not there */
	unsigned int steps;    /* statements taken */
};
/**
 * Follow statements, one after the other, from a set: older ones are passed over, the next ones taken, anything else is
 * refused, and then nothing of the chain counts.
 * @chain  may be empty
 * Errors as trust_take() and statement_next().
 */
MUST_USE int trust_follow(const struct trustset *present, struct bytes chain, struct trust_path *ret, struct why *w);

/** A set's own word: parse a statement's text, and check that enough of its own roots signed it. For anchors and display. */
MUST_USE int trust_own(const struct statement *s, struct trustset *ret, struct why *w);

/**
 * A chain as it is published: its first statement by its own word, the others after it. For builders and display.
 * @ret  the set of its last statement
 * Errors as trust_own() and trust_follow(); -ENODATA empty.
 */
MUST_USE int trust_history(struct bytes chain, struct trustset *ret, struct why *w);

/* What the copies of the last accepted statement are like. */
enum trust_stored {
	STORED_NEVER,   /* none was ever accepted */
	STORED_VALID,   /* at least one copy is whole */
	STORED_DAMAGED, /* something is there, and no copy is whole */
	STORED_NEWER,   /* of a newer program */
};
enum trust_origin {
	ORIGIN_FOLDER, /* the keys of the running image's folder */
	ORIGIN_IMAGE,  /* a statement in that folder */
	ORIGIN_STORED, /* the last statement that was accepted */
};

/* All that is known, for trust_choose(). Borrowed. */
struct trust_known {
	enum trust_stored stored;
	const struct trustset *stored_set; /* with STORED_VALID */
	const struct trustset *anchor;     /* the folder's first set; NULL: it has none that can be used */
	const struct why *anchor_why;      /* with anchor NULL: why */
	struct bytes chain;                /* the folder's statements, the anchor's own among them */
};
/* What follows from it. */
struct trust_choice {
	struct trust_path path;   /* the set in force */
	enum trust_origin origin; /* ORIGIN_IMAGE: path.last is not stored yet */
	struct why ignored;       /* why statements of the image were left out; code 0: they were not */
};
/**
 * The set in force: what is stored, followed by those statements of the running image that verify from there; without a
 * stored set, the image's anchor and its statements. So the highest epoch wins, and nothing of an image overrules what
 * was accepted. The floor is not applied here: a statement may still lift the set to it (trust_check_floor()).
 * Returns 0; -EPROTONOSUPPORT the stored set is a newer program's; or the folder's failure when there is nothing else.
 */
MUST_USE int trust_choose(const struct trust_known *k, struct trust_choice *ret, struct why *w);
/** -ESTALE (refused) when a set of a higher epoch was in force before. */
MUST_USE int trust_check_floor(const struct trustset *s, uint64_t floor, struct why *w);

/** "folder", "image", "stored". */
const char *trust_origin_name(enum trust_origin o);

#endif
