/*
 * cmd_base - the option --base of the verbs that read a delta: the image that it was made for, out of a bundle or a file.
 */
#ifndef UPDATER_CMD_BASE_H
#define UPDATER_CMD_BASE_H

#include "updater/base_reader.h"
#include "updater/cmd_open.h"
#include "updater/unpacked.h"

/* One row for a verb's table of options. */
#define BASE_OPTION(value_)                                                                                            \
	{                                                                                                              \
		.name = "base", .arg = "FILE", .help = "of a delta: the bundle, image or device that it was made for", \
		.value = &(value_)                                                                                     \
	}

struct base_given {
	struct unpacked image;
	struct base_reader reader;
	bool open; /* there is one: `reader` may be used */
};

/**
 * Open what payload p needs; nothing when it is no delta or path is NULL.
 * @t    by which the base is believed, when it is a bundle; as for the delta
 * @ret  ended by base_given_done() in any case
 * Returns 0; -ENODATA the base is not there; as open_bundle() and unpacked_payload().
 */
MUST_USE int base_given_open(const char *path, const struct payload *p, const struct trust_options *t,
			     const struct net_options *net, struct base_given *ret, struct why *w);
void base_given_done(struct base_given *b);

#endif
