/*
 * tandem-intel search
 */
#include "base/args.h"
#include "bootstage/intel/answerprint.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/lookup.h"
#include "bootstage/intel/servers.h"

#define LIMIT_DEFAULT 50u
#define LIMIT_MAX     10000u

static int print_json(const char *text, const struct answers *a, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_string(&j, "text", text);
	json_bool(&j, "cut", a->cut);
	json_array(&j, "nodes");
	for (size_t i = 0; i < a->n; i++)
		answer_json(&j, NULL, &a->at[i]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int print_text(const struct answers *a, struct why *w)
{
	for (size_t i = 0; i < a->n; i++)
		answer_print(stdout, &a->at[i]);
	if (a->cut)
		(void)fprintf(stderr, PROGRAM ": there are more; --limit\n");
	if (a->n == 0)
		(void)fprintf(stderr, PROGRAM ": nothing begins with it, or has its words in its name\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

struct wanted {
	struct relquery query; /* its limit and the kinds of nodes */
	const char *limit;
	struct args_list kinds;
};

static int read_wanted(struct wanted *o, struct why *w)
{
	int r;

	o->query.limit = LIMIT_DEFAULT;
	r = args_number("limit", o->limit, 1, LIMIT_MAX, &o->query.limit, w);
	for (size_t i = 0; !r && i < o->kinds.n; i++)
		r = relquery_kind(&o->query, o->kinds.at[i], w);
	return r || !o->query.edges ? r : misuse(w, -EINVAL, "--kind: a kind of edges; nodes are searched");
}

static int search(const struct store_opts *s, const char *text, const struct wanted *o, struct answers *ret,
		  struct why *w)
{
	static struct servers all;
	static struct intelconf c;
	int r = store_config(s, &c, w);

	r = r ? r : servers_open(s, &c, &all, w);
	r = r ? r : lookup_search(servers_first(&all), text, o->query.nodes, o->query.limit, ret, w);
	servers_close(&all);
	return r;
}

int cmd_search(int argc, char **argv)
{
	struct store_opts store = { 0 };
	AUTO_ANSWERS found = { 0 };
	struct wanted o = { 0 };
	struct why w = { 0 };
	bool json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "kind", .arg = "KIND", .help = "only nodes of this kind; may be repeated", .list = &o.kinds },
		{ .name = "limit", .arg = "N", .help = "at most so many, 50 if not given", .value = &o.limit },
		{ .name = "json", .help = "as JSON", .flag = &json },
	};
	struct args args;
	int r = args_parse(
		PROGRAM " search TEXT [--kind KIND] [--limit N] [--json]",
		"Find the value that TEXT is (192.0.2.1, sha256:...), and nodes whose key or name begins with\nit or whose name, or another one that a feed has for it, has its words.",
		opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = read_wanted(&o, &w);
	r = r ? r : search(&store, args.at[0], &o, &found, &w);
	r = r ? r : json ? print_json(args.at[0], &found, &w) : print_text(&found, &w);
	if (r)
		return why_report(&w, PROGRAM);
	return found.n > 0 ? EXIT_DONE : EXIT_NOTHING;
}
