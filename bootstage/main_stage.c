/*
 * tandem-stage - runs the stages of a boot and gives the verdict over it.
 */
#include "base/args.h"
#include "base/auto.h"
#include "bootstage/cmd.h"

static const struct verb verbs[] = {
	{ "list", "[--json] [--stages DIR] [--root DIR]", "list the stages of all phases in their order", cmd_list },
	{ "run", "PHASE [--json]", "run a phase of this boot; 'post' ends in its verdict", cmd_run },
	{ "plot", "[-o FILE]", "draw this boot as SVG", cmd_plot },
	{ "status", "[--json]", "how this boot was decided, its stages and its verdict", cmd_status },
	{ "wait", "NAME [--timeout SECONDS]", "wait for a stage's result; fail unless what needs it may start",
	  cmd_wait },
};

int main(int argc, char **argv)
{
	const struct program p = {
		.name = "tandem-stage",
		.summary = "Runs the stages of a boot: a slot is committed only when all of them have passed.",
		.verbs = verbs,
		.n_verbs = ARRAY_SIZE(verbs),
	};

	return program_run(&p, argc, argv);
}
