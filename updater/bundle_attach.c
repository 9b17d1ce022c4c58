#include "updater/bundle_attach.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/io.h"
#include "updater/bundle.h"

#define COPY_BYTES (1u << 20)

struct attach {
	const struct attach_job *job;
	struct source src;
	struct bundle old;
	struct bundle_header header; /* the new one */
	uint8_t *signatures;         /* all of them; owned */
	size_t signatures_n;
	char temp[PATH_MAX];
	bool has_temp;
	int in, out;
};

static const struct minisig_key *find(const struct trust *t, const struct minisig_id *id)
{
	for (size_t i = 0; i < t->n; i++)
		if (minisig_id_equal(&t->keys[i].id, id))
			return &t->keys[i];
	return NULL;
}

/* A good signature of the manifest, by one of the keys, that is not there yet. */
static int check_one(const struct attach *a, const struct minisig *s, struct why *w)
{
	const struct minisig_key *key = find(a->job->keys, &s->id);
	struct signers there = { 0 };
	char id[MINISIG_ID_HEX];
	uint8_t prehash[64];
	int r;

	(void)minisig_id_format(&s->id, id);
	if (!key) {
		(void)refuse(w, -EKEYREJECTED, "signature by key %s, whose public half was not given", id);
		return why_next(w, -EKEYREJECTED, "give it by --key FILE or --trust DIR");
	}
	minisig_prehash(a->old.manifest_text, prehash);
	r = minisig_check(s, key, prehash, w);
	r = r ? r : signatures_list(bytes_of(a->signatures, a->signatures_n), &there, w);
	for (size_t i = 0; !r && i < there.n; i++)
		if (minisig_id_equal(&there.at[i].id, &s->id))
			r = refuse(w, -EEXIST, "key %s has signed already", id);
	return r;
}

static int add_one(struct attach *a, struct bytes text, struct why *w)
{
	struct bytes rest = text;
	struct minisig s;
	uint8_t *more;
	size_t n;
	int r = minisig_parse(&rest, &s, w);

	r = r ? r : check_one(a, &s, w);
	if (r)
		return r;
	n = text.n - rest.n;
	if (a->signatures_n + n + 1 > BUNDLE_SIGNATURES_MAX)
		return fail(w, -E2BIG, "too many signatures");
	more = realloc(a->signatures, a->signatures_n + n + 1);
	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(more + a->signatures_n, text.p, n);
	a->signatures = more;
	a->signatures_n += n;
	if (more[a->signatures_n - 1] != '\n')
		more[a->signatures_n++] = '\n';
	return 0;
}

