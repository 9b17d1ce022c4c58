/*
 * tandem install
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/net/http.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/reboot.h"
#include "updater/cmd.h"
#include "updater/cmd_install_tree.h"
#include "updater/cmd_parts.h"
#include "updater/cmd_source.h"
#include "updater/headkeep.h"
#include "updater/install_show.h"
#include "updater/tree_preflight.h"

#define USAGE "tandem install FILE|URL|- [--dry-run] [--reboot] [--slot a|b] [--progress HOW] [--json] ..."
#define HELP                                                                                                            \
	"Put the image of a signed bundle into the slot that is free, verify it on the medium, and arm it: the next\n"  \
	"boot tries it. An install that was interrupted is continued by giving the same command again; what is right\n" \
	"on the slot already is not written twice. Exit code 3: refused; 4: the image runs already."

struct options {
	const char *config;
	const char *slot;
	const char *workers;
	const char *progress;
	bool dry_run, reboot, json;
	struct install_options install;
	struct net_options net;
	enum progress_style style;
};

/* Everything that one install holds open. */
struct session {
	struct appliance *appliance;
	struct source src;
	uint8_t *
		front; /* of a source that pays for each read: what is read of an encrypted bundle before the first write */
	struct source front_src, joined;
	struct bundle bundle;
	struct headkeep head; /* of a tree's bundle */
	struct preflight preflight;
	struct install_progress progress;
	struct install_show show;
};

static int read_workers(const char *value, unsigned int *ret, struct why *w)
{
	uint64_t n = 0;
	int r = value ? parse_u64(value, PIPELINE_WORKERS_MAX, &n, w) : 0;

	if (!r && value && n == 0)
		r = fail(w, -EINVAL, "at least one is needed");
	if (r) {
		w->exit = EXIT_USAGE;
		return why_in(w, r, "--workers");
	}
	*ret = (unsigned int)n;
	return 0;
}

static int read_options(struct options *o, struct why *w)
{
	int r = 0;

	o->install.slot = SLOT_NONE;
	if (o->slot)
		r = slot_parse(o->slot, &o->install.slot, w);
	r = r ? r : read_workers(o->workers, &o->install.workers, w);
	r = r ? r : net_options_check(&o->net, w);
	r = r ? r : progress_style_parse(o->progress, &o->style, w);
	if (o->json && !o->progress)
		o->style = PROGRESS_NONE;
	return r;
}

static void show_step(void *arg, const struct install_progress *now)
{
	install_show_step(&((struct session *)arg)->show, now);
}

