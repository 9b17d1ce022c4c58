/*
 * tandem-intel enrich
 */
#include <inttypes.h>
#include <string.h>

#include "base/args.h"
#include "base/log.h"
#include "bootstage/intel/answerprint.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/enrich.h"
#include "bootstage/intel/machine.h"
#include "bootstage/intel/servers.h"
#include "bootstage/intel/timeword.h"

#define BLOCK     512u /* questions that are in memory at a time */
#define LIMIT     1000u
#define LINE_ROOM (LOOKUP_TEXT_MAX + 2)
#define PER_CORE  2u

struct wanted {
	struct relquery query;
	const char *depth, *limit;
	struct args_list kinds;
	bool intel;
};

struct counts {
	uint64_t asked, found, silent; /* silent: answers that lack what a server has */
};

/* One for each server; NULL: it is silent. */
struct pools {
	struct connpool *at[SHARDS_MAX];
	unsigned int n, threads;
};

static int read_wanted(struct wanted *o, struct why *w)
{
	int r;

	o->query = relquery_default(timeword_now());
	o->query.limit = LIMIT;
	if (o->intel)
		o->query.from_us = o->query.to_us = TIME_NONE;
	r = args_number("depth", o->depth, 1, RELQUERY_DEPTH_MAX, &o->query.depth, w);
	r = r ? r : args_number("limit", o->limit, 1, RELQUERY_LIMIT_MAX, &o->query.limit, w);
	for (size_t i = 0; !r && i < o->kinds.n; i++)
		r = relquery_kind(&o->query, o->kinds.at[i], w);
	return r ? r : relquery_check(&o->query, w);
}

static void print(const struct enrich *e)
{
	struct json j = { .to = stdout, .line = true };
	struct answer start = { 0 };

	json_object(&j, NULL);
	json_string(&j, "asked", e->text);
	if (e->start.n) {
		start = e->start.at[0];
		start.depth = 0;
		answer_json(&j, "start", &start);
	} else {
		json_null(&j, "start");
	}
	json_text(&j, "reason", e->why.text);
	json_bool(&j, "cut", e->related.cut);
	answers_json_silent(&j, &e->related);
	json_array(&j, "related");
	for (size_t i = 0; i < e->related.n; i++)
		answer_json(&j, NULL, &e->related.at[i]);
	json_end(&j);
	json_end(&j);
	IGNORE(json_finish(&j, NULL)); /* the stream remembers */
}

/* A line of the list without its end; empty ones are passed over. False: no more. */
static bool read_line(FILE *from, char line[LINE_ROOM], struct why *w)
{
	while (fgets(line, LINE_ROOM, from)) {
		size_t n = strlen(line);

		if (n == LINE_ROOM - 1 && line[n - 1] != '\n') {
			(void)fail(w, -E2BIG, "a line of the list is longer than %u bytes", LOOKUP_TEXT_MAX);
			return false;
		}
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0])
			return true;
	}
	if (ferror(from))
		(void)fail_errno(w, "the list");
	return false;
}

struct block {
	char text[BLOCK][LINE_ROOM];
	struct enrich items[BLOCK];
	size_t n;
};

static void read_block(FILE *from, struct block *b, struct why *w)
{
	memset(b->items, 0, sizeof(b->items));
	for (b->n = 0; b->n < BLOCK && read_line(from, b->text[b->n], w); b->n++)
		b->items[b->n].text = b->text[b->n];
}

static int run_block(const struct pools *p, const struct wanted *o, struct block *b, struct counts *counts,
		     struct why *w)
{
	int r = enrich_run(p->at, p->n, p->threads, &o->query, b->items, b->n, w);

	for (size_t i = 0; i < b->n; i++) {
		if (!r)
			print(&b->items[i]);
		counts->asked++;
		counts->found += b->items[i].start.n;
		counts->silent += b->items[i].related.silent != 0;
		enrich_free(&b->items[i]);
	}
	return r || !ferror(stdout) ? r : fail_errno(w, "output");
}

