TEST_LIB := tests/support.c tests/rig.c tests/faultblk.c tests/trustkit.c tests/feedkit.c tests/crash/world.c tests/crash/life.c tests/pgkit.c
TESTS += $(wildcard tests/unit/test_*.c tests/crash/test_*.c)
ROOT_TESTS += $(wildcard tests/root/test_*.c)
FUZZERS += $(wildcard tests/fuzz/fuzz_*.c)
BENCHES += $(wildcard tests/bench/bench_*.c)
CLI_TESTS := $(wildcard tests/cli/*.t)
build/$(V)/tests/bench/bench_intel_parse: LDLIBS += -lyajl
