# Tandem: one non-recursive build. Each folder's module.mk adds to the lists below; everything made lands in build/$(V).
#
#   make                    programs, V=debug
#   make check              layer check, unit tests, CLI tests; unprivileged, under a minute
#   make check-vm           virtual machines, as root
#   make V=release install DESTDIR=/x PREFIX=/usr
#
# V = debug | release | asan | cov | fuzz
V ?= debug
O := build/$(V)
PREFIX ?= /usr
LIBEXEC := $(PREFIX)/libexec/tandem
VERSION := 0.1.0

DIRS := base partitions updater bootstage bootstage/intel bootstage/trainer tuning tests
LIB :=
PROGS :=
TESTS :=
ROOT_TESTS :=
FUZZERS :=
BENCHES :=
MAN :=
.DEFAULT_GOAL := all
include $(DIRS:%=%/module.mk)

PKGS := blkid mount fdisk efivar libsodium libzstd liblzma zlib inih libarchive libcurl jansson libpq nettle libcrypto
CC.fuzz := clang
CC := $(if $(filter default,$(origin CC)),$(or $(CC.$(V)),gcc),$(CC))

WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align -Wformat=2 -Wundef -Wvla \
	-Walloca -Wpointer-arith -Wwrite-strings -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion -Wframe-larger-than=16384
ifeq ($(WERROR),1)
WARN += -Werror
endif

HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
OPT.debug := -O1 -g3
OPT.release := -O2 -g -ffunction-sections -fdata-sections $(HARDEN)
LINK.release := -Wl,--gc-sections
OPT.asan := -O1 -g3 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Wframe-larger-than=65536 # red zones count
OPT.cov := -O0 -g3 --coverage
OPT.fuzz := -O1 -g3 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DFUZZING=1

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g')
ALL_CPPFLAGS := -I. -include base/banned.h -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DTANDEM_VERSION='"$(VERSION)"' \
	-DTANDEM_LIBEXEC='"$(LIBEXEC)"' $(PKG_CFLAGS) $(CPPFLAGS)
# Hidden: libjansson has functions named as those of base/json.h, and would call ours.
ALL_CFLAGS := -std=gnu11 -fPIE -fvisibility=hidden -pthread $(WARN) $(OPT.$(V)) $(CFLAGS)
ALL_LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(OPT.$(V)) $(LINK.$(V)) $(LDFLAGS)
# libarchive is loaded when it is needed: updater/archive_late.c.
LDLIBS := $(filter-out -larchive,$(shell pkg-config --libs $(PKGS))) -lm

