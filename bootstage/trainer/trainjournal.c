#include "bootstage/trainer/trainjournal.h"

#include <time.h>

#include "base/crc32c.h"
#include "base/parse.h"

#define VERSION    1u
#define HEAD_BYTES 8u /* length and sum of what follows */
#define BODY_BYTES 82u
#define GROWS_BY   256u

static const char *const event_words[TRAIN_EVENTS] = { "?",      "begin",       "queued",      "running",  "checkpoint",
						       "paused", "interrupted", "trained",     "promoted", "done",
						       "failed", "skipped",     "rolled-back", "end" };
static const char *const mode_words[] = { "all", "day-one", "one" };

const char *train_event_name(enum train_event e)
{
	return (size_t)e < TRAIN_EVENTS ? event_words[e] : "?";
}

const char *train_mode_name(enum train_mode m)
{
	return (size_t)m < ARRAY_SIZE(mode_words) ? mode_words[m] : "?";
}

/* --- one record --- */

static size_t put_text(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	p[0] = (uint8_t)n;
	memcpy(p + 1, text, n);
	return n + 1;
}

size_t train_record_write(const struct train_record *r, uint8_t *ret)
{
	uint8_t *p = ret + HEAD_BYTES;
	size_t n = BODY_BYTES;

	p[0] = VERSION;
	p[1] = (uint8_t)r->event;
	p[2] = (uint8_t)r->mode;
	p[3] = r->seed;
	put_le64(p + 4, r->sequence);
	put_le64(p + 12, r->cycle);
	put_le64(p + 20, (uint64_t)r->time_us);
	put_le16(p + 28, (uint16_t)r->exit_code);
	put_le64(p + 30, (uint64_t)r->signal);
	put_le64(p + 38, r->step);
	put_le64(p + 46, r->of);
	put_le64(p + 54, r->used_bytes);
	put_le64(p + 62, r->peak_bytes);
	put_le64(p + 70, r->cpu_us);
	put_le32(p + 78, 0);
	n += put_text(p + n, r->job);
	n += put_text(p + n, r->text);
	put_le32(ret, (uint32_t)n);
	put_le32(ret + 4, crc32c(crc32c(0, bytes_of(ret, 4)), bytes_of(p, n)));
	return HEAD_BYTES + n;
}

static int take_text(struct bytes in, size_t *at, char *ret, size_t room)
{
	uint8_t n = 0;

	if (bytes_u8(in, *at, &n) || n >= room || !bytes_has(in, *at + 1, n))
		return -EBADMSG;
	(void)snprintf(ret, room, "%.*s", (int)n, (const char *)in.p + *at + 1);
	*at += 1u + n;
	return strlen(ret) == n && text_printable(bytes_str(ret)) ? 0 : -EBADMSG;
}

static uint64_t le64_at(struct bytes in, size_t at)
{
	uint64_t v = 0;

	IGNORE(bytes_le64(in, at, &v)); /* the caller knows that it is there */
	return v;
}

/* What has a right sum, but cannot be: another program wrote it. */
static bool sound(const struct train_record *r)
{
	bool of_cycle = r->event == TRAIN_BEGIN || r->event == TRAIN_END;

	return r->event >= TRAIN_BEGIN && r->event <= TRAIN_END && (size_t)r->mode < ARRAY_SIZE(mode_words) &&
	       r->sequence > 0 && r->cycle > 0 && r->exit_code >= -1 && r->exit_code <= 255 && r->signal >= 0 &&
	       r->signal < 128 && (of_cycle || r->job[0]);
}

static int take_body(struct bytes in, struct train_record *ret)
{
	size_t at = BODY_BYTES;
	uint32_t none = 0;
	uint16_t code = 0;

	if (!bytes_has(in, 0, BODY_BYTES) || bytes_le16(in, 28, &code) || bytes_le32(in, 78, &none) || none)
		return -EBADMSG;
	ret->event = in.p[1];
	ret->mode = in.p[2];
	ret->seed = in.p[3] == 1;
	ret->sequence = le64_at(in, 4);
	ret->cycle = le64_at(in, 12);
	ret->time_us = (int64_t)le64_at(in, 20);
	ret->exit_code = (int16_t)code;
	ret->signal = (int)(le64_at(in, 30) & 0xff);
	ret->step = le64_at(in, 38);
	ret->of = le64_at(in, 46);
	ret->used_bytes = le64_at(in, 54);
	ret->peak_bytes = le64_at(in, 62);
	ret->cpu_us = le64_at(in, 70);
	if (take_text(in, &at, ret->job, sizeof(ret->job)) || take_text(in, &at, ret->text, sizeof(ret->text)) ||
	    at != in.n)
		return -EBADMSG;
	return in.p[3] <= 1 && le64_at(in, 30) < 128 && sound(ret) ? 0 : -EBADMSG;
}

int train_record_read(struct bytes in, struct train_record *ret, size_t *ret_n, struct why *w)
{
	struct train_record r = { 0 };
	uint32_t n = 0, sum = 0;
	struct bytes body;

	if (in.n == 0)
		return -ENODATA;
	if (bytes_le32(in, 0, &n) || bytes_le32(in, 4, &sum) || n == 0 || n > TRAINRECORD_MAX - HEAD_BYTES ||
	    bytes_sub(in, HEAD_BYTES, n, &body))
		return fail(w, -EBADMSG, "a record is not whole");
	if (crc32c(crc32c(0, bytes_of(in.p, 4)), body) != sum)
		return fail(w, -EBADMSG, "a record does not fit its sum");
	if (body.p[0] > VERSION)
		return fail(w, -EPROTONOSUPPORT, "records of version %u; this program knows %u", body.p[0], VERSION);
	if (body.p[0] != VERSION || take_body(body, &r))
		return fail(w, -EBADMSG, "a record is malformed");
	*ret = r;
	*ret_n = HEAD_BYTES + n;
	return 0;
}

