/*
 * ini - strict INI reading on top of inih: a table of keys; unknown sections, unknown keys and repeated keys are errors
 * that name the line.
 *
 * Syntax: [section] and key=value lines of at most 190 bytes, ending in LF or CR LF. Blanks at either end of a line, a key
 * or a value do not count. Lines that start with ';' or '#' are comments; a ';' after a blank starts one behind a section
 * or a value as well, so that a value cannot hold " ;". A byte order mark is passed over. What inih takes besides is
 * refused, since nobody means it: key:value, continuation lines, words behind a section, section names it would cut.
 * Trust: the text is hostile; the limits are here, the meaning with the caller.
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/bytes.h"
#include "base/why.h"

/**
 * One key. `set` gets the value, borrowed for the call, and stores it; its reason is prefixed with file, line, section
 * and key.
 * section  matched exactly, or up to the '*' when it ends in one ("slot.*"); the rest is passed as `sub`
 * many     may be given more than once (a list)
 */
struct ini_key {
	const char *section;
	const char *key;
	int (*set)(void *into, const char *sub, const char *value, struct why *w);
	bool many;
};

#define INI_TEXT_MAX (1u << 20)
#define INI_LINE_MAX 190u /* bytes; inih holds 200 with its terminators */

/**
 * Read `text`; call the table's setters with `into`.
 * @name  for reasons only
 * Returns 0; -EBADMSG malformed, unknown or repeated; -E2BIG over INI_TEXT_MAX or over 4096 keys; or a setter's error.
 * The first mistake from the top ends it; the setters of the lines above have run by then.
 */
MUST_USE int ini_read(struct bytes text, const char *name, const struct ini_key *keys, size_t n_keys, void *into,
		      struct why *w);
/** As ini_read() for a file. */
MUST_USE int ini_read_file(const char *path, const struct ini_key *keys, size_t n_keys, void *into, struct why *w);

/**
 * For setters: a value that is text, with its NUL, into `out` of `room` bytes.
 * Returns 0; -EBADMSG (usage) when it is empty, too long, not UTF-8 or has control characters.
 */
MUST_USE int ini_text(char *out, size_t room, const char *value, struct why *w);

/**
 * One value out of a file whose other keys are somebody else's: sections and keys that are unknown here are passed over,
 * the syntax still has to be right.
 * @ret  holds `room` bytes
 * Returns 0; -ENODATA not given; -E2BIG no room; -EBADMSG malformed, or given twice; -ENOENT no such file; -errno.
 */
MUST_USE int ini_value_file(const char *path, const char *section, const char *key, char *ret, size_t room,
			    struct why *w);

#endif
