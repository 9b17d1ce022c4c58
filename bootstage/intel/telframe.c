#include "bootstage/intel/telframe.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/parse.h"

#define OFF_VERSION 4u
#define OFF_FLAGS   6u
#define OFF_BYTES   8u
#define OFF_AGENT   12u
#define OFF_SEQ     16u
#define OFF_EVENTS  24u
#define OFF_SUM     28u

static const uint8_t magic[4] = { 'T', 'T', 'E', 'L' };
static const uint8_t ack_magic[4] = { 'T', 'A', 'C', 'K' };

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ 0xedb88320u : v >> 1;
		table[i] = v;
	}
}

uint32_t tel_crc32(uint32_t crc, struct bytes in)
{
	(void)pthread_once(&table_once, make_table);
	crc = ~crc;
	for (size_t i = 0; i < in.n; i++)
		crc = crc >> 8 ^ table[(crc ^ in.p[i]) & 0xff];
	return ~crc;
}

static uint32_t sum_of(struct bytes whole)
{
	uint32_t crc = tel_crc32(0, bytes_of(whole.p, OFF_SUM));

	return tel_crc32(crc, bytes_of(whole.p + TEL_HEADER, whole.n - TEL_HEADER));
}

/* UTF-8 that text columns hold and a terminal shows. */
static bool value_good(struct bytes v)
{
	return v.n > 0 && v.n <= GRAPH_NAME_MAX && text_printable(v) && !memchr(v.p, '\t', v.n);
}

static int event_check(const struct tel_event *e, struct why *w)
{
	if (e->time_us < 0 || e->time_us > TEL_TIME_MAX_US)
		return fail(w, -EBADMSG, "an event's time is not between 1970 and 9999");
	if (e->count == 0)
		return fail(w, -EBADMSG, "an event that happened 0 times");
	if ((unsigned int)e->kind >= EDGE_KINDS || e->kind == EDGE_OTHER)
		return fail(w, -EBADMSG, "an event of a kind that is not known");
	if ((unsigned int)e->src_kind >= NODE_KINDS || (unsigned int)e->dst_kind >= NODE_KINDS)
		return fail(w, -EBADMSG, "an event with a type that is not known");
	if (!value_good(e->src) || !value_good(e->dst))
		return fail(w, -EBADMSG, "an event with a value that is empty, too long or no printable UTF-8");
	return 0;
}

/* One event with its lengths right; the rest of what it says is not looked at. */
static bool event_take(struct bytes *in, struct tel_event *ret)
{
	uint16_t kind, src_kind, dst_kind, src_n, dst_n, zero;
	uint64_t time_us;
	struct tel_event e = { 0 };

	if (bytes_le64(*in, 0, &time_us) || bytes_le32(*in, 8, &e.count) || bytes_le16(*in, 12, &kind) ||
	    bytes_le16(*in, 14, &src_kind) || bytes_le16(*in, 16, &dst_kind) || bytes_le16(*in, 18, &src_n) ||
	    bytes_le16(*in, 20, &dst_n) || bytes_le16(*in, 22, &zero) || zero ||
	    bytes_sub(*in, TEL_EVENT_HEAD, src_n, &e.src) || bytes_sub(*in, TEL_EVENT_HEAD + src_n, dst_n, &e.dst))
		return false;
	e.time_us = (int64_t)time_us;
	e.kind = (enum edge_kind)kind;
	e.src_kind = (enum node_kind)src_kind;
	e.dst_kind = (enum node_kind)dst_kind;
	*in = bytes_of(in->p + TEL_EVENT_HEAD + src_n + dst_n, in->n - TEL_EVENT_HEAD - src_n - dst_n);
	*ret = e;
	return true;
}

bool tel_event_next(struct bytes *events, struct tel_event *ret)
{
	return events->n > 0 && event_take(events, ret);
}

static int events_check(const struct tel_frame *f, struct why *w)
{
	struct bytes rest = f->events;
	struct tel_event e;
	int r = 0;

	for (uint32_t i = 0; i < f->n_events && !r; i++)
		r = event_take(&rest, &e) ? event_check(&e, w) : fail(w, -EBADMSG, "an event with wrong lengths");
	return r ? r : rest.n ? fail(w, -EBADMSG, "bytes behind the last event") : 0;
}

static int numbers_check(uint32_t agent, uint64_t seq, uint32_t events, struct why *w)
{
	if (agent == 0 || agent > TEL_AGENT_MAX)
		return fail(w, -EBADMSG, "no number of an agent: %" PRIu32, agent);
	if (seq == 0 || seq > TEL_SEQ_MAX)
		return fail(w, -EBADMSG, "no number of a frame: %" PRIu64, seq);
	if (events == 0 || events > TEL_EVENTS_MAX)
		return fail(w, -EBADMSG, "%" PRIu32 " events in a frame; 1 to %u are allowed", events, TEL_EVENTS_MAX);
	return 0;
}

