/*
 * trainlock - one trainer at a time on a machine.
 * Layer:  bootstage/trainer. Act.
 * Source: REQUIREMENTS R4.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINLOCK_H
#define BOOTSTAGE_TRAINER_TRAINLOCK_H

#include "base/why.h"

#define TRAINLOCK_FILE "/run/tandem/train.lock"
#define TRAINLOCK_TEXT 120u

/**
 * Take the lock, which ends with the process; a job does not have it.
 * Returns a descriptor; -EWOULDBLOCK another trainer is at work, with what it has said; -errno.
 */
MUST_USE int trainlock_take(const char *path, struct why *w);
/** Say what the holder is doing, for whoever is refused. What cannot be written is only missing there. */
void trainlock_say(int fd, const char *text);
/** Whether somebody has it, as far as who asks may see it: it is for its user alone. @ret  what that one has said; "" nobody has it; holds TRAINLOCK_TEXT */
bool trainlock_held(const char *path, char *ret);

#endif
