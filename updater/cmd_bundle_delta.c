/*
 * tandem bundle delta
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/interrupt.h"
#include "base/parse.h"
#include "updater/cmd.h"
#include "updater/cmd_build.h"
#include "updater/cmd_open.h"
#include "updater/delta_index.h"
#include "updater/unpacked.h"

#define USAGE "tandem bundle delta OLD NEW -o FILE --key FILE [--key FILE ...] [--trust DIR] [--level N] ..."
#define HELP                                                                                                                \
	"Build a bundle that installs what NEW does on machines that run OLD, and is as small as the difference. OLD and\n" \
	"NEW are full bundles, signed by one of the keys given, or by one in --trust DIR. Images are made from the ones\n"  \
	"in OLD; other payloads are taken over."

#define DELTA_CHUNK_BYTES (512u << 10) /* docs/formats/delta.md has the figures behind these */
#define DELTA_LEVEL       19

struct options {
	struct build_options build;
	struct trust_options trust; /* dir and decrypt */
	const char *level;
	const char *chunk_size;
};

/* Everything that is open while a delta is made. */
struct delta {
	const struct options *o;
	struct build build;
	uint32_t chunk_bytes;
	struct opened old, new;
	struct recipe recipe;
	struct unpacked olds[MANIFEST_PAYLOADS_MAX], news[MANIFEST_PAYLOADS_MAX];
	struct delta_index indexes[MANIFEST_PAYLOADS_MAX];
	struct bundle_base bases[MANIFEST_PAYLOADS_MAX];
	uint64_t done, total; /* bytes of payloads that were unpacked; all of them */
	size_t memory;        /* of the indexes */
};

static void delta_done(struct delta *d)
{
	for (size_t i = 0; i < MANIFEST_PAYLOADS_MAX; i++) {
		delta_index_done(&d->indexes[i]);
		unpacked_done(&d->olds[i]);
		unpacked_done(&d->news[i]);
	}
	recipe_done(&d->recipe);
	opened_done(&d->old);
	opened_done(&d->new);
	build_done(&d->build);
	free(d);
}

static void delta_auto(struct delta **d)
{
	if (*d)
		delta_done(*d);
}

/* What is signed with a key may be used for making what is signed with it again. */
static int believe(const struct delta *d, struct trust *ret, struct why *w)
{
	int r = 0;

	ret->threshold = 1;
	if (d->o->trust.dir)
		r = trust_add_dir(ret, d->o->trust.dir, w);
	for (size_t i = 0; !r && i < d->build.n_keys; i++) {
		struct minisig_key key = keys_public(&d->build.keys[i]);

		r = trust_add(ret, &key, "signing keys", w);
	}
	return r;
}

static int open_one(const struct delta *d, const char *path, struct opened *ret, struct why *w)
{
	int r = believe(d, &ret->trust, w);

	ret->options = &d->o->trust;
	r = r ? r : source_file(path, &ret->src, w);
	r = r ? r : bundle_open(&ret->src, BUNDLE_WHOLE, &ret->trust, &ret->bundle, w);
	r = r ? r : opened_need_key(ret, w);
	for (size_t i = 0; !r && i < ret->bundle.manifest.n_payloads; i++)
		if (ret->bundle.manifest.payloads[i].base_bytes)
			r = misuse(w, -EINVAL, "%s is a delta itself: give the full bundle", path);
	return r;
}

static int open_both(struct delta *d, const char *old, const char *new, struct why *w)
{
	const struct manifest *o = &d->old.bundle.manifest, *n = &d->new.bundle.manifest;
	int r = open_one(d, old, &d->old, w);

	r = r ? r : open_one(d, new, &d->new, w);
	if (r)
		return r;
	if (strcmp(o->compatible, n->compatible) != 0)
		return misuse(w, -EINVAL, "%s is for '%s', %s for '%s'", old, o->compatible, new, n->compatible);
	if (n->encryption.recipients && d->o->build.encrypt_to.n == 0)
		return misuse(w, -EINVAL, "%s is encrypted: give --encrypt-to FILE for the delta as well", new);
	return 0;
}

/* What runs where p is going to be installed: the image of the other slot, which is the same one when it is for both. */
static const struct payload *counterpart(const struct delta *d, const struct payload *p)
{
	const struct manifest *m = &d->old.bundle.manifest;
	const struct payload *found = NULL;
	char other = p->slot == 'a' ? 'b' : p->slot == 'b' ? 'a' : '\0';

	if (p->kind != PAYLOAD_IMAGE)
		return NULL;
	for (size_t i = 0; i < m->n_payloads; i++) {
		if (m->payloads[i].kind != PAYLOAD_IMAGE || (m->payloads[i].slot && m->payloads[i].slot != other))
			continue;
		if (found)
			return NULL; /* it would depend on the slot */
		found = &m->payloads[i];
	}
	return found;
}

static int unpack_step(void *arg, uint64_t done_bytes)
{
	struct delta *d = arg;

	return build_step(&d->build, d->done + done_bytes, d->total);
}

static int unpack(struct delta *d, const struct bundle *b, const struct payload *p, struct unpacked *ret, struct why *w)
{
	int r = unpacked_payload(b, p, unpack_step, d, ret, w);

	d->done += p->size_bytes;
	return r;
}

