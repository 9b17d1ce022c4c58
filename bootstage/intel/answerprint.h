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
/** One line: the edge that it was reached over, "KEY -[uses]-> KEY" or "KEY <-[uses]- KEY". */
void answer_print_path(FILE *to, const struct answer *a);
/** An object with key, kind and name; depth, unless it is 0; and the edge that it was reached over, if that was asked for. */
void answer_json(struct json *j, const char *key, const struct answer *a);
/** An array "silent": the numbers of the servers that did not answer. */
void answers_json_silent(struct json *j, const struct answers *a);

#endif
