/*
 * cmd_install_tree - the part of `tandem install` that is about trees.
 */
#ifndef UPDATER_CMD_INSTALL_TREE_H
#define UPDATER_CMD_INSTALL_TREE_H

#include "base/progress.h"
#include "updater/cmd_parts.h"

struct tree_install_options {
	bool dry_run, allow_downgrade, json;
	enum progress_style style;
};

/**
 * Install the tree of a bundle that is open, and tell what came of it.
 * @a  in mode=host only its configuration is of use; its lock is given back before the units are touched
 * Returns an exit code.
 */
int install_tree(struct appliance *a, const struct bundle *b, const struct tree_install_options *o);

#endif
