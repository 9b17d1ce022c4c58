/*
 * hook - the same decision inside another builder's initramfs (initramfs-tools, init-premount): which root it shall mount.
 * Layer:  bootstage; act.
 * Source: docs/boot.md; initramfs-tools(7): ROOT= in /conf/param.conf counts for what runs after init-premount.
 */
#ifndef BOOTSTAGE_HOOK_H
#define BOOTSTAGE_HOOK_H

/** Decide, make it durable, name the root. Returns an exit code, or reboots the machine when that is the decision. */
int hook_run(void);

#endif
