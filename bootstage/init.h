/*
 * init - what tandem-init does alike as PID 1 and as a hook: look around, try a slot's root, tell the booted system.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_INIT_H
#define BOOTSTAGE_INIT_H

#include "bootstage/boot.h"
#include "bootstage/watchdog.h"

#define INIT_PATH_MAX 256u

struct init {
	struct boot boot;         /* first: boot_ops get a pointer to it */
	char *cmdline;            /* allocated */
	char path[INIT_PATH_MAX]; /* of the slot's init: init= on the command line, or /sbin/init */
	struct watchdog dog;
	uint64_t start_us, modules_us, waited_ms, stages_us;
};

/**
 * Everything up to the decision: settings, configuration, modules, watchdog, firmware variables, disk, record.
 * @modules  load those of MODULES_LIST
 * @i        boot.ops and start_us are set; the rest is filled in
 */
MUST_USE int init_look(struct init *i, bool modules, struct why *w);

/** Mount a slot's root on the folder `at` and check that it can be switched to. On failure nothing stays mounted. */
MUST_USE int init_mount(struct init *i, enum slot s, const char *at, struct why *w);

/** Write the handover, with the times up to now. `data` says what became of the data partition. */
void init_hand_over(struct init *i);

/** There is nothing left to try: say why on the console, wait a moment, reboot. Never a shell. */
_Noreturn void init_give_up(const struct why *w);

/** boot_ops.reboot of both. */
void init_reboot(struct boot *b, unsigned int pause_seconds);

#endif