/* --- all of them --- */

static int keep(struct trainjournal *j, const struct train_record *r, struct why *w)
{
	if (j->n == j->room) {
		struct train_record *more = reallocarray(j->at, j->room + GROWS_BY, sizeof(*more));

		if (!more)
			return fail(w, -ENOMEM, "journal: out of memory");
		j->at = more;
		j->room += GROWS_BY;
	}
	j->at[j->n++] = *r;
	return 0;
}

/* Numbers only grow: where they do not, an older file shows through. */
static bool follows(const struct trainjournal *j, const struct train_record *r)
{
	return j->n == 0 || (r->sequence > j->at[j->n - 1].sequence && r->cycle >= j->at[j->n - 1].cycle);
}

static int take_all(struct trainjournal *j, struct bytes in, struct why *w)
{
	struct train_record rec = { 0 };
	struct why bad = { 0 };
	size_t n = 0;
	int r = 0;

	while (!r && in.n > 0) {
		r = train_record_read(in, &rec, &n, &bad);
		if (!r && !follows(j, &rec))
			r = -EBADMSG;
		if (r)
			break;
		r = keep(j, &rec, w);
		j->bytes += n;
		in = bytes_of(in.p + n, in.n - n);
	}
	if (r == -EPROTONOSUPPORT)
		return fail(w, r, "journal: %s", bad.text);
	if (r && r != -EBADMSG)
		return r;
	j->lost_bytes = in.n;
	j->uncut = in.n > 0;
	return 0;
}

int trainjournal_open(struct trainjournal *ret, const struct trainjournal_file *file, void *arg, struct why *w)
{
	struct trainjournal j = { .file = file, .arg = arg, .compact_at = TRAINJOURNAL_COMPACT };
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file->read(arg, &text, &n, w);

	r = r ? r : take_all(&j, bytes_of(text, n), w);
	if (r) {
		trainjournal_close(&j);
		return r;
	}
	*ret = j;
	return 0;
}

void trainjournal_close(struct trainjournal *j)
{
	free(j->at);
	*j = (struct trainjournal){ 0 };
}

/* --- writing --- */

bool trainjournal_keeps(const struct trainjournal *j, size_t i)
{
	const struct train_record *r = &j->at[i];

	if (r->cycle + 1 >= j->at[j->n - 1].cycle && r->event != TRAIN_CHECKPOINT && r->event != TRAIN_ROLLED_BACK)
		return true;
	if (!r->job[0])
		return false;
	for (size_t k = i + 1; k < j->n; k++)
		if (j->at[k].event == r->event && strcmp(j->at[k].job, r->job) == 0)
			return false;
	return true;
}

/* Drop what is not kept from memory; it is decided from all of them, so before any goes. */
static void drop(struct trainjournal *j, const bool *stays)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->n; i++)
		if (stays[i])
			j->at[kept++] = j->at[i];
	j->n = kept;
}

static int compact(struct trainjournal *j, struct why *w)
{
	AUTO_FREE uint8_t *buf = calloc(j->n, TRAINRECORD_MAX);
	AUTO_FREE bool *stays = calloc(j->n, sizeof(*stays));
	size_t n = 0;
	int r;

	if (!buf || !stays)
		return fail(w, -ENOMEM, "journal: out of memory");
	for (size_t i = 0; i < j->n; i++) {
		stays[i] = trainjournal_keeps(j, i);
		if (stays[i])
			n += train_record_write(&j->at[i], buf + n);
	}
	r = j->file->replace(j->arg, buf, n, w);
	if (r)
		return r;
	drop(j, stays);
	j->bytes = n;
	j->compact_at = 2 * n > TRAINJOURNAL_COMPACT ? 2 * n : TRAINJOURNAL_COMPACT;
	j->uncut = false;
	return 0;
}

/* What is cut short may end within a character; such a record would count as rotten. */
static void make_printable(char *text)
{
	if (!text_printable(bytes_str(text)))
		for (; *text; text++)
			*text = (unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e ? '?' : *text;
}

int trainjournal_add(struct trainjournal *j, const struct train_record *r, struct why *w)
{
	struct train_record rec = *r;
	uint8_t buf[TRAINRECORD_MAX];
	struct timespec now;
	size_t n;
	int e = j->bytes > j->compact_at ? compact(j, w) : 0;

	if (!e && j->uncut)
		e = j->file->cut(j->arg, j->bytes, w);
	if (e)
		return e;
	j->uncut = false;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	rec.time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	rec.sequence = j->n > 0 ? j->at[j->n - 1].sequence + 1 : 1;
	make_printable(rec.text);
	n = train_record_write(&rec, buf);
	e = j->file->append(j->arg, j->bytes, buf, n, w);
	e = e ? e : j->file->sync(j->arg, w);
	e = e ? e : keep(j, &rec, w);
	if (e)
		j->uncut = true; /* some of it may be there */
	else
		j->bytes += n;
	return e;
}
