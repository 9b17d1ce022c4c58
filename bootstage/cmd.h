/*
 * cmd - the verbs of `tandem-stage`, one function each. They parse their options, print, and return an exit code.
 */
#ifndef BOOTSTAGE_CMD_H
#define BOOTSTAGE_CMD_H

int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);

#endif
