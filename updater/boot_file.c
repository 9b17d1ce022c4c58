#include "updater/boot_file.h"

#include "updater/bundle_walk.h"

struct boot_file {
	struct esp_put put;
	bool (*cancelled)(void *arg);
	void *arg;
};

static int put_zeros(struct esp_put *put, uint32_t n, struct why *w)
{
	static const uint8_t zeros[64u << 10];
	int r = 0;

	for (uint32_t part; !r && n > 0; n -= part) {
		part = n < sizeof(zeros) ? n : sizeof(zeros);
		r = esp_put_add(put, bytes_of(zeros, part), w);
	}
	return r;
}

static int put_chunk(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	struct boot_file *f = arg;

	if (f->cancelled && f->cancelled(f->arg))
		return fail(w, -ECANCELED, "interrupted");
	return raw ? esp_put_add(&f->put, bytes_of(raw, c->raw_bytes), w) : put_zeros(&f->put, c->raw_bytes, w);
}

int boot_file_write(const struct bundle *b, const struct payload *p, struct esp *esp, const char *path,
		    bool (*cancelled)(void *arg), void *arg, struct why *w)
{
	struct boot_file f = { .cancelled = cancelled, .arg = arg };
	const struct bundle_sink sink = { .put = put_chunk, .arg = &f };
	int r = esp_put_begin(esp, path, &f.put, w);

	if (r)
		return r;
	r = bundle_walk(b, p, &sink, w);
	if (r) {
		esp_put_cancel(&f.put);
		return r;
	}
	return esp_put_end(&f.put, w);
}
