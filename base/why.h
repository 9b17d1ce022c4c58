/*
 * why - the reason a call failed, in words, on the caller's stack.
 *
 * Convention of the whole project: a function that can fail returns 0 (or a count) or a negative errno, and takes an
 * optional `struct why *` as its last argument. The first cause wins. A failing line reads `return fail(w, -EX, "...")`.
 *
 * Vocabulary: EBADMSG malformed, EPROTONOSUPPORT newer format, EKEYREJECTED bad signature, ESTALE rollback refused,
 * E2BIG over a named limit, ENODATA not there, EIO short or failed I/O, EINVAL our caller's fault, ECANCELED interrupted.
 */
#ifndef BASE_WHY_H
#define BASE_WHY_H

#include <errno.h>
#include <stdbool.h>

#include "base/auto.h"

/* Exit codes of every program (DESIGN section 2). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3, /* trust, compatibility, policy, downgrade */
	EXIT_NOTHING = 4, /* nothing to do */
};

struct why {
	int code;            /* negative errno of the first cause; 0 when nothing failed */
	enum exit_code exit; /* what a program that ends for this reason exits with */
	char text[400];      /* what and where, one line, no trailing newline */
	char next[200];      /* what the user can do about it; may be empty */
};

/** Record the cause unless one is there already. Returns `code`, so that it can be returned. w may be NULL. */
int fail(struct why *w, int code, const char *fmt, ...) PRINTF(3, 4);
/** As fail(), for a refusal by policy or trust: exit code 3. */
int refuse(struct why *w, int code, const char *fmt, ...) PRINTF(3, 4);
/** As fail(), for wrong words on the command line or in a config file: exit code 2. */
int misuse(struct why *w, int code, const char *fmt, ...) PRINTF(3, 4);
/** As fail() with the text of errno appended; takes code from errno at the call. */
int fail_errno(struct why *w, const char *fmt, ...) PRINTF(2, 3);
/** Put "context: " in front of the recorded text; without one, record context and the text of `code`. Returns `code`. */
int why_in(struct why *w, int code, const char *fmt, ...) PRINTF(3, 4);
/** Say what the user can do next, unless that was said already. Returns `code`. */
int why_next(struct why *w, int code, const char *fmt, ...) PRINTF(3, 4);
/* The analyzer looks at one file at a time and cannot know what these return. */
#if defined(__clang_analyzer__) && !defined(BASE_WHY_C)
#define fail(w, code, ...)     (fail(w, code, __VA_ARGS__), (code))
#define refuse(w, code, ...)   (refuse(w, code, __VA_ARGS__), (code))
#define misuse(w, code, ...)   (misuse(w, code, __VA_ARGS__), (code))
#define fail_errno(w, ...)     (fail_errno(w, __VA_ARGS__), -EIO)
#define why_in(w, code, ...)   (why_in(w, code, __VA_ARGS__), (code))
#define why_next(w, code, ...) (why_next(w, code, __VA_ARGS__), (code))
#endif

/** Print "PROGRAM: text" and the next step to stderr; returns the exit code. For main and cmd_* only. */
int why_report(const struct why *w, const char *program);

#endif
