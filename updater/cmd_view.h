/*
 * cmd_view - what `tandem status` and `tandem slots` show, and its JSON form.
 */
#ifndef UPDATER_CMD_VIEW_H
#define UPDATER_CMD_VIEW_H

#include "base/json.h"
#include "updater/cmd_parts.h"
#include "updater/tree_view.h"

/* Without root there is no appliance, only what everybody can read. */
struct view {
	struct appliance *a;
	struct handover handover;
	bool handed_over;
	struct running running;
	struct why denied; /* why `a` is of no use; code 0: it is */
	bool host;         /* mode=host: of `a` only the configuration is of use */
	bool has_tree;     /* system.conf has [tree], and the next is valid */
	struct tree_view tree;
};

/** Look at the machine. @v all zero; ended by view_done() in any case. */
MUST_USE int view_look(const char *config, struct view *v, struct why *w);
/** End it; returns r, or what only closing brought up. */
MUST_USE int view_done(struct view *v, int r, struct why *w);

/** The boot record; NULL when it cannot be read or is lost, and then why. */
const struct bootrec *view_record(const struct view *v);
const char *view_record_problem(const struct view *v);

/** Everything, as one JSON object; and the member "slots" of it. */
MUST_USE int view_json(const struct view *v, struct why *w);
void view_json_slots(struct json *j, const struct view *v);

#endif
