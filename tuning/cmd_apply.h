/* cmd_apply - `tandem-tune apply`. */
#ifndef TUNING_CMD_APPLY_H
#define TUNING_CMD_APPLY_H

/** Runs the verb. Returns an exit code. */
int cmd_apply(int argc, char **argv);

#endif
