LIB += $(filter-out bootstage/main_%.c bootstage/cmd_%.c,$(wildcard bootstage/*.c))
MAN += docs/man/tandem-init.8 docs/man/tandem-stage.8
PROGS += tandem-init tandem-stage
tandem-init_SRC := bootstage/main_init.c
# One static file is what starts fastest and makes the smallest initramfs (docs/boot.md has the figures). The sanitizers
# want to be shared libraries.
ifneq ($(V),asan)
tandem-init_LDFLAGS := -static-pie
endif
tandem-init_LIBS := -lblkid -lsodium -linih
tandem-stage_SRC := bootstage/main_stage.c $(wildcard bootstage/cmd_*.c)
