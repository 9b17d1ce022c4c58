/* cmd_undo - `tandem-tune undo`. */
#ifndef TUNING_CMD_UNDO_H
#define TUNING_CMD_UNDO_H

/** Runs the verb. Returns an exit code. */
int cmd_undo(int argc, char **argv);

#endif
