/*
 * sysctl - kernel parameters below /proc/sys: read, write, read back; and the sysctl.d file that says them again.
 * Layer:  tuning; may include base/ only. Act.
 * Source: sysctl.d(5): "net.core.rmem_max", and "net/ipv4/conf/eth0.100/forwarding" where a name has dots.
 *
 * Values are compared field by field, since the kernel sets fields apart by tabs.
 */
#ifndef TUNING_SYSCTL_H
#define TUNING_SYSCTL_H

#include "tuning/tree.h"

#define SYSCTL_VALUE 128u

/**
 * The value, fields set apart by one blank.
 * Returns 0; -ENOENT, without a reason, when the kernel has no such key (yet); -EINVAL no name of a key; -E2BIG; -errno.
 */
MUST_USE int sysctl_read(const struct tree *t, const char *key, char ret[SYSCTL_VALUE], struct why *w);

/**
 * Write, and read back.
 * Returns 0; -ENOENT as above; -EINVAL the kernel refuses the value; -EIO it took it and has another one; -EROFS and
 * -EACCES where the machine does not let us (a container); -errno.
 */
MUST_USE int sysctl_write(const struct tree *t, const char *key, const char *value, struct why *w);

/** Whether both have the same fields. */
bool sysctl_same(const char *a, const char *b);

#endif
