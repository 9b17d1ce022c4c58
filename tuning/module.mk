LIB += $(filter-out tuning/main.c tuning/cmd_%.c,$(wildcard tuning/*.c))
PROGS += tandem-tune
tandem-tune_SRC := tuning/main.c $(wildcard tuning/cmd_*.c)
MAN += docs/man/tandem-tune.8
