LIB += $(filter-out partitions/main.c partitions/cmd_%.c,$(wildcard partitions/*.c))
PROGS += tandem-disk
tandem-disk_SRC := partitions/main.c $(wildcard partitions/cmd_*.c)
MAN += docs/man/tandem-disk.8
