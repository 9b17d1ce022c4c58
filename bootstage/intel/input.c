#define ZLIB_CONST

#include "bootstage/intel/input.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define RAW_BYTES       (128u << 10)
#define MAGIC_BYTES     6u
#define ZSTD_WINDOW_LOG 27 /* 128 MiB */

struct input {
	struct carve_source raw;
	char name[256];
	enum input_packing packing;
	uint64_t raw_bytes, bytes, max_bytes;
	bool raw_end, between; /* between: nothing is begun that would have to be ended */
	size_t at, n;
	uint8_t buf[RAW_BYTES]; /* [at, n) is still to be unpacked */
	z_stream gzip;
	lzma_stream xz;
	ZSTD_DStream *zstd;
};

/* Where a decoder puts what comes out. */
struct room {
	uint8_t *p;
	size_t n, used;
};

/* One more piece of raw bytes behind those that are there. */
static int read_raw(struct input *i, struct why *w)
{
	size_t got = 0;
	int r = i->raw.read(i->raw.arg, i->buf + i->n, RAW_BYTES - i->n, &got, w);

	i->n += got;
	i->raw_bytes += got;
	i->raw_end = !r && got == 0;
	return r;
}

static int step_gzip(struct input *i, struct room *out, struct why *w)
{
	int r;

	if (i->between) { /* what pads a tape or a disk is no member */
		while (i->at < i->n && i->buf[i->at] == 0)
			i->at++;
		if (i->at == i->n)
			return 0;
		i->between = false;
	}
	i->gzip.next_in = i->buf + i->at;
	i->gzip.avail_in = (uInt)(i->n - i->at);
	i->gzip.next_out = out->p;
	i->gzip.avail_out = out->n > INT32_MAX ? INT32_MAX : (uInt)out->n;
	r = inflate(&i->gzip, Z_NO_FLUSH);
	i->at = i->n - i->gzip.avail_in;
	out->used = (size_t)(i->gzip.next_out - out->p);
	if (r == Z_MEM_ERROR)
		return fail(w, -ENOMEM, "%s: out of memory for gzip", i->name);
	if (r == Z_STREAM_END) {
		i->between = true;
		r = inflateReset(&i->gzip);
	}
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : fail(w, -EBADMSG, "%s: damaged gzip data", i->name);
}

static int step_xz(struct input *i, struct room *out, struct why *w)
{
	lzma_ret r;

	i->xz.next_in = i->buf + i->at;
	i->xz.avail_in = i->n - i->at;
	i->xz.next_out = out->p;
	i->xz.avail_out = out->n;
	r = lzma_code(&i->xz, i->raw_end ? LZMA_FINISH : LZMA_RUN);
	i->at = i->n - i->xz.avail_in;
	out->used = out->n - i->xz.avail_out;
	i->between = r == LZMA_STREAM_END;
	switch ((int)r) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
	case LZMA_STREAM_END:
		return 0;
	case LZMA_MEM_ERROR:
		return fail(w, -ENOMEM, "%s: out of memory for xz", i->name);
	case LZMA_MEMLIMIT_ERROR:
		return fail(w, -E2BIG, "%s: unpacking it takes %llu MiB of memory, more than %llu", i->name,
			    (unsigned long long)lzma_memusage(&i->xz) >> 20,
			    (unsigned long long)INPUT_MEMORY_MAX >> 20);
	default:
		return fail(w, -EBADMSG, "%s: damaged xz data", i->name);
	}
}

static int step_zstd(struct input *i, struct room *out, struct why *w)
{
	ZSTD_inBuffer in = { .src = i->buf, .size = i->n, .pos = i->at };
	ZSTD_outBuffer to = { .dst = out->p, .size = out->n };
	size_t r;

	if (i->between && i->at == i->n)
		return 0;
	r = ZSTD_decompressStream(i->zstd, &to, &in);
	i->at = in.pos;
	out->used = to.pos;
	i->between = r == 0;
	if (!ZSTD_isError(r))
		return 0;
	if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
		return fail(w, -E2BIG, "%s: unpacking it takes more than %d MiB of memory", i->name,
			    1 << (ZSTD_WINDOW_LOG - 20));
	if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
		return fail(w, -ENOMEM, "%s: out of memory for zstd", i->name);
	return fail(w, -EBADMSG, "%s: damaged zstd data: %s", i->name, ZSTD_getErrorName(r));
}

