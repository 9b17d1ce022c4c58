LIB += $(filter-out bootstage/intel/main_%.c bootstage/intel/cmd_%.c,$(wildcard bootstage/intel/*.c))
PROGS += tandem-intel
MAN += docs/man/tandem-intel.8
tandem-intel_SRC := bootstage/intel/main_intel.c $(wildcard bootstage/intel/cmd_*.c)

# The steps of the schema, as rows of a table in C; the folder is named for files that come and go.
INTEL_SQL := $(sort $(wildcard bootstage/intel/sql/*.sql))
$(O)/bootstage/intel/migrations.inc: scripts/sql-rows bootstage/intel/sql $(INTEL_SQL)
	@mkdir -p $(@D)
	@echo '  SQL   $@'
	@scripts/sql-rows $(INTEL_SQL) >$@
$(O)/bootstage/intel/migrations.o: $(O)/bootstage/intel/migrations.inc
$(O)/bootstage/intel/migrations.o: ALL_CPPFLAGS += -I$(O)
