#include "updater/bundle_header.h"

#include <inttypes.h>

#include "updater/manifest.h"

/* As PNG's: the first byte shows 7-bit transfers, the line ends show text transfers, 0x1a stops a DOS "type". */
static const uint8_t magic[8] = { 0x89, 'R', 'E', 'U', 'P', '\r', '\n', 0x1a };

#define AT_MAGIC          0u
#define AT_VERSION        8u
#define AT_HEADER_BYTES   12u
#define AT_SIGNATURES     16u
#define AT_MANIFEST       24u
#define AT_TABLES         32u
#define AT_PAYLOAD_OFFSET 40u
#define AT_PAYLOAD        48u
#define AT_TRUST          56u
_Static_assert(AT_TRUST + 8 == BUNDLE_HEADER_BYTES, "the header is full");

uint64_t bundle_header_signatures_at(const struct bundle_header *h)
{
	return BUNDLE_HEADER_BYTES + h->trust_bytes;
}

uint64_t bundle_header_manifest_at(const struct bundle_header *h)
{
	return bundle_header_signatures_at(h) + h->signatures_bytes;
}

uint64_t bundle_header_tables_at(const struct bundle_header *h)
{
	return bundle_header_manifest_at(h) + h->manifest_bytes;
}

uint64_t bundle_header_payload_at(const struct bundle_header *h)
{
	uint64_t end = bundle_header_tables_at(h) + h->tables_bytes;

	return (end + BUNDLE_PAYLOAD_ALIGN - 1) / BUNDLE_PAYLOAD_ALIGN * BUNDLE_PAYLOAD_ALIGN;
}

static int check_range(const char *what, uint64_t n, uint64_t min, uint64_t max, struct why *w)
{
	if (n < min)
		return fail(w, -EBADMSG, "bundle header: no %s", what);
	if (n > max)
		return fail(w, -E2BIG, "bundle header: %" PRIu64 " bytes of %s, the limit is %" PRIu64, n, what, max);
	return 0;
}

static int check_sizes(const struct bundle_header *h, struct why *w)
{
	int r = check_range("trust statements", h->trust_bytes, 0, BUNDLE_TRUST_MAX, w);

	r = r ? r : check_range("signatures", h->signatures_bytes, 0, BUNDLE_SIGNATURES_MAX, w);
	r = r ? r : check_range("manifest", h->manifest_bytes, 1, MANIFEST_BYTES_MAX, w);
	r = r ? r : check_range("chunk tables", h->tables_bytes, 1, MANIFEST_TABLES_MAX, w);
	r = r ? r : check_range("payload", h->payload_bytes, 0, BUNDLE_PAYLOAD_MAX, w);
	if (!r && h->payload_offset != bundle_header_payload_at(h))
		r = fail(w, -EBADMSG, "bundle header: payload at %" PRIu64 ", want %" PRIu64, h->payload_offset,
			 bundle_header_payload_at(h));
	return r;
}

int bundle_header_parse(struct bytes in, struct bundle_header *ret, struct why *w)
{
	struct bundle_header h = { 0 };
	uint32_t version = 0, header_bytes = 0;
	int r;

	if (in.n != BUNDLE_HEADER_BYTES || memcmp(in.p + AT_MAGIC, magic, sizeof(magic)) != 0)
		return fail(w, -EBADMSG, "not a bundle: it does not begin with a bundle's magic number");
	if (bytes_le32(in, AT_VERSION, &version) || bytes_le32(in, AT_HEADER_BYTES, &header_bytes) ||
	    bytes_le64(in, AT_SIGNATURES, &h.signatures_bytes) || bytes_le64(in, AT_MANIFEST, &h.manifest_bytes) ||
	    bytes_le64(in, AT_TABLES, &h.tables_bytes) || bytes_le64(in, AT_PAYLOAD_OFFSET, &h.payload_offset) ||
	    bytes_le64(in, AT_PAYLOAD, &h.payload_bytes) || bytes_le64(in, AT_TRUST, &h.trust_bytes))
		return fail(w, -EBADMSG, "bundle header: truncated");
	if (version != BUNDLE_VERSION)
		return fail(w, version > BUNDLE_VERSION ? -EPROTONOSUPPORT : -EBADMSG,
			    "bundle header: format version %" PRIu32 ", this program reads %u", version,
			    BUNDLE_VERSION);
	if (header_bytes != BUNDLE_HEADER_BYTES)
		return fail(w, -EBADMSG, "bundle header: %" PRIu32 " bytes, want %u", header_bytes,
			    BUNDLE_HEADER_BYTES);
	r = check_sizes(&h, w);
	if (r)
		return r;
	*ret = h;
	return 0;
}

void bundle_header_format(const struct bundle_header *h, uint8_t out[BUNDLE_HEADER_BYTES])
{
	memset(out, 0, BUNDLE_HEADER_BYTES);
	memcpy(out + AT_MAGIC, magic, sizeof(magic));
	put_le32(out + AT_VERSION, BUNDLE_VERSION);
	put_le32(out + AT_HEADER_BYTES, BUNDLE_HEADER_BYTES);
	put_le64(out + AT_SIGNATURES, h->signatures_bytes);
	put_le64(out + AT_MANIFEST, h->manifest_bytes);
	put_le64(out + AT_TABLES, h->tables_bytes);
	put_le64(out + AT_PAYLOAD_OFFSET, h->payload_offset);
	put_le64(out + AT_PAYLOAD, h->payload_bytes);
	put_le64(out + AT_TRUST, h->trust_bytes);
}
