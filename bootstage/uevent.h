/*
 * uevent - the kernel's word that a device came or went, so that a disk is waited for without sleeping.
 * Layer:  bootstage. uevent_parse() is pure; the rest acts on a netlink socket.
 * Trust:  messages come from the kernel (the sender is checked); bounded and parsed as if they did not.
 * Source: Documentation/ABI/testing/sysfs-uevent and lib/kobject_uevent.c of Linux: "ACTION@PATH", then NUL-ended KEY=VALUE.
 */
#ifndef BOOTSTAGE_UEVENT_H
#define BOOTSTAGE_UEVENT_H

#include "base/bytes.h"
#include "base/why.h"

struct uevent {
	char action[16];    /* "add", "remove", "change" */
	char subsystem[32]; /* "block" */
	char device[64];    /* DEVNAME, "vda1"; may be "" */
};

/** Decode one message. False when it is not the kernel's format, or a value does not fit. */
bool uevent_parse(struct bytes message, struct uevent *ret);

/** A socket that hears the kernel's events from now on; closed by the caller. */
MUST_USE int uevent_open(int *ret_fd, struct why *w);

/**
 * Wait until something happened to a block device, for at most timeout_ms.
 * Every message that is there is taken; when the kernel says that some were lost, that counts as an event.
 * Returns true when there was one, false when the time is over.
 */
bool uevent_wait_block(int fd, unsigned int timeout_ms);

#endif
