/*
 * cmdseed - the verbs of `tandem-seedtrain`, one function each. They parse their options, print, and return an exit code.
 */
#ifndef BOOTSTAGE_TRAINER_CMDSEED_H
#define BOOTSTAGE_TRAINER_CMDSEED_H

#define SEED_PROGRAM "tandem-seedtrain"

#define SEED_ROWS_DEFAULT 8000u

int cmdseed_eval(int argc, char **argv);
int cmdseed_rows(int argc, char **argv);
int cmdseed_show(int argc, char **argv);
int cmdseed_train(int argc, char **argv);

#endif
