/*
 * tandem tree status | rollback | settle | prune
 */
#include <stdio.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/parse.h"
#include "updater/cmd.h"
#include "updater/result.h"
#include "updater/tree_preflight.h"
#include "updater/tree_view.h"

#define STATUS_USAGE "tandem tree status [--json]"
#define STATUS_HELP                                                                                                    \
	"Show the product's trees: which one is current, what is on the disk, how the last switch ended.\n"            \
	"Changes nothing."
#define ROLLBACK_USAGE "tandem tree rollback [--below-floor] [--progress HOW] [--json]"
#define ROLLBACK_HELP                                                                                                  \
	"Switch to the tree before the current one, as an install does: when it does not serve, the current one\n"     \
	"is started again."
#define SETTLE_USAGE "tandem tree settle [--no-units] [--json]"
#define SETTLE_HELP                                                                                                         \
	"Bring what a power cut or a kill left to an end: what was not committed is given up, and the committed tree\n"     \
	"is what runs. At boot, before the units are started: with --no-units. Run where there is nothing to do, it does\n" \
	"nothing."
#define PRUNE_USAGE "tandem tree prune [--keep N] [--json]"
#define PRUNE_HELP                                                                                                      \
	"Remove old trees until N are left, keep= of system.conf if not given. The current one and the one before it\n" \
	"are never removed. Exit code 4: there was nothing to remove."

struct options {
	const char *config;
	const char *progress;
	const char *keep;
	bool below_floor, no_units, json;
	enum progress_style style;
};

/* Everything that one verb holds open. */
struct session {
	struct sysconf conf;
	struct tree_store store;
	struct tree_record rec;
	struct tree_job job;
	struct tree_steps steps;
	struct tree_done done;
	size_t pruned;
	bool nothing, ran;
};

