#include "updater/unpacked.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>

#include "base/io.h"

struct unpack {
	int fd;
	int (*step)(void *arg, uint64_t done_bytes);
	void *arg;
};

static int put(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	const struct unpack *k = arg;
	int r = 0;

	if (raw) /* zeros stay a hole */
		r = pwrite_full(k->fd, raw, c->raw_bytes, c->raw_offset, "temporary file", w);
	if (!r && k->step)
		r = k->step(k->arg, c->raw_offset + c->raw_bytes);
	return r ? fail(w, r, "interrupted") : 0;
}

static int temporary(int *ret, struct why *w)
{
	const char *folder = getenv("TMPDIR");
	char path[PATH_MAX];

	if (!folder || !*folder)
		folder = "/var/tmp";
	if (snprintf(path, sizeof(path), "%s/tandem-XXXXXX", folder) >= (int)sizeof(path))
		return fail(w, -ENAMETOOLONG, "%s: name too long", folder);
	AUTO_FD fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || unlink(path))
		return fail_errno(w, "%s: temporary file", path);
	*ret = MOVE_FD(fd);
	return 0;
}

int unpacked_payload(const struct bundle *b, const struct payload *p, int (*step)(void *arg, uint64_t done_bytes),
		     void *arg, struct unpacked *ret, struct why *w)
{
	AUTO_FD fd = -1;
	int r = temporary(&fd, w);
	struct unpack k = { .fd = fd, .step = step, .arg = arg };
	const struct bundle_sink sink = { .put = put, .arg = &k };

	if (!r && ftruncate(fd, (off_t)p->size_bytes))
		r = fail_errno(w, "temporary file of %" PRIu64 " bytes", p->size_bytes);
	r = r ? r : bundle_walk(b, p, &sink, w);
	if (r)
		return r;
	*ret = (struct unpacked){ .fd = MOVE_FD(fd), .size_bytes = p->size_bytes };
	return 0;
}

int unpacked_file(const char *path, uint64_t size_bytes, struct unpacked *ret, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint64_t have = 0;
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", path);
	r = fd_size(fd, path, &have, w);
	if (!r && have < size_bytes)
		r = fail(w, -ENODATA, "%s: %" PRIu64 " bytes; the base has %" PRIu64, path, have, size_bytes);
	if (r)
		return r;
	*ret = (struct unpacked){ .fd = MOVE_FD(fd), .size_bytes = size_bytes };
	return 0;
}

int unpacked_map(struct unpacked *u, struct why *w)
{
	void *p = mmap(NULL, (size_t)u->size_bytes, PROT_READ, MAP_SHARED, u->fd, 0);

	if (p == MAP_FAILED)
		return fail_errno(w, "an image of %" PRIu64 " bytes as memory", u->size_bytes);
	u->map = bytes_of(p, (size_t)u->size_bytes);
	return 0;
}

void unpacked_done(struct unpacked *u)
{
	union {
		const uint8_t *given;
		void *taken;
	} p = { .given = u->map.p };

	if (p.given)
		IGNORE(munmap(p.taken, u->map.n));
	auto_close(&u->fd);
	*u = UNPACKED_NONE;
}
