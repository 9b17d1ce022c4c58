#include "updater/bundle_plan.h"

#include <inttypes.h>

#include "base/parse.h"
#include "updater/chunks.h"
#include "updater/recipient_table.h"
#include "updater/slothead.h"

/* Copy and lay out the payloads; payload_bytes becomes the most there can be, everything stored as it is. */
static int lay_out(const struct manifest *m, struct manifest *ret, struct why *w)
{
	struct manifest plan = *m;

	plan.payloads = calloc(m->n_payloads, sizeof(*plan.payloads));
	if (!plan.payloads)
		return fail(w, -ENOMEM, "out of memory");
	plan.tables_bytes = recipient_table_bytes(m->encryption.recipients);
	plan.payload_bytes = 0;
	for (size_t i = 0; i < m->n_payloads; i++) {
		struct payload *p = &plan.payloads[i];

		*p = m->payloads[i];
		p->table_offset = plan.tables_bytes;
		p->number = (uint32_t)i;
		p->tag_bytes = m->encryption.recipients ? SEAL_TAG_BYTES : 0;
		p->table_bytes = payload_table_bytes(p);
		plan.tables_bytes += p->table_bytes;
		plan.payload_bytes += p->size_bytes + p->chunks * p->tag_bytes;
	}
	*ret = plan;
	return 0;
}

/* Every key's signature of a manifest text, one after the other; `room` holds BUNDLE_SIGNATURES_MAX. */
static int sign(const struct bundle_plan *p, struct bytes text, char *room, size_t *ret_n, struct why *w)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_keys; i++) {
		if (n + MINISIG_TEXT_MAX > BUNDLE_SIGNATURES_MAX)
			return fail(w, -E2BIG, "too many signatures");
		n += keys_sign(&p->keys[i], text, p->trusted, room + n);
	}
	*ret_n = n;
	return 0;
}

static int measure(struct bundle_plan *p, struct why *w)
{
	AUTO_FREE char *text = NULL, *signatures = malloc(BUNDLE_SIGNATURES_MAX);
	uint8_t raw[BUNDLE_HEADER_BYTES];
	size_t n = 0, signatures_n = 0;
	int r;

	if (!signatures)
		return fail(w, -ENOMEM, "out of memory");
	r = manifest_format(&p->manifest, &text, &n, w);
	r = r ? r : sign(p, bytes_of(text, n), signatures, &signatures_n, w);
	if (r)
		return r;
	p->header = (struct bundle_header){ .trust_bytes = p->statements.n,
					    .signatures_bytes = signatures_n,
					    .manifest_bytes = n,
					    .tables_bytes = p->manifest.tables_bytes,
					    .payload_bytes = p->manifest.payload_bytes };
	p->header.payload_offset = bundle_header_payload_at(&p->header);
	bundle_header_format(&p->header, raw);
	return bundle_header_parse(bytes_of(raw, sizeof(raw)), &p->header, w); /* its limits hold here as well */
}

/* A device keeps the head of what a slot holds. */
static int check_room(const struct bundle_plan *p, struct why *w)
{
	char size[16], room[16];

	if (p->header.payload_offset <= SLOTHEAD_ROOM)
		return 0;
	for (size_t i = 0; i < p->manifest.n_payloads; i++) {
		if (p->manifest.payloads[i].kind != PAYLOAD_IMAGE)
			continue;
		(void)fail(w, -E2BIG, "the tables make a head of %s; a device has room for %s",
			   format_size(p->header.payload_offset, size), format_size(SLOTHEAD_ROOM, room));
		return why_next(w, -E2BIG, "give a larger chunk-size, or index=no in bundle.conf");
	}
	return 0;
}

int bundle_plan(const struct manifest *m, const struct secret_key *keys, size_t n_keys, int64_t clock,
		struct bytes statements, struct bundle_plan *ret, struct why *w)
{
	struct bundle_plan p = { .keys = keys, .n_keys = n_keys, .statements = statements };
	int r;

	(void)snprintf(p.trusted, sizeof(p.trusted), "timestamp:%" PRId64 "\tbundle:%s %s", clock, m->compatible,
		       m->version);
	r = lay_out(m, &p.manifest, w);
	r = r ? r : measure(&p, w);
	r = r ? r : check_room(&p, w);
	if (r) {
		bundle_plan_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void bundle_plan_done(struct bundle_plan *p)
{
	manifest_done(&p->manifest);
}

int bundle_plan_head(struct bundle_plan *p, uint8_t **ret, struct hash *ret_id, struct why *w)
{
	size_t n = (size_t)bundle_header_tables_at(&p->header), at = (size_t)bundle_header_manifest_at(&p->header);
	AUTO_FREE char *text = NULL, *signatures = malloc(BUNDLE_SIGNATURES_MAX);
	AUTO_FREE uint8_t *head = malloc(n);
	size_t text_n = 0, signatures_n = 0;
	int r;

	if (!signatures || !head)
		return fail(w, -ENOMEM, "out of memory");
	r = manifest_format(&p->manifest, &text, &text_n, w);
	if (!r && text_n > p->header.manifest_bytes)
		r = fail(w, -EINVAL, "the manifest has outgrown its plan");
	if (r)
		return r;
	memset(head + at, '\n', n - at);
	memcpy(head + at, text, text_n);
	r = sign(p, bytes_of(head + at, n - at), signatures, &signatures_n, w);
	if (!r && signatures_n != p->header.signatures_bytes)
		r = fail(w, -EINVAL, "the signatures have outgrown their plan");
	if (r)
		return r;
	p->header.payload_bytes = p->manifest.payload_bytes;
	bundle_header_format(&p->header, head);
	if (p->statements.n > 0)
		memcpy(head + BUNDLE_HEADER_BYTES, p->statements.p, p->statements.n);
	memcpy(head + bundle_header_signatures_at(&p->header), signatures, signatures_n);
	*ret_id = hash_of(bytes_of(head + at, n - at));
	*ret = MOVE(head);
	return 0;
}
