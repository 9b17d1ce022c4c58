/*
 * tandem-intel feeds list|run|status
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/feedman.h"
#include "bootstage/intel/store.h"

#define RECONNECT_S  60u
#define LOOK_AGAIN_S 60u /* at files of feeds, at the latest */

struct options {
	struct store_opts store;
	struct intelconf conf;
	const char *feeds, *state, *workers;
	char folder[INTELCONF_PATH];
	bool json, all, again, forever;
	bool looked;     /* at what is due, once at least */
	struct hash bad; /* of what was wrong with files then */
};

#define FEEDS_OPTS(o)                                                                                                  \
	{ .name = "feeds", .arg = "DIR", .help = "with NN-name.feed; " FEEDCONF_FOLDER, .value = &(o).feeds },         \
		{ .name = "state",                                                                                     \
		  .arg = "DIR",                                                                                        \
		  .help = "what is known from before; /var/lib/PRODUCT/intel/feeds",                                   \
		  .value = &(o).state },                                                                               \
	{                                                                                                              \
		.name = "json", .help = "as JSON", .flag = &(o).json                                                   \
	}

static int defaults(struct options *o, struct why *w)
{
	int r = o->state ? 0 : store_folder("/feeds", o->folder, w);

	o->feeds = o->feeds ? o->feeds : FEEDCONF_FOLDER;
	o->state = o->state ? o->state : o->folder;
	return r;
}