/* What says how long the frame is. */
static int size_read(struct bytes in, uint32_t *ret_bytes, struct why *w)
{
	uint16_t version = 0, flags = 0;
	size_t n = in.n < sizeof(magic) ? in.n : sizeof(magic);

	if (n > 0 && memcmp(in.p, magic, n) != 0)
		return fail(w, -EBADMSG, "no frame of telemetry begins here");
	if (in.n < TEL_HEADER)
		return -ENODATA;
	if (bytes_le16(in, OFF_VERSION, &version) || version != TEL_VERSION)
		return fail(w, version > TEL_VERSION ? -EPROTONOSUPPORT : -EBADMSG, "a frame of version %u", version);
	if (bytes_le16(in, OFF_FLAGS, &flags) || flags || bytes_le32(in, OFF_BYTES, ret_bytes))
		return fail(w, -EPROTONOSUPPORT, "a frame with flags 0x%x", flags);
	if (*ret_bytes > TEL_FRAME_MAX - TEL_HEADER)
		return fail(w, -E2BIG, "a frame of more than %u bytes", TEL_FRAME_MAX);
	return in.n - TEL_HEADER < *ret_bytes ? -ENODATA : 0;
}

int tel_frame_read(struct bytes in, struct tel_frame *ret, struct why *w)
{
	struct tel_frame f = { 0 };
	uint32_t n = 0, sum = 0;
	struct bytes whole = { 0 };
	int r;

	*ret = f;
	r = size_read(in, &n, w);
	r = r ? r : bytes_sub(in, 0, TEL_HEADER + n, &whole);
	if (r)
		return r;
	if (bytes_le32(whole, OFF_SUM, &sum) || sum != sum_of(whole) || bytes_le32(whole, OFF_AGENT, &f.agent) ||
	    bytes_le64(whole, OFF_SEQ, &f.seq) || bytes_le32(whole, OFF_EVENTS, &f.n_events) ||
	    bytes_sub(whole, TEL_HEADER, n, &f.events))
		return fail(w, -EBADMSG, "a frame whose sum is wrong");
	f.whole = whole;
	*ret = f;
	r = numbers_check(f.agent, f.seq, f.n_events, w);
	return r ? r : events_check(&f, w);
}

void tel_write_begin(struct tel_writer *t, uint8_t *p, size_t room, uint32_t agent, uint64_t seq)
{
	*t = (struct tel_writer){ .p = p, .room = room < TEL_FRAME_MAX ? room : TEL_FRAME_MAX, .n = TEL_HEADER };
	memset(p, 0, TEL_HEADER);
	memcpy(p, magic, sizeof(magic));
	put_le16(p + OFF_VERSION, TEL_VERSION);
	put_le32(p + OFF_AGENT, agent);
	put_le64(p + OFF_SEQ, seq);
}

int tel_write_event(struct tel_writer *t, const struct tel_event *e, struct why *w)
{
	uint8_t *p = t->p + t->n;
	int r = event_check(e, w);

	if (r)
		return r;
	if (t->n_events == TEL_EVENTS_MAX || t->room - t->n < TEL_EVENT_HEAD + e->src.n + e->dst.n)
		return fail(w, -E2BIG, "more than fits into a frame");
	put_le64(p, (uint64_t)e->time_us);
	put_le32(p + 8, e->count);
	put_le16(p + 12, (uint16_t)e->kind);
	put_le16(p + 14, (uint16_t)e->src_kind);
	put_le16(p + 16, (uint16_t)e->dst_kind);
	put_le16(p + 18, (uint16_t)e->src.n);
	put_le16(p + 20, (uint16_t)e->dst.n);
	put_le16(p + 22, 0);
	memcpy(p + TEL_EVENT_HEAD, e->src.p, e->src.n);
	memcpy(p + TEL_EVENT_HEAD + e->src.n, e->dst.p, e->dst.n);
	t->n += TEL_EVENT_HEAD + e->src.n + e->dst.n;
	t->n_events++;
	return 0;
}

int tel_write_end(struct tel_writer *t, struct bytes *ret, struct why *w)
{
	struct bytes whole = bytes_of(t->p, t->n);
	uint32_t agent = 0;
	uint64_t seq = 0;
	int r = bytes_le32(whole, OFF_AGENT, &agent);

	r = r ? r : bytes_le64(whole, OFF_SEQ, &seq);
	r = r ? r : numbers_check(agent, seq, t->n_events, w);
	if (r)
		return r;
	put_le32(t->p + OFF_BYTES, (uint32_t)(t->n - TEL_HEADER));
	put_le32(t->p + OFF_EVENTS, t->n_events);
	put_le32(t->p + OFF_SUM, sum_of(whole));
	*ret = whole;
	return 0;
}

void tel_ack_write(uint8_t out[TEL_ACK_BYTES], uint32_t agent, uint64_t seq, enum tel_verdict v)
{
	memcpy(out, ack_magic, sizeof(ack_magic));
	put_le16(out + 4, TEL_VERSION);
	put_le16(out + 6, (uint16_t)v);
	put_le32(out + 8, agent);
	put_le64(out + 12, seq);
	put_le32(out + 20, tel_crc32(0, bytes_of(out, 20)));
}
