/*
 * tandem setup
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/args.h"
#include "base/io.h"
#include "base/proc.h"
#include "updater/bundle.h"
#include "updater/cmd.h"
#include "updater/cmd_open.h"
#include "updater/cmd_source.h"
#include "updater/result.h"
#include "updater/setup_input.h"
#include "updater/setup_show.h"

#define NAME  "tandem setup"
#define USAGE "tandem setup [BUNDLE] [--product NAME] [--key FILE | --trust DIR] [--dry-run] ... | --remove"
#define HELP                                                                                                              \
	"Make this server, which has no A/B partitions, the home of a product: user, folders, configuration, units for\n" \
	"its parts, tuning, database, and the first tree out of the bundle. What is so already is left alone; what was\n" \
	"interrupted is continued by the same command. --remove takes away what setup has made, the product's data\n"     \
	"included, and nothing else. Exit code 3: something is in the way; 4: nothing to do."

#define LOCK_FOLDER "/run/tandem"
#define LOCK        LOCK_FOLDER "/setup.lock"

struct options {
	struct setup_given given;
	struct trust_options trust;
	const char *root, *templates, *bundle;
	bool dry_run, remove, keep_data, json;
};

struct session {
	struct options o;
	struct setup_place place;
	char root[PATH_MAX]; /* that place points to */
	struct setup_journal journal;
	struct setup_templates templates;
	struct trust trust;
	struct setup_wish wish;
	struct setup_items items;
	struct setup_plan plan;
	struct source src;
	struct bundle bundle;
	int lock;
};

static void session_done(struct session *s)
{
	setup_plan_free(&s->plan);
	setup_items_free(&s->items);
	setup_templates_free(&s->templates);
	setup_journal_free(&s->journal);
	bundle_close(&s->bundle);
	source_close(&s->src);
	auto_close(&s->lock);
}

/* --- where --- */

static int find_place(struct session *s, struct why *w)
{
	const char *root = s->o.root ? s->o.root : "/";
	char *full = realpath(root, NULL);

	if (!full)
		return fail_errno(w, "--root %s", root);
	(void)snprintf(s->root, sizeof(s->root), "%s", strcmp(full, "/") == 0 ? "" : full);
	free(full);
	s->place.root = s->root;
	return 0;
}

static int need_root(const struct session *s, struct why *w)
{
	if (s->o.dry_run || geteuid() == 0)
		return 0;
	(void)fail(w, -EPERM, "must be run as root: it makes a user, units and folders of the system");
	return why_next(w, -EPERM, "run it with sudo, or look at what it would do: --dry-run");
}

/* One setup at a time. */
static int take_lock(struct session *s, struct why *w)
{
	int r;

	if (s->o.dry_run || !setup_live(&s->place))
		return 0;
	r = dir_make(LOCK_FOLDER, 0755, w);
	if (r)
		return r;
	s->lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return fail_errno(w, "%s", LOCK);
	if (flock(s->lock, LOCK_EX | LOCK_NB))
		return fail(w, -EWOULDBLOCK, "another tandem setup is at work (%s is locked)", LOCK);
	return 0;
}

/* --- from what --- */

/* Keys that are given are installed; without any, those that are installed are believed. */
static int load_keys(struct session *s, struct trust *ret_all, struct why *w)
{
	char folder[PATH_MAX];
	int r = s->o.trust.dir ? trust_add_dir(&s->trust, s->o.trust.dir, w) : 0;

	for (size_t i = 0; i < s->o.trust.keys.n && !r; i++)
		r = trust_add_file(&s->trust, s->o.trust.keys.at[i], w);
	if (r)
		return r;
	*ret_all = s->trust;
	if (trust_given(&s->o.trust))
		return 0;
	r = setup_path(&s->place, "/etc/tandem/trust.d", folder, w);
	if (!r && trust_add_dir(ret_all, folder, NULL)) {
		(void)misuse(w, -ENODATA, "whose signature is trusted? There is no public key in %s", folder);
		r = why_next(w, -ENODATA, "give --key FILE.pub or --trust DIR");
	}
	return r;
}

/* The tree that is to be the first one. */
static int find_tree(struct session *s, struct why *w)
{
	const struct manifest *m = &s->bundle.manifest;

	for (size_t i = 0; i < m->n_payloads; i++) {
		if (m->payloads[i].kind != PAYLOAD_TREE)
			continue;
		s->wish.first_tree = true;
		s->wish.tree_bytes = m->payloads[i].tree_bytes;
		return 0;
	}
	(void)refuse(w, -ENODATA, "%s: has no tree in it", s->o.bundle);
	return why_next(w, -ENODATA, "a server without slots takes bundles with a payload of kind=tree");
}

