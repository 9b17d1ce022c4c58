#include "updater/cmd_base.h"

#include <fcntl.h>

#include "base/interrupt.h"
#include "base/io.h"

static bool is_bundle(const char *path)
{
	uint8_t raw[BUNDLE_HEADER_BYTES];
	struct bundle_header h;
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd >= 0 && pread_full(fd, raw, sizeof(raw), 0, path, NULL) == 0 &&
	       bundle_header_parse(bytes_of(raw, sizeof(raw)), &h, NULL) == 0;
}

static int stop(void *arg, uint64_t done_bytes)
{
	(void)arg;
	(void)done_bytes;
	return interrupt_seen() ? -ECANCELED : 0;
}

static int from_bundle(const char *path, const struct payload *p, const struct trust_options *t,
		       const struct net_options *net, struct unpacked *ret, struct why *w)
{
	CLEANUP(opened_done) struct opened o = { 0 };
	int r = open_bundle(path, t, net, &o, w);

	r = r ? r : opened_need_key(&o, w);
	for (size_t i = 0; !r && i < o.bundle.manifest.n_payloads; i++)
		if (hash_equal(&o.bundle.manifest.payloads[i].raw_hash, &p->base_hash))
			return unpacked_payload(&o.bundle, &o.bundle.manifest.payloads[i], stop, NULL, ret, w);
	return r ? r : fail(w, -ENODATA, "%s: does not hold the image that payload %s was made from", path, p->name);
}

int base_given_open(const char *path, const struct payload *p, const struct trust_options *t,
		    const struct net_options *net, struct base_given *ret, struct why *w)
{
	int r;

	*ret = (struct base_given){ .image = UNPACKED_NONE };
	if (!path || p->base_bytes == 0)
		return 0;
	interrupt_catch();
	r = is_bundle(path) ? from_bundle(path, p, t, net, &ret->image, w)
			    : unpacked_file(path, p->base_bytes, &ret->image, w);
	r = r ? r : base_reader_fd(ret->image.fd, p->base_bytes, path, &ret->reader, w);
	ret->open = !r;
	return r;
}

void base_given_done(struct base_given *b)
{
	base_reader_done(&b->reader);
	unpacked_done(&b->image);
}
