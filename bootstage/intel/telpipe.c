#include "bootstage/intel/telpipe.h"

#include <inttypes.h>
#include <stdlib.h>

#define NAMES_MAX 262144u /* N10: 50,000 hosts and whom they talk to stay known; pages come when they are used */

int telpipe_init(struct telpipe *p, const struct telpipe_ops *ops, void *arg, struct telspool *spool, size_t batch_rows,
		 struct why *w)
{
	int r;

	*p = (struct telpipe){
		.ops = ops, .arg = arg, .spool = spool, .batch_rows = batch_rows, .wait_ms = TELPIPE_RETRY_MS
	};
	r = telagg_init(&p->agg, batch_rows, NAMES_MAX, w);
	r = r ? r : telseqs_init(&p->agents, w);
	p->raw = malloc(TELPIPE_RAW_MAX);
	p->frames = calloc(TELPIPE_FRAMES, sizeof(*p->frames));
	p->marks = calloc(TELPIPE_FRAMES, sizeof(*p->marks));
	if (!r && p->raw && p->frames && p->marks)
		return 0;
	telpipe_done(p);
	return r ? r : fail(w, -ENOMEM, "out of memory");
}

void telpipe_done(struct telpipe *p)
{
	if (p->up)
		p->ops->disconnect(p->arg);
	telagg_done(&p->agg);
	telseqs_done(&p->agents);
	free(p->raw);
	free(p->frames);
	free(p->marks);
	*p = (struct telpipe){ 0 };
}

static bool has_room(const struct telpipe *p, const struct tel_frame *f)
{
	return p->n_frames < TELPIPE_FRAMES && TELPIPE_RAW_MAX - p->raw_n >= f->whole.n &&
	       (!p->direct || telagg_fits(&p->agg, f));
}

static void keep(struct telpipe *p, const struct tel_frame *f, uint64_t tag, bool new)
{
	p->frames[p->n_frames++] = (struct telpipe_frame){
		.at = p->raw_n, .n = new ? f->whole.n : 0, .tag = tag, .seq = f->seq, .agent = f->agent
	};
	if (!new)
		return;
	memcpy(p->raw + p->raw_n, f->whole.p, f->whole.n);
	p->raw_n += f->whole.n;
	if (p->direct)
		telagg_add(&p->agg, f);
}

int telpipe_take(struct telpipe *p, const struct tel_frame *f, uint64_t tag, uint64_t now_ms)
{
	struct telseq *s = telseqs_get(&p->agents, f->agent);

	if (!s)
		return -ENOSPC;
	if (f->seq <= s->durable) {
		p->facts.frames++;
		p->facts.duplicates++;
		p->ops->answer(p->arg, tag, f->agent, f->seq, TEL_DUPLICATE);
		return 0;
	}
	if (p->n_frames == 0) {
		telagg_reset(&p->agg);
		p->direct = p->up && telspool_empty(p->spool);
		p->begun_ms = now_ms;
	}
	if (!has_room(p, f)) {
		p->full = true;
		return -EAGAIN;
	}
	keep(p, f, tag, f->seq > s->taken);
	p->facts.frames++;
	p->facts.duplicates += f->seq <= s->taken;
	p->facts.events += f->seq > s->taken ? f->n_events : 0;
	s->taken = f->seq > s->taken ? f->seq : s->taken;
	return 0;
}

static void go_down(struct telpipe *p, int r, const struct why *w, uint64_t now_ms)
{
	p->ops->note(p->arg, w);
	p->ops->disconnect(p->arg);
	p->up = false;
	p->facts.outages++;
	p->single = p->single || r == -EBADMSG;
	/* Nothing is wrong with the server: what it knows of the agents has to be read again. */
	p->retry_ms = r == -ESTALE || r == -EBADMSG ? now_ms : now_ms + p->wait_ms;
}

static void connect(struct telpipe *p, uint64_t now_ms)
{
	struct why w = { 0 };

	telagg_forget(&p->agg);
	telseqs_ask(&p->agents);
	if (p->ops->connect(p->arg, &p->agents, &w) == 0) {
		p->up = true;
		p->wait_ms = TELPIPE_RETRY_MS;
		return;
	}
	if (p->wait_ms == TELPIPE_RETRY_MS)
		p->ops->note(p->arg, &w);
	p->retry_ms = now_ms + p->wait_ms;
	p->wait_ms = p->wait_ms < 8ull * TELPIPE_RETRY_MS ? 2 * p->wait_ms : p->wait_ms;
}