static int step_plain(struct input *i, struct room *out)
{
	size_t n = i->n - i->at < out->n ? i->n - i->at : out->n;

	memcpy(out->p, i->buf + i->at, n);
	i->at += n;
	out->used = n;
	return 0;
}

static int step(struct input *i, struct room *out, struct why *w)
{
	switch (i->packing) {
	case INPUT_GZIP:
		return step_gzip(i, out, w);
	case INPUT_XZ:
		return step_xz(i, out, w);
	case INPUT_ZSTD:
		return step_zstd(i, out, w);
	case INPUT_PLAIN:
	default:
		return step_plain(i, out);
	}
}

static int unpack(struct input *i, struct room *out, struct why *w)
{
	int r = 0;

	while (!r && out->used == 0) {
		if (i->at == i->n && !i->raw_end) {
			i->at = i->n = 0;
			r = read_raw(i, w);
		}
		r = r ? r : step(i, out, w);
		if (!r && out->used == 0 && i->raw_end && i->at == i->n)
			return i->between ? 0 : fail(w, -EBADMSG, "%s: the packed data end too early", i->name);
	}
	return r;
}

static int input_read(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct room out = { .p = buf, .n = room };
	struct input *i = arg;
	int r;

	if (i->packing == INPUT_PLAIN && i->at == i->n) {
		r = i->raw.read(i->raw.arg, buf, room, &out.used, w);
		i->raw_bytes += out.used;
	} else {
		r = unpack(i, &out, w);
	}
	i->bytes += out.used;
	*ret_n = out.used; /* also in front of damage */
	if (i->bytes > i->max_bytes) {
		*ret_n = 0;
		return r ? r : fail(w, -E2BIG, "%s: more than %llu bytes", i->name, (unsigned long long)i->max_bytes);
	}
	return r;
}

static enum input_packing packing_of(struct bytes head)
{
	static const struct {
		const char *magic;
		size_t n;
		enum input_packing packing;
	} magics[] = {
		{ "\x1f\x8b", 2, INPUT_GZIP },
		{ "\xfd"
		  "7zXZ\0",
		  6, INPUT_XZ },
		{ "\x28\xb5\x2f\xfd", 4, INPUT_ZSTD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (bytes_has(head, 0, magics[i].n) && memcmp(head.p, magics[i].magic, magics[i].n) == 0)
			return magics[i].packing;
	return INPUT_PLAIN;
}

static int prepare(struct input *i, struct why *w)
{
	bool ready = true;

	switch (i->packing) {
	case INPUT_GZIP:
		ready = inflateInit2(&i->gzip, 15 + 16) == Z_OK; /* the largest window; gzip's header */
		break;
	case INPUT_XZ:
		ready = lzma_stream_decoder(&i->xz, INPUT_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK;
		break;
	case INPUT_ZSTD:
		i->zstd = ZSTD_createDStream();
		ready = i->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(i->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
		break;
	case INPUT_PLAIN:
	default:
		i->between = true;
	}
	return ready ? 0 : fail(w, -ENOMEM, "%s: out of memory", i->name);
}

static int begin(struct input *i, struct why *w)
{
	int r = 0;

	while (!r && !i->raw_end && i->n < MAGIC_BYTES)
		r = read_raw(i, w);
	i->packing = packing_of(bytes_of(i->buf, i->n));
	return r ? r : prepare(i, w);
}

int input_open(struct carve_source raw, const char *name, uint64_t max_bytes, struct input **ret, struct why *w)
{
	struct input *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	i->raw = raw;
	i->max_bytes = max_bytes ? max_bytes : INPUT_MAX_BYTES;
	(void)snprintf(i->name, sizeof(i->name), "%s", name);
	r = begin(i, w);
	if (r)
		input_close(i);
	else
		*ret = i;
	return r;
}

void input_close(struct input *i)
{
	if (!i)
		return;
	if (i->packing == INPUT_GZIP)
		(void)inflateEnd(&i->gzip);
	lzma_end(&i->xz);
	(void)ZSTD_freeDStream(i->zstd);
	free(i);
}

struct carve_source input_source(struct input *i)
{
	return (struct carve_source){ input_read, i };
}

enum input_packing input_packing(const struct input *i)
{
	return i->packing;
}

uint64_t input_raw_bytes(const struct input *i)
{
	return i->raw_bytes;
}

uint64_t input_bytes(const struct input *i)
{
	return i->bytes;
}
