/* tandem-tune: what the machine is, and making it fit for the product. */
#include "base/args.h"
#include "tuning/cmd_apply.h"
#include "tuning/cmd_check.h"
#include "tuning/cmd_facts.h"
#include "tuning/cmd_plan.h"
#include "tuning/cmd_undo.h"

int main(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "facts", "[--root DIR] [--json]", "what this machine is", cmd_facts },
		{ "plan", "[--root DIR] [--config FILE] [--json]", "what is to be done, and why", cmd_plan },
		{ "apply", "[--config FILE] [--json]", "make it as planned", cmd_apply },
		{ "check", "[--config FILE] [--json]", "where it is not as planned", cmd_check },
		{ "undo", "[--config FILE] [--json]", "take back what apply did", cmd_undo },
	};
	static const struct program program = {
		.name = "tandem-tune",
		.summary = "Knows the machine, and makes it fit for the product.",
		.verbs = verbs,
		.n_verbs = ARRAY_SIZE(verbs),
	};

	return program_run(&program, argc, argv);
}
