/*
 * early - the first things PID 1 needs: kernel file systems, descriptors 0 to 2, and a kernel that reboots after a panic.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_EARLY_H
#define BOOTSTAGE_EARLY_H

#include <stdint.h>

#include "base/why.h"

#define EARLY_PANIC_SECONDS 10u

/** /dev, /proc, /sys and /run, each unless it is there already. The first failure is returned; the others are tried. */
MUST_USE int early_mounts(struct why *w);

/** Descriptors 0, 1 and 2 are open: on the console, or on /dev/null. */
void early_console(void);

/**
 * Kernel settings: reboot EARLY_PANIC_SECONDS after a panic, unless that is set or the command line has panic=; every
 * line to /dev/kmsg is kept (by default ten in five seconds).
 */
void early_settings(const char *cmdline);

/** efivarfs, on a machine that was started by UEFI. -ENODATA: it was not; or the reason, e.g. no such module. */
MUST_USE int early_efivarfs(struct why *w);

/** The kernel's command line. @ret allocated, to be freed; untouched on failure */
MUST_USE int early_cmdline(char **ret, struct why *w);

/** Microseconds of CLOCK_BOOTTIME. */
uint64_t early_time_us(void);

/** Flush and reboot; does not come back. */
_Noreturn void early_reboot(unsigned int pause_seconds);

#endif
