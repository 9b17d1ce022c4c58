/*
 * tree_units - the units that run the product: stopped, started and looked at, by systemctl (found in PATH).
 * Layer:  updater; act, and the format of what `systemctl show` prints.
 */
#ifndef UPDATER_TREE_UNITS_H
#define UPDATER_TREE_UNITS_H

#include "partitions/sysconf.h"

#define TREE_UNITS_LOOK_MS 30000u /* longer than the 25 s after which systemctl gives up by itself */

enum tree_unit_is {
	TREE_UNIT_STARTING,
	TREE_UNIT_ACTIVE,
	TREE_UNIT_ENDED, /* failed, inactive, or about to be started again by its Restart= */
};

struct tree_unit {
	enum tree_unit_is is;
	bool down;     /* no process of it is left, and no job waits */
	char said[80]; /* "failed (exit-code)" */
};

/**
 * Read the output of `systemctl show` for n units. Pure.
 * Returns 0; -EBADMSG when it is not about n units.
 */
MUST_USE int tree_units_parse(const char *text, size_t n, struct tree_unit *ret, struct why *w);

/**
 * What they are now. -ETIMEDOUT when systemctl does not tell in time: on an overloaded machine it may take many seconds, and
 * whoever can wait asks again.
 * @ret  conf->n_units of them
 */
MUST_USE int tree_units_look(const struct sysconf_tree *conf, unsigned int limit_ms, struct tree_unit *ret,
			     struct why *w);
/** Stop them in their own time; returns when they are down. */
MUST_USE int tree_units_stop(const struct sysconf_tree *conf, struct why *w);
/** Stop them within some 12 seconds: after 5 of them what is left is killed. */
MUST_USE int tree_units_stop_soon(const struct sysconf_tree *conf, struct why *w);
/** Begin to start them, whatever their failures before; returns at once. Unit files that changed are read again. */
MUST_USE int tree_units_start(const struct sysconf_tree *conf, struct why *w);

#endif
