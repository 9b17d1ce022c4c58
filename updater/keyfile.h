/*
 * keyfile - secret keys and passwords in files; the password from a file or from the terminal.
 * Layer:  updater; for cmd_*; the builder's side only.
 */
#ifndef UPDATER_KEYFILE_H
#define UPDATER_KEYFILE_H

#include "updater/keys.h"

/* A password that is wiped at the end of its scope. */
struct password {
	char text[KEYS_PASSWORD_MAX];
};
void password_wipe(struct password *p);
#define AUTO_PASSWORD CLEANUP(password_wipe) struct password

/** The first line of a file. -EINVAL empty; -E2BIG over KEYS_PASSWORD_MAX. */
MUST_USE int password_read(const char *path, struct password *ret, struct why *w);
/** Ask for a new password on the terminal, twice. -EINVAL when the two differ; and as prompt_password(). */
MUST_USE int password_choose(struct password *ret, struct why *w);

/**
 * Read a secret key; when it is locked, with the password in `password_file`, or asked for on the terminal when that is
 * NULL. Returns as keys_parse() and prompt_password().
 */
MUST_USE int keyfile_load(const char *path, const char *password_file, struct secret_key *ret, struct why *w);
/**
 * Write NAME.key (mode 0600) and NAME.pub.
 * @password  NULL: not locked
 * @force     replace files that are there
 * Returns 0; -EEXIST (refused, exit code 3) one of them is there; or an error of the file system.
 */
MUST_USE int keyfile_save(const char *name, const struct secret_key *k, const char *password, bool force,
			  struct why *w);

/* Both halves of a key as text, and the files they go to. */
struct keyfile_pair {
	const char *secret_path, *secret;
	const char *public_path, *public_half;
};
/** Write them, the secret one with mode 0600; `force` and errors as keyfile_save(). */
MUST_USE int keyfile_pair_save(const struct keyfile_pair *p, bool force, struct why *w);

#endif
