/*
 * support - what the unit tests share: cmocka, a scratch folder, and an assertion that prints the reason of a failure.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's fail() would hide ours (base/why.h); fail_msg() does without it, and says that _fail() does not return. */
#undef fail
#undef fail_msg
#define fail_msg(msg, ...)                                                                                             \
	do {                                                                                                           \
		print_error("ERROR: " msg "\n", ##__VA_ARGS__);                                                        \
		_fail(__FILE__, __LINE__);                                                                             \
		__builtin_unreachable();                                                                               \
	} while (0)

/* cmocka 1.1.5 prints a skipped test as "not ok", which TAP readers count as failed. In test functions only. */
#undef skip
#define skip()                                                                                                         \
	do {                                                                                                           \
		print_message("# skipped: %s\n", __func__);                                                            \
		return;                                                                                                \
	} while (0)

#include "base/why.h"

/* Fail with the reason's text when `call` (which was given &w) did not return 0. */
#define assert_ok(call, w)                                                                                             \
	do {                                                                                                           \
		int assert_ok_r = (call);                                                                              \
		if (assert_ok_r)                                                                                       \
			fail_msg("%s: %d: %s", #call, assert_ok_r, (w).text);                                          \
	} while (0)

/** A fresh folder under $TMPDIR or /tmp, removed at exit. Returns a path that stays valid for the process. */
const char *scratch(void);
/** "scratch()/name", in one of eight rotating buffers. */
const char *scratch_path(const char *name);
/** A file of that content there, with its folders. */
void scratch_put(const char *name, const char *text);

#endif
