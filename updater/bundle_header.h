/*
 * bundle_header - the first 64 bytes of a bundle: magic, version and sizes. Pure.
 * Trust:  hostile; nothing here is signed, so each size meets its limit here and the manifest's copy later.
 * Source: docs/formats/bundle.md, "Header".
 */
#ifndef UPDATER_BUNDLE_HEADER_H
#define UPDATER_BUNDLE_HEADER_H

#include "base/bytes.h"
#include "base/why.h"

#define BUNDLE_HEADER_BYTES   64u
#define BUNDLE_VERSION        1u
#define BUNDLE_TRUST_MAX      (1u << 20)
#define BUNDLE_SIGNATURES_MAX (64u << 10)
#define BUNDLE_PAYLOAD_ALIGN  4096u
#define BUNDLE_PAYLOAD_MAX    (1ull << 46) /* 64 TiB */

struct bundle_header {
	uint64_t trust_bytes; /* may be 0 */
	uint64_t signatures_bytes; /* 0: prepared, to be signed elsewhere */
	uint64_t manifest_bytes;
	uint64_t tables_bytes;
	uint64_t payload_offset; /* the four above and the header, rounded up to BUNDLE_PAYLOAD_ALIGN */
	uint64_t payload_bytes;
};

/** Where the parts begin; trust statements at BUNDLE_HEADER_BYTES. */
uint64_t bundle_header_signatures_at(const struct bundle_header *h);
uint64_t bundle_header_manifest_at(const struct bundle_header *h);
uint64_t bundle_header_tables_at(const struct bundle_header *h);
/** What payload_offset must be for the other sizes. */
uint64_t bundle_header_payload_at(const struct bundle_header *h);

/** -EBADMSG not a bundle or inconsistent; -EPROTONOSUPPORT newer; -E2BIG over a limit. @in BUNDLE_HEADER_BYTES bytes. */
MUST_USE int bundle_header_parse(struct bytes in, struct bundle_header *ret, struct why *w);
void bundle_header_format(const struct bundle_header *h, uint8_t out[BUNDLE_HEADER_BYTES]);

#endif
