/*
 * tandem - the image updater. Verbs are in the table below; any other word X runs tandem-X from the libexec folder.
 */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/heap.h"
#include "updater/cmd.h"

static const struct verb verbs[] = {
	{ "key generate", "-o NAME [--password-file FILE | --no-password]", "make a key pair for signing bundles",
	  cmd_key_generate },
	{ "key show", "FILE", "show the id of a key", cmd_key_show },
	{ "bundle create", "--config FILE -o FILE --key FILE ...", "build and sign a bundle", cmd_bundle_create },
	{ "bundle prepare", "--config FILE -o FILE --manifest FILE", "build a bundle that is signed elsewhere",
	  cmd_bundle_prepare },
	{ "bundle attach", "FILE --signature FILE ... --key FILE", "add signatures that were made elsewhere",
	  cmd_bundle_attach },
	{ "bundle delta", "OLD NEW -o FILE --key FILE ...", "build the bundle that leads from OLD to NEW",
	  cmd_bundle_delta },
	{ "bundle info", "FILE", "show what a bundle is and who signed it", cmd_bundle_info },
	{ "bundle verify", "FILE (--trust DIR | --key FILE)", "check all of a bundle", cmd_bundle_verify },
	{ "bundle extract", "FILE", "take manifest, signatures or a payload out of a bundle", cmd_bundle_extract },
	{ "trust show", "[FILE] [--json]", "show which keys are believed, or what a trust statement says",
	  cmd_trust_show },
	{ "trust init", "-o FILE --product NAME --root PUB --release PUB ...", "write the text of a trust set",
	  cmd_trust_init },
	{ "trust sign", "FILE --key SECRET ...", "sign a trust set", cmd_trust_sign },
	{ "trust update", "FILE ...", "follow trust statements: other keys are believed from then on",
	  cmd_trust_update },
	{ "install", "FILE [--dry-run] [--reboot]", "put a bundle's image into the free slot and arm it", cmd_install },
	{ "status", "[--json]", "show what runs, what is committed, and how the last update ended", cmd_status },
	{ "slots", "[--json]", "show both slots", cmd_slots },
	{ "commit", "", "commit the slot that runs on trial", cmd_commit },
	{ "rollback", "[--below-floor] [--reboot]", "end the trial, or go back to the other slot", cmd_rollback },
	{ "verify-slot", "(a|b|--all) [--bundle FILE]", "compare a slot with its signed hashes", cmd_verify_slot },
	{ "tree status", "[--json]", "show the product's trees", cmd_tree_status },
	{ "tree rollback", "[--below-floor]", "switch to the tree before the current one", cmd_tree_rollback },
	{ "tree settle", "[--no-units]", "bring an interrupted switch to an end", cmd_tree_settle },
	{ "tree prune", "[--keep N]", "remove old trees", cmd_tree_prune },
	{ "setup", "[BUNDLE] [--dry-run] | --remove", "make an ordinary server the home of a product", cmd_setup },
};

static const struct program program = {
	.name = "tandem",
	.summary = "Keeps a Linux appliance bootable and current: signed A/B updates.",
	.verbs = verbs,
	.n_verbs = ARRAY_SIZE(verbs),
};

/* Whether some verb begins with this word. */
static bool is_built_in(const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strncmp(verbs[i].name, word, n) == 0 && (verbs[i].name[n] == ' ' || verbs[i].name[n] == '\0'))
			return true;
	return false;
}

/* Run tandem-WORD instead of this program when there is one. Returns -1 when there is none. */
static int run_beside(char **argv)
{
	const char *folder = secure_getenv("TANDEM_LIBEXEC");
	char path[PATH_MAX], *word = argv[1];

	if (argv[1][strspn(argv[1], "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0' || argv[1][0] == '-')
		return -1;
	if (snprintf(path, sizeof(path), "%s/tandem-%s", folder ? folder : TANDEM_LIBEXEC, argv[1]) >=
	    (int)sizeof(path))
		return -1;
	argv[1] = path;
	(void)execv(path, argv + 1);
	argv[1] = word;
	if (errno == ENOENT || errno == ENOTDIR)
		return -1;
	(void)fprintf(stderr, "tandem: %s: %s\n", path, strerror(errno));
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	heap_keep_small();
	if (sodium_init() < 0) {
		(void)fprintf(stderr, "tandem: libsodium cannot be used (no random numbers)\n");
		return EXIT_FAILED;
	}
	if (argc > 1 && !is_built_in(argv[1])) {
		int r = run_beside(argv);

		if (r >= 0)
			return r;
	}
	return program_run(&program, argc, argv);
}
