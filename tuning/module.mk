LIB += $(filter-out tuning/main.c tuning/cmd_%.c,$(wildcard tuning/*.c))
PROGS += tandem-tune
tandem-tune_SRC := tuning/main.c tuning/cmd_facts.c
MAN += docs/man/tandem-tune.8
