/* cmd_check - `tandem-tune check`. */
#ifndef TUNING_CMD_CHECK_H
#define TUNING_CMD_CHECK_H

/** Runs the verb. Returns an exit code. */
int cmd_check(int argc, char **argv);

#endif
