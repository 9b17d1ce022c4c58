/*
 * setup_show - what a setup found and did, for people and as JSON.
 */
#ifndef UPDATER_SETUP_SHOW_H
#define UPDATER_SETUP_SHOW_H

#include "base/json.h"
#include "updater/setup_act.h"

/** One line for each step; `all`: also of those where nothing has to be done. */
void setup_show_plan(const struct setup_plan *p, bool all);
/** What a step is about to do, or what waits for later. */
void setup_show_step(const struct setup_step *s);
void setup_show_undo(const struct setup_entry *e, enum setup_undo what);

/** "steps": of each kind, name, state, said, next. */
void setup_json_plan(struct json *j, const struct setup_plan *p);

#endif
