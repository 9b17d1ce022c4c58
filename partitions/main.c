/*
 * tandem-disk - makes, shows and enlarges the disk of an appliance.
 */
#include <sodium.h>
#include <stdio.h>

#include "base/args.h"
#include "partitions/cmd.h"

static const struct verb verbs[] = {
	{ "create", "-o DISK [--config FILE] [--size SIZE] [--put NAME=FILE ...] [--slot SLOT=VERSION ...] ...",
	  "partition a disk or an image file and fill it", cmd_create },
	{ "inspect", "DISK [--json]", "show partitions, slots and the boot record", cmd_inspect },
	{ "grow", "DISK [--size SIZE]", "let data reach to the end of a disk that has grown", cmd_grow },
};

static const struct program program = {
	.name = "tandem-disk",
	.summary = "Makes, shows and enlarges the disk of an appliance, as a device or as an image file.",
	.verbs = verbs,
	.n_verbs = ARRAY_SIZE(verbs),
};

int main(int argc, char **argv)
{
	if (sodium_init() < 0) {
		(void)fprintf(stderr, "tandem-disk: libsodium cannot be used (no random numbers)\n");
		return EXIT_FAILED;
	}
	return program_run(&program, argc, argv);
}
