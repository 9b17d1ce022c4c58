/*
 * tandem bundle info | verify
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/progress.h"
#include "updater/bundle_walk.h"
#include "updater/cmd.h"
#include "updater/cmd_base.h"
#include "updater/trustchain.h"

#define RECIPIENTS_SHOWN 16u

#define INFO_USAGE "tandem bundle info FILE|URL|- [--trust DIR | --key FILE ...] [--threshold N] [--json] ..."
#define INFO_HELP                                                                                                       \
	"Show what a bundle is, what it carries and who signed it. Without --trust or --key nothing is verified, and\n" \
	"the output says so."
#define VERIFY_USAGE "tandem bundle verify FILE|URL|- (--trust DIR | --key FILE ...) [--threshold N] [--base FILE] ..."
#define VERIFY_HELP                                                                                                        \
	"Check all of a bundle: its signatures, its tables, and each chunk, which is decoded and compared with the hash\n" \
	"of its raw bytes."

/* A trusted comment, which an untrusted bundle can fill with anything printable. */
static void comment_text(const struct signer *s, char out[MINISIG_TRUSTED_MAX + 1])
{
	(void)snprintf(out, MINISIG_TRUSTED_MAX + 1, "%.*s", (int)s->comment.n, (const char *)s->comment.p);
}

static void print_signers(const struct bundle *b)
{
	char id[MINISIG_ID_HEX], comment[MINISIG_TRUSTED_MAX + 1];

	for (size_t i = 0; i < b->signers.n; i++) {
		const struct signer *s = &b->signers.at[i];

		comment_text(s, comment);
		(void)printf("signature:   %s, %s: %s\n", minisig_id_format(&s->id, id),
			     s->trusted ? "good, trusted key" : "not verified", comment);
	}
}

/* Each trust statement that travels with it, by its own word: only a device knows whether it follows there. */
static void each_statement(const struct bundle *b, struct json *j)
{
	struct bytes rest = b->trust_text;
	struct statement s;
	bool more = true;

	while (more && rest.n > 0) {
		struct trustset set = { 0 };
		struct why why = { 0 };

		more = statement_next(&rest, &s, &why) == 0;
		if (more)
			IGNORE(trust_own(&s, &set, &why)); /* `why` has the result */
		if (!j) {
			(void)printf("trust set:   %" PRIu64 "%s%s, %s\n", more ? s.epoch : 0,
				     set.product[0] ? " for " : "", set.product,
				     why.code ? why.text : "signed by its own roots");
			continue;
		}
		json_object(j, NULL);
		json_u64(j, "epoch", more ? s.epoch : 0);
		json_text(j, "product", set.product);
		json_u64(j, "keys", set.n);
		json_string(j, "error", why.code ? why.text : NULL);
		json_end(j);
	}
}

static void print_payload(const struct payload *p, bool unlocked)
{
	char size[16], chunk[16], base[2 * HASH_BYTES + 1];

	(void)printf("payload %s: %s", p->name, payload_kind_name(p->kind));
	if (p->file_name[0])
		(void)printf(" %s", p->file_name);
	if (p->slot)
		(void)printf(" for slot %c", p->slot);
	(void)printf(", %s (%" PRIu64 " bytes) in %" PRIu64 " chunks of at most %s", format_size(p->size_bytes, size),
		     p->size_bytes, p->chunks, format_size(p->chunk_bytes, chunk));
	if (p->group_bytes > p->chunk_bytes)
		(void)printf(" in groups of %s", format_size(p->group_bytes, chunk));
	if (p->kind == PAYLOAD_TREE)
		(void)printf(", unpacks to %s in %" PRIu64 " members", format_size(p->tree_bytes, size),
			     p->tree_entries);
	if (p->base_bytes)
		(void)printf(", made from the image of %" PRIu64 " bytes with the hash %s", p->base_bytes,
			     unlocked ? format_hex(p->base_hash.b, sizeof(p->base_hash.b), base) : "(encrypted)");
	(void)putchar('\n');
}

/* Of an encrypted bundle: the first recipients. */
struct shown_recipients {
	struct recipient_id ids[RECIPIENTS_SHOWN];
	size_t n;
};

static int look_at_recipients(const struct bundle *b, struct shown_recipients *ret, struct why *w)
{
	const struct encryption *e = &b->manifest.encryption;
	int r;

	if (!e->recipients)
		return 0;
	r = recipient_table_ids(b->src, bundle_header_tables_at(&b->header), e, RECIPIENTS_SHOWN, ret->ids, &ret->n, w);
	return r ? why_in(w, r, "%s", b->src->name) : 0;
}

static void print_encryption(const struct bundle *b, const struct shown_recipients *s)
{
	uint64_t n = b->manifest.encryption.recipients;
	char id[RECIPIENT_ID_HEX];

	if (!n)
		return;
	(void)printf("encrypted:   for %" PRIu64 " recipient%s%s:", n, n == 1 ? "" : "s",
		     b->unlocked ? "; the key given is one of them" : "");
	for (size_t i = 0; i < s->n; i++)
		(void)printf(" %s", recipient_id_format(&s->ids[i], id));
	(void)printf(n > s->n ? " ...\n" : "\n");
}

