/*
 * setup_input - what a setup starts from: the templates, and what an earlier run decided.
 * Layer:  updater; act: reads files.
 */
#ifndef UPDATER_SETUP_INPUT_H
#define UPDATER_SETUP_INPUT_H

#include "updater/setup_look.h"

#define SETUP_TEMPLATES_DIR "/usr/lib/tandem/host"

/**
 * Every file of the folder that is not hidden, by name.
 * @ret  ended by setup_templates_free() in any case
 * Returns 0; -ENODATA there is none; -EBADMSG a name that no unit can have; -E2BIG too many, or too long; -errno.
 */
MUST_USE int setup_templates_load(const char *dir, struct setup_templates *ret, struct why *w);

/* What was given by hand; NULL: not given. */
struct setup_given {
	const char *product, *compatible, *user, *url, *threshold;
};

/**
 * Fill in product, compatible, user and url of the wish: what is given, else what the machine's own configuration and
 * journal say, else by the bundle.
 * @bundle_compatible  NULL: there is no bundle
 * @ret_threshold      of signatures
 * Returns 0; -EINVAL (usage) no product, or a bad value; -EEXIST (refused) this machine is set up for another product.
 */
MUST_USE int setup_fill(const struct setup_place *p, const struct setup_journal *j, const struct setup_given *given,
			const char *bundle_compatible, struct setup_wish *wish, unsigned int *ret_threshold,
			struct why *w);

#endif
