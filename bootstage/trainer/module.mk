LIB += $(filter-out bootstage/trainer/main_%.c bootstage/trainer/cmd_%.c bootstage/trainer/cmdseed_%.c,$(wildcard bootstage/trainer/*.c))
PROGS += tandem-train tandem-seedtrain
MAN += docs/man/tandem-train.8 docs/man/tandem-seedtrain.8
tandem-train_SRC := bootstage/trainer/main_train.c $(wildcard bootstage/trainer/cmd_*.c)
tandem-seedtrain_SRC := bootstage/trainer/main_seed.c $(wildcard bootstage/trainer/cmdseed_*.c)
