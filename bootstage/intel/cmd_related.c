/*
 * tandem-intel related
 */
#include <inttypes.h>
#include <string.h>

#include "base/args.h"
#include "bootstage/intel/answerprint.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/lookup.h"
#include "bootstage/intel/servers.h"
#include "bootstage/intel/timeword.h"

struct wanted {
	struct relquery query;
	const char *depth, *direction, *from, *to, *limit;
	struct args_list kinds;
	bool intel;
};

/* The window ends now and is three days long, as far as nothing else is said. */
static int read_window(struct wanted *o, int64_t now_us, struct why *w)
{
	int64_t days = o->query.to_us - o->query.from_us;
	int r = o->to ? timeword_parse(o->to, now_us, &o->query.to_us, w) : 0;

	if (r)
		return r;
	o->query.from_us = o->query.to_us - days;
	r = o->from ? timeword_parse(o->from, now_us, &o->query.from_us, w) : 0;
	if (r || !o->intel)
		return r;
	if (o->from || o->to)
		return misuse(w, -EINVAL, "--intel leaves telemetry out: no --from and --to");
	o->query.from_us = TIME_NONE;
	o->query.to_us = TIME_NONE;
	return 0;
}

static int read_wanted(struct wanted *o, struct why *w)
{
	int64_t now_us = timeword_now();
	struct relquery q = relquery_default(now_us);
	int r;

	q.hubs = o->query.hubs;
	q.paths = o->query.paths;
	o->query = q;
	r = args_number("depth", o->depth, 1, RELQUERY_DEPTH_MAX, &o->query.depth, w);
	r = r ? r : args_number("limit", o->limit, 1, RELQUERY_LIMIT_MAX, &o->query.limit, w);
	r = r || !o->direction ? r : relquery_direction(&o->query, o->direction, w);
	r = r ? r : read_window(o, now_us, w);
	for (size_t i = 0; !r && i < o->kinds.n; i++)
		r = relquery_kind(&o->query, o->kinds.at[i], w);
	return r ? r : relquery_check(&o->query, w);
}

static void json_time(struct json *j, const char *key, int64_t us)
{
	char text[21] = "";

	if (us != TIME_NONE)
		timeword_print(us, text);
	json_text(j, key, text);
}

static int print_json(const struct relquery *q, const struct answer *start, const struct answers *a, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	answer_json(&j, "start", start);
	json_u64(&j, "depth", q->depth);
	json_string(&j, "direction", direction_name(q->direction));
	json_time(&j, "from", q->from_us);
	json_time(&j, "to", q->to_us);
	json_u64(&j, "count", a->n);
	json_bool(&j, "cut", a->cut);
	answers_json_silent(&j, a);
	json_array(&j, "related");
	for (size_t i = 0; i < a->n; i++)
		answer_json(&j, NULL, &a->at[i]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int print_text(const struct relquery *q, const struct answers *a, struct why *w)
{
	for (size_t i = 0; i < a->n; i++) {
		(void)printf("%u  ", a->at[i].depth);
		answer_print(stdout, &a->at[i]);
		if (q->paths)
			answer_print_path(stdout, &a->at[i]);
	}
	if (a->cut)
		(void)fprintf(stderr,
			      PROGRAM ": cut after %" PRIu32
				      ": there are more; --limit, --kind, or a smaller --depth\n",
			      q->limit);
	if (a->n == 0 && !q->hubs)
		(void)fprintf(stderr,
			      PROGRAM ": nothing within %u steps; authors, markings, tags, other names: --hubs\n",
			      q->depth);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

static void print_near(const struct answers *near)
{
	if (near->n > 0)
		(void)fprintf(stderr, "near to it:\n");
	for (size_t i = 0; i < near->n; i++) {
		(void)fputs("  ", stderr);
		answer_print(stderr, &near->at[i]);
	}
}

/* What one question comes to. */
struct outcome {
	struct answers start, near, related;
	struct servers servers;
};

static int ask(const struct store_opts *opts, const char *text, const struct wanted *o, struct outcome *ret,
	       struct why *w)
{
	static struct intelconf c;
	int r = store_config(opts, &c, w);

	r = r ? r : servers_open(opts, &c, &ret->servers, w);
	r = r ? r : lookup_node(servers_first(&ret->servers), text, &ret->start, &ret->near, w);
	r = r ? r : servers_related(&ret->servers, &o->query, ret->start.at[0].id, &ret->related, w);
	if (r == -ETIMEDOUT)
		(void)why_next(
			w, r, "a smaller --depth, --kind, --direction or time window; statement-timeout of intel.conf");
	return r;
}

/* What a server that is silent knows of telemetry is missing from the answer: it is not the whole one. */
static int warn_silent(const struct outcome *o)
{
	for (unsigned int i = 0; i < SHARDS_MAX; i++)
		if (o->related.silent >> i & 1)
			(void)fprintf(stderr, PROGRAM ": server %u did not answer, its telemetry is missing%s%s\n", i,
				      o->servers.at[i].why.code ? ": " : "", o->servers.at[i].why.text);
	return o->related.silent ? EXIT_FAILED : EXIT_DONE;
}

static int answer(const struct store_opts *s, const char *text, const struct wanted *o, bool json)
{
	static struct outcome out;
	struct why w = { 0 };
	int r = ask(s, text, o, &out, &w), code;

	if (r == 0)
		r = json ? print_json(&o->query, &out.start.at[0], &out.related, &w)
			 : print_text(&o->query, &out.related, &w);
	code = r ? why_report(&w, PROGRAM) : warn_silent(&out);
	if (r)
		print_near(&out.near);
	servers_close(&out.servers);
	answers_free(&out.start);
	answers_free(&out.near);
	answers_free(&out.related);
	return code;
}

int cmd_related(int argc, char **argv)
{
	struct store_opts store = { 0 };
	struct wanted o = { 0 };
	struct why w = { 0 };
	bool json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "depth", .arg = "N", .help = "steps, 3 if not given", .value = &o.depth },
		{ .name = "direction",
		  .arg = "WAY",
		  .help = "out (source to target), in, or both, which is meant if not given",
		  .value = &o.direction },
		{ .name = "kind",
		  .arg = "KIND",
		  .help = "walk over edges of this kind only; or, for a kind of nodes, answer those only; may be repeated",
		  .list = &o.kinds },
		{ .name = "hubs", .help = "also over created-by, marked, tagged and known-as", .flag = &o.query.hubs },
		{ .name = "paths", .help = "also over which edge each was reached", .flag = &o.query.paths },
		{ .name = "from",
		  .arg = "TIME",
		  .help = "telemetry since then; 3 days if not given",
		  .value = &o.from },
		{ .name = "to", .arg = "TIME", .help = "telemetry before then; now if not given", .value = &o.to },
		{ .name = "intel", .help = "without telemetry", .flag = &o.intel },
		{ .name = "limit",
		  .arg = "N",
		  .help = "at most so many answers, 10000 if not given",
		  .value = &o.limit },
		{ .name = "json", .help = "as JSON", .flag = &json },
	};
	struct args args;
	int r = args_parse(
		PROGRAM " related NODE [--depth N] [--direction WAY] [--kind KIND] [--from TIME] [--to TIME] [--json]",
		"Show what is related to a node, which is named by its key (malware--UUID),\nas TYPE:VALUE (ipv4-addr:192.0.2.1, sha256:...) or by its name.",
		opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	if (read_wanted(&o, &w))
		return why_report(&w, PROGRAM);
	return answer(&store, args.at[0], &o, json);
}
