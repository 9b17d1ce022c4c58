/*
 * fuzz_manifest - any bytes as a manifest. What is taken keeps the promises of updater/manifest.h, and comes out the same
 * when it is written down again and read a second time.
 */
#include <stdlib.h>

#include "updater/chunks.h"
#include "updater/recipient_table.h"

#define TEXT_MAX (64u << 10)

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void check_payload(const struct manifest *m, const struct payload *p, uint64_t at)
{
	must(p->size_bytes > 0 && p->chunks > 0 && p->name[0]);
	must(p->chunk_bytes > 0 && p->chunk_bytes <= CHUNK_BYTES_MAX && p->chunk_bytes % CHUNK_ALIGN == 0);
	must(p->group_bytes >= p->chunk_bytes && p->group_bytes <= CHUNK_BYTES_MAX &&
	     p->group_bytes % CHUNK_ALIGN == 0);
	must((p->chunks - 1) * CHUNK_ALIGN < p->size_bytes && (p->size_bytes - 1) / CHUNK_ZERO_MAX < p->chunks);
	must(p->index_blocks <= (p->size_bytes - 1) / CHUNK_BLOCK_BYTES + 1);
	must(p->number == (uint32_t)(p - m->payloads));
	must(p->tag_bytes == (m->encryption.recipients ? SEAL_TAG_BYTES : 0));
	must(p->table_offset == at && p->table_bytes == payload_table_bytes(p));
	must((p->kind == PAYLOAD_TREE) == (p->tree_bytes > 0) && (p->kind == PAYLOAD_TREE) == (p->tree_entries > 0));
	must(at + p->table_bytes <= m->tables_bytes && m->tables_bytes <= MANIFEST_TABLES_MAX);
	must((p->kind == PAYLOAD_FILE) == (p->file_name[0] != '\0') && !strchr(p->file_name, '/'));
	must(manifest_find(m, p->name) == p);
}

static void check_manifest(const struct manifest *m)
{
	uint64_t at = recipient_table_bytes(m->encryption.recipients);

	must(m->encryption.recipients <= RECIPIENTS_MAX);
	must(m->n_payloads > 0 && m->n_payloads <= MANIFEST_PAYLOADS_MAX);
	for (size_t i = 0; i < m->n_payloads; i++) {
		check_payload(m, &m->payloads[i], at);
		at += m->payloads[i].table_bytes;
	}
	must(at == m->tables_bytes);
	for (char slot = 'a'; slot <= 'b'; slot++) {
		const struct payload *p = NULL;

		if (manifest_pick(m, PAYLOAD_IMAGE, slot, &p, NULL) == 0)
			must(p->kind == PAYLOAD_IMAGE && payload_suits(p, slot));
	}
}

static void check_round_trip(const struct manifest *m)
{
	struct manifest back;
	char *text;
	size_t n;

	must(manifest_format(m, &text, &n, NULL) == 0);
	must(manifest_parse(bytes_of(text, n), &back, NULL) == 0);
	must(manifest_equal(m, &back));
	manifest_done(&back);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct manifest m = { 0 };
	struct why w = { 0 };

	if (n > TEXT_MAX)
		return 0;
	if (manifest_parse(bytes_of(data, n), &m, &w)) {
		must(w.text[0] != '\0' && w.exit == EXIT_FAILED && m.payloads == NULL);
		return 0;
	}
	check_manifest(&m);
	check_round_trip(&m);
	manifest_done(&m);
	return 0;
}
