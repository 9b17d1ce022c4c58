/*
 * boot_file - a bundle's boot file to its place on the ESP: temporary name, flush, read back, rename.
 * Layer:  updater; act.
 */
#ifndef UPDATER_BOOT_FILE_H
#define UPDATER_BOOT_FILE_H

#include "partitions/esp.h"
#include "updater/bundle.h"

/** @cancelled  NULL: never. -ECANCELED; errors of bundle_walk() and of esp_put_end(). On failure the old file stays. */
MUST_USE int boot_file_write(const struct bundle *b, const struct payload *p, struct esp *esp, const char *path,
			     bool (*cancelled)(void *arg), void *arg, struct why *w);

#endif
