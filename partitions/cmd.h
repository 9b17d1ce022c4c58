/*
 * cmd - the verbs of tandem-disk, and what they share. Each gets argv from the verb on and returns an exit code.
 */
#ifndef PARTITIONS_CMD_H
#define PARTITIONS_CMD_H

#include <stdbool.h>

#include "base/why.h"
#include "partitions/diskinspect.h"

int cmd_create(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_grow(int argc, char **argv);

/** Print what was found, for people or as JSON (docs/formats/layout.md). -EIO when it cannot be written. */
MUST_USE int print_inspect(const struct diskinspect *d, bool json, struct why *w);

#endif
