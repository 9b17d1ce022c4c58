/*
 * tandem-disk grow
 */
#include <signal.h>
#include <stdio.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/parse.h"
#include "base/progress.h"
#include "partitions/cmd.h"
#include "partitions/diskgrow.h"

#define USAGE "tandem-disk grow DISK [--size SIZE] [--json] [--progress HOW]"
#define HELP                                                                                                           \
	"Make the last partition, data, and its ext4 reach to the end of a disk that has become larger; on a device\n" \
	"also while it is mounted. With --size an image file becomes that large first."

static bool stop(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

static void step(void *arg, uint64_t done, uint64_t of_all)
{
	progress_step(arg, done, of_all);
}

static int show_result(const char *path, bool json, struct why *w)
{
	CLEANUP(diskinspect_done) struct diskinspect d = { 0 };
	int r = diskinspect_read(path, &d, w);

	return r ? r : print_inspect(&d, json, w);
}

static int grow(const char *disk, const char *size, const char *how, bool json, struct why *w)
{
	enum progress_style style = PROGRESS_NONE;
	struct progress progress;
	struct diskcopy_watch watch = { .stop = stop, .step = step, .arg = &progress };
	struct diskgrow_request want = { .target = disk, .watch = &watch };
	int r = size ? parse_size(size, &want.size_bytes, w) : 0;

	r = r ? r : progress_style_parse(how, &style, w);
	if (r)
		return r;
	interrupt_catch();
	(void)signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error to report, not a death */
	progress = progress_begin("grow", style);
	r = diskgrow(&want, w);
	progress_end(&progress);
	return r || style == PROGRESS_JSON ? r : show_result(disk, json, w);
}

int cmd_grow(int argc, char **argv)
{
	const char *size = NULL, *how = NULL;
	struct why w = { 0 };
	struct args args;
	bool json = false;
	const struct opt opts[] = {
		{ .name = "size", .arg = "SIZE", .help = "new size of an image file", .value = &size },
		{ .name = "json", .help = "print the result as 'inspect --json' does", .flag = &json },
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &how },
	};
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = grow(args.at[0], size, how, json, &w);
	if (r == -EALREADY) {
		(void)fprintf(stderr, "tandem-disk grow: %s: data reaches to the end already\n", args.at[0]);
		return EXIT_NOTHING;
	}
	return r ? why_report(&w, "tandem-disk grow") : EXIT_DONE;
}
