/*
 * tree_preflight - everything that can be known before a tree is installed: whether it may be, and whether it fits.
 * Layer:  updater; act, but it changes nothing. As preflight.h, for trees.
 */
#ifndef UPDATER_TREE_PREFLIGHT_H
#define UPDATER_TREE_PREFLIGHT_H

#include "updater/preflight.h"
#include "updater/tree_run.h"

/* All borrowed. */
struct tree_parts {
	const struct sysconf *conf;
	const struct bootrec *boot; /* the boot record; NULL: there is none here (mode=host) */
	const char *boot_why;       /* of an appliance without a usable one: why; else NULL */
	const struct why *key_why;  /* why an encrypted bundle is locked */
	struct tree_store *store;   /* NULL: there are no trees yet, and nothing may be made (a dry run) */
	const struct tree_record *rec;
	bool allow_downgrade;
};

/**
 * Check everything.
 * @ret       as preflight_run(), without a plan
 * @ret_tree  the payload; set when nothing failed
 * @ret_same  it is the tree that is current: there is nothing to do
 */
void tree_preflight(const struct tree_parts *parts, const struct bundle *b, struct preflight *ret,
		    const struct payload **ret_tree, bool *ret_same);

/** Whether going back to the previous tree is in order. -EPERM, -ESTALE (refused). */
MUST_USE int tree_back_check(const struct tree_record *rec, const struct tree_store *s, bool below_floor,
			     struct why *w);

/** Whether the bundle carries a tree. */
bool bundle_has_tree(const struct bundle *b);

#endif
