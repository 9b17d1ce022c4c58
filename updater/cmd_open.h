/*
 * cmd_open - what the verbs that read a bundle share: the options that name keys, and opening by them.
 */
#ifndef UPDATER_CMD_OPEN_H
#define UPDATER_CMD_OPEN_H

#include "base/args.h"
#include "updater/bundle.h"

/* Which keys are trusted, and which decrypt, as the options say. */
struct trust_options {
	const char *dir;
	struct args_list keys;
	const char *threshold;
	struct args_list decrypt;
};

/* Rows for a verb's table of options. */
#define TRUST_OPTIONS(t)                                                                                               \
	{ .name = "trust", .arg = "DIR", .help = "trust the public keys (*.pub) in DIR", .value = &(t).dir },          \
		{ .name = "key", .arg = "FILE", .help = "trust this public key; may be repeated", .list = &(t).keys }, \
		{ .name = "threshold",                                                                                 \
		  .arg = "N",                                                                                          \
		  .help = "how many of them must have signed; 1 if not given",                                         \
		  .value = &(t).threshold },                                                                           \
	{                                                                                                              \
		.name = "decrypt-with", .arg = "FILE", .help = "secret key for an encrypted bundle; may be repeated",  \
		.list = &(t).decrypt                                                                                   \
	}

/* A bundle, the source it is read from, and whom it was verified against. */
struct opened {
	struct source src;
	struct trust trust; /* empty when no keys were given */
	struct bundle bundle;
};

/** Whether the options name keys. */
bool trust_given(const struct trust_options *o);
/**
 * Open a bundle, verified when the options name keys, else not. An encrypted one is unlocked when the options name keys that
 * decrypt, else not. @o all zero, ended by opened_done().
 */
MUST_USE int open_bundle(const char *path, const struct trust_options *t, struct opened *o, struct why *w);
/** Whoever reads more than the manifest wants it unlocked. -ENOKEY (refused), with what to do about it. */
MUST_USE int opened_need_key(struct opened *o, struct why *w);
void opened_done(struct opened *o);

#endif
