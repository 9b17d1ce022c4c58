/*
 * proc - run another program without a shell: bounded in time and in output, never left behind.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

#define PROC_OUTPUT_MAX 4096u

struct proc_result {
	int exit_code;                    /* 0..255; -1 when a signal or the deadline ended it */
	int signal;                       /* of the end; 0 otherwise */
	bool timed_out;                   /* the deadline was over; its process group got SIGKILL */
	char output[PROC_OUTPUT_MAX + 1]; /* first bytes of stdout and stderr; the rest is read and dropped */
};

/**
 * Run argv[0] (searched in PATH) with stdin from /dev/null, default signal handling and a process group of its own, and
 * wait for it. When it has ended, or the deadline is over, what is left of its group is killed; a child that went into a
 * session of its own lives on, but is not waited for, even when it holds the output open. Needs Linux 5.3 (pidfd); SIGCHLD
 * must not be ignored, or there is no status to be had (-ECHILD).
 * @timeout_ms  0: no deadline
 * Returns 0 with *ret filled when it was started and waited for, whatever its outcome; -errno when it could not be
 * started or waited for.
 */
MUST_USE int proc_run(const char *const *argv, unsigned int timeout_ms, struct proc_result *ret, struct why *w);

/** As proc_run(), but anything other than exit code 0 is -EIO with the program's last line of output as the reason. */
MUST_USE int proc_must(const char *const *argv, unsigned int timeout_ms, struct why *w);

/** Milliseconds of CLOCK_MONOTONIC, for deadlines and figures. */
uint64_t now_ms(void);
/** Sleep that long; a signal that is caught ends it early. */
void sleep_ms(unsigned int ms);

#endif