static const char *time_text(uint64_t s, char out[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (s == 0 || !gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0';
	return out;
}

/* For people: what to do where there is no feed yet. */
static void print_none(const struct options *o)
{
	(void)printf("no feeds in %s\nA feed is a file there, such as 10-attack.feed, with\n"
		     "    [feed]\n    source=https://example.org/attack.json.xz\n",
		     o->feeds);
}

/* --- list --- */

static void list_json(struct json *j, const struct feedconf *f)
{
	json_object(j, NULL);
	json_string(j, "name", f->name);
	json_string(j, "error", f->bad.code ? f->bad.text : NULL);
	if (!f->bad.code) {
		json_string(j, "type", feed_kind_name(f->kind));
		json_string(j, "source", f->source);
		json_bool(j, "enabled", f->enabled);
		json_u64(j, "interval_seconds", f->interval_s);
		json_u64(j, "timeout_seconds", f->timeout_s);
		json_u64(j, "stall_seconds", f->stall_s);
		json_u64(j, "max_bytes", f->max_bytes);
	}
	json_end(j);
}

static int list(const struct options *o, const struct feedconfs *f, struct why *w)
{
	struct json j = { .to = stdout };

	if (!o->json) {
		if (f->n == 0)
			print_none(o);
		for (size_t i = 0; i < f->n; i++)
			(void)printf("%-20s %s\n", f->at[i].name,
				     f->at[i].bad.code   ? f->at[i].bad.text
				     : !f->at[i].enabled ? "(not enabled)"
							 : f->at[i].source);
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_array(&j, "feeds");
	for (size_t i = 0; i < f->n; i++)
		list_json(&j, &f->at[i]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

/* --- status --- */

static void state_json(struct json *j, const struct feedconf *f, const struct feedstate *s)
{
	char text[32];

	json_object(j, NULL);
	json_string(j, "name", f->name);
	json_string(j, "result", f->bad.code ? "failed" : feed_result_name(s->result));
	json_text(j, "reason", f->bad.code ? f->bad.text : s->reason);
	json_text(j, "began", time_text(s->began_s, text));
	json_text(j, "ended", time_text(s->ended_s, text));
	json_text(j, "loaded", time_text(s->loaded_s, text));
	json_text(j, "due",
		  f->bad.code || !f->enabled ? "" : time_text(feedstate_due(f, s, (uint64_t)time(NULL)), text));
	json_u64(j, "failures", s->failures);
	json_u64(j, "busy_ms", s->busy_ms);
	json_u64(j, "bytes", s->bytes);
	json_u64(j, "records", s->records);
	json_u64(j, "dropped", s->dropped);
	json_text(j, "checksum", s->checksum);
	json_text(j, "added_after", s->added_after);
	json_end(j);
}

static void state_text(const struct feedconf *f, const struct feedstate *s)
{
	char text[32];

	(void)printf("%-20s %-10s %-20s %9" PRIu64 " records  %s\n", f->name,
		     f->bad.code ? "failed" : feed_result_name(s->result), time_text(s->ended_s, text), s->records,
		     f->bad.code ? f->bad.text : s->reason);
}

static int status(const struct options *o, const struct feedconfs *f, struct why *w)
{
	struct json j = { .to = stdout };

	if (o->json) {
		json_object(&j, NULL);
		json_array(&j, "feeds");
	} else if (f->n == 0) {
		print_none(o);
	}
	for (size_t i = 0; i < f->n; i++) {
		struct feedstate s;

		feedstate_read(o->state, &f->at[i], &s);
		if (o->json)
			state_json(&j, &f->at[i], &s);
		else
			state_text(&f->at[i], &s);
	}
	if (!o->json)
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int look(int argc, char **argv, const char *usage, const char *help,
		int (*show)(const struct options *o, const struct feedconfs *f, struct why *w))
{
	struct options o = { 0 };
	const struct opt opts[] = { FEEDS_OPTS(o) };
	AUTO_FEEDCONFS feeds = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(usage, help, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = defaults(&o, &w);
	r = r ? r : feedconf_load(o.feeds, &feeds, &w);
	r = r ? r : show(&o, &feeds, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}

int cmd_feeds_list(int argc, char **argv)
{
	return look(argc, argv, PROGRAM " feeds list [--json]", "List the feeds; check their files.", list);
}

int cmd_feeds_status(int argc, char **argv)
{
	return look(argc, argv, PROGRAM " feeds status [--json]", "Show what came of each feed the last time.", status);
}

/* --- run --- */

static int connect(void *arg, struct pg *ret, struct why *w)
{
	struct options *o = arg;

	return store_open(&o->store, &o->conf, ret, w);
}

static void warn(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

static void ended(void *arg, const struct feedman_end *e)
{
	const struct options *o = arg;
	const struct feedstate *s = e->state;

	if (s->result == FEED_FAILED)
		log_warn("feed %s failed: %s", e->conf->name, e->why.text);
	else if (!o->json)
		log_info("feed %s %s: %" PRIu64 " records, %" PRIu64 " bytes, %" PRIu64 " ms of which %" PRIu64
			 " ms at work",
			 e->conf->name, feed_result_name(s->result), s->records, s->bytes, e->ms, e->busy_ms);
}

static bool named(const struct args *args, const char *name)
{
	for (int i = 0; i < args->n; i++)
		if (strcmp(args->at[i], name) == 0)
			return true;
	return false;
}

static int check_names(const struct args *args, const struct feedconfs *f, struct why *w)
{
	for (int i = 0; i < args->n; i++) {
		size_t k = 0;

		while (k < f->n && strcmp(f->at[k].name, args->at[i]) != 0)
			k++;
		if (k == f->n)
			return misuse(w, -ENODATA, "there is no feed '%s'", args->at[i]);
	}
	return 0;
}

/* Whether the same files were wrong the last time; then it was said. */
static bool known_bad(struct options *o, const struct feedconfs *f)
{
	struct hash before = o->bad;
	struct hasher h;

	hasher_init(&h);
	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].bad.code)
			hasher_add(&h, bytes_str(f->at[i].bad.text));
	o->bad = hasher_end(&h);
	return hash_equal(&before, &o->bad);
}

static bool is_wanted(const struct args *args, const struct feedconf *c)
{
	return args->n ? named(args, c->name) : c->bad.code || c->enabled;
}

/* Those that are named, or all that are due. *ret_next_s: when the next one is; *ret_bad: how many cannot be run. */
static int add_due(struct options *o, const struct args *args, const struct feedconfs *f, struct feedman *m,
		   uint64_t *ret_next_s, unsigned int *ret_bad, struct why *w)
{
	uint64_t now = (uint64_t)time(NULL);
	bool known = known_bad(o, f), at_once = !o->looked && (args->n || o->all || o->again);
	int r = 0;

	o->looked = true;
	*ret_next_s = UINT64_MAX;
	*ret_bad = 0;
	for (size_t i = 0; !r && i < f->n; i++) {
		const struct feedconf *c = &f->at[i];
		struct feedstate s;
		uint64_t due;

		if (!is_wanted(args, c))
			continue;
		if (c->bad.code) {
			if (!known)
				log_warn("feed %s failed: %s", c->name, c->bad.text);
			++*ret_bad;
			continue;
		}
		feedstate_read(o->state, c, &s);
		due = at_once ? 0 : feedstate_due(c, &s, now);
		if (due <= now) {
			r = feedman_add(m, c, w);
			due = now + c->interval_s; /* at the earliest */
		}
		if (due < *ret_next_s)
			*ret_next_s = due;
	}
	return r;
}

static int sizes(const struct options *o, struct load_options *ret, unsigned int *ret_workers, struct why *w)
{
	struct machine m;
	struct pool_plan plan;
	int r = machine_read(NULL, NULL, &m, w);

	if (r)
		return r;
	ingest_sizes(&m, ret);
	*ret_workers = feed_workers((unsigned int)m.cores);
	r = args_number("workers", o->workers, 1, FEEDTURN_OPEN_MAX, ret_workers, w);
	r = r ? r : store_allowed(&o->store, &o->conf, *ret_workers * ret->lanes, &plan, w);
	if (r)
		return r;
	cmd_pool_warn(&plan);
	ingest_fit(plan.size, ret_workers, &ret->lanes);
	return 0;
}

static int print(const struct options *o, const struct feedman_counts *c, struct why *w)
{
	struct json j = { .to = stdout };

	if (!o->json) {
		(void)printf("%u loaded, %u unchanged, %u failed\n", c->loaded, c->unchanged, c->failed);
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_u64(&j, "loaded", c->loaded);
	json_u64(&j, "unchanged", c->unchanged);
	json_u64(&j, "failed", c->failed);
	json_end(&j);
	return json_finish(&j, w);
}

/* What is configured now, and due. */
static int look_again(struct options *o, const struct args *args, struct feedman *m, uint64_t *ret_next_s,
		      unsigned int *ret_bad, struct why *w)
{
	AUTO_FEEDCONFS feeds = { 0 };
	int r = feedconf_load(o->feeds, &feeds, w);

	r = r ? r : check_names(args, &feeds, w);
	if (!r && feeds.n == 0 && !o->looked)
		log_info("no feeds in %s", o->feeds);
	return r ? r : add_due(o, args, &feeds, m, ret_next_s, ret_bad, w);
}

/* Returns 0 also when feeds failed; *ret has their number. */
static int once(struct options *o, const struct args *args, struct feedman *m, struct feedman_counts *ret,
		struct why *w)
{
	unsigned int bad = 0;
	uint64_t next_s;
	int r = look_again(o, args, m, &next_s, &bad, w);
	char text[32];

	if (!r && feedman_idle(m) && next_s != UINT64_MAX)
		log_info("nothing is due before %s; --all does not wait for that", time_text(next_s, text));
	r = r ? r : feedman_run(m, UINT64_MAX, w);
	*ret = feedman_counts(m);
	ret->failed += bad;
	return r ? r : print(o, ret, w);
}

static uint64_t wait_s(uint64_t next_s)
{
	uint64_t now = (uint64_t)time(NULL), wait = next_s > now ? next_s - now : 1;

	return wait < LOOK_AGAIN_S ? wait : LOOK_AGAIN_S;
}

static void sleep_some(uint64_t s)
{
	uint64_t end = now_ms() + s * 1000;

	while (now_ms() < end && !interrupt_seen())
		sleep_ms(200);
}

/*
 * The files are read again and again, so that changes count; and what is due by then is begun beside what is still under way,
 * so that a feed of five minutes does not wait for one of an hour.
 */
static int forever(struct options *o, const struct args *args, struct feedman *m, struct why *w)
{
	while (!interrupt_seen()) {
		struct feedman_counts c;
		uint64_t next_s = 0;
		unsigned int bad = 0;
		int r = look_again(o, args, m, &next_s, &bad, w);

		r = r ? r : feedman_run(m, now_ms() + wait_s(next_s) * 1000, w);
		if (r)
			return r == -ECANCELED ? 0 : r;
		c = feedman_counts(m);
		if (c.loaded + c.unchanged + c.failed > 0)
			r = print(o, &c, w);
		if (r)
			return r;
		if (feedman_idle(m))
			sleep_some(wait_s(next_s));
	}
	return 0;
}

static int run(struct options *o, const struct args *args, struct feedman_counts *ret, struct why *w)
{
	const struct feed_options f = { .warn = warn };
	struct load_options l = { .connect = connect, .arg = o, .reconnect_s = RECONNECT_S, .stop = interrupt_seen };
	struct feedman_options options = { .state = o->state,
					   .load = &l,
					   .options = &f,
					   .again = o->again,
					   .stop = interrupt_seen,
					   .ended = ended,
					   .arg = o };
	struct feedman *m = NULL;
	int r = store_config(&o->store, &o->conf, w);

	r = r ? r : sizes(o, &l, &options.workers, w);
	r = r ? r : dir_make(o->state, 0755, w);
	r = r ? r : feedman_open(&options, &m, w);
	if (!r)
		r = o->forever ? forever(o, args, m, w) : once(o, args, m, ret, w);
	feedman_close(m);
	return r;
}

int cmd_feeds_run(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt opts[] = {
		STORE_OPTS(o.store),
		FEEDS_OPTS(o),
		{ .name = "all", .help = "also those that are not due", .flag = &o.all },
		{ .name = "again", .help = "also what has not changed", .flag = &o.again },
		{ .name = "forever", .help = "each when it is due, until SIGTERM", .flag = &o.forever },
		{ .name = "workers",
		  .arg = "N",
		  .help = "that work at once; by the number of processors if not given",
		  .value = &o.workers },
	};
	struct feedman_counts c = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " feeds run [NAME...] [--all] [--forever] [--json]",
			   "Load the feeds that are due, or those that are named, side by side.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, (int)FEEDCONF_FEEDS, &args);

	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	interrupt_catch();
	r = defaults(&o, &w);
	r = r ? r : run(&o, &args, &c, &w);
	if (r)
		return why_report(&w, PROGRAM);
	if (o.forever) /* until it was asked to end */
		return EXIT_DONE;
	return c.failed ? EXIT_FAILED : c.loaded + c.unchanged ? EXIT_DONE : EXIT_NOTHING;
}
