/*
 * log - one line per event or decision, "key=value ..." form, for main, cmd_* and the act layer of PID 1 only.
 *
 * Lines go to stderr, or to /dev/kmsg once log_kmsg() was called (early boot: one write(2) per line, since the kernel
 * drops anything else without an error); and to a bounded memory buffer that log_text() hands out. Not for threads.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/auto.h"

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_NOTE = 5, LOG_INFO = 6, LOG_VERBOSE = 7 };

/** Name in front of each line; lines above `level` are dropped. */
void log_setup(const char *program, enum log_level level);
/** Write to /dev/kmsg instead of stderr from now on. Keeps stderr when the device cannot be opened. */
void log_kmsg(void);
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
/** The first 16 KiB of what was logged, in whole lines with seconds since boot; borrowed until the next call. */
const char *log_text(void);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_note(...)  log_line(LOG_NOTE, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)

#endif
