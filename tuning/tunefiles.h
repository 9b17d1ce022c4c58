/*
 * tunefiles - files that go with a plan without being an action of it: the sysctl.d file, lines in fstab, what irqbalance
 * is told.
 * Layer:  tuning; may include base/ only. Act.
 *
 * Each call makes one of them right, or with `dry` only says whether it is; *ret_changed becomes true when it is not.
 */
#ifndef TUNING_TUNEFILES_H
#define TUNING_TUNEFILES_H

#include "tuning/tuneplan.h"

/** Where the sysctl.d file goes, relative: /etc where that can be written, else /run. */
struct tree_path tunefile_sysctl_path(const struct tree *t, const char *product);

/**
 * The plan's sysctls, for systemd-sysctl and whoever else sets them again. Parameters that are only ever raised are not in
 * it: a later run of systemd-sysctl would lower them (C8).
 */
MUST_USE int tunefile_sysctl(const struct tree *t, const struct tuneconf *c, const struct tuneplan *p,
			     const char *product, bool dry, bool *ret_changed, struct why *w);

/** Whether /etc/fstab is there, can be written, and stays: not on an appliance, whose root is an image. */
bool tunefile_fstab_stays(const struct tree *t, const struct swap_ops *ops);
/** A line for a swap file of ours, once. */
MUST_USE int tunefile_fstab(const struct tree *t, const char *path, bool dry, bool *ret_changed, struct why *w);
/** Take it out. No fstab is fine. */
MUST_USE int tunefile_fstab_drop(const struct tree *t, const char *path, bool *ret_changed, struct why *w);

/** irqbalance keeps off all CPUs but these, those that are switched off now included. */
MUST_USE int tunefile_irqbalance(const struct tree *t, const char *product, const struct facts *f, const char *cpus,
				 bool dry, bool *ret_changed, struct why *w);

/** Remove the sysctl.d file and irqbalance's. */
MUST_USE int tunefile_drop(const struct tree *t, const char *product, bool *ret_changed, struct why *w);

#endif
