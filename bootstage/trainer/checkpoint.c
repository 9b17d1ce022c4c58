#include "bootstage/trainer/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/io.h"

#define CHUNK 65536u

enum { OFF_VERSION = 8, OFF_ZERO = 12, OFF_GENERATION = 16, OFF_LENGTH = 24, OFF_CRC = 32, OFF_HEAD_CRC = 36 };

static const char magic[8] = { 'T', 'D', 'M', 'C', 'K', 'P', 'T', '\n' };

static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t n)
{
	return n > 0 ? (uint32_t)crc32_z(crc, p, n) : crc; /* without bytes zlib begins anew */
}

uint32_t checkpoint_crc(struct bytes payload)
{
	return crc_add(0, payload.p, payload.n);
}

void checkpoint_format(const struct checkpoint_head *h, uint8_t out[CHECKPOINT_HEADER])
{
	memcpy(out, magic, sizeof(magic));
	put_le32(out + OFF_VERSION, CHECKPOINT_VERSION);
	put_le32(out + OFF_ZERO, 0);
	put_le64(out + OFF_GENERATION, h->generation);
	put_le64(out + OFF_LENGTH, h->length);
	put_le32(out + OFF_CRC, h->crc);
	put_le32(out + OFF_HEAD_CRC, crc_add(0, out, OFF_HEAD_CRC));
}

int checkpoint_parse(struct bytes in, struct checkpoint_head *ret, struct why *w)
{
	uint32_t version, zero, crc;
	struct checkpoint_head h;

	if (in.n > 0 && (in.n < sizeof(magic) || memcmp(in.p, magic, sizeof(magic)) != 0))
		return fail(w, -EOPNOTSUPP, "not a checkpoint of Tandem's format");
	if (bytes_le32(in, OFF_VERSION, &version) || bytes_le32(in, OFF_ZERO, &zero) ||
	    bytes_le64(in, OFF_GENERATION, &h.generation) || bytes_le64(in, OFF_LENGTH, &h.length) ||
	    bytes_le32(in, OFF_CRC, &h.crc) || bytes_le32(in, OFF_HEAD_CRC, &crc))
		return fail(w, -EBADMSG, "%zu bytes are too few for a checkpoint", in.n);
	if (crc != crc_add(0, in.p, OFF_HEAD_CRC))
		return fail(w, -EBADMSG, "its head is damaged");
	if (version != CHECKPOINT_VERSION)
		return fail(w, -EPROTONOSUPPORT, "version %u of the format", version);
	if (zero != 0 || h.length > INT64_MAX - CHECKPOINT_HEADER)
		return fail(w, -EBADMSG, "its head says what cannot be");
	*ret = h;
	return 0;
}

static int read_head(int fd, const char *name, struct checkpoint_head *ret, struct why *w)
{
	struct checkpoint_head h = { 0 };
	uint8_t head[CHECKPOINT_HEADER];
	struct stat st;
	size_t n;
	int r;

	if (fstat(fd, &st))
		return fail_errno(w, "%s", name);
	if (!S_ISREG(st.st_mode))
		return fail(w, -EBADMSG, "%s is not a file", name);
	n = st.st_size < (off_t)sizeof(head) ? (size_t)st.st_size : sizeof(head);
	r = pread_full(fd, head, n, 0, name, w);
	if (r)
		return r;
	r = checkpoint_parse(bytes_of(head, n), &h, w);
	if (r)
		return why_in(w, r, "%s", name);
	if ((uint64_t)st.st_size != CHECKPOINT_HEADER + h.length)
		return fail(w, -EBADMSG, "%s: %lld bytes, want %llu", name, (long long)st.st_size,
			    (unsigned long long)(CHECKPOINT_HEADER + h.length));
	*ret = h;
	return 0;
}

