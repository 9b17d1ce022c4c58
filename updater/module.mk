LIB += $(filter-out updater/main.c updater/cmd_%.c,$(wildcard updater/*.c))
PROGS += tandem
tandem_SRC := updater/main.c $(wildcard updater/cmd_*.c)
MAN += docs/man/tandem.8
