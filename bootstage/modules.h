/*
 * modules - the kernel modules of an initramfs, loaded in the order that its builder wrote down.
 * Layer:  bootstage. modules_next(), module_name() and module_parameters() are pure; modules_load() acts and logs.
 * Trust:  the list is part of the initramfs, as we are; its lines are bounded all the same.
 *
 * The builder resolves dependencies with kmod (modprobe --show-depends), so that PID 1 needs neither libkmod, which
 * brings libcrypto along (5 MB), nor the index files.
 */
#ifndef BOOTSTAGE_MODULES_H
#define BOOTSTAGE_MODULES_H

#include "base/bytes.h"
#include "base/why.h"

#define MODULES_LIST          "/etc/tandem/modules"
#define MODULES_LIST_MAX      (64u << 10)
#define MODULE_PATH_MAX       256u
#define MODULE_NAME_MAX       64u
#define MODULE_PARAMETERS_MAX 1024u

/* What became of a list. */
struct modules_result {
	unsigned int loaded;
	unsigned int present; /* were there already */
	unsigned int failed;
};

/**
 * The next path of the list. Blank lines, lines that start with '#' and lines that are too long are passed over.
 * @rest  what is left of the text; moved on
 * Returns false at the end.
 */
bool modules_next(struct bytes *rest, char ret[MODULE_PATH_MAX]);

/** What the kernel calls the module in a file: base name up to the first '.', '-' as '_'. */
void module_name(const char *path, char ret[MODULE_NAME_MAX]);

/**
 * The parameters that the kernel command line has for a module: every NAME.KEY=VALUE or NAME.KEY, as modprobe takes them.
 * '-' and '_' in NAME are the same. Quotes are passed on as they are; a value with blanks in it is not supported.
 * Returns ret.
 */
const char *module_parameters(const char *cmdline, const char *name, char ret[MODULE_PARAMETERS_MAX]);

/** Give one module to the kernel: 0, -EEXIST when it is there already, or -errno. */
typedef int module_loader(int fd, const char *parameters);
int module_finit(int fd, const char *parameters);

/** Load every module of the list. One that fails is logged, and the next one is tried. */
void modules_load(struct bytes list, const char *cmdline, module_loader *load, struct modules_result *ret);

#endif
