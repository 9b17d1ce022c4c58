/*
 * args - command lines: a table of verbs per program, a table of options per verb. Usage is generated from both.
 */
#ifndef BASE_ARGS_H
#define BASE_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"

#define ARGS_LIST_MAX 32u

struct args_list {
	const char *at[ARGS_LIST_MAX];
	size_t n;
};

/* One option, always with a long name. Exactly one of flag, value and list is set. */
struct opt {
	const char *name; /* without the dashes */
	const char *arg;  /* name of its argument in the usage; NULL for a flag */
	const char *help;
	char letter; /* short form, "-o"; 0: none */
	bool *flag;
	const char **value;     /* last one wins is not allowed: twice is an error */
	struct args_list *list; /* may be given several times */
};

/* One verb. `run` gets argv from the verb on and returns an exit code. */
struct verb {
	const char *name; /* may be two words: "key generate" */
	const char *args; /* for the usage: "FILE [--json]" */
	const char *help; /* one line */
	int (*run)(int argc, char **argv);
};

struct program {
	const char *name;
	const char *summary; /* one line */
	const struct verb *verbs;
	size_t n_verbs;
};

/** What args_parse() found besides options. */
struct args {
	char **at;
	int n;
};

/**
 * Read the options of one verb. Prints usage and returns EXIT_DONE for --help; prints the mistake and returns EXIT_USAGE.
 * Returns -1 when the verb should go on; then ret holds the operands, of which there are min to max.
 * @usage  "tandem install FILE"; argv[0] is passed over
 */
MUST_USE int args_parse(const char *usage, const char *help, const struct opt *opts, size_t n_opts, int argc,
			char **argv, int min, int max, struct args *ret);

/** The number that the option --name has; NULL: none was given, *ret stays. -EINVAL (usage) when it is not min to max. */
MUST_USE int args_number(const char *name, const char *text, unsigned int min, unsigned int max, unsigned int *ret,
			 struct why *w);

/** Run the verb that argv names; --help, --version and a misspelt verb are answered here. Returns an exit code. */
MUST_USE int program_run(const struct program *p, int argc, char **argv);

#endif