static int print_info(const char *path, const struct opened *o, struct why *w)
{
	const struct bundle *b = &o->bundle;
	struct shown_recipients recipients = { 0 };
	char size[16], id[2 * HASH_BYTES + 1];
	int r = look_at_recipients(b, &recipients, w);

	if (r)
		return r;
	(void)printf("bundle:      %s, %s (%" PRIu64 " bytes)\n", path, format_size(bundle_bytes(b), size),
		     bundle_bytes(b));
	if (b->verified)
		(void)printf("verified:    yes, by %u trusted key%s (%u required)\n", b->signers.good,
			     b->signers.good == 1 ? "" : "s", o->trust.threshold);
	else
		(void)printf("verified:    NO: all of this is a claim; give --trust DIR or --key FILE\n");
	(void)printf("id:          %s\n", format_hex(b->id.b, sizeof(b->id.b), id));
	(void)printf("compatible:  %s\nversion:     %s\nepoch:       %" PRIu64 "\n", b->manifest.compatible,
		     b->manifest.version, b->manifest.epoch);
	if (b->manifest.description[0])
		(void)printf("description: %s\n", b->manifest.description);
	print_signers(b);
	if (b->signers.n == 0)
		(void)printf("signature:   NONE YET: prepared for 'tandem bundle attach'\n");
	each_statement(b, NULL);
	print_encryption(b, &recipients);
	for (size_t i = 0; i < b->manifest.n_payloads; i++)
		print_payload(&b->manifest.payloads[i], b->unlocked);
	return 0;
}

static void json_signers(struct json *j, const struct bundle *b)
{
	char id[MINISIG_ID_HEX], comment[MINISIG_TRUSTED_MAX + 1];

	json_array(j, "signatures");
	for (size_t i = 0; i < b->signers.n; i++) {
		comment_text(&b->signers.at[i], comment);
		json_object(j, NULL);
		json_string(j, "key_id", minisig_id_format(&b->signers.at[i].id, id));
		json_bool(j, "good", b->signers.at[i].trusted);
		json_string(j, "trusted_comment", comment);
		json_end(j);
	}
	json_end(j);
}

/* null while it is hidden. */
static void json_hash(struct json *j, const char *name, const struct hash *h, bool known)
{
	char hex[2 * HASH_BYTES + 1];

	json_string(j, name, known ? format_hex(h->b, sizeof(h->b), hex) : NULL);
}

static void json_payloads(struct json *j, const struct bundle *b)
{
	const struct manifest *m = &b->manifest;

	json_array(j, "payloads");
	for (size_t i = 0; i < m->n_payloads; i++) {
		const struct payload *p = &m->payloads[i];
		char slot[2] = { p->slot, '\0' };

		json_object(j, NULL);
		json_string(j, "name", p->name);
		json_string(j, "kind", payload_kind_name(p->kind));
		json_string(j, "slot", p->slot ? slot : NULL);
		json_text(j, "file_name", p->file_name);
		json_u64(j, "size_bytes", p->size_bytes);
		json_hash(j, "raw_hash", &p->raw_hash, b->unlocked);
		json_u64(j, "chunk_bytes", p->chunk_bytes);
		json_u64(j, "group_bytes", p->group_bytes);
		json_u64(j, "chunks", p->chunks);
		json_u64(j, "index_blocks", p->index_blocks);
		json_u64(j, "base_bytes", p->base_bytes);
		json_hash(j, "base_hash", &p->base_hash, b->unlocked && p->base_bytes);
		if (p->kind == PAYLOAD_TREE) {
			json_u64(j, "tree_bytes", p->tree_bytes);
			json_u64(j, "tree_entries", p->tree_entries);
		}
		json_end(j);
	}
	json_end(j);
}

/* null for a bundle in clear. */
static void json_encryption(struct json *j, const struct bundle *b, const struct shown_recipients *s)
{
	char id[RECIPIENT_ID_HEX];

	if (!b->manifest.encryption.recipients) {
		json_null(j, "encryption");
		return;
	}
	json_object(j, "encryption");
	json_u64(j, "recipients", b->manifest.encryption.recipients);
	json_bool(j, "unlocked", b->unlocked);
	json_array(j, "first_recipients");
	for (size_t i = 0; i < s->n; i++)
		json_string(j, NULL, recipient_id_format(&s->ids[i], id));
	json_end(j);
	json_end(j);
}

