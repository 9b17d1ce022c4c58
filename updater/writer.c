#include "updater/writer.h"

static int write_zeros(struct writer *wr, struct why *w)
{
	int r = wr->zero_n ? blk_zero(wr->to, wr->zero_n, wr->zero_at, w) : 0;

	if (!r)
		wr->zeroed_bytes += wr->zero_n;
	wr->zero_n = 0;
	return r;
}

int writer_put(struct writer *wr, const void *buf, size_t n, uint64_t at, struct why *w)
{
	int r = write_zeros(wr, w);

	r = r ? r : blk_write(wr->to, buf, n, at, w);
	if (r)
		return r;
	wr->written_bytes += n;
	wr->unflushed_bytes += n;
	return 0;
}

int writer_zero(struct writer *wr, uint64_t n, uint64_t at, struct why *w)
{
	int r = 0;

	if (wr->zero_n && wr->zero_at + wr->zero_n != at)
		r = write_zeros(wr, w);
	if (!wr->zero_n)
		wr->zero_at = at;
	wr->zero_n += n;
	wr->unflushed_bytes += n;
	return r;
}

int writer_flush(struct writer *wr, struct why *w)
{
	int r = write_zeros(wr, w);

	r = r ? r : blk_flush(wr->to, w);
	if (!r)
		wr->unflushed_bytes = 0;
	return r;
}
