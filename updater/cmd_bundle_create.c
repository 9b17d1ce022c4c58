/*
 * tandem bundle create
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/progress.h"
#include "updater/bundle_write.h"
#include "updater/cmd.h"
#include "updater/keyfile.h"
#include "updater/packer.h"

#define USAGE "tandem bundle create --config FILE -o FILE --key FILE [--key FILE ...] [--password-file FILE] ..."
#define HELP                                                                                                             \
	"Build a bundle from what bundle.conf names and sign it with each key. The bundle appears under its name only\n" \
	"when it is whole. SOURCE_DATE_EPOCH, when set, is the time in the signatures."

struct create {
	const char *config;
	const char *output;
	struct args_list keys;
	const char *password_file;
	const char *threads;
	const char *progress;
	bool as_json;
};

struct keys {
	struct secret_key at[ARGS_LIST_MAX];
	size_t n;
};

static void wipe_all(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		keys_wipe(&k->at[i]);
}

static int load_keys(const struct create *c, struct keys *ret, struct why *w)
{
	for (size_t i = 0; i < c->keys.n; i++) {
		int r = keyfile_load(c->keys.at[i], c->password_file, &ret->at[i], w);

		if (r)
			return r;
		ret->n++;
		for (size_t k = 0; k < i; k++)
			if (memcmp(&ret->at[k], &ret->at[i], sizeof(ret->at[i])) == 0)
				return misuse(w, -EINVAL, "%s: the key is given twice", c->keys.at[i]);
	}
	return 0;
}

static unsigned int usable_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned int)CPU_COUNT(&set);
}

/* Now, or what the build says now is (https://reproducible-builds.org/specs/source-date-epoch). */
static int read_clock(int64_t *ret, struct why *w)
{
	const char *fixed = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds = 0;
	int r;

	if (!fixed) {
		*ret = (int64_t)time(NULL);
		return 0;
	}
	r = parse_u64(fixed, INT64_MAX, &seconds, w);
	if (r)
		return why_in(w, r, "SOURCE_DATE_EPOCH");
	*ret = (int64_t)seconds;
	return 0;
}

static int step(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	progress_step(arg, done_bytes, total_bytes);
	return interrupt_seen() ? -ECANCELED : 0;
}

static int report_json(const char *path, const struct bundle_written *b, uint64_t elapsed_ms, bool line, struct why *w)
{
	struct json j = { .to = stdout, .line = line };
	char id[2 * HASH_BYTES + 1];

	json_object(&j, NULL);
	json_string(&j, "file", path);
	json_string(&j, "id", format_hex(b->id.b, sizeof(b->id.b), id));
	json_u64(&j, "size_bytes", b->bundle_bytes);
	json_u64(&j, "raw_bytes", b->raw_bytes);
	json_u64(&j, "chunks", b->chunks);
	json_u64(&j, "zero_chunks", b->zero_chunks);
	json_u64(&j, "equal_chunks", b->equal_chunks);
	json_u64(&j, "raw_chunks", b->raw_chunks);
	json_u64(&j, "elapsed_ms", elapsed_ms);
	json_end(&j);
	return json_finish(&j, w);
}

static void report(const char *path, const struct bundle_written *b, uint64_t elapsed_ms)
{
	char size[16], raw[16], id[2 * HASH_BYTES + 1];

	(void)printf("%s: %s from %s in %" PRIu64 ".%" PRIu64 " s\n", path, format_size(b->bundle_bytes, size),
		     format_size(b->raw_bytes, raw), elapsed_ms / 1000, elapsed_ms % 1000 / 100);
	(void)printf("chunks: %" PRIu64 ", of them %" PRIu64 " zero, %" PRIu64 " there already, %" PRIu64
		     " stored uncompressed\n",
		     b->chunks, b->zero_chunks, b->equal_chunks, b->raw_chunks);
	(void)printf("id: %s\n", format_hex(b->id.b, sizeof(b->id.b), id));
}

static int read_threads(const char *option, unsigned int *ret, struct why *w)
{
	uint64_t n = usable_cpus();
	int r = option ? parse_u64(option, PACKER_THREADS_MAX, &n, w) : 0;

	if (r)
		return why_in(w, r, "--threads");
	*ret = (unsigned int)n;
	return 0;
}

static int write_it(const struct create *c, const struct recipe *recipe, const struct keys *keys, struct why *w)
{
	struct bundle_job job = {
		.recipe = recipe, .keys = keys->at, .n_keys = keys->n, .path = c->output, .step = step
	};
	enum progress_style style = PROGRESS_NONE;
	struct bundle_written written = { 0 };
	uint64_t begun = now_ms();
	struct progress progress;
	int r;

	r = read_threads(c->threads, &job.threads, w);
	r = r ? r : progress_style_parse(c->progress, &style, w);
	r = r ? r : read_clock(&job.clock, w);
	if (r)
		return r;
	interrupt_catch();
	progress = progress_begin("create", style);
	job.arg = &progress;
	r = bundle_write(&job, &written, w);
	progress_end(&progress);
	if (!r && c->as_json)
		r = report_json(c->output, &written, now_ms() - begun, style == PROGRESS_JSON, w);
	else if (!r && style != PROGRESS_JSON)
		report(c->output, &written, now_ms() - begun);
	return r;
}

static int create(const struct create *c, struct why *w)
{
	CLEANUP(wipe_all) struct keys keys = { 0 };
	CLEANUP(recipe_done) struct recipe recipe = { 0 };
	int r;

	if (!c->config || !c->output)
		return misuse(w, -EINVAL,
			      c->config ? "no name for the bundle: give -o FILE"
					: "what goes into the bundle? give --config FILE");
	if (c->keys.n == 0)
		return why_next(w, misuse(w, -EINVAL, "every bundle is signed: give --key FILE"),
				"'tandem key generate' makes a key");
	r = recipe_read(c->config, &recipe, w);
	r = r ? r : load_keys(c, &keys, w);
	return r ? r : write_it(c, &recipe, &keys, w);
}

int cmd_bundle_create(int argc, char **argv)
{
	struct create c = { 0 };
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "bundle.conf: what goes in", .value = &c.config },
		{ .name = "output", .letter = 'o', .arg = "FILE", .help = "the bundle", .value = &c.output },
		{ .name = "key", .arg = "FILE", .help = "secret key to sign with; may be repeated", .list = &c.keys },
		{ .name = "password-file",
		  .arg = "FILE",
		  .help = "the first line of FILE unlocks the keys",
		  .value = &c.password_file },
		{ .name = "threads",
		  .arg = "N",
		  .help = "that pack; all processors if not given",
		  .value = &c.threads },
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &c.progress },
		{ .name = "json", .help = "print JSON at the end", .flag = &c.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = create(&c, &w);
	return r ? why_report(&w, "tandem bundle create") : EXIT_DONE;
}
