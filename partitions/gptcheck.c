#include "partitions/gptcheck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"

/* Offsets in the header, UEFI 2.10 table 5.5. */
enum {
	AT_SIGNATURE = 0,
	AT_HEADER_SIZE = 12,
	AT_HEADER_CRC = 16,
	AT_MY_LBA = 24,
	AT_OTHER_LBA = 32,
	AT_FIRST_USABLE = 40,
	AT_LAST_USABLE = 48,
	AT_DISK_ID = 56,
	AT_ENTRIES_LBA = 72,
	AT_N_ENTRIES = 80,
	AT_ENTRY_BYTES = 84,
	AT_ENTRIES_CRC = 88,
	HEADER_MIN = 92,
};
#define SECTOR_MAX 4096u

static const char signature[8] = { 'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T' };

uint32_t gptcheck_crc(uint32_t crc, struct bytes in)
{
	crc = ~crc;
	for (size_t i = 0; i < in.n; i++) {
		crc ^= in.p[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

static void PRINTF(2, 3) damaged(struct gptcheck_copy *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->problem, sizeof(c->problem), fmt, ap);
	va_end(ap);
	c->state = GPTCHECK_DAMAGED;
}

/* The header's own checksum is computed with its field taken as zero. */
static bool header_crc_right(struct bytes sector, uint32_t header_bytes, uint32_t want)
{
	static const uint8_t zeros[4];
	uint32_t crc = gptcheck_crc(0, bytes_of(sector.p, AT_HEADER_CRC));

	crc = gptcheck_crc(crc, bytes_of(zeros, sizeof(zeros)));
	crc = gptcheck_crc(crc, bytes_of(sector.p + AT_HEADER_CRC + 4, header_bytes - AT_HEADER_CRC - 4));
	return crc == want;
}

static void check_places(struct gptcheck_copy *c, uint64_t my, uint64_t first, uint64_t last, uint64_t sectors)
{
	uint64_t entries = (uint64_t)c->n_entries * c->entry_bytes; /* 32 bits each: cannot overflow */

	if (my != c->lba)
		damaged(c, "its header says it belongs into sector %" PRIu64, my);
	else if (first > last || last >= sectors)
		damaged(c, "usable sectors %" PRIu64 " to %" PRIu64 " are not inside the disk", first, last);
	else if (c->lba >= first && c->lba <= last)
		damaged(c, "its header lies among the usable sectors");
	else if (c->entry_bytes < 128 || c->entry_bytes % 8 || entries == 0 || entries > GPTCHECK_ENTRIES_MAX)
		damaged(c, "%" PRIu32 " entries of %" PRIu32 " bytes are not plausible", c->n_entries, c->entry_bytes);
	else if (c->entries_lba >= sectors)
		damaged(c, "its entries are outside the disk");
}

struct gptcheck_copy gptcheck_header(struct bytes sector, uint64_t lba, uint64_t sectors)
{
	struct gptcheck_copy c = { .state = GPTCHECK_OK, .lba = lba };
	uint32_t header_bytes = 0, crc = 0;
	uint64_t my = 0, first = 0, last = 0;
	int r;

	if (!bytes_has(sector, 0, HEADER_MIN) || memcmp(sector.p, signature, sizeof(signature)) != 0) {
		c.state = GPTCHECK_MISSING;
		(void)snprintf(c.problem, sizeof(c.problem), "no table in sector %" PRIu64, lba);
		return c;
	}
	r = bytes_le32(sector, AT_HEADER_SIZE, &header_bytes) | bytes_le32(sector, AT_HEADER_CRC, &crc) |
	    bytes_le64(sector, AT_MY_LBA, &my) | bytes_le64(sector, AT_OTHER_LBA, &c.other_lba) |
	    bytes_le64(sector, AT_FIRST_USABLE, &first) | bytes_le64(sector, AT_LAST_USABLE, &last) |
	    bytes_copy(sector, AT_DISK_ID, c.disk_id, sizeof(c.disk_id)) |
	    bytes_le64(sector, AT_ENTRIES_LBA, &c.entries_lba) | bytes_le32(sector, AT_N_ENTRIES, &c.n_entries) |
	    bytes_le32(sector, AT_ENTRY_BYTES, &c.entry_bytes) | bytes_le32(sector, AT_ENTRIES_CRC, &c.entries_crc);
	if (r || header_bytes < HEADER_MIN || header_bytes > sector.n)
		damaged(&c, "its header claims %" PRIu32 " bytes", header_bytes);
	else if (!header_crc_right(sector, header_bytes, crc))
		damaged(&c, "the checksum of its header is wrong");
	else
		check_places(&c, my, first, last, sectors);
	return c;
}

void gptcheck_entries(struct bytes entries, struct gptcheck_copy *copy)
{
	if (copy->state == GPTCHECK_OK && gptcheck_crc(0, entries) != copy->entries_crc)
		damaged(copy, "the checksum of its entries is wrong");
}

/* An unreadable sector is damage of that copy, not a failure of the check: the other copy may be fine. */
static void read_copy(int fd, const char *name, uint64_t lba, const struct gptcheck *g, struct gptcheck_copy *ret)
{
	uint64_t disk_bytes = g->sectors * g->sector_bytes, off;
	AUTO_FREE uint8_t *entries = NULL;
	uint8_t sector[SECTOR_MAX];
	size_t n;

	*ret = (struct gptcheck_copy){ .lba = lba };
	if (pread_full(fd, sector, g->sector_bytes, lba * g->sector_bytes, name, NULL)) {
		damaged(ret, "sector %" PRIu64 " cannot be read", lba);
		return;
	}
	*ret = gptcheck_header(bytes_of(sector, g->sector_bytes), lba, g->sectors);
	if (ret->state != GPTCHECK_OK)
		return;
	n = (size_t)ret->n_entries * ret->entry_bytes;
	off = ret->entries_lba * g->sector_bytes;
	entries = malloc(n);
	if (disk_bytes - off < n)
		damaged(ret, "its entries are outside the disk");
	else if (!entries || pread_full(fd, entries, n, off, name, NULL))
		damaged(ret, "its entries cannot be read");
	else
		gptcheck_entries(bytes_of(entries, n), ret);
}

static int guess_sector(int fd, const char *name, uint64_t disk_bytes, uint32_t *ret, struct why *w)
{
	uint8_t sector[512];
	int r = pread_full(fd, sector, sizeof(sector), 512, name, w);

	if (r)
		return r;
	*ret = 512;
	if (memcmp(sector, signature, sizeof(signature)) == 0 || disk_bytes < 6ull * SECTOR_MAX)
		return 0;
	r = pread_full(fd, sector, sizeof(sector), SECTOR_MAX, name, w);
	if (!r && memcmp(sector, signature, sizeof(signature)) == 0)
		*ret = SECTOR_MAX;
	return r;
}

int gptcheck_read(int fd, const char *name, uint64_t disk_bytes, uint32_t sector_bytes, struct gptcheck *ret,
		  struct why *w)
{
	struct gptcheck g = { .sector_bytes = sector_bytes };
	uint64_t last;
	int r;

	if (sector_bytes > SECTOR_MAX || (sector_bytes && sector_bytes < 512) ||
	    disk_bytes < 6 * (sector_bytes ? (uint64_t)sector_bytes : 512))
		return fail(w, -EINVAL, "%s: %" PRIu64 " bytes are too few for a partition table", name, disk_bytes);
	if (!sector_bytes) {
		r = guess_sector(fd, name, disk_bytes, &g.sector_bytes, w);
		if (r)
			return r;
	}
	g.sectors = disk_bytes / g.sector_bytes;
	last = g.sectors - 1;
	read_copy(fd, name, 1, &g, &g.primary);
	if (g.primary.state == GPTCHECK_OK && g.primary.other_lba > 1 && g.primary.other_lba < last)
		read_copy(fd, name, g.primary.other_lba, &g, &g.backup);
	else
		read_copy(fd, name, last, &g, &g.backup);
	g.backup_at_end = g.backup.state == GPTCHECK_OK && g.backup.lba == last;
	g.same = g.primary.state == GPTCHECK_OK && g.backup.state == GPTCHECK_OK &&
		 g.primary.entries_crc == g.backup.entries_crc &&
		 memcmp(g.primary.disk_id, g.backup.disk_id, sizeof(g.primary.disk_id)) == 0;
	*ret = g;
	return 0;
}
