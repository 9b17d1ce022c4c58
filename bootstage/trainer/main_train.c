/*
 * tandem-train - trains the product's models, one after the other, within a budget of disk.
 */
#include "base/args.h"
#include "base/auto.h"
#include "bootstage/trainer/cmd.h"

static const struct verb verbs[] = {
	{ "status", "[--json]", "the trainings in their order", cmd_status },
};

int main(int argc, char **argv)
{
	const struct program p = {
		.name = PROGRAM,
		.summary = "Trains the product's models, one after the other, within a budget of disk.",
		.verbs = verbs,
		.n_verbs = ARRAY_SIZE(verbs),
	};

	return program_run(&p, argc, argv);
}
