/*
 * tandem bundle create | prepare
 */
#include "updater/cmd.h"
#include "updater/cmd_build.h"

#define USAGE         "tandem bundle create --config FILE -o FILE --key FILE [--key FILE ...] [--password-file FILE] ..."
#define PREPARE_USAGE "tandem bundle prepare --config FILE -o FILE --manifest FILE ..."
#define PREPARE_HELP                                                                                                     \
	"Build a bundle that is not signed, and write the manifest, which is to be signed elsewhere: on a machine\n"     \
	"without a network, or in an HSM, as minisign does it. 'tandem bundle attach' adds the signatures; until then\n" \
	"no device installs it."
#define HELP                                                                                                             \
	"Build a bundle from what bundle.conf names and sign it with each key. The bundle appears under its name only\n" \
	"when it is whole. SOURCE_DATE_EPOCH, when set, is the time in the signatures."

static int create(const char *config, const struct build_options *o, struct why *w)
{
	CLEANUP(recipe_done) struct recipe recipe = { 0 };
	CLEANUP(build_done) struct build b = { 0 };
	struct bundle_job job = { .recipe = &recipe };
	int r;

	if (!config)
		return misuse(w, -EINVAL, "what goes into the bundle? give --config FILE");
	r = build_begin(o, &b, w);
	r = r ? r : recipe_read(config, &recipe, w);
	return r ? r : build_run(&b, "create", &job, w);
}

int cmd_bundle_create(int argc, char **argv)
{
	struct build_options o = { 0 };
	const char *config = NULL;
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "bundle.conf: what goes in", .value = &config },
		BUILD_OPTIONS(o),
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = create(config, &o, &w);
	return r ? why_report(&w, "tandem bundle create") : EXIT_DONE;
}

int cmd_bundle_prepare(int argc, char **argv)
{
	struct build_options o = { 0 };
	const char *config = NULL;
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "bundle.conf: what goes in", .value = &config },
		BUILD_OPTIONS(o),
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PREPARE_USAGE, PREPARE_HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	if (!o.manifest)
		r = misuse(&w, -EINVAL, "no name for what is to be signed: give --manifest FILE");
	else if (o.keys.n)
		r = misuse(&w, -EINVAL,
			   "a prepared bundle is signed elsewhere; 'tandem bundle create' signs with --key");
	else
		r = create(config, &o, &w);
	return r ? why_report(&w, "tandem bundle prepare") : EXIT_DONE;
}