static int run(const struct pools *p, const struct wanted *o, FILE *from, struct counts *counts, struct why *w)
{
	AUTO_FREE struct block *b = calloc(1, sizeof(*b));
	struct why list = { 0 };
	int r = b ? 0 : fail(w, -ENOMEM, "out of memory");

	do {
		if (r)
			return r;
		read_block(from, b, &list);
		r = run_block(p, o, b, counts, w);
	} while (b->n == BLOCK);
	return r || !list.code ? r : fail(w, list.code, "%s", list.text);
}

static int open_pool(const struct store_opts *o, const struct intelconf *c, const struct machine *m, struct pools *p,
		     unsigned int i, struct why *w)
{
	struct pool_plan plan;
	int r = store_pool(o, c, m, &plan, &p->at[i], w);

	if (r)
		return r;
	cmd_pool_warn(&plan);
	p->threads = plan.size < p->threads ? plan.size : p->threads;
	return 0;
}

/* One that does not answer is told of, as long as there is another. */
static int open_pools(const struct store_opts *opts, const struct intelconf *c, const struct machine *m,
		      struct pools *p, struct why *w)
{
	unsigned int good = 0;
	int r = 0;

	p->n = servers_count(opts, c);
	p->threads = (unsigned int)m->cores * PER_CORE;
	for (unsigned int i = 0; i < p->n; i++) {
		const struct store_opts other = { .connect = c->servers[i].connect, .config = opts->config };
		struct why cause = { 0 };
		int one = open_pool(i == 0 ? opts : &other, c, m, p, i, &cause);

		good += one == 0;
		if (one && p->n > 1)
			log_warn("server %u: %s", i, cause.text);
		if (one && w && !w->code)
			*w = cause;
		r = r ? r : one;
	}
	if (good > 0 && w)
		*w = (struct why){ 0 };
	return good > 0 ? 0 : r;
}

static void close_pools(struct pools *p)
{
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->at[i] && connpool_look(p->at[i]).lowered[0])
			log_warn("connections lowered to %u: %s", connpool_look(p->at[i]).size,
				 connpool_look(p->at[i]).lowered);
		connpool_free(&p->at[i]);
	}
}

static int enrich(const struct store_opts *opts, const char *path, const struct wanted *o, struct counts *counts,
		  struct why *w)
{
	static struct intelconf c;
	AUTO_FILE *file = strcmp(path, "-") == 0 ? NULL : fopen(path, "re");
	struct pools pools = { 0 };
	struct machine m;
	int r;

	if (!file && strcmp(path, "-") != 0)
		return fail_errno(w, "%s", path);
	r = store_config(opts, &c, w);
	r = r ? r : machine_read(NULL, NULL, &m, w);
	r = r ? r : open_pools(opts, &c, &m, &pools, w);
	r = r ? r : run(&pools, o, file ? file : stdin, counts, w);
	close_pools(&pools);
	return r;
}

int cmd_enrich(int argc, char **argv)
{
	struct store_opts store = { 0 };
	struct counts counts = { 0 };
	struct wanted o = { 0 };
	struct why w = { 0 };
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "depth", .arg = "N", .help = "steps, 3 if not given", .value = &o.depth },
		{ .name = "kind",
		  .arg = "KIND",
		  .help = "of edges or nodes, as for related; may be repeated",
		  .list = &o.kinds },
		{ .name = "intel", .help = "without telemetry", .flag = &o.intel },
		{ .name = "limit", .arg = "N", .help = "answers for each, 1000 if not given", .value = &o.limit },
	};
	struct args args;
	int r = args_parse(
		PROGRAM " enrich FILE|- [--depth N] [--kind KIND] [--intel] [--limit N]",
		"For each line of a list (a key, TYPE:VALUE, a value or a name) print what is related to it as\n"
		"a line of JSON, in the order of the list. Several are asked for at a time.",
		opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	r = read_wanted(&o, &w);
	r = r ? r : enrich(&store, args.at[0], &o, &counts, &w);
	if (r)
		return why_report(&w, PROGRAM);
	(void)fprintf(stderr, PROGRAM ": %" PRIu64 " asked for, %" PRIu64 " known\n", counts.asked, counts.found);
	if (counts.silent)
		(void)fprintf(stderr, PROGRAM ": %" PRIu64 " answers lack the telemetry of a server that is silent\n",
			      counts.silent);
	return counts.silent ? EXIT_FAILED : EXIT_DONE;
}
