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
#include "bootstage/intel/store.h"
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
	uint64_t asked, found;
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

static int run_block(struct connpool *pool, unsigned int threads, const struct wanted *o, struct block *b,
		     struct counts *counts, struct why *w)
{
	int r = enrich_run(pool, threads, &o->query, b->items, b->n, w);

	for (size_t i = 0; i < b->n; i++) {
		if (!r)
			print(&b->items[i]);
		counts->asked++;
		counts->found += b->items[i].start.n;
		enrich_free(&b->items[i]);
	}
	return r || !ferror(stdout) ? r : fail_errno(w, "output");
}

static int run(struct connpool *pool, unsigned int threads, const struct wanted *o, FILE *from, struct counts *counts,
	       struct why *w)
{
	AUTO_FREE struct block *b = calloc(1, sizeof(*b));
	struct why list = { 0 };
	int r = b ? 0 : fail(w, -ENOMEM, "out of memory");

	do {
		if (r)
			return r;
		read_block(from, b, &list);
		r = run_block(pool, threads, o, b, counts, w);
	} while (b->n == BLOCK);
	return r || !list.code ? r : fail(w, list.code, "%s", list.text);
}

static int enrich(const struct store_opts *opts, const char *path, const struct wanted *o, struct counts *counts,
		  struct why *w)
{
	AUTO_FILE *file = strcmp(path, "-") == 0 ? NULL : fopen(path, "re");
	AUTO_CONNPOOL *pool = NULL;
	struct pool_plan plan;
	struct intelconf c;
	struct machine m;
	unsigned int threads;
	int r;

	if (!file && strcmp(path, "-") != 0)
		return fail_errno(w, "%s", path);
	r = store_config(opts, &c, w);
	r = r ? r : machine_read(NULL, NULL, &m, w);
	r = r ? r : store_pool(opts, &c, &m, &plan, &pool, w);
	if (r)
		return r;
	threads = m.cores * PER_CORE < plan.size ? (unsigned int)m.cores * PER_CORE : plan.size;
	cmd_pool_warn(&plan);
	r = run(pool, threads, o, file ? file : stdin, counts, w);
	if (connpool_look(pool).lowered[0])
		log_warn("connections lowered to %u: %s", connpool_look(pool).size, connpool_look(pool).lowered);
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
	return EXIT_DONE;
}