static bool cancelled(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

/* Statements that are good are kept before the bundle is looked at any further. */
static int trust_and_keep(void *arg, struct bytes statements, struct trust *ret, struct why *w)
{
	struct appliance *a = ((struct session *)arg)->appliance;
	bool keeps = statements.n > 0 || trustnow_unsaved(&a->seat.now);
	int r = keeps ? appliance_trust_keeps(a, w) : 0;

	return r ? r : trustseat_believe(&a->seat, statements, true, ret, w);
}

static int trust_for_now(void *arg, struct bytes statements, struct trust *ret, struct why *w)
{
	return trustseat_believe(&((struct session *)arg)->appliance->seat, statements, false, ret, w);
}

/* A host without slots is fine: for trees its configuration is enough. */
static int open_machine(const struct options *o, struct session *s, struct why *w)
{
	struct why own = { 0 };
	int r = appliance_open(o->config, o->dry_run ? MACHINE_READ : MACHINE_WRITE, &s->appliance, &own);

	if (r == -EOPNOTSUPP && s->appliance->m.conf.host)
		return 0;
	if (r && w)
		*w = own;
	return r;
}

/* Only now is it known what the bundle carries. */
static int check_kind(const struct session *s, struct why *w)
{
	if (!s->appliance->m.conf.host || bundle_has_tree(&s->bundle))
		return 0;
	return refuse(w, -EOPNOTSUPP, "the bundle carries no tree, and this machine has no slots (mode=host)");
}

/*
 * The recipients are read before the first write, and once more when the head is kept: of a source that pays they stay in
 * memory until then. Preflight tells why a bundle stays locked.
 */
static int unlock(struct session *s, struct why *w)
{
	struct bundle *b = &s->bundle;
	uint64_t n = bundle_header_tables_at(&b->header) + recipient_table_bytes(b->manifest.encryption.recipients);
	int r = 0;

	if (b->unlocked)
		return 0;
	if (source_pays(&s->src)) {
		s->front = malloc((size_t)n);
		r = s->front ? source_read(&s->src, s->front, (size_t)n, 0, w) : fail(w, -ENOMEM, "out of memory");
		s->front_src = source_memory(bytes_of(s->front, (size_t)n), s->src.name);
		s->joined = source_joined(&s->front_src, &s->src);
		bundle_move(b, &s->joined);
	}
	if (!r)
		IGNORE(appliance_unlock(s->appliance, b, &s->appliance->key_why));
	return r;
}

static int open_all(const char *path, const struct options *o, struct session *s, struct why *w)
{
	const struct bundle_judge keep = { .keys = trust_and_keep, .arg = s },
				  look = { .keys = trust_for_now, .arg = s };
	bool url = http_is_url(path); /* system.conf says how to fetch it */
	int r = url ? 0 : source_any(path, &o->net, NULL, &s->src, w);

	interrupt_catch();
	r = r ? r : open_machine(o, s, w);
	if (!r && url)
		r = source_any(path, &o->net, &s->appliance->m.conf.net, &s->src, w);
	r = r ? r : appliance_trust(s->appliance, w);
	r = r ? r : bundle_open_by(&s->src, BUNDLE_WHOLE, o->dry_run ? &look : &keep, &s->bundle, w);
	r = r ? r : unlock(s, w);
	return r ? r : check_kind(s, w);
}

static void say_begin(const struct session *s, const struct options *o)
{
	struct pipeline_size size;
	char memory[16];

	if (o->style == PROGRESS_JSON || o->json || !s->preflight.image)
		return;
	size = pipeline_size(o->install.workers, pipeline_processors(), s->preflight.image->group_bytes,
			     s->preflight.image->tag_bytes > 0);
	(void)printf("slot %s: version %s, %s; %u worker%s, %s of buffers\n", slot_name(s->preflight.plan.target),
		     s->bundle.manifest.version, install_action_name(s->preflight.plan.action), size.workers,
		     size.workers == 1 ? "" : "s", format_size(size.memory_bytes, memory));
	(void)fflush(stdout);
}

static int do_install(const struct options *o, struct session *s, struct why *w)
{
	const struct install_watch watch = { .step = show_step, .cancelled = cancelled, .arg = s };
	int r;

	preflight_run(&s->appliance->parts, &s->bundle, &o->install, &s->preflight);
	r = preflight_result(&s->preflight, w);
	if (r || o->dry_run || s->preflight.plan.action == INSTALL_NOTHING)
		return r;
	say_begin(s, o);
	install_show_begin(&s->show, o->style);
	r = install_run(&s->appliance->parts, &s->bundle, &o->install, &s->preflight, &watch, &s->progress, w);
	install_show_end(&s->show);
	return r;
}

static const char *result_name(const struct session *s, bool dry_run)
{
	if (s->preflight.plan.action == INSTALL_NOTHING)
		return "nothing";
	return dry_run ? "passed" : "armed";
}

/* Say what came of it. Returns the exit code. */
static int report(const struct options *o, const struct session *s, uint64_t elapsed_ms, int r, const struct why *w)
{
	const struct install_outcome outcome = {
		.result = result_name(s, o->dry_run),
		.dry_run = o->dry_run,
		.bundle = &s->bundle,
		.preflight = &s->preflight,
		.progress = &s->progress,
		.elapsed_ms = elapsed_ms,
		.why = r ? w : NULL,
	};
	struct why output = { 0 };

	if (o->json || o->style == PROGRESS_JSON) {
		if (install_show_json(&outcome, o->style == PROGRESS_JSON, &output) && !r)
			return why_report(&output, "tandem install");
	} else {
		install_show_text(&outcome);
		if (r && !o->dry_run)
			install_show_checks(&s->preflight, stderr, true);
	}
	if (r)
		return why_report(w, "tandem install");
	return s->preflight.plan.action == INSTALL_NOTHING ? EXIT_NOTHING : EXIT_DONE;
}

static int install_image(const struct options *o, struct session *s, int r, struct why *w)
{
	uint64_t begun = now_ms();
	int code;

	r = r ? r : do_install(o, s, w);
	r = appliance_close(s->appliance, r, w);
	code = report(o, s, now_ms() - begun, r, w);
	if (code == EXIT_DONE && o->reboot && !o->dry_run && reboot_orderly(w))
		code = why_report(w, "tandem install");
	return code;
}

/* A tree is switched to here and now; what is asked of a slot means nothing to it. */
static int install_as_tree(const struct options *o, struct session *s)
{
	const struct tree_install_options tree = {
		.dry_run = o->dry_run,
		.allow_downgrade = o->install.allow_downgrade,
		.json = o->json,
		.style = o->style,
	};
	struct why w = { 0 };
	int code, r = 0;

	if (o->slot || o->reboot || o->install.force_same)
		r = misuse(&w, -EINVAL, "the bundle carries a tree: --slot, --reboot and --force-same are for images");
	r = r ? r : headkeep(&s->bundle, &s->head, &w);
	code = r ? why_report(&w, "tandem install") : install_tree(s->appliance, &s->bundle, &tree);
	IGNORE(appliance_close(s->appliance, 0, NULL)); /* it was only read */
	return code;
}

static int install(const char *path, const struct options *o)
{
	AUTO_FREE struct session *s = calloc(1, sizeof(*s));
	struct why w = { 0 };
	int r, code;

	if (!s) {
		(void)fail(&w, -ENOMEM, "out of memory");
		return why_report(&w, "tandem install");
	}
	r = open_all(path, o, s, &w);
	code = !r && bundle_has_tree(&s->bundle) ? install_as_tree(o, s) : install_image(o, s, r, &w);
	bundle_close(&s->bundle);
	source_close(&s->src);
	free(s->front);
	headkeep_done(&s->head);
	return code;
}

int cmd_install(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "dry-run", .help = "check everything, change nothing", .flag = &o.dry_run },
		{ .name = "reboot", .help = "reboot into the new image when it is armed", .flag = &o.reboot },
		{ .name = "slot", .arg = "a|b", .help = "insist on this slot", .value = &o.slot },
		{ .name = "allow-downgrade",
		  .help = "accept a lower version (never a lower security epoch)",
		  .flag = &o.install.allow_downgrade },
		{ .name = "force-same",
		  .help = "install the image that runs already into the other slot",
		  .flag = &o.install.force_same },
		{ .name = "no-base",
		  .help = "copy nothing from the running slot: all of the image comes from the bundle",
		  .flag = &o.install.no_base },
		{ .name = "no-read-back",
		  .help = "do not read again what was written, to compare it with its hash",
		  .flag = &o.install.no_read_back },
		{ .name = "workers", .arg = "N", .help = "threads that check and decode; 1 to 8", .value = &o.workers },
		NET_OPTIONS(o.net),
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &o.progress },
		{ .name = "json", .help = "print the result as JSON", .flag = &o.json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &o.config },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	if (read_options(&o, &w))
		return why_report(&w, "tandem install");
	(void)signal(SIGPIPE, SIG_IGN); /* a reader of progress that went away is no reason to stop */
	return install(args.at[0], &o);
}