/* A payload of the new bundle: where its bytes are, and for a delta the base and its index. */
static int add_payload(struct delta *d, size_t i, struct why *w)
{
	const struct payload *from = &d->new.bundle.manifest.payloads[i], *base = counterpart(d, from);
	struct payload *p = &d->recipe.manifest.payloads[i];
	int r = unpack(d, &d->new.bundle, from, &d->news[i], w);

	*p = *from;
	if (!r && asprintf(&d->recipe.files[i], "/proc/self/fd/%d", d->news[i].fd) < 0) {
		d->recipe.files[i] = NULL;
		r = fail(w, -ENOMEM, "out of memory");
	}
	if (r || !base)
		return r;
	p->base_bytes = base->size_bytes;
	p->base_hash = base->raw_hash;
	p->chunk_bytes = d->chunk_bytes;
	p->group_bytes = d->chunk_bytes;
	r = unpack(d, &d->old.bundle, base, &d->olds[i], w);
	r = r ? r : unpacked_map(&d->olds[i], w);
	r = r ? r : unpacked_map(&d->news[i], w);
	r = r ? r : delta_index_new(d->olds[i].map, d->build.threads, &d->indexes[i], w);
	d->bases[i] = (struct bundle_base){ .index = &d->indexes[i], .image = d->news[i].map };
	d->memory += d->indexes[i].bytes;
	return r;
}

static int add_payloads(struct delta *d, struct why *w)
{
	const struct manifest *m = &d->new.bundle.manifest;
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < m->n_payloads; i++) {
		const struct payload *base = counterpart(d, &m->payloads[i]);

		any = any || base;
		d->total += m->payloads[i].size_bytes + (base ? base->size_bytes : 0);
	}
	if (!any)
		return misuse(w, -ENODATA, "%s has no image that one in %s can be made from", d->old.src.name,
			      d->new.src.name);
	d->recipe.manifest = *m;
	d->recipe.manifest.encryption = (struct encryption){ 0 };
	d->recipe.manifest.payloads = calloc(m->n_payloads, sizeof(*m->payloads));
	if (!d->recipe.manifest.payloads)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < m->n_payloads; i++)
		r = add_payload(d, i, w);
	return r;
}

static int read_level(const char *text, int *ret, struct why *w)
{
	uint64_t level = DELTA_LEVEL;
	int r = text ? parse_u64(text, INT32_MAX, &level, w) : 0;

	if (r) {
		w->exit = EXIT_USAGE;
		return why_in(w, r, "--level");
	}
	*ret = (int)level;
	return 0;
}

static int read_chunk_size(const char *text, uint32_t *ret, struct why *w)
{
	uint64_t bytes = DELTA_CHUNK_BYTES;
	int r = text ? parse_size(text, &bytes, w) : 0;

	if (!r && (bytes == 0 || bytes % CHUNK_ALIGN || bytes > CHUNK_BYTES_MAX))
		r = fail(w, -EINVAL, "%s: not a multiple of %u up to %u", text, CHUNK_ALIGN, CHUNK_BYTES_MAX);
	if (r) {
		w->exit = EXIT_USAGE;
		return why_in(w, r, "--chunk-size");
	}
	*ret = (uint32_t)bytes;
	return 0;
}

/* What the machine that builds has to have. */
static void report_memory(const struct delta *d)
{
	struct rusage used = { 0 };
	char index[16], peak[16];

	if (d->build.style == PROGRESS_JSON || d->o->build.as_json || getrusage(RUSAGE_SELF, &used))
		return;
	(void)printf("memory: %s for the index; %s at the most, mapped images included\n",
		     format_size(d->memory, index), format_size((uint64_t)used.ru_maxrss << 10, peak));
}

static int make_delta(const char *old, const char *new, const struct options *o, struct why *w)
{
	CLEANUP(delta_auto) struct delta *d = calloc(1, sizeof(*d));
	struct bundle_job job = { 0 };
	int r;

	if (!d)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < MANIFEST_PAYLOADS_MAX; i++)
		d->olds[i] = d->news[i] = UNPACKED_NONE;
	d->o = o;
	r = build_begin(&o->build, &d->build, w);
	r = r ? r : read_level(o->level, &d->recipe.level, w);
	r = r ? r : read_chunk_size(o->chunk_size, &d->chunk_bytes, w);
	r = r ? r : open_both(d, old, new, w);
	if (r)
		return r;
	interrupt_catch();
	d->build.progress = progress_begin("unpack", d->build.style);
	r = add_payloads(d, w);
	progress_end(&d->build.progress);
	job = (struct bundle_job){ .recipe = &d->recipe, .bases = d->bases };
	r = r ? r : build_run(&d->build, "delta", &job, w);
	if (!r)
		report_memory(d);
	return r;
}

int cmd_bundle_delta(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt opts[] = {
		BUILD_OPTIONS(o.build),
		{ .name = "trust",
		  .arg = "DIR",
		  .help = "believe bundles by the public keys (*.pub) in DIR as well",
		  .value = &o.trust.dir },
		{ .name = "decrypt-with",
		  .arg = "FILE",
		  .help = "secret key for encrypted bundles; may be repeated",
		  .list = &o.trust.decrypt },
		{ .name = "chunk-size",
		  .arg = "SIZE",
		  .help = "longest chunk; 512K if not given",
		  .value = &o.chunk_size },
		{ .name = "level", .arg = "N", .help = "of zstd; 19 if not given", .value = &o.level },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 2, 2, &args);

	if (r >= 0)
		return r;
	r = make_delta(args.at[0], args.at[1], &o, &w);
	return r ? why_report(&w, "tandem bundle delta") : EXIT_DONE;
}