.PHONY: all check check-all check-root check-vm check-scale layers fuzz bench tidy format install clean help progs tests
.DELETE_ON_ERROR:
.SECONDARY:
all: progs compile_commands.json
progs: $(PROGS:%=$(O)/bin/%)

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $@'
	@$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
	@printf '{"directory":"%s","file":"%s","command":"%s"},\n' '$(CURDIR)' '$<' \
		'$(subst ','\'',$(subst ",\",$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS))) -c $<' >$(@:.o=.cc.json)

$(O)/lib.a: $(LIB:%.c=$(O)/%.o)
	@echo '  AR    $@'
	@rm -f $@ && ar rcs $@ $^

# A program NAME is $(NAME_SRC) and what it pulls out of the library; NAME_LIBS replaces the shared libraries, NAME_LDFLAGS
# come on top.
define prog
$(O)/bin/$(1): $($(1)_SRC:%.c=$(O)/%.o) $(O)/lib.a
	@mkdir -p $$(@D)
	@echo '  LINK  $$@'
	@$$(CC) $$(ALL_LDFLAGS) $($(1)_LDFLAGS) -o $$@ $$^ $(or $($(1)_LIBS),$$(LDLIBS))
endef
$(foreach p,$(PROGS),$(eval $(call prog,$(p))))

# A test is one C file under tests/ beside the module it covers.
$(O)/tests/%: $(O)/tests/%.o $(TEST_LIB:%.c=$(O)/%.o) $(O)/lib.a
	@echo '  LINK  $@'
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
tests: $(TESTS:%.c=$(O)/%) $(ROOT_TESTS:%.c=$(O)/%) progs

# base, partitions, tuning know nothing of each other but what DESIGN says; see scripts/layers.
layers:
	@scripts/layers

check: tests layers
	@CMOCKA_MESSAGE_OUTPUT=TAP TANDEM_BIN=$(CURDIR)/$(O)/bin TANDEM_BUILD=$(CURDIR)/$(O) prove -j2 --exec '' $(TESTS:%.c=$(O)/%) $(CLI_TESTS)

# As root, with loop devices and control groups.
check-root: progs $(ROOT_TESTS:%.c=$(O)/%)
	@TANDEM_BIN=$(CURDIR)/$(O)/bin TANDEM_BUILD=$(CURDIR)/$(O) prove --exec '' tests/root/*.t

# As root: the virtual machine tests with every power cut, which scripts/check has three of.
check-vm: progs $(O)/tests/root/test_traincap
	@TANDEM_VM_LONG=1 TANDEM_BIN=$(CURDIR)/$(O)/bin TANDEM_BUILD=$(CURDIR)/$(O) prove --jobs 2 --timer --exec '' tests/vm/*.t

# As root: a machine of 196 GB and 48 processors. Some ten minutes.
check-scale: progs
	@TANDEM_BIN=$(CURDIR)/$(O)/bin prove -v --timer --exec '' tests/scale/*.t

check-all:
	$(MAKE) V=debug WERROR=1 check
	$(MAKE) V=asan WERROR=1 check

$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(O)/lib.a
	@mkdir -p $(@D)
	@echo '  FUZZ  $@'
	@$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
fuzz:
	$(MAKE) V=fuzz fuzzers
fuzzers: $(FUZZERS:tests/fuzz/%.c=$(O)/fuzz/%)

bench:
	$(MAKE) V=release benches
benches: progs $(BENCHES:%.c=$(O)/%)

compile_commands.json: progs
	@{ echo '['; find $(O) -name '*.cc.json' -exec cat {} + | sed '$$ s/,$$//'; echo ']'; } >$@

SOURCES = $(wildcard $(DIRS:%=%/*.[ch]) base/net/*.[ch] tests/*/*.[ch])
# One file at a time: given several, clang-tidy 14 calls each va_list uninitialised from the second file on.
tidy: compile_commands.json
	@printf '%s\n' $(wildcard base/*.c base/net/*.c partitions/*.c updater/*.c bootstage/*.c bootstage/intel/*.c bootstage/trainer/*.c tuning/*.c) | xargs -n1 -P2 clang-tidy --quiet -p .
format:
	clang-format -i $(SOURCES)

install: progs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m755 $(O)/bin/tandem $(DESTDIR)$(PREFIX)/bin/tandem
	for p in $(filter-out tandem,$(PROGS)); do install -m755 $(O)/bin/$$p $(DESTDIR)$(LIBEXEC)/$$p && \
		ln -sf $(LIBEXEC)/$$p $(DESTDIR)$(PREFIX)/bin/$$p || exit 1; done
	$(if $(MAN),install -m644 $(MAN) $(DESTDIR)$(PREFIX)/share/man/man8/)
	for f in hooks/tandem scripts/init-premount/tandem; do \
		install -D -m755 scripts/initramfs-tools/$$f $(DESTDIR)$(PREFIX)/share/initramfs-tools/$$f || exit 1; done
	for f in $(wildcard scripts/config/*.conf scripts/config/*.yml); do \
		install -D -m644 $$f $(DESTDIR)$(PREFIX)/lib/tandem/$$(basename $$f) || exit 1; done
	for f in $(wildcard scripts/host/* docs/examples/6?-intel*.stage); do \
		install -D -m644 $$f $(DESTDIR)$(PREFIX)/lib/tandem/host/$$(basename $$f) || exit 1; done
	$(if $(wildcard scripts/systemd/*),install -m644 $(wildcard scripts/systemd/*) $(DESTDIR)$(PREFIX)/lib/systemd/system/)

clean:
	rm -rf build/debug build/release build/asan build/cov build/fuzz compile_commands.json

-include $(shell find $(O) -name '*.d' 2>/dev/null)
