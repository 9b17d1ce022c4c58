/*
 * tree_read - the members of a tar stream, each checked before anybody acts on it.
 * Layer:  updater; act, but it only reads: what becomes of the members is the sink's business.
 * Trust:  the stream is hostile, though signed: limits hold for everything that it can ask for. libarchive reads it, with
 *         its tar format only and no decompressors.
 */
#ifndef UPDATER_TREE_READ_H
#define UPDATER_TREE_READ_H

#include <archive_entry.h>
#include <locale.h>

#include "updater/tree_check.h"

#define TREE_HEADER_MAX (4u << 20) /* bytes of the stream that one member's headers may take */

/* Names in pax headers are UTF-8; libarchive turns them from and into the locale's characters, and "C" has few. */
struct tree_locale {
	locale_t utf8, before;
};
/** This thread's characters are UTF-8 until tree_locale_leave(). */
struct tree_locale tree_locale_enter(void);
void tree_locale_leave(const struct tree_locale *l);

struct tree_input {
	/* The next bytes, valid until the next call; n 0 at the end. Negative errnos end the reading. */
	int (*next)(void *arg, const void **ret, size_t *ret_n, struct why *w);
	void *arg;
};

/* What is done with members. Each may be NULL. A negative errno ends the reading with that. */
struct tree_sink {
	/* A member that was checked: its path and a hard link's target are clean. */
	int (*member)(void *arg, struct archive_entry *e, struct why *w);
	/* Bytes of the last member; what is between them is a hole. In ascending order, inside its size. */
	int (*data)(void *arg, const void *p, size_t n, uint64_t off, struct why *w);
	void *arg;
};

/**
 * Read a tar stream to its end.
 * @ret  what there was; filled on success
 * Returns 0; -EBADMSG no tar stream, damaged, or with a member that may not be in a tree; -E2BIG over a limit; -ENOMEM; the
 * input's or the sink's error.
 */
MUST_USE int tree_read(const struct tree_input *in, const struct tree_limits *limits, const struct tree_sink *sink,
		       struct tree_limits *ret, struct why *w);

#endif
