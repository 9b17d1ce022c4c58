/*
 * cmd_open - what the verbs that read a bundle share: the options that name keys, and opening by them.
 */
#ifndef UPDATER_CMD_OPEN_H
#define UPDATER_CMD_OPEN_H

#include "base/args.h"
#include "updater/bundle.h"
#include "updater/cmd_source.h"
#include "updater/headkeep.h"

/* Which keys are trusted, and which decrypt, as the options say. */
struct trust_options {
	const char *dir;
	struct args_list keys;
	const char *threshold;
	struct args_list decrypt;
};

/* Rows for a verb's table of options. */
#define TRUST_OPTIONS(t)                                                                                               \
	{ .name = "trust", .arg = "DIR", .help = "trust what a device with this folder trusts", .value = &(t).dir },   \
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
	struct headkeep head;
	const struct trust_options *options;
	struct trust trust; /* empty when no keys were given */
	struct bundle bundle;
};

/** Whether the options name keys. */
bool trust_given(const struct trust_options *o);
/**
 * Open a bundle, verified when the options name keys, else not. With a folder alone it is believed as by a device with that
 * folder: trust statements there and in the bundle count. An encrypted one stays locked.
 * @where  as source_any()
 * @t      borrowed as long as *o
 * @o      all zero, ended by opened_done(); not to be moved
 */
MUST_USE int open_bundle(const char *where, const struct trust_options *t, const struct net_options *net,
			 struct opened *o, struct why *w);
/** Before more than the manifest is read: have its head in memory, when it does not come from a file. As headkeep(). */
MUST_USE int open_ahead(struct opened *o, struct why *w);
/** Unlock an encrypted bundle when the options name keys that decrypt. As bundle_unlock(). */
MUST_USE int opened_unlock(struct opened *o, struct why *w);
/** The same for whoever reads more than the manifest: without such keys it is -ENOKEY (refused). */
MUST_USE int opened_need_key(struct opened *o, struct why *w);
void opened_done(struct opened *o);

#endif
