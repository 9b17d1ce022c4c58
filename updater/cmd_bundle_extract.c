/*
 * tandem bundle extract
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/io.h"
#include "base/json.h"
#include "base/progress.h"
#include "updater/bundle_walk.h"
#include "updater/cmd.h"
#include "updater/cmd_base.h"

#define USAGE "tandem bundle extract FILE [--manifest FILE] [--signature FILE] [--payload NAME -o FILE] ..."
#define HELP                                                                                                                  \
	"Take parts out of a bundle: the manifest and its signatures, as 'minisign -V -p KEY.pub -m MANIFEST -x SIGNATURE'\n" \
	"reads them, or the raw bytes of a payload. Without --trust or --key the bundle's signatures are not verified."

struct extract {
	struct trust_options trust;
	struct net_options net;
	const char *manifest;
	const char *signature;
	const char *signer;
	const char *payload;
	const char *output;
	const char *base;
	const char *progress;
	bool as_json;
};

/* The four lines of one key's signature. */
static int find_signature(const struct bundle *b, const char *signer, struct bytes *ret, struct why *w)
{
	struct bytes rest = b->signatures_text;
	char id[MINISIG_ID_HEX];

	while (rest.n > 0) {
		struct bytes begin = rest;
		struct minisig s;
		int r = minisig_parse(&rest, &s, w);

		if (r)
			return r;
		if (strcmp(minisig_id_format(&s.id, id), signer) == 0) {
			*ret = bytes_of(begin.p, begin.n - rest.n);
			return 0;
		}
	}
	return fail(w, -ENODATA, "no signature by key %s", signer);
}

static int write_texts(const struct extract *e, const struct bundle *b, struct why *w)
{
	struct bytes signature = b->signatures_text;
	int r = 0;

	if (e->signer)
		r = find_signature(b, e->signer, &signature, w);
	if (!r && e->signature)
		r = file_replace(AT_FDCWD, e->signature, signature.p, signature.n, 0644, w);
	if (!r && e->manifest)
		r = file_replace(AT_FDCWD, e->manifest, b->manifest_text.p, b->manifest_text.n, 0644, w);
	return r;
}

/* Where a payload's raw bytes go. */
struct written {
	struct progress progress;
	uint64_t total;
	int fd;
	const char *name;
};

static int put_chunk(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	struct written *k = arg;
	int r = 0;

	if (interrupt_seen())
		return fail(w, -ECANCELED, "interrupted");
	if (raw) /* zeros stay a hole */
		r = pwrite_full(k->fd, raw, c->raw_bytes, c->raw_offset, k->name, w);
	progress_step(&k->progress, c->raw_offset + c->raw_bytes, k->total);
	return r;
}

static int fill_payload(const struct bundle *b, const struct payload *p, int fd, const char *temp,
			struct base_reader *base, enum progress_style style, struct why *w)
{
	struct written k = {
		.progress = progress_begin("extract", style), .total = p->size_bytes, .fd = fd, .name = temp
	};
	const struct bundle_sink sink = { .put = put_chunk, .arg = &k, .base = base };
	int r;

	if (ftruncate(fd, (off_t)p->size_bytes))
		return fail_errno(w, "%s: size", temp);
	interrupt_catch();
	r = bundle_walk(b, p, &sink, w);
	progress_end(&k.progress);
	if (!r && fsync(fd))
		r = fail_errno(w, "%s: fsync", temp);
	return r;
}

/* By temp name and rename: a damaged bundle leaves nothing behind. */
static int write_payload(const struct extract *e, const struct bundle *b, enum progress_style style, struct why *w)
{
	const struct payload *p = manifest_find(&b->manifest, e->payload);
	CLEANUP(base_given_done) struct base_given base = { .image = UNPACKED_NONE };
	char temp[PATH_MAX];
	int r;

	if (!p)
		return fail(w, -ENODATA, "no payload '%s' in the bundle", e->payload);
	if (snprintf(temp, sizeof(temp), "%s.tmp", e->output) >= (int)sizeof(temp))
		return misuse(w, -ENAMETOOLONG, "%s: name too long", e->output);
	r = base_given_open(e->base, p, &e->trust, &e->net, &base, w);
	if (r)
		return r;
	if (unlink(temp) && errno != ENOENT)
		return fail_errno(w, "%s: left over, cannot be removed", temp);
	AUTO_FD fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(w, "%s: create", temp);
	r = fill_payload(b, p, fd, temp, base.open ? &base.reader : NULL, style, w);
	r = r ? r : close_checked(&fd, temp, w);
	if (!r && rename(temp, e->output))
		r = fail_errno(w, "%s: rename", e->output);
	if (r)
		(void)unlink(temp);
	return r == -EOPNOTSUPP ? why_next(w, r, "--base FILE names the bundle or image that it was made for") : r;
}

static int report_json(const char *path, const struct extract *e, bool verified, bool line, struct why *w)
{
	struct json j = { .to = stdout, .line = line };

	json_object(&j, NULL);
	json_string(&j, "file", path);
	json_bool(&j, "verified", verified);
	json_string(&j, "manifest_file", e->manifest);
	json_string(&j, "signature_file", e->signature);
	json_string(&j, "payload", e->payload);
	json_string(&j, "payload_file", e->output);
	json_end(&j);
	return json_finish(&j, w);
}

static int extract(const char *path, const struct extract *e, struct why *w)
{
	CLEANUP(opened_done) struct opened o = { 0 };
	enum progress_style style = PROGRESS_NONE;
	int r;

	if (!e->manifest && !e->signature && !e->payload)
		return misuse(w, -EINVAL, "extract what? give --manifest, --signature or --payload");
	if (!e->payload != !e->output)
		return misuse(w, -EINVAL, "--payload NAME and -o FILE go together");
	if (e->signer && !e->signature)
		return misuse(w, -EINVAL, "--signer chooses a signature: give --signature FILE as well");
	r = progress_style_parse(e->progress, &style, w);
	r = r ? r : open_bundle(path, &e->trust, &e->net, &o, w);
	if (!r && !o.bundle.verified)
		(void)fprintf(stderr, "tandem bundle extract: the signatures of %s are not verified\n", path);
	if (!r && e->payload)
		r = open_ahead(&o, w);
	if (!r && e->payload)
		r = opened_need_key(&o, w);
	r = r ? r : write_texts(e, &o.bundle, w);
	if (!r && e->payload)
		r = write_payload(e, &o.bundle, style, w);
	return r || !e->as_json ? r : report_json(path, e, o.bundle.verified, style == PROGRESS_JSON, w);
}

int cmd_bundle_extract(int argc, char **argv)
{
	struct extract e = { 0 };
	const struct opt opts[] = {
		{ .name = "manifest", .arg = "FILE", .help = "write the manifest there", .value = &e.manifest },
		{ .name = "signature", .arg = "FILE", .help = "write the signatures there", .value = &e.signature },
		{ .name = "signer", .arg = "ID", .help = "only the signature by this key", .value = &e.signer },
		{ .name = "payload",
		  .arg = "NAME",
		  .help = "write a payload's raw bytes to -o FILE",
		  .value = &e.payload },
		{ .name = "output",
		  .letter = 'o',
		  .arg = "FILE",
		  .help = "where the payload goes",
		  .value = &e.output },
		BASE_OPTION(e.base),
		TRUST_OPTIONS(e.trust),
		NET_OPTIONS(e.net),
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &e.progress },
		{ .name = "json", .help = "print JSON at the end", .flag = &e.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = extract(args.at[0], &e, &w);
	return r ? why_report(&w, "tandem bundle extract") : EXIT_DONE;
}
