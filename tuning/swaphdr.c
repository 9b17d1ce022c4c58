#include "tuning/swaphdr.h"

/* After 1024 bytes that are left to boot loaders. */
#define VERSION_AT   1024u
#define LAST_PAGE_AT 1028u
#define BAD_PAGES_AT 1032u
#define UUID_AT      1036u
#define LABEL_AT     1052u
#define VERSION      1u

/* Ends the page. */
static const char magic[] = { 'S', 'W', 'A', 'P', 'S', 'P', 'A', 'C', 'E', '2' };

void swaphdr_write(const struct swaphdr *h, uint8_t *page, size_t page_bytes)
{
	memset(page, 0, page_bytes);
	put_le32(page + VERSION_AT, VERSION);
	put_le32(page + LAST_PAGE_AT, h->pages); /* numbered from 0, which is the header */
	memcpy(page + UUID_AT, h->uuid, SWAPHDR_UUID_BYTES);
	memcpy(page + LABEL_AT, h->label, strnlen(h->label, SWAPHDR_LABEL_BYTES));
	memcpy(page + page_bytes - sizeof(magic), magic, sizeof(magic));
}

int swaphdr_parse(struct bytes page, struct swaphdr *ret, struct why *w)
{
	uint32_t version = 0, bad = 0;
	struct swaphdr h = { 0 };
	struct bytes end;

	if (page.n < SWAPHDR_PAGE_MIN || bytes_sub(page, page.n - sizeof(magic), sizeof(magic), &end) ||
	    !bytes_equal(end, bytes_of(magic, sizeof(magic))))
		return fail(w, -EBADMSG, "no swap area");
	if (bytes_le32(page, VERSION_AT, &version) || bytes_le32(page, LAST_PAGE_AT, &h.pages) ||
	    bytes_le32(page, BAD_PAGES_AT, &bad) || bytes_copy(page, UUID_AT, h.uuid, sizeof(h.uuid)) ||
	    bytes_copy(page, LABEL_AT, h.label, SWAPHDR_LABEL_BYTES))
		return fail(w, -EBADMSG, "swap area: cut short");
	if (version != VERSION)
		return fail(w, -EPROTONOSUPPORT, "swap area: version %u", version);
	if (h.pages == 0)
		return fail(w, -EBADMSG, "swap area: no pages");
	if (bad != 0) /* the kernel takes them on block devices only */
		return fail(w, -EBADMSG, "swap area: %u bad pages, in a file", bad);
	*ret = h;
	return 0;
}