int checkpoint_check(int fd, const char *name, uint64_t *ret_generation, struct why *w)
{
	AUTO_FREE uint8_t *buf = malloc(CHUNK);
	struct checkpoint_head h = { 0 };
	uint32_t crc = 0;
	int r = buf ? read_head(fd, name, &h, w) : fail(w, -ENOMEM, "%s: no memory", name);

	for (uint64_t at = 0; r == 0 && at < h.length;) {
		size_t n = h.length - at < CHUNK ? (size_t)(h.length - at) : CHUNK;

		r = pread_full(fd, buf, n, CHECKPOINT_HEADER + at, name, w);
		crc = r ? crc : crc_add(crc, buf, n);
		at += n;
	}
	if (r)
		return r;
	if (crc != h.crc)
		return fail(w, -EBADMSG, "%s: its checksum is wrong", name);
	*ret_generation = h.generation;
	return 0;
}

static int open_in(int dirfd, const char *name, struct why *w)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? fail_errno(w, "%s", name) : fd;
}

static bool is_checkpoint(const char *name)
{
	size_t n = strlen(name), end = strlen(CHECKPOINT_SUFFIX);

	return n > end && n < CHECKPOINT_NAME && strcmp(name + n - end, CHECKPOINT_SUFFIX) == 0;
}

int checkpoint_newest(int dirfd, char ret_name[CHECKPOINT_NAME], uint64_t *ret_generation, struct why *w)
{
	AUTO_FD again = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *e;
	uint64_t newest = 0;
	bool found = false;

	if (!dir)
		return fail_errno(w, "checkpoints");
	IGNORE(MOVE_FD(again)); /* the stream has it */
	while ((e = readdir(dir)) != NULL) {
		AUTO_FD fd = is_checkpoint(e->d_name) ? open_in(dirfd, e->d_name, NULL) : -1;
		uint64_t generation;

		if (fd < 0 || checkpoint_check(fd, e->d_name, &generation, NULL) || (found && generation <= newest))
			continue;
		memcpy(ret_name, e->d_name, strlen(e->d_name) + 1);
		newest = generation;
		found = true;
	}
	if (!found)
		return fail(w, -ENODATA, "no checkpoint");
	*ret_generation = newest;
	return 0;
}

int checkpoint_write(int dirfd, const char *name, uint64_t generation, struct bytes payload, struct why *w)
{
	struct checkpoint_head h = { .generation = generation, .length = payload.n, .crc = checkpoint_crc(payload) };
	AUTO_FREE uint8_t *all = malloc(CHECKPOINT_HEADER + payload.n);

	if (!all)
		return fail(w, -ENOMEM, "%s: no memory", name);
	checkpoint_format(&h, all);
	if (payload.n > 0)
		memcpy(all + CHECKPOINT_HEADER, payload.p, payload.n);
	return file_replace(dirfd, name, all, CHECKPOINT_HEADER + payload.n, 0644, w);
}

int checkpoint_read(int dirfd, const char *name, size_t max, uint8_t **ret, size_t *ret_n, uint64_t *ret_generation,
		    struct why *w)
{
	AUTO_FD fd = open_in(dirfd, name, w);
	AUTO_FREE uint8_t *payload = NULL;
	struct checkpoint_head h = { 0 };
	int r = fd < 0 ? fd : read_head(fd, name, &h, w);

	if (r)
		return r;
	if (h.length > max)
		return fail(w, -E2BIG, "%s: %llu bytes", name, (unsigned long long)h.length);
	payload = malloc(h.length + 1);
	if (!payload)
		return fail(w, -ENOMEM, "%s: no memory", name);
	r = pread_full(fd, payload, h.length, CHECKPOINT_HEADER, name, w);
	if (r)
		return r;
	if (checkpoint_crc(bytes_of(payload, h.length)) != h.crc)
		return fail(w, -EBADMSG, "%s: its checksum is wrong", name);
	*ret = MOVE(payload);
	*ret_n = h.length;
	*ret_generation = h.generation;
	return 0;
}
