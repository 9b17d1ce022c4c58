LIB += $(filter-out bootstage/main_%.c bootstage/cmd_%.c,$(wildcard bootstage/*.c))
MAN += docs/man/tandem-init.8 docs/man/tandem-stage.8
PROGS += tandem-init tandem-stage
tandem-init_SRC := bootstage/main_init.c
# What goes into an initramfs is small: these three are linked in, and only libefivar and libc come along as files
# (docs/boot.md has the figures).
tandem-init_LIBS := -Wl,-Bstatic -lblkid -lsodium -linih -Wl,-Bdynamic -lefivar
tandem-stage_SRC := bootstage/main_stage.c $(wildcard bootstage/cmd_*.c)
