/* cmd_report - what `tandem-tune apply` and `check` print of a run. */
#ifndef TUNING_CMD_REPORT_H
#define TUNING_CMD_REPORT_H

#include "tuning/session.h"

/* How it ended: one word for people and programs. */
#define REPORT_PASSED  "passed"
#define REPORT_FAILED  "failed"
#define REPORT_SAME    "same"
#define REPORT_DIFFERS "differs"

/** One object; the schema is in tandem-tune(8). `reason` is NULL unless it failed. */
MUST_USE int report_json(const struct session *s, const struct tune_report *r, const char *result, const char *reason,
			 struct why *w);
/** A line for everything that is not as wanted, or was not. `dry`: nothing was done. */
void report_text(const struct session *s, const struct tune_report *r, bool dry);

#endif