static int json_info(const char *path, const struct opened *o, bool line, struct why *w)
{
	const struct bundle *b = &o->bundle;
	struct shown_recipients recipients = { 0 };
	char id[2 * HASH_BYTES + 1];
	struct json j = { .to = stdout, .line = line };

	int r = look_at_recipients(b, &recipients, w);

	if (r)
		return r;
	json_object(&j, NULL);
	json_string(&j, "file", path);
	json_u64(&j, "size_bytes", bundle_bytes(b));
	json_bool(&j, "verified", b->verified);
	json_u64(&j, "good_keys", b->signers.good);
	json_u64(&j, "threshold", o->trust.threshold);
	json_string(&j, "id", format_hex(b->id.b, sizeof(b->id.b), id));
	json_string(&j, "compatible", b->manifest.compatible);
	json_string(&j, "version", b->manifest.version);
	json_u64(&j, "epoch", b->manifest.epoch);
	json_text(&j, "description", b->manifest.description);
	json_signers(&j, b);
	json_array(&j, "trust_statements");
	each_statement(b, &j);
	json_end(&j);
	json_encryption(&j, b, &recipients);
	json_payloads(&j, b);
	json_end(&j);
	return json_finish(&j, w);
}

int cmd_bundle_info(int argc, char **argv)
{
	CLEANUP(opened_done) struct opened o = { 0 };
	struct trust_options trust = { 0 };
	struct net_options net = { 0 };
	bool as_json = false;
	const struct opt opts[] = {
		TRUST_OPTIONS(trust),
		NET_OPTIONS(net),
		{ .name = "json", .help = "print JSON", .flag = &as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(INFO_USAGE, INFO_HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = open_bundle(args.at[0], &trust, &net, &o, &w);
	r = r ? r : opened_unlock(&o, &w);
	if (!r)
		r = as_json ? json_info(args.at[0], &o, false, &w) : print_info(args.at[0], &o, &w);
	return r ? why_report(&w, "tandem bundle info") : EXIT_DONE;
}

/* How far a verification is. */
struct verified {
	struct progress progress;
	uint64_t done;
	uint64_t total;
};

static int count_chunk(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	struct verified *v = arg;

	(void)raw;
	v->done += c->raw_bytes;
	progress_step(&v->progress, v->done, v->total);
	return interrupt_seen() ? fail(w, -ECANCELED, "interrupted") : 0;
}

/* What verification needs besides the bundle. */
struct verify_options {
	struct trust_options trust;
	struct net_options net;
	const char *base;
	const char *progress;
	bool as_json;
};

static int verify_payload(const struct bundle *b, const struct payload *p, const struct verify_options *v,
			  struct verified *state, struct why *w)
{
	CLEANUP(base_given_done) struct base_given base;
	struct bundle_sink sink = { .put = count_chunk, .arg = state };
	int r = base_given_open(v->base, p, &v->trust, &v->net, &base, w);

	if (base.open)
		sink.base = &base.reader;
	r = r ? r : bundle_check(b, p, &sink, w);
	return r == -EOPNOTSUPP ? why_next(w, r, "--base FILE names the bundle or image that it was made for") : r;
}

static int verify_all(const struct bundle *b, const struct verify_options *options, enum progress_style style,
		      struct why *w)
{
	struct verified v = { .progress = progress_begin("verify", style) };
	int r = bundle_check_layout(b, w);

	for (size_t i = 0; i < b->manifest.n_payloads; i++)
		v.total += b->manifest.payloads[i].size_bytes;
	for (size_t i = 0; !r && i < b->manifest.n_payloads; i++)
		r = verify_payload(b, &b->manifest.payloads[i], options, &v, w);
	progress_end(&v.progress);
	return r;
}

static int verify(const char *path, const struct verify_options *v, struct why *w)
{
	CLEANUP(opened_done) struct opened o = { 0 };
	enum progress_style style = PROGRESS_NONE;
	int r;

	interrupt_catch();
	if (!trust_given(&v->trust))
		return misuse(w, -EINVAL, "verified by which keys? give --trust DIR or --key FILE");
	r = progress_style_parse(v->progress, &style, w);
	r = r ? r : open_bundle(path, &v->trust, &v->net, &o, w);
	r = r ? r : open_ahead(&o, w);
	r = r ? r : opened_need_key(&o, w);
	r = r ? r : verify_all(&o.bundle, v, style, w);
	if (r)
		return r;
	if (v->as_json)
		return json_info(path, &o, style == PROGRESS_JSON, w);
	if (style != PROGRESS_JSON)
		(void)printf("%s: good: %s %s, signed by %u trusted key%s (%u required)\n", path,
			     o.bundle.manifest.compatible, o.bundle.manifest.version, o.bundle.signers.good,
			     o.bundle.signers.good == 1 ? "" : "s", o.trust.threshold);
	return 0;
}

int cmd_bundle_verify(int argc, char **argv)
{
	struct verify_options v = { 0 };
	const struct opt opts[] = {
		TRUST_OPTIONS(v.trust),
		NET_OPTIONS(v.net),
		BASE_OPTION(v.base),
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &v.progress },
		{ .name = "json", .help = "print what 'info --json' prints, at the end", .flag = &v.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(VERIFY_USAGE, VERIFY_HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = verify(args.at[0], &v, &w);
	return r ? why_report(&w, "tandem bundle verify") : EXIT_DONE;
}
