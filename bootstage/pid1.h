/*
 * pid1 - tandem-init as /init of an initramfs that holds little besides it.
 * Layer:  bootstage; act.
 * Source: docs/boot.md.
 */
#ifndef BOOTSTAGE_PID1_H
#define BOOTSTAGE_PID1_H

/** Boot the machine: ends in the slot's init, or in a reboot. argv[1] and on are passed to the slot's init. */
_Noreturn void pid1_run(char **argv);

#endif
