/*
 * stageplaces - where stages are looked up and what they leave behind: the machine's own places, or others for a test.
 * Layer:  bootstage.
 */
#ifndef BOOTSTAGE_STAGEPLACES_H
#define BOOTSTAGE_STAGEPLACES_H

#include <limits.h>

#include "bootstage/stageorder.h"

struct stageplaces {
	const char *root;   /* in front of the usual places below; NULL: none */
	const char *stages; /* the only folder with stage files; NULL: STAGES_FOLDER and STAGES_OVERRIDE */
	const char *state;  /* in place of HANDOVER_FOLDER; NULL: that */
	const char *conf;   /* system.conf; NULL: the usual one */
};

struct stageplan {
	struct stages stages;
	struct stageorder order;
};

/** Read all stages and put them in order. Errors of stages_load() and stageorder_make(). @ret ended by stageplan_free() */
MUST_USE int stageplan_load(const struct stageplaces *p, struct stageplan *ret, struct why *w);
void stageplan_free(struct stageplan *p);
#define AUTO_STAGEPLAN CLEANUP(stageplan_free) struct stageplan

/** The folder of the results: "/run/tandem/stages". */
MUST_USE int stageplaces_results(const struct stageplaces *p, char ret[PATH_MAX], struct why *w);
/** A usual path ("/etc/x") below the root. */
MUST_USE int stageplaces_below(const struct stageplaces *p, const char *path, char ret[PATH_MAX], struct why *w);

#endif
