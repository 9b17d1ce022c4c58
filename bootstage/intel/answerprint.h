/*
 * answerprint - nodes on the screen and in JSON, for cmd_*.
 * Trust:  names are feeds' words: what a terminal would act on is shown as '?'.
 */
#ifndef BOOTSTAGE_INTEL_ANSWERPRINT_H
#define BOOTSTAGE_INTEL_ANSWERPRINT_H

#include <stdio.h>

#include "base/json.h"
#include "bootstage/intel/related.h"

/** One line: kind, key and name, without the depth. */
void answer_print(FILE *to, const struct answer *a);
/** An object with key, kind and name; and depth, unless it is 0. */
void answer_json(struct json *j, const char *key, const struct answer *a);

#endif
