LIB += $(filter-out bootstage/trainer/main_%.c bootstage/trainer/cmd_%.c,$(wildcard bootstage/trainer/*.c))
PROGS += tandem-train
MAN += docs/man/tandem-train.8
tandem-train_SRC := bootstage/trainer/main_train.c $(wildcard bootstage/trainer/cmd_*.c)
