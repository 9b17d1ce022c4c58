/* cmd_plan - `tandem-tune plan`. */
#ifndef TUNING_CMD_PLAN_H
#define TUNING_CMD_PLAN_H

/** Runs the verb. Returns an exit code. */
int cmd_plan(int argc, char **argv);

#endif
