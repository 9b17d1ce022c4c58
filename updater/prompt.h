/*
 * prompt - ask for a password on the terminal, without showing it.
 * Layer:  updater; for cmd_* and keyfile only. One prompt at a time; not for threads.
 */
#ifndef UPDATER_PROMPT_H
#define UPDATER_PROMPT_H

#include "base/why.h"

/**
 * Ask on /dev/tty, whatever stdin is. The terminal is put back as it was, also when a signal comes.
 * @ret  room for `room` bytes with NUL; untouched on failure; the caller wipes it
 * Returns 0; -ENOTTY no terminal; -ECANCELED a signal or end of file; -E2BIG too long; -EINVAL empty.
 */
MUST_USE int prompt_password(const char *question, char *ret, size_t room, struct why *w);

#endif
