/* cmd_facts - `tandem-tune facts`. */
#ifndef TUNING_CMD_FACTS_H
#define TUNING_CMD_FACTS_H

/** Runs the verb. Returns an exit code. */
int cmd_facts(int argc, char **argv);

#endif
