/*
 * tandem-stage plot
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/args.h"
#include "base/io.h"
#include "base/proc.h"
#include "bootstage/cmd.h"
#include "bootstage/early.h"
#include "bootstage/plotboot.h"
#include "partitions/imageinfo.h"

#define MANAGER_MS 5000u

/* All that is read; too large for a stack, and there is one. */
static struct known {
	struct handover handover;
	struct verdict verdict;
	struct slot_info image;
	struct stageplan plan;
	struct stage_results results;
	struct plot_item items[PLOTBOOT_ITEMS];
} known;

/* Only of this boot, and of systemd. */
static struct plotboot_manager ask_manager(const struct stageplaces *p)
{
	static const char *const argv[] = { "systemctl", "show",
					    "--property=UserspaceTimestampMonotonic,FinishTimestampMonotonic", NULL };
	struct proc_result res;

	if (p->root || p->state || access("/run/systemd/system", F_OK) || proc_run(argv, MANAGER_MS, &res, NULL))
		return (struct plotboot_manager){ 0 };
	return plotboot_manager_parse(res.output);
}

/* Returns 0, -ENOENT without a reason, or an error. */
static int read_verdict(const struct stageplaces *p, struct verdict *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	char path[PATH_MAX];
	size_t n = 0;
	int r = stageplaces_below(p, VERDICT_JSON, path, w);

	r = r ? r : file_read(AT_FDCWD, path, VERDICT_MAX, &text, &n, &cause);
	if (r == -ENOENT)
		return r;
	if (r && cause.code)
		return fail(w, r, "%s", cause.text);
	return r ? r : verdict_parse(bytes_of(text, n), path, ret, w);
}

/* What there is of this boot; what is missing stays NULL. */
static int look(const struct stageplaces *p, struct plotboot *b, struct why *w)
{
	struct why cause = { 0 };
	char path[PATH_MAX];
	int r = handover_read(p->root ? p->root : "", &known.handover, &cause);

	if (r && r != -ENOENT)
		return fail(w, r, "%s", cause.text);
	b->handover = r ? NULL : &known.handover;
	r = read_verdict(p, &known.verdict, w);
	if (r && r != -ENOENT)
		return r;
	b->verdict = r ? NULL : &known.verdict;
	r = stageplaces_below(p, IMAGEINFO_PATH, path, w);
	if (r)
		return r;
	if (imageinfo_load(path, &known.image, NULL) == 0) /* a picture without a version is better than none */
		b->version = known.image.version;
	r = stageplan_load(p, &known.plan, w);
	if (r)
		return r;
	stageresults_read(p, &known.plan.stages, &known.results);
	b->stages = &known.plan.stages;
	b->results = &known.results;
	b->manager = ask_manager(p);
	b->now_us = p->root || p->state ? 0 : early_time_us();
	return 0;
}

static int draw(struct plot *plot, const char *path, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *f;
	int r;

	if (!path)
		return stageplot_write(plot, stdout, w);
	f = open_memstream(&text, &n);
	if (!f)
		return fail(w, -ENOMEM, "out of memory");
	r = stageplot_write(plot, f, w);
	if (fclose(f) && !r)
		r = fail(w, -ENOMEM, "out of memory");
	return r ? r : file_replace(AT_FDCWD, path, text, n, 0644, w);
}

int cmd_plot(int argc, char **argv)
{
	const char *path = NULL;
	struct stageplaces places = { 0 };
	const struct opt opts[] = { { .name = "output",
				      .letter = 'o',
				      .arg = "FILE",
				      .help = "write there instead of to stdout",
				      .value = &path },
				    PLACES_OPTS(places),
				    STATE_OPT(places) };
	struct plotboot b = { 0 };
	struct plot plot;
	struct why w = { 0 };
	struct args args;
	int r = args_parse("tandem-stage plot [-o FILE] [--stages DIR] [--state DIR] [--root DIR]",
			   "Draw this boot as a picture (SVG): what took how long, what failed.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = look(&places, &b, &w);
	if (!r)
		plotboot_make(&b, known.items, &plot);
	if (!r && plot.n == 0) {
		(void)fprintf(stderr, "tandem-stage: nothing is known of this boot\n");
		r = -ENODATA;
	} else if (!r) {
		r = draw(&plot, path, &w);
	}
	stageplan_free(&known.plan);
	return r == -ENODATA && !w.code ? EXIT_NOTHING : r ? why_report(&w, "tandem-stage") : EXIT_DONE;
}