/* One mark for each agent: `seq` moves on, `before` stays. Marks of a batch are few beside its rows. */
static size_t mark(struct telpipe *p, size_t n, const struct telseq *s, uint64_t seq)
{
	if (seq <= s->stored)
		return n;
	for (size_t i = n; i-- > 0 && i + 64 > n;) {
		if (p->marks[i].agent == s->agent) {
			p->marks[i].seq = seq;
			return n;
		}
	}
	p->marks[n] = (struct telpipe_mark){ .agent = s->agent, .before = s->stored, .seq = seq };
	return n + 1;
}

static int by_agent(const void *x, const void *y)
{
	const struct telpipe_mark *a = x, *b = y;

	if (a->agent != b->agent)
		return a->agent < b->agent ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Of several marks of an agent the last one is left. */
static size_t marks_settle(struct telpipe *p, size_t n)
{
	size_t kept = 0;

	if (n > 0)
		qsort(p->marks, n, sizeof(*p->marks), by_agent);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && p->marks[kept - 1].agent == p->marks[i].agent)
			kept--;
		p->marks[kept++] = p->marks[i];
	}
	return kept;
}

/* What is in `agg`, with n marks. */
static int store(struct telpipe *p, size_t n, uint64_t now_ms)
{
	struct why w = { 0 };
	int r;

	n = marks_settle(p, n);
	telagg_sort(&p->agg);
	r = n ? p->ops->store(p->arg, &p->agg, p->marks, n, &w) : 0;
	if (r) {
		go_down(p, r, &w, now_ms);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		IGNORE(!telseqs_stored(&p->agents, p->marks[i].agent, p->marks[i].seq)); /* it is in the table */
	p->facts.batches += n > 0;
	p->facts.rows += p->agg.n_rows;
	return 0;
}

/* Frames into `agg`, as many as go into one batch. Returns their bytes. */
static size_t gather(struct telpipe *p, struct bytes in, size_t *ret_marks, uint64_t *ret_frames)
{
	size_t used = 0, n = 0;
	struct tel_frame f;

	telagg_reset(&p->agg);
	while (used < in.n && n < TELPIPE_FRAMES && p->agg.n_rows < p->batch_rows &&
	       tel_frame_read(bytes_of(in.p + used, in.n - used), &f, NULL) == 0) {
		const struct telseq *s = telseqs_get(&p->agents, f.agent);

		if (!telagg_fits(&p->agg, &f) || (p->single && n > 0))
			break;
		used += f.whole.n;
		if (!s || f.seq <= s->stored)
			continue;
		telagg_add(&p->agg, &f);
		n = mark(p, n, s, f.seq);
		++*ret_frames;
	}
	*ret_marks = n;
	return used;
}

/* A frame, alone, that the database will never take. */
static void drop(struct telpipe *p)
{
	struct why w = { 0 };

	(void)fail(&w, -EBADMSG, "a frame of agent %" PRIu32 " is dropped: the database does not take it",
		   p->marks[0].agent);
	p->ops->note(p->arg, &w);
	p->facts.dropped++;
}

/* Some of these frames. *ret_used: how many bytes of them are done with. */
static int store_some(struct telpipe *p, struct bytes in, uint64_t now_ms, size_t *ret_used, uint64_t *ret_frames)
{
	bool alone = p->single;
	size_t marks = 0, used = gather(p, in, &marks, ret_frames);
	int r = store(p, marks, now_ms);

	if (r == -EBADMSG && alone) {
		drop(p);
		r = 0;
	}
	*ret_used = r ? 0 : used;
	return r;
}

static int store_batch(struct telpipe *p, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_frames; i++)
		if (p->frames[i].n)
			n = mark(p, n, telseqs_get(&p->agents, p->frames[i].agent), p->frames[i].seq);
	return store(p, n, now_ms);
}

/* A batch that was begun while there was no connection, or a spool; it may be more than is stored at once. */
static int store_parts(struct telpipe *p, uint64_t now_ms)
{
	uint64_t frames = 0;
	size_t used = 0;
	int r = 0;

	while (!r && p->up && p->raw_done < p->raw_n) {
		r = store_some(p, bytes_of(p->raw + p->raw_done, p->raw_n - p->raw_done), now_ms, &used, &frames);
		p->raw_done += used;
	}
	return r || p->raw_done == p->raw_n ? r : -EAGAIN;
}

