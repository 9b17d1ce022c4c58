/*
 * watchdog - the hardware that resets a machine whose boot hangs.
 * Layer:  bootstage; act.
 * Source: Documentation/watchdog/watchdog-api.rst of Linux.
 *
 * Armed before the root is mounted and never disarmed here: the device is closed without the magic character, so it
 * runs on until the booted system pets it (systemd: RuntimeWatchdogSec).
 */
#ifndef BOOTSTAGE_WATCHDOG_H
#define BOOTSTAGE_WATCHDOG_H

#include "base/why.h"

struct watchdog {
	int fd;               /* -1: none */
	unsigned int seconds; /* in force */
	char device[32];
};

/**
 * Open `dev`/watchdog0, or `dev`/watchdog, and make it reset the machine `seconds` after the last pet.
 * A driver that knows other times only is left at its own, which is not a failure: see ret->seconds (0: not known).
 * @ret  .fd is kept open, so that watchdog_pet() works; closed at exec
 * Returns 0; -ENODEV when there is none; -EBUSY and the like.
 */
MUST_USE int watchdog_arm(const char *dev, unsigned int seconds, struct watchdog *ret, struct why *w);

/** Start its time anew. Nothing happens without one. */
void watchdog_pet(const struct watchdog *dog);

#endif
