/*
 * cmd_key_encryption - what `tandem key` does with keys for encryption.
 */
#ifndef UPDATER_CMD_KEY_ENCRYPTION_H
#define UPDATER_CMD_KEY_ENCRYPTION_H

#include "base/why.h"

/** Make NAME.key and NAME.recipient, and say so. */
MUST_USE int key_encryption_generate(const char *name, bool force, bool as_json, struct why *w);
/** Whether a file has keys for encryption, public or secret. */
bool key_encryption_is(const char *path);
/** Show them. */
MUST_USE int key_encryption_show(const char *path, bool as_json, struct why *w);

#endif
