/*
 * cmd_build - what the verbs that make a bundle share: where it goes, who signs it, how many threads.
 */
#ifndef UPDATER_CMD_BUILD_H
#define UPDATER_CMD_BUILD_H

#include "base/args.h"
#include "base/progress.h"
#include "updater/bundle_write.h"

struct build_options {
	const char *output;
	struct args_list keys;
	struct args_list encrypt_to;
	const char *password_file;
	const char *threads;
	const char *progress;
	struct args_list trust_updates;
	const char *manifest; /* where to write what is to be signed; then there need not be keys */
	bool as_json;
};

/* Rows for a verb's table of options. */
#define BUILD_OPTIONS(b)                                                                                               \
	{ .name = "output", .letter = 'o', .arg = "FILE", .help = "the bundle", .value = &(b).output },                \
		{ .name = "key",                                                                                       \
		  .arg = "FILE",                                                                                       \
		  .help = "secret key to sign with; may be repeated",                                                  \
		  .list = &(b).keys },                                                                                 \
		{ .name = "encrypt-to",                                                                                \
		  .arg = "FILE",                                                                                       \
		  .help = "encrypt for the recipients in a list or a folder; may be repeated",                         \
		  .list = &(b).encrypt_to },                                                                           \
		{ .name = "password-file",                                                                             \
		  .arg = "FILE",                                                                                       \
		  .help = "the first line of FILE unlocks the keys",                                                   \
		  .value = &(b).password_file },                                                                       \
		{ .name = "threads",                                                                                   \
		  .arg = "N",                                                                                          \
		  .help = "that pack; all processors if not given",                                                    \
		  .value = &(b).threads },                                                                             \
		{ .name = "trust-update",                                                                              \
		  .arg = "FILE",                                                                                       \
		  .help = "trust statements that go with it; may be repeated",                                         \
		  .list = &(b).trust_updates },                                                                        \
		{ .name = "manifest",                                                                                  \
		  .arg = "FILE",                                                                                       \
		  .help = "write what is to be signed; then --key may be left to 'bundle attach'",                     \
		  .value = &(b).manifest },                                                                            \
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &(b).progress },             \
	{                                                                                                              \
		.name = "json", .help = "print JSON at the end", .flag = &(b).as_json                                  \
	}

/* The options, understood; wiped and freed by build_done(). */
struct build {
	const struct build_options *options;
	struct secret_key keys[ARGS_LIST_MAX];
	size_t n_keys;
	struct recipients to;
	uint8_t *statements;
	size_t statements_n;
	unsigned int threads;
	int64_t clock; /* now, or SOURCE_DATE_EPOCH */
	enum progress_style style;
	struct progress progress;
};

/** Check the options and load the keys, which may ask for a password. */
MUST_USE int build_begin(const struct build_options *o, struct build *ret, struct why *w);
void build_done(struct build *b);

/** Show how far it is; an interrupt ends it. For bundle_job.step, with the struct build. */
int build_step(void *arg, uint64_t done_bytes, uint64_t total_bytes);
/** Fill in what of the job the options say, write the bundle, and tell what it is. @what one word for the progress */
MUST_USE int build_run(struct build *b, const char *what, struct bundle_job *job, struct why *w);

#endif