static bool cancelled(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

static int load_conf(const char *path, struct sysconf *ret, struct why *w)
{
	int r = sysconf_load(path, ret, w);

	if (r || ret->tree.given)
		return r;
	(void)refuse(w, -ENOTSUP, "%s has no [tree]: this machine has no trees", path ? path : SYSCONF_PATH);
	return why_next(w, -ENOTSUP, "docs/trees.md says what it needs");
}

/* Open for changes. `lost`: also without a journal that can be read. */
static int open_trees(const struct options *o, bool lost, struct session *s, struct why *w)
{
	int r = load_conf(o->config, &s->conf, w);

	if (r)
		return r;
	s->steps = tree_steps_begin(o->style);
	s->job = (struct tree_job){
		.conf = &s->conf.tree,
		.store = &s->store,
		.rec = &s->rec,
		.no_units = o->no_units,
		.step = tree_steps_show,
		.cancelled = cancelled,
		.arg = &s->steps,
	};
	r = tree_store_open(s->conf.tree.root, true, &s->store, w);
	return r ? r : tree_load(&s->store, lost, &s->rec, w);
}

static int settle_first(struct session *s, struct why *w)
{
	struct tree_done done;
	bool unsettled = false;
	int r = tree_unsettled(&s->job, &unsettled, w);

	return r || !unsettled ? r : tree_settle(&s->job, &done, w);
}

/* --- the verbs --- */

static int rollback(const struct options *o, struct session *s, struct why *w)
{
	int r = open_trees(o, false, s, w);

	interrupt_catch();
	r = r ? r : settle_first(s, w);
	r = r ? r : tree_back_check(&s->rec, &s->store, o->below_floor, w);
	if (r)
		return r;
	s->ran = true;
	return tree_go_back(&s->job, &s->done, w);
}

static int settle(const struct options *o, struct session *s, struct why *w)
{
	bool unsettled = false, lost;
	int r = load_conf(o->config, &s->conf, w);

	if (!r && access(s->conf.tree.root, F_OK) && errno == ENOENT) {
		s->nothing = true; /* no tree was ever installed */
		return 0;
	}
	r = r ? r : open_trees(o, true, s, w);
	r = r ? r : tree_unsettled(&s->job, &unsettled, w);
	if (r)
		return r;
	lost = !s->store.has_record && (s->store.damage[0][0] || s->store.damage[1][0]);
	s->nothing = !unsettled && !lost;
	if (s->nothing)
		return 0;
	if (lost) {
		tree_outcome_set(&s->rec.outcome, TREE_FAILED, TREE_REASON_ERROR, "the journal was lost");
		r = tree_store_save(&s->store, &s->rec, w);
	}
	s->ran = !r && unsettled;
	return s->ran ? tree_settle(&s->job, &s->done, w) : r;
}

static int read_keep(const struct options *o, unsigned int *ret, struct why *w)
{
	uint64_t n = *ret;
	int r = o->keep ? parse_u64(o->keep, SYSCONF_KEEP_MAX, &n, w) : 0;

	if (!r && n == 0)
		r = misuse(w, -EINVAL, "at least one");
	if (r) {
		w->exit = EXIT_USAGE;
		return why_in(w, r, "--keep");
	}
	*ret = (unsigned int)n;
	return 0;
}

static int prune(const struct options *o, struct session *s, struct why *w)
{
	unsigned int keep = SYSCONF_KEEP_MAX;
	int r = read_keep(o, &keep, w);

	r = r ? r : open_trees(o, false, s, w);
	r = r ? r : settle_first(s, w);
	if (!o->keep)
		keep = s->conf.tree.keep;
	r = r ? r : tree_make_room(&s->job, keep, 0, &s->pruned, w);
	s->nothing = s->pruned == 0;
	return r;
}

/* --- what they say --- */

static void print_rollback(const struct session *s)
{
	if (s->ran)
		tree_done_text(&s->done, s->rec.current.name);
}

static void print_settle(const struct session *s)
{
	const char *current = s->rec.current.name[0] ? s->rec.current.name : "none";

	(void)printf(s->nothing ? "nothing to settle: current is %s\n" : "settled: current is %s\n", current);
}

static void print_prune(const struct session *s)
{
	(void)printf("%zu old tree%s removed\n", s->pruned, s->pruned == 1 ? "" : "s");
}

struct act {
	const char *name, *usage, *help, *result;
	int (*run)(const struct options *o, struct session *s, struct why *w);
	void (*print)(const struct session *s);
};

static int print_json(const struct act *a, const struct options *o, const struct session *s, const struct why *failed,
		      struct why *w)
{
	struct json j = { .to = stdout, .line = o->style == PROGRESS_JSON };

	json_object(&j, NULL);
	if (j.line)
		json_string(&j, "event", "end");
	result_json(&j, s->nothing ? "nothing" : a->result, failed);
	json_text(&j, "current", s->rec.current.name);
	if (s->ran)
		tree_done_json(&j, &s->done);
	if (a->run == prune)
		json_u64(&j, "pruned", s->pruned);
	json_end(&j);
	return json_finish(&j, w);
}

static int report(const struct act *a, const struct options *o, const struct session *s, int r, const struct why *w)
{
	struct why output = { 0 };

	if (o->json || o->style == PROGRESS_JSON) {
		if (print_json(a, o, s, r ? w : NULL, &output) && !r)
			return why_report(&output, a->name);
	} else if (!r || s->ran) {
		a->print(s);
	}
	(void)fflush(stdout);
	if (r)
		return why_report(w, a->name);
	return s->nothing && a->run != settle ? EXIT_NOTHING : EXIT_DONE; /* what is settled is settled */
}

static int act(const struct act *a, int argc, char **argv)
{
	AUTO_FREE struct session *s = calloc(1, sizeof(*s));
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "json", .help = "print the result as JSON", .flag = &o.json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &o.config },
		a->run == rollback ? (struct opt){ .name = "below-floor",
						   .help = "go back even to a security epoch below the floor",
						   .flag = &o.below_floor }
		: a->run == settle
			? (struct opt){ .name = "no-units",
					.help = "leave the units alone: at boot, before they are started",
					.flag = &o.no_units }
			: (struct opt){ .name = "keep", .arg = "N", .help = "how many stay", .value = &o.keep },
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &o.progress },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(a->usage, a->help, opts, ARRAY_SIZE(opts) - (a->run != rollback), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = s ? progress_style_parse(o.progress, &o.style, &w) : fail(&w, -ENOMEM, "out of memory");
	if (r)
		return why_report(&w, a->name);
	if ((o.json || a->run != rollback) && !o.progress)
		o.style = PROGRESS_NONE;
	s->store = (struct tree_store){ .root_fd = -1, .releases_fd = -1, .meta_fd = -1, .lock_fd = -1 };
	r = a->run(&o, s, &w);
	tree_steps_end(&s->steps);
	r = report(a, &o, s, r, &w);
	tree_store_close(&s->store);
	return r;
}

int cmd_tree_rollback(int argc, char **argv)
{
	static const struct act a = { "tandem tree rollback", ROLLBACK_USAGE, ROLLBACK_HELP, "committed", rollback,
				      print_rollback };

	return act(&a, argc, argv);
}

int cmd_tree_settle(int argc, char **argv)
{
	static const struct act a = {
		"tandem tree settle", SETTLE_USAGE, SETTLE_HELP, "settled", settle, print_settle
	};

	return act(&a, argc, argv);
}

int cmd_tree_prune(int argc, char **argv)
{
	static const struct act a = { "tandem tree prune", PRUNE_USAGE, PRUNE_HELP, "pruned", prune, print_prune };

	return act(&a, argc, argv);
}

static int show(const char *config, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };
	AUTO_FREE struct sysconf *conf = calloc(1, sizeof(*conf));
	AUTO_FREE struct tree_view *v = calloc(1, sizeof(*v));
	int r = conf && v ? load_conf(config, conf, w) : fail(w, -ENOMEM, "out of memory");

	if (r)
		return r;
	tree_view_look(&conf->tree, v);
	if (as_json) {
		tree_view_json(&j, NULL, v);
		r = json_finish(&j, w);
	} else {
		tree_view_text(v);
	}
	tree_view_done(v);
	return r;
}

int cmd_tree_status(int argc, char **argv)
{
	const char *config = NULL;
	bool as_json = false;
	const struct opt opts[] = {
		{ .name = "json", .help = "print JSON", .flag = &as_json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &config },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(STATUS_USAGE, STATUS_HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	return show(config, as_json, &w) ? why_report(&w, "tandem tree status") : EXIT_DONE;
}