static int open_bundle_of(struct session *s, struct trust *trust, struct why *w)
{
	static const struct net_options usual;
	int r = source_any(s->o.bundle, &usual, NULL, &s->src, w);

	r = r ? r : bundle_open(&s->src, BUNDLE_WHOLE, trust, &s->bundle, w);
	return r ? r : find_tree(s, w);
}

/* Without a bundle the product's name comes first; with one it may come out of that. */
static int fill(struct session *s, struct why *w)
{
	return setup_fill(&s->place, &s->journal, &s->o.given, s->o.bundle ? s->bundle.manifest.compatible : NULL,
			  &s->wish, &s->trust.threshold, w);
}

static int read_wish(struct session *s, struct why *w)
{
	const char *templates = s->o.templates ? s->o.templates : SETUP_TEMPLATES_DIR;
	struct trust all;
	int r = s->o.bundle ? 0 : fill(s, w);

	r = r ? r : load_keys(s, &all, w);
	r = r ? r : setup_templates_load(templates, &s->templates, w);
	if (r)
		return r;
	all.threshold = 1; /* whatever is asked for in the end is checked by the install */
	if (s->o.bundle) {
		r = open_bundle_of(s, &all, w);
		r = r ? r : fill(s, w);
	}
	s->wish.database = setup_has_database(&s->place);
	s->wish.trust = &s->trust;
	s->wish.templates = &s->templates;
	return r;
}

static bool user_given(const struct session *s)
{
	const struct setup_journal *j = &s->journal;

	return s->o.given.user || (j->n > 0 && !setup_journal_has(j, MADE_USER, s->wish.user, NULL));
}

static int make_plan(struct session *s, struct why *w)
{
	const struct setup_looker looker = {
		.place = s->place, .wish = &s->wish, .journal = &s->journal, .user_given = user_given(s)
	};
	int r = setup_want(&s->wish, &s->items, w);

	return r ? r : setup_look(&looker, &s->items, &s->plan, w);
}

/* --- doing it --- */

static void show_step(void *arg, const struct setup_step *step)
{
	if (!((const struct session *)arg)->o.json)
		setup_show_step(step);
}

static void show_undo(void *arg, const struct setup_entry *e, enum setup_undo what)
{
	if (!((const struct session *)arg)->o.json)
		setup_show_undo(e, what);
}

#define SAYS "tandem install: "

/* The line of its output that begins so, without that; NULL: there is none. Cut off at its end. */
static char *line_of(char *output, const char *begin)
{
	for (char *line = output; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, begin, strlen(begin)) == 0) {
			line[strcspn(line, "\n")] = '\0';
			return line + strlen(begin);
		}
	}
	return NULL;
}

/* As by hand: a process of its own, with all that an install holds. */
static int install_tree(void *arg, struct why *w)
{
	const struct session *s = arg;
	const char *const argv[] = { "/proc/self/exe", "install", "--progress=none", "--", s->o.bundle, NULL };
	struct proc_result res;
	char *next, *text;
	int r = proc_run(argv, 0, &res, w);

	if (r || res.exit_code == EXIT_DONE || res.exit_code == EXIT_NOTHING)
		return r;
	next = line_of(res.output, SAYS "next: ");
	text = line_of(res.output, SAYS);
	r = res.exit_code == EXIT_REFUSED
		    ? refuse(w, -EIO, "%.300s", text ? text : "refused by tandem install")
		    : fail(w, -EIO, "tandem install ended with %d: %.300s", res.exit_code, text ? text : res.output);
	return next ? why_next(w, r, "%.180s", next) : r;
}

static int carry_out(struct session *s, struct why *w)
{
	const struct setup_watch watch = { .step = show_step, .arg = s };
	const struct setup_job job = { .place = &s->place,
				       .wish = &s->wish,
				       .journal = &s->journal,
				       .install_tree = install_tree,
				       .arg = s,
				       .watch = &watch };

	if (setup_plan_foreign(&s->plan) && !s->o.json)
		setup_show_plan(&s->plan, false);
	return setup_act(&job, &s->plan, w);
}

static int set_up(struct session *s, struct why *w)
{
	int r = read_wish(s, w);

	r = r ? r : make_plan(s, w);
	if (r || !s->o.dry_run)
		return r ? r : carry_out(s, w);
	if (!s->o.json)
		setup_show_plan(&s->plan, true);
	return setup_check(&s->plan, w);
}

static int take_back(struct session *s, struct why *w)
{
	const struct setup_watch watch = { .undo = show_undo, .arg = s };
	const struct setup_job job = { .place = &s->place, .journal = &s->journal, .watch = &watch };
	int r = setup_undo(&job, s->o.keep_data, s->o.dry_run, w);

	if (r == -ENODATA && w->exit == EXIT_FAILED)
		w->exit = EXIT_NOTHING;
	return r;
}

/* --- saying it --- */