static int spool_batch(struct telpipe *p, uint64_t now_ms)
{
	struct why w = { 0 };
	bool first = p->held_ms == 0;
	struct bytes rest = bytes_of(p->raw + p->raw_done, p->raw_n - p->raw_done);
	int r = rest.n ? telspool_append(p->spool, rest, &w) : 0;

	p->held_ms = r ? now_ms + TELPIPE_RETRY_MS : 0;
	if (r && first)
		p->ops->note(p->arg, &w);
	for (size_t i = 0; !r && i < p->n_frames; i++)
		p->facts.spooled += p->frames[i].n > 0 && p->frames[i].at >= p->raw_done;
	return r;
}

static void answer_batch(struct telpipe *p)
{
	for (size_t i = 0; i < p->n_frames; i++) {
		const struct telpipe_frame *f = &p->frames[i];
		struct telseq *s = telseqs_get(&p->agents, f->agent);

		if (s && f->seq > s->durable)
			s->durable = f->seq;
		p->ops->answer(p->arg, f->tag, f->agent, f->seq, f->n ? TEL_STORED : TEL_DUPLICATE);
	}
	p->n_frames = p->raw_n = p->raw_done = 0;
	p->full = false;
	telagg_reset(&p->agg);
}

static void close_batch(struct telpipe *p, uint64_t now_ms)
{
	int r = -EAGAIN;

	if (p->up && telspool_empty(p->spool))
		r = p->direct ? store_batch(p, now_ms) : store_parts(p, now_ms);
	p->direct = false; /* what did not go that way goes through the spool */
	if (r && p->held_ms <= now_ms)
		r = spool_batch(p, now_ms);
	if (r)
		return;
	p->held_ms = 0;
	answer_batch(p);
}

static bool batch_due(const struct telpipe *p, uint64_t now_ms)
{
	return p->n_frames > 0 &&
	       (p->full || p->n_frames == TELPIPE_FRAMES || (p->direct && p->agg.n_rows >= p->batch_rows) ||
		now_ms - p->begun_ms >= TELPIPE_WAIT_MS);
}

static void replay(struct telpipe *p, uint64_t now_ms)
{
	struct why w = { 0 };
	struct bytes in = { 0 };
	uint64_t frames = 0;
	size_t used = 0;
	int r = telspool_next(p->spool, &in, &w);

	p->replay_ms = r ? now_ms + TELPIPE_RETRY_MS : 0;
	r = r ? r : store_some(p, in, now_ms, &used, &frames);
	p->facts.replayed += r ? 0 : frames;
	r = r ? r : telspool_replayed(p->spool, used, &w);
	if (r && w.code)
		p->ops->note(p->arg, &w);
}

bool telpipe_replays(const struct telpipe *p)
{
	return p->up && !telspool_empty(p->spool) && p->replay_ms == 0;
}

void telpipe_step(struct telpipe *p, uint64_t now_ms)
{
	if (!p->up && now_ms >= p->retry_ms)
		connect(p, now_ms);
	if (batch_due(p, now_ms))
		close_batch(p, now_ms);
	/* The batch that is being gathered does not use `agg` while there is a spool. */
	if (p->up && !telspool_empty(p->spool) && now_ms >= p->replay_ms)
		replay(p, now_ms);
	if (telspool_empty(p->spool) && p->held_ms == 0)
		p->single = false;
}

bool telpipe_flush(struct telpipe *p, uint64_t now_ms)
{
	p->full = p->n_frames > 0;
	telpipe_step(p, now_ms);
	return p->n_frames == 0;
}

static unsigned int until(uint64_t at_ms, uint64_t now_ms)
{
	return at_ms > now_ms ? (unsigned int)(at_ms - now_ms) : 0;
}

unsigned int telpipe_due_ms(const struct telpipe *p, uint64_t now_ms)
{
	unsigned int ms = 60000, n;

	if (p->up && !telspool_empty(p->spool) && (n = until(p->replay_ms, now_ms)) < ms)
		ms = n;
	if (!p->up && (n = until(p->retry_ms, now_ms)) < ms)
		ms = n;
	if (p->n_frames > 0) {
		n = p->held_ms ? until(p->held_ms, now_ms) : until(p->begun_ms + TELPIPE_WAIT_MS, now_ms);
		n = p->full && !p->held_ms ? 0 : n;
		ms = n < ms ? n : ms;
	}
	return ms;
}
