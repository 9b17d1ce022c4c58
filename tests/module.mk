TEST_LIB := tests/support.c tests/rig.c tests/faultblk.c tests/trustkit.c tests/feedkit.c tests/crash/world.c tests/crash/life.c tests/pgkit.c
TESTS += $(wildcard tests/unit/test_*.c tests/crash/test_*.c)
ROOT_TESTS += $(wildcard tests/root/test_*.c)
FUZZERS += $(wildcard tests/fuzz/fuzz_*.c)
BENCHES += $(wildcard tests/bench/bench_*.c)
CLI_TESTS := $(wildcard tests/cli/*.t)
build/$(V)/tests/bench/bench_intel_parse: LDLIBS += -lyajl

# tandem-intel of a version to come, which has one more step of the schema.
NEWER := $(O)/tests/newer
$(NEWER)/bootstage/intel/migrations.inc: scripts/sql-rows $(INTEL_SQL) $(wildcard tests/data/intel/newer/*.sql)
	@mkdir -p $(@D)
	@scripts/sql-rows $(INTEL_SQL) $(wildcard tests/data/intel/newer/*.sql) >$@
$(NEWER)/migrations.o: bootstage/intel/migrations.c $(NEWER)/bootstage/intel/migrations.inc
	@echo '  CC    $@'
	@$(CC) -I$(NEWER) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<
$(NEWER)/tandem-intel: $(tandem-intel_SRC:%.c=$(O)/%.o) $(NEWER)/migrations.o $(O)/lib.a
	@echo '  LINK  $@'
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
