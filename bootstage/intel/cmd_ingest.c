/*
 * tandem-intel ingest
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/ingest.h"
#include "bootstage/intel/store.h"

#define RECONNECT_S 60u
#define WAIT_MAX_S  86400u
#define BATCH_MAX   100000u

struct wanted {
	struct store_opts store;
	struct intelconf conf;
	const char *feed, *batch, *lanes, *wait;
	bool json;
	char name[256];
};

static int connect(void *arg, struct pg *ret, struct why *w)
{
	struct wanted *o = arg;

	return store_open(&o->store, &o->conf, ret, w);
}

static void warn(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

/* "enterprise-attack.json.xz" is of the feed "enterprise-attack". */
static const char *feed_of(const char *path, char *out, size_t room)
{
	size_t n = strlen(path);
	const char *name;

	while (n > 1 && path[n - 1] == '/')
		n--;
	name = memrchr(path, '/', n);
	name = name ? name + 1 : path;
	n -= (size_t)(name - path);
	(void)snprintf(out, room, "%.*s", (int)n, strcmp(path, "-") == 0 ? "stdin" : name);
	if (out[0] && strchr(out + 1, '.'))
		*strchr(out + 1, '.') = '\0';
	return out;
}

static int sizes(const struct wanted *o, struct load_options *ret, struct why *w)
{
	struct machine m;
	struct pool_plan plan;
	unsigned int workers = 1, rows, wait = RECONNECT_S;
	int r = machine_read(NULL, NULL, &m, w);

	if (r)
		return r;
	ingest_sizes(&m, ret);
	rows = (unsigned int)ret->rows;
	r = args_number("batch", o->batch, 1, BATCH_MAX, &rows, w);
	r = r ? r : args_number("connections", o->lanes, 1, LOAD_LANES_MAX, &ret->lanes, w);
	r = r ? r : args_number("wait", o->wait, 0, WAIT_MAX_S, &wait, w);
	ret->reconnect_s = wait;
	ret->bytes = ret->bytes / ret->rows * rows;
	ret->rows = rows;
	r = r ? r : store_allowed(&o->store, &o->conf, ret->lanes, &plan, w);
	if (r)
		return r;
	cmd_pool_warn(&plan);
	ingest_fit(plan.size, &workers, &ret->lanes);
	return 0;
}

static uint64_t dropped(const struct ingest_stats *s)
{
	return feed_dropped(&s->read);
}

static int print_text(const char *feed, const struct ingest_stats *s, struct why *w)
{
	const struct load_stats *l = &s->load;

	(void)printf("%s: %" PRIu64 " records: %" PRIu64 " new, %" PRIu64 " newer, %" PRIu64 " known, %" PRIu64
		     " dropped, %" PRIu64 " refused\n",
		     feed, l->records + dropped(s), l->added, l->updated, l->unchanged + l->doubles, dropped(s),
		     l->refused);
	(void)printf("%s: %" PRIu64 " nodes, %" PRIu64 " edges, %" PRIu64 " wait for an end; %" PRIu64 ".%03" PRIu64
		     " s\n",
		     feed, l->nodes, l->edges + l->resolved, l->dangling > l->resolved ? l->dangling - l->resolved : 0,
		     s->ms / 1000, s->ms % 1000);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

static void print_load(struct json *j, const struct load_stats *l)
{
	json_u64(j, "records", l->records);
	json_u64(j, "new", l->added);
	json_u64(j, "newer", l->updated);
	json_u64(j, "known", l->unchanged + l->doubles);
	json_u64(j, "refused", l->refused);
	json_text(j, "refusal", l->refusal.text);
	json_u64(j, "nodes", l->nodes);
	json_u64(j, "edges", l->edges + l->resolved);
	json_u64(j, "aside", l->aside);
	json_u64(j, "dangling", l->dangling);
	json_u64(j, "resolved", l->resolved);
	json_u64(j, "batches", l->batches);
	json_u64(j, "retries", l->retries);
	json_u64(j, "reconnects", l->reconnects);
}

static void print_read(struct json *j, const struct feed_stats *f)
{
	json_u64(j, "bytes", f->bytes);
	json_u64(j, "good", f->good);
	json_object(j, "dropped");
	for (int d = 0; d < FEED_DROPS; d++)
		json_u64(j, feed_drop_name((enum feed_drop)d), f->dropped[d]);
	json_end(j);
	json_text(j, "first_drop", f->first.text);
	json_u64(j, "stix", f->stix);
	json_u64(j, "relationships", f->relationships);
	json_u64(j, "events", f->events);
	json_u64(j, "attributes", f->attributes);
	json_u64(j, "objects", f->objects);
	json_u64(j, "clusters", f->clusters);
	json_u64(j, "observables", f->observables);
}

static int print_json(const char *feed, const struct ingest_stats *s, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_string(&j, "feed", feed);
	json_u64(&j, "files", s->files);
	json_u64(&j, "missing", s->missing);
	json_u64(&j, "bad", s->bad);
	json_object(&j, "read");
	print_read(&j, &s->read);
	json_end(&j);
	json_object(&j, "stored");
	print_load(&j, &s->load);
	json_end(&j);
	json_u64(&j, "ms", s->ms);
	json_end(&j);
	return json_finish(&j, w);
}

static int ingest(struct wanted *o, const char *path, struct why *w)
{
	const struct feed_options f = { .warn = warn };
	struct load_options l = { .connect = connect, .arg = o, .stop = interrupt_seen };
	struct ingest_stats s = { 0 };
	int r = store_config(&o->store, &o->conf, w), printed;

	l.feed = o->feed ? o->feed : feed_of(path, o->name, sizeof(o->name));
	r = r ? r : sizes(o, &l, w);
	if (r)
		return r;
	interrupt_catch();
	r = ingest_path(path, &l, &f, NULL, &s, w);
	if (s.load.refused)
		log_warn("%s: %" PRIu64 " records refused by the database, in its table quarantine; the first: %s",
			 l.feed, s.load.refused, s.load.refusal.text[0] ? s.load.refusal.text : "refused before");
	if (r && s.load.records == 0)
		return r;
	printed = o->json ? print_json(l.feed, &s, w) : print_text(l.feed, &s, w);
	return r ? r : printed;
}

/* Telemetry has options of its own. */
static bool is_telemetry(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--telemetry") == 0)
			return true;
	return false;
}

int cmd_ingest(int argc, char **argv)
{
	struct wanted o = { 0 };
	const struct opt opts[] = {
		STORE_OPTS(o.store),
		{ .name = "feed",
		  .arg = "NAME",
		  .help = "of which feed this is; the file's name if not given",
		  .value = &o.feed },
		{ .name = "batch", .arg = "N", .help = "records of one transaction", .value = &o.batch },
		{ .name = "connections", .arg = "N", .help = "to the database", .value = &o.lanes },
		{ .name = "wait",
		  .arg = "SECONDS",
		  .help = "for a server that went away, 60 if not given",
		  .value = &o.wait },
		{ .name = "json", .help = "as JSON", .flag = &o.json },
	};
	struct why w = { 0 };
	struct args args;
	int r;

	if (is_telemetry(argc, argv))
		return cmd_telemetry(argc, argv);
	r = args_parse(
		PROGRAM " ingest FILE|-|FOLDER [--feed NAME] [--json]",
		"Load a feed: STIX 2.0 or 2.1, or MISP. What the store has already costs one look. With --telemetry: what "
		"agents saw, see ingest --telemetry --help.",
		opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);
	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	r = ingest(&o, args.at[0], &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
