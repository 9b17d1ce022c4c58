/*
 * result - how a verb that changes the machine says in JSON what it came to.
 */
#ifndef UPDATER_RESULT_H
#define UPDATER_RESULT_H

#include "base/json.h"

/**
 * The members "result", "error" and "next" of the object that is open.
 * @done    the result when nothing failed, e.g. "armed"
 * @failed  the reason of a failure, or NULL; the result is then "interrupted", "nothing", "refused" or "failed"
 */
void result_json(struct json *j, const char *done, const struct why *failed);

#endif
