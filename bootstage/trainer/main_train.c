/*
 * tandem-train - trains the product's models, one after the other, within a budget of disk.
 */
#include "base/args.h"
#include "base/auto.h"
#include "bootstage/trainer/cmd.h"

static const struct verb verbs[] = {
	{ "run", "[--due | --day-one | --job NAME] [--json]", "train: one job after the other", cmd_run },
	{ "rollback", "JOB", "make the model before the current one current again", cmd_rollback },
	{ "plan", "[--json]", "what the trainings need of the disk, and have of it", cmd_plan },
	{ "prune", "[--dry-run] [--json] [JOB...]", "remove old checkpoints and temporary files where a cap is near",
	  cmd_prune },
	{ "status", "[--json]", "the trainings in their order, and what became of each", cmd_status },
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
