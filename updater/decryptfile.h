/*
 * decryptfile - encryption keys in files: the public ones of recipients, the secret ones of a device.
 * Layer:  updater.
 */
#ifndef UPDATER_DECRYPTFILE_H
#define UPDATER_DECRYPTFILE_H

#include "updater/recipient.h"

/**
 * Append the recipients of a list, or, of a folder, those of each *.recipient file in the order of their names.
 * Returns 0; -ENODATA a folder without any; as recipients_parse(); or an error of the file system.
 */
MUST_USE int recipients_load(struct recipients *r, const char *path, struct why *w);

/**
 * Append a device's secret key.
 * Returns 0; -EACCES (refused, exit code 3) others than its owner can read or write the file, or its owner is neither root
 * nor who runs this; -EINVAL no regular file; -E2BIG over DECRYPT_KEYS_MAX; as decrypt_key_parse(); or an error of the file
 * system.
 */
MUST_USE int decrypt_keys_load(struct decrypt_keys *k, const char *path, struct why *w);

/** Write NAME.key (mode 0600) and NAME.recipient. Errors as keyfile_save(). */
MUST_USE int decrypt_key_save(const char *name, const struct decrypt_key *k, bool force, struct why *w);

#endif
