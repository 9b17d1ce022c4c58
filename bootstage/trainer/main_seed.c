/*
 * tandem-seedtrain - trains the small model that a job has on the first day, and evaluates it.
 */
#include <signal.h>
#include <string.h>

#include "base/args.h"
#include "base/auto.h"
#include "bootstage/trainer/cmdseed.h"

static const struct verb verbs[] = {
	{ "train", "[--job NAME] [--folder DIR] [--out FILE] [--max-disk-mb N] ...",
	  "train a model; done without a verb", cmdseed_train },
	{ "show", "MODEL [--json]", "whether a file is a valid model, and what it says of itself", cmdseed_show },
	{ "eval", "MODEL", "rows on standard input to what a model says of each", cmdseed_eval },
	{ "rows", "[--rows N] [--seed N]", "made-up rows, as training takes them", cmdseed_rows },
};

/* A job's command is the program alone, with options behind it. */
static bool without_verb(int argc, char **argv)
{
	static const char *const asked[] = { "--help", "-h", "--version" };

	if (argc < 2)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		if (strcmp(argv[1], asked[i]) == 0)
			return false;
	return argv[1][0] == '-';
}

int main(int argc, char **argv)
{
	const struct program p = {
		.name = SEED_PROGRAM,
		.summary = "Trains the small model that a job has on the first day.",
		.verbs = verbs,
		.n_verbs = ARRAY_SIZE(verbs),
	};

	(void)signal(SIGXFSZ, SIG_IGN); /* a file over its limit is an error of write, not the end */
	return without_verb(argc, argv) ? cmdseed_train(argc, argv) : program_run(&p, argc, argv);
}
