/*
 * tandem-init - PID 1 of an initramfs, or with --hook a step inside another one.
 */
#include <sodium/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/why.h"
#include "bootstage/hook.h"
#include "bootstage/pid1.h"
#include "bootstage/rootfs.h"

static const char usage[] =
	"usage: tandem-init --hook\n"
	"\n"
	"Starts the slot that the boot record wants. Runs as /init of an initramfs without arguments,\n"
	"or with --hook in the init-premount step of an initramfs of initramfs-tools.\n"
	"\n"
	"  --hook                     decide, write the record, name the root in /conf/param.conf\n"
	"  --version                  show the version\n"
	"  --help                     show this\n";

/*
 * libsodium's own is in the same object as sodium_init(), and brings all ciphers and signatures along, 150 KB; of libsodium
 * only BLAKE2b is needed here.
 */
void sodium_misuse(void)
{
	abort();
}

int main(int argc, char **argv)
{
	const char *option = argc == 2 ? argv[1] : "";

	if (getpid() == 1)
		pid1_run(argv);
	if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
		return fputs(usage, stdout) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
	if (strcmp(option, "--version") == 0)
		return printf("tandem-init %s\n", TANDEM_VERSION) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
	if (strcmp(option, "--hook") != 0) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (!rootfs_in_initramfs()) {
		(void)fprintf(stderr, "tandem-init: --hook works inside an initramfs only\n");
		return EXIT_USAGE;
	}
	return hook_run();
}
