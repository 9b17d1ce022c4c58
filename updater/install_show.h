/*
 * install_show - an install as its users see it: progress while it goes on, the report of its checks, its result.
 * Layer:  updater; for cmd_install.
 *
 * docs/install.md lists the members of every JSON object.
 */
#ifndef UPDATER_INSTALL_SHOW_H
#define UPDATER_INSTALL_SHOW_H

#include "base/json.h"
#include "base/progress.h"
#include "updater/install.h"

/* Progress; JSON lines at most twice a second, and whenever a new phase begins. */
struct install_show {
	struct progress bar;
	enum progress_style style;
	uint64_t begun_ms, shown_ms;
	bool shown;
	enum install_phase phase;
};
void install_show_begin(struct install_show *s, enum progress_style style);
void install_show_step(struct install_show *s, const struct install_progress *now);
void install_show_end(struct install_show *s);

/* What an install came to. */
struct install_outcome {
	const char *result; /* when nothing failed: "armed", "nothing", "passed" (a dry run) */
	bool dry_run;
	const struct bundle *bundle;
	const struct preflight *preflight;
	const struct install_progress *progress;
	uint64_t elapsed_ms;
	const struct why *why; /* of a failure; NULL */
};
/** The one JSON object of --json; `line`: as the last line of --progress=json. */
MUST_USE int install_show_json(const struct install_outcome *o, bool line, struct why *w);
/** The member "checks" of the object that is open. */
void preflight_json(struct json *j, const struct preflight *p);
/** A line for each check. */
void install_show_checks(const struct preflight *p, FILE *to, bool failed_only);
/** What was done, in words, to stdout. */
void install_show_text(const struct install_outcome *o);

#endif
