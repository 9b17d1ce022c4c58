/*
 * reboot - an orderly reboot of the running system.
 */
#ifndef BASE_REBOOT_H
#define BASE_REBOOT_H

#include "base/why.h"

/**
 * Ask the service manager for a reboot. Returns 0 when it has taken the order: the machine goes down soon after.
 * -EIO and others: nobody took it.
 */
MUST_USE int reboot_orderly(struct why *w);

#endif