static int open_old(struct attach *a, struct why *w)
{
	struct bytes old;
	int r = source_file(a->job->path, &a->src, w);

	r = r ? r : bundle_open_unverified(&a->src, BUNDLE_WHOLE, &a->old, w);
	if (r)
		return r;
	old = a->old.signatures_text;
	a->signatures = malloc(old.n + 1);
	if (!a->signatures)
		return fail(w, -ENOMEM, "out of memory");
	if (old.n > 0)
		memcpy(a->signatures, old.p, old.n);
	a->signatures_n = old.n;
	a->in = open(a->job->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return a->in < 0 ? fail_errno(w, "%s", a->job->path) : 0;
}

static struct bytes statements(const struct attach *a)
{
	return a->job->statements.n ? a->job->statements : a->old.trust_text;
}

static int plan(struct attach *a, struct why *w)
{
	uint8_t raw[BUNDLE_HEADER_BYTES];

	a->header = a->old.header;
	a->header.trust_bytes = statements(a).n;
	a->header.signatures_bytes = a->signatures_n;
	a->header.payload_offset = bundle_header_payload_at(&a->header);
	bundle_header_format(&a->header, raw);
	return bundle_header_parse(bytes_of(raw, sizeof(raw)), &a->header, w); /* its limits hold here as well */
}

static int create_temp(struct attach *a, struct why *w)
{
	if (snprintf(a->temp, sizeof(a->temp), "%s.tmp", a->job->output) >= (int)sizeof(a->temp))
		return misuse(w, -ENAMETOOLONG, "%s: name too long", a->job->output);
	if (unlink(a->temp) && errno != ENOENT)
		return fail_errno(w, "%s: left over, cannot be removed", a->temp);
	a->out = open(a->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (a->out < 0)
		return fail_errno(w, "%s: create", a->temp);
	a->has_temp = true;
	return 0;
}

/* Where the kernel cannot copy by itself. */
static int copy_by_hand(struct attach *a, uint64_t from, uint64_t to, uint64_t n, struct why *w)
{
	AUTO_FREE uint8_t *buf = malloc(COPY_BYTES);
	int r = buf ? 0 : fail(w, -ENOMEM, "out of memory");

	while (!r && n > 0) {
		size_t step = n < COPY_BYTES ? (size_t)n : COPY_BYTES;

		r = pread_full(a->in, buf, step, from, a->job->path, w);
		r = r ? r : pwrite_full(a->out, buf, step, to, a->temp, w);
		from += step;
		to += step;
		n -= step;
	}
	return r;
}

static int copy(struct attach *a, uint64_t from, uint64_t to, uint64_t n, struct why *w)
{
	while (n > 0) {
		off_t in = (off_t)from, out = (off_t)to;
		ssize_t done = copy_file_range(a->in, &in, a->out, &out, n < SSIZE_MAX ? (size_t)n : SSIZE_MAX, 0);

		if (done <= 0)
			return copy_by_hand(a, from, to, n, w);
		from += (uint64_t)done;
		to += (uint64_t)done;
		n -= (uint64_t)done;
	}
	return 0;
}

static int put(struct attach *a, struct bytes part, uint64_t at, struct why *w)
{
	return part.n ? pwrite_full(a->out, part.p, part.n, at, a->temp, w) : 0;
}

static int write_all(struct attach *a, struct why *w)
{
	const struct bundle_header *h = &a->header, *old = &a->old.header;
	uint8_t raw[BUNDLE_HEADER_BYTES];
	int r;

	bundle_header_format(h, raw);
	r = put(a, bytes_of(raw, sizeof(raw)), 0, w);
	r = r ? r : put(a, statements(a), BUNDLE_HEADER_BYTES, w);
	r = r ? r : put(a, bytes_of(a->signatures, a->signatures_n), bundle_header_signatures_at(h), w);
	r = r ? r : put(a, a->old.manifest_text, bundle_header_manifest_at(h), w);
	r = r ? r : copy(a, bundle_header_tables_at(old), bundle_header_tables_at(h), h->tables_bytes, w);
	r = r ? r : copy(a, old->payload_offset, h->payload_offset, h->payload_bytes, w);
	if (!r && ftruncate(a->out, (off_t)(h->payload_offset + h->payload_bytes))) /* the padding may be its end */
		r = fail_errno(w, "%s: size", a->temp);
	return r;
}

/* As others will read it: the manifest is the old one, and who signed it. */
static int read_back(const struct attach *a, struct signers *ret, struct why *w)
{
	struct source src = { 0 };
	struct bundle b = { 0 };
	int r = source_file(a->temp, &src, w);

	r = r ? r : bundle_open_id(&src, BUNDLE_WHOLE, &a->old.id, &b, w);
	r = r ? r : signatures_count(a->job->keys, b.manifest_text, bytes_of(a->signatures, a->signatures_n), ret, w);
	bundle_close(&b);
	source_close(&src);
	return r;
}

static int publish(struct attach *a, struct why *w)
{
	char folder[PATH_MAX];
	int r;

	if (fsync(a->out))
		return fail_errno(w, "%s: fsync", a->temp);
	r = close_checked(&a->out, a->temp, w);
	if (!r && rename(a->temp, a->job->output))
		r = fail_errno(w, "%s: rename", a->job->output);
	if (r)
		return r;
	a->has_temp = false;
	memcpy(folder, a->temp, sizeof(folder));
	return dir_sync(dirname(folder), w);
}

static int run(struct attach *a, struct signers *ret, struct why *w)
{
	int r = open_old(a, w);

	for (size_t i = 0; !r && i < a->job->n_added; i++)
		r = add_one(a, a->job->added[i], w);
	r = r ? r : plan(a, w);
	r = r ? r : create_temp(a, w);
	r = r ? r : write_all(a, w);
	r = r ? r : read_back(a, ret, w);
	return r ? r : publish(a, w);
}

int bundle_attach(const struct attach_job *job, struct signers *ret, struct why *w)
{
	AUTO_FREE struct attach *a = calloc(1, sizeof(*a));
	struct signers signers = { 0 };
	int r;

	if (!a)
		return fail(w, -ENOMEM, "out of memory");
	a->job = job;
	a->in = -1;
	a->out = -1;
	r = run(a, &signers, w);
	if (!r) /* the ids and counts; the comments were in what is freed now */
		for (size_t i = 0; i < signers.n; i++)
			signers.at[i].comment = (struct bytes){ 0 };
	if (a->has_temp)
		(void)unlink(a->temp);
	auto_close(&a->in);
	auto_close(&a->out);
	free(a->signatures);
	bundle_close(&a->old);
	source_close(&a->src);
	if (!r)
		*ret = signers;
	return r;
}
