#include "updater/cmd_build.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/io.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/proc.h"
#include "updater/bundle.h"
#include "updater/decryptfile.h"
#include "updater/keyfile.h"
#include "updater/packer.h"
#include "updater/trustdir.h"

static int load_keys(const struct build_options *o, struct build *ret, struct why *w)
{
	for (size_t i = 0; i < o->keys.n; i++) {
		int r = keyfile_load(o->keys.at[i], o->password_file, &ret->keys[i], w);

		if (r)
			return r;
		ret->n_keys++;
		for (size_t k = 0; k < i; k++)
			if (memcmp(&ret->keys[k], &ret->keys[i], sizeof(ret->keys[i])) == 0)
				return misuse(w, -EINVAL, "%s: the key is given twice", o->keys.at[i]);
	}
	return 0;
}

static int load_recipients(const struct build_options *o, struct recipients *ret, struct why *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < o->encrypt_to.n; i++)
		r = recipients_load(ret, o->encrypt_to.at[i], w);
	recipients_sort(ret);
	return r;
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
	json_u64(&j, "copy_chunks", b->copy_chunks);
	json_u64(&j, "ref_chunks", b->ref_chunks);
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
	if (b->copy_chunks + b->ref_chunks > 0)
		(void)printf("from the old image: %" PRIu64 " chunks as they are, %" PRIu64 " in part\n", b->copy_chunks,
			     b->ref_chunks);
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

/* All of them have to follow from the first one, or no device would take the bundle. */
static int load_statements(const struct build_options *o, struct build *ret, struct why *w)
{
	struct trustset last;
	int r = 0;

	for (size_t i = 0; !r && i < o->trust_updates.n; i++)
		r = chain_add_file(o->trust_updates.at[i], &ret->statements, &ret->statements_n, w);
	if (r || o->trust_updates.n == 0)
		return r;
	r = trust_history(bytes_of(ret->statements, ret->statements_n), &last, w);
	return r ? why_in(w, r, "--trust-update") : 0;
}

static int write_manifest(const struct build *b, struct why *w)
{
	CLEANUP(source_close) struct source src = { 0 };
	CLEANUP(bundle_close) struct bundle bundle = { 0 };
	int r = source_file(b->options->output, &src, w);

	r = r ? r : bundle_open_unverified(&src, BUNDLE_WHOLE, &bundle, w);
	return r ? r
		 : file_replace(AT_FDCWD, b->options->manifest, bundle.manifest_text.p, bundle.manifest_text.n, 0644,
				w);
}

int build_begin(const struct build_options *o, struct build *ret, struct why *w)
{
	int r;

	ret->options = o;
	if (!o->output)
		return misuse(w, -EINVAL, "no name for the bundle: give -o FILE");
	if (o->keys.n == 0 && !o->manifest)
		return why_next(w, misuse(w, -EINVAL, "every bundle is signed: give --key FILE"),
				"'tandem key generate' makes a key");
	r = read_threads(o->threads, &ret->threads, w);
	r = r ? r : progress_style_parse(o->progress, &ret->style, w);
	r = r ? r : read_clock(&ret->clock, w);
	r = r ? r : load_recipients(o, &ret->to, w);
	r = r ? r : load_statements(o, ret, w);
	return r ? r : load_keys(o, ret, w);
}

void build_done(struct build *b)
{
	for (size_t i = 0; i < b->n_keys; i++)
		keys_wipe(&b->keys[i]);
	recipients_done(&b->to);
	free(b->statements);
}

int build_step(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	progress_step(&((struct build *)arg)->progress, done_bytes, total_bytes);
	return interrupt_seen() ? -ECANCELED : 0;
}

static void fill_in(struct build *b, struct bundle_job *job)
{
	job->keys = b->keys;
	job->n_keys = b->n_keys;
	job->to = &b->to;
	job->statements = bytes_of(b->statements, b->statements_n);
	job->path = b->options->output;
	job->threads = b->threads;
	job->clock = b->clock;
	job->step = build_step;
	job->arg = b;
}

int build_run(struct build *b, const char *what, struct bundle_job *job, struct why *w)
{
	struct bundle_written written = { 0 };
	uint64_t begun = now_ms(), elapsed;
	int r;

	interrupt_catch();
	fill_in(b, job);
	b->progress = progress_begin(what, b->style);
	r = bundle_write(job, &written, w);
	progress_end(&b->progress);
	elapsed = now_ms() - begun;
	if (!r && b->options->manifest)
		r = write_manifest(b, w);
	if (!r && b->options->as_json)
		r = report_json(job->path, &written, elapsed, b->style == PROGRESS_JSON, w);
	else if (!r && b->style != PROGRESS_JSON)
		report(job->path, &written, elapsed);
	return r;
}