static const char *result_name(const struct session *s)
{
	if (s->o.remove)
		return s->o.dry_run ? "planned" : "removed";
	return setup_plan_todo(&s->plan) == 0 ? "nothing" : s->o.dry_run ? "planned" : "done";
}

static int print_json(const struct session *s, const struct why *failed, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	result_json(&j, result_name(s), failed);
	json_bool(&j, "dry_run", s->o.dry_run);
	json_text(&j, "product", s->wish.product);
	json_text(&j, "user", s->wish.user);
	setup_json_plan(&j, &s->plan);
	json_end(&j);
	return json_finish(&j, w);
}

static void print_end(const struct session *s)
{
	size_t todo = setup_plan_todo(&s->plan);

	if (s->o.remove) {
		(void)printf(s->o.dry_run ? "nothing was changed\n" : "removed\n");
		return;
	}
	for (size_t i = 0; i < s->plan.n && !s->o.dry_run; i++)
		if (s->plan.at[i].state == SETUP_PENDING || s->plan.at[i].state == SETUP_KEPT)
			setup_show_step(&s->plan.at[i]);
	if (todo == 0)
		(void)printf("%s: nothing to do\n", s->wish.product);
	else if (s->o.dry_run)
		(void)printf("%s: %zu step%s to do; nothing was changed\n", s->wish.product, todo,
			     todo == 1 ? "" : "s");
	else
		(void)printf("%s: set up\n", s->wish.product);
}

static int report(const struct session *s, int r, const struct why *w)
{
	struct why output = { 0 };

	if (s->o.json && print_json(s, r ? w : NULL, &output) && !r)
		return why_report(&output, NAME);
	if (r)
		return why_report(w, NAME);
	if (!s->o.json)
		print_end(s);
	return !s->o.remove && setup_plan_todo(&s->plan) == 0 ? EXIT_NOTHING : EXIT_DONE;
}

static int run(struct session *s, struct why *w)
{
	int r = find_place(s, w);

	r = r ? r : need_root(s, w);
	r = r ? r : take_lock(s, w);
	r = r ? r : setup_journal_load(&s->place, &s->journal, w);
	if (r)
		return r;
	return s->o.remove ? take_back(s, w) : set_up(s, w);
}

static int check_options(const struct options *o, struct why *w)
{
	bool made = o->bundle || o->given.product || o->given.user || trust_given(&o->trust);

	if (o->remove && made)
		return misuse(w, -EINVAL, "--remove takes back what was set up, and needs no more than that");
	if (o->keep_data && !o->remove)
		return misuse(w, -EINVAL, "--keep-data goes with --remove");
	return 0;
}

int cmd_setup(int argc, char **argv)
{
	AUTO_FREE struct session *s = calloc(1, sizeof(*s));
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "product",
		  .arg = "NAME",
		  .help = "name of the product; else what the bundle is compatible with",
		  .value = &o.given.product },
		{ .name = "key",
		  .arg = "FILE",
		  .help = "install and trust this public key; may be repeated",
		  .list = &o.trust.keys },
		{ .name = "trust",
		  .arg = "DIR",
		  .help = "the same with all public keys (*.pub) in DIR",
		  .value = &o.trust.dir },
		{ .name = "threshold",
		  .arg = "N",
		  .help = "how many of them must have signed; 1 if not given",
		  .value = &o.given.threshold },
		{ .name = "user",
		  .arg = "NAME",
		  .help = "run the product as this user; else one of its own name",
		  .value = &o.given.user },
		{ .name = "url",
		  .arg = "URL",
		  .help = "where it answers when it serves (" SETUP_URL ")",
		  .value = &o.given.url },
		{ .name = "compatible",
		  .arg = "NAME",
		  .help = "which bundles are taken; else as the first one",
		  .value = &o.given.compatible },
		{ .name = "templates", .arg = "DIR", .help = "instead of " SETUP_TEMPLATES_DIR, .value = &o.templates },
		{ .name = "root",
		  .arg = "DIR",
		  .help = "set up the system below DIR, without starting anything",
		  .value = &o.root },
		{ .name = "dry-run", .help = "say what would be done, change nothing", .flag = &o.dry_run },
		{ .name = "remove", .help = "take away what setup has made", .flag = &o.remove },
		{ .name = "keep-data",
		  .help = "with --remove: leave the product's data and its user",
		  .flag = &o.keep_data },
		{ .name = "json", .help = "print the result as JSON", .flag = &o.json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 1, &args);

	if (r >= 0)
		return r;
	if (!s) {
		(void)fail(&w, -ENOMEM, "out of memory");
		return why_report(&w, NAME);
	}
	o.bundle = args.n > 0 ? args.at[0] : NULL;
	s->o = o;
	s->lock = -1;
	r = check_options(&o, &w);
	r = r ? r : run(s, &w);
	r = report(s, r, &w);
	session_done(s);
	return r;
}
