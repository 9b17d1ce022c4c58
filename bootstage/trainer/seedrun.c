#include "bootstage/trainer/seedrun.h"

#include <math.h>

#define BATCH      32u
#define RATE       0.01
#define RATE_DECAY 0.97 /* each pass */
#define TRAIN_PART 0.8

enum {
	OFF_MAGIC = 0,
	OFF_VERSION = 4,
	OFF_HIDDEN = 8,
	OFF_SOURCE = 12,
	OFF_SEED = 16,
	OFF_ROWS = 24,
	OFF_EPOCHS = 28,
	OFF_EPOCH = 32,
	OFF_N_ROWS = 36,
	OFF_STEPS = 40,
	OFF_LOSS = 48,
	OFF_NUMBERS = 56
};

#define MAGIC     0x44454553u /* "SEED" */
#define VERSION   1u
#define ROW_BYTES ((size_t)4 * FLOW_FEATURES + 1)

void seedrun_done(struct seedrun *s)
{
	mlp_done(&s->model);
	free(s->rows);
	free(s->order);
	free(s->scaled);
	free(s->gradient);
	*s = (struct seedrun){ 0 };
}

/* Seeds of what is drawn at random, one apart from the other. */
static struct flow_random drawn(const struct seedrun *s, uint64_t what)
{
	struct flow_random r = { .state = s->params.seed * 0x100000001b3u + what };

	IGNORE(flow_random_next(&r) == 0);
	return r;
}

static void scale_rows(struct seedrun *s)
{
	s->scale = flow_scale_of(s->rows, s->order, s->n_train);
	for (uint32_t i = 0; i < s->n_train; i++) {
		const struct flow_row *row = &s->rows[s->order[i]];

		flow_scaled(&s->scale, row, s->scaled[i].x);
		s->scaled[i].y = row->bad ? 1 : 0;
	}
}

int seedrun_begin(const struct seed_params *params, struct flow_row *rows, uint32_t n, struct seedrun *ret,
		  struct why *w)
{
	AUTO_SEEDRUN s = { .params = *params, .source = rows ? SEED_TELEMETRY : SEED_SYNTHETIC, .rows = rows };
	struct flow_random r;
	int code;

	s.n_rows = rows ? n : params->rows;
	s.n_train = (uint32_t)(s.n_rows * TRAIN_PART);
	s.rows = rows ? rows : calloc(s.n_rows, sizeof(*s.rows));
	s.order = calloc(s.n_rows, sizeof(*s.order));
	s.scaled = calloc(s.n_rows, sizeof(*s.scaled));
	s.gradient = calloc(mlp_parameters(params->hidden), sizeof(*s.gradient));
	if (!s.rows || !s.order || !s.scaled || !s.gradient)
		return fail(w, -ENOMEM, "no memory for %u rows", s.n_rows);
	code = mlp_init(params->hidden, drawn(&s, 1).state, &s.model, w);
	if (code)
		return code;
	if (!rows)
		flow_synthesize(drawn(&s, 2).state, s.rows, s.n_rows);
	r = drawn(&s, 3);
	flow_shuffle(&r, s.order, s.n_rows);
	scale_rows(&s);
	*ret = s;
	s = (struct seedrun){ 0 };
	return 0;
}

void seedrun_epoch(struct seedrun *s)
{
	AUTO_FREE uint32_t *order = calloc(s->n_train, sizeof(*order));
	struct flow_random r = drawn(s, 1000 + (uint64_t)s->epoch);
	double rate = RATE * pow(RATE_DECAY, (double)s->epoch), loss = 0;

	if (!order)
		abort();
	flow_shuffle(&r, order, s->n_train);
	for (uint32_t at = 0; at < s->n_train; at += BATCH) {
		uint32_t n = s->n_train - at < BATCH ? s->n_train - at : BATCH;

		loss += n * mlp_step(&s->model, s->scaled, order + at, n, rate, s->gradient);
	}
	s->loss = loss / s->n_train;
	s->epoch++;
}

/* --- saved --- */

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

size_t seedrun_saved_bytes(const struct seed_params *p, enum seed_source source, uint32_t n_rows)
{
	return OFF_NUMBERS + 24 * mlp_parameters(p->hidden) +
	       (source == SEED_TELEMETRY ? (size_t)n_rows * ROW_BYTES : 0);
}

static void put_row(uint8_t *p, const struct flow_row *row)
{
	for (size_t i = 0; i < FLOW_FEATURES; i++) {
		uint32_t bits;

		memcpy(&bits, &row->x[i], sizeof(bits));
		put_le32(p + 4 * i, bits);
	}
	p[ROW_BYTES - 1] = row->bad;
}

int seedrun_save(const struct seedrun *s, uint8_t **ret, size_t *ret_n, struct why *w)
{
	size_t n = seedrun_saved_bytes(&s->params, s->source, s->n_rows), numbers = 3 * s->model.n;
	uint32_t kept = s->source == SEED_TELEMETRY ? s->n_rows : 0;
	uint8_t *p = calloc(1, n);

	if (!p)
		return fail(w, -ENOMEM, "no memory for a checkpoint");
	put_le32(p + OFF_MAGIC, MAGIC);
	put_le32(p + OFF_VERSION, VERSION);
	put_le32(p + OFF_HIDDEN, s->params.hidden);
	put_le32(p + OFF_SOURCE, s->source);
	put_le64(p + OFF_SEED, s->params.seed);
	put_le32(p + OFF_ROWS, s->params.rows);
	put_le32(p + OFF_EPOCHS, s->params.epochs);
	put_le32(p + OFF_EPOCH, s->epoch);
	put_le32(p + OFF_N_ROWS, kept);
	put_le64(p + OFF_STEPS, s->model.steps);
	put_le64(p + OFF_LOSS, bits_of(s->loss));
	for (size_t i = 0; i < numbers; i++)
		put_le64(p + OFF_NUMBERS + 8 * i, bits_of(s->model.p[i]));
	for (uint32_t i = 0; i < kept; i++)
		put_row(p + OFF_NUMBERS + 8 * numbers + (size_t)i * ROW_BYTES, &s->rows[i]);
	*ret = p;
	*ret_n = n;
	return 0;
}

struct saved {
	struct seed_params params;
	uint32_t magic, version, source, epoch, n_rows;
	uint64_t steps;
	double loss;
};

static int get_double(struct bytes in, size_t off, double *ret)
{
	uint64_t bits;
	double v;
	int r = bytes_le64(in, off, &bits);

	if (r)
		return r;
	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v))
		return -EBADMSG;
	*ret = v;
	return 0;
}

static int get_saved(struct bytes in, struct saved *ret, struct why *w)
{
	struct saved s = { 0 };

	if (bytes_le32(in, OFF_MAGIC, &s.magic) || bytes_le32(in, OFF_VERSION, &s.version) ||
	    bytes_le32(in, OFF_HIDDEN, &s.params.hidden) || bytes_le32(in, OFF_SOURCE, &s.source) ||
	    bytes_le64(in, OFF_SEED, &s.params.seed) || bytes_le32(in, OFF_ROWS, &s.params.rows) ||
	    bytes_le32(in, OFF_EPOCHS, &s.params.epochs) || bytes_le32(in, OFF_EPOCH, &s.epoch) ||
	    bytes_le32(in, OFF_N_ROWS, &s.n_rows) || bytes_le64(in, OFF_STEPS, &s.steps) ||
	    get_double(in, OFF_LOSS, &s.loss) || s.magic != MAGIC || s.version != VERSION)
		return fail(w, -EBADMSG, "not a state of a seed training");
	*ret = s;
	return 0;
}

static bool params_equal(const struct seed_params *a, const struct seed_params *b)
{
	return a->hidden == b->hidden && a->seed == b->seed && a->rows == b->rows && a->epochs == b->epochs;
}

static int check_saved(const struct saved *s, struct bytes in, struct why *w)
{
	bool rows_good = s->source == SEED_TELEMETRY ? s->n_rows >= SEED_ROWS_MIN && s->n_rows <= SEED_ROWS_MAX
						     : s->source == SEED_SYNTHETIC && s->n_rows == 0;

	if (!rows_good || s->epoch > s->params.epochs ||
	    in.n != seedrun_saved_bytes(&s->params, (enum seed_source)s->source, s->n_rows))
		return fail(w, -EBADMSG, "a state of a seed training that cannot be");
	return 0;
}

static int get_row(struct bytes in, size_t off, struct flow_row *ret)
{
	uint8_t is_bad = 0;
	int r = bytes_u8(in, off + ROW_BYTES - 1, &is_bad);

	for (size_t i = 0; r == 0 && i < FLOW_FEATURES; i++) {
		uint32_t bits;

		r = bytes_le32(in, off + 4 * i, &bits);
		if (r)
			return r;
		memcpy(&ret->x[i], &bits, sizeof(bits));
		if (!isfinite(ret->x[i]) || ret->x[i] < 0)
			return -EBADMSG;
	}
	ret->bad = is_bad == 1;
	return r ? r : is_bad > 1 ? -EBADMSG : 0;
}

static int get_rows(struct bytes in, size_t off, uint32_t n, struct flow_row **ret, struct why *w)
{
	AUTO_FREE struct flow_row *rows = calloc(n, sizeof(*rows));

	if (!rows)
		return fail(w, -ENOMEM, "no memory for %u rows", n);
	for (uint32_t i = 0; i < n; i++)
		if (get_row(in, off + (size_t)i * ROW_BYTES, &rows[i]))
			return fail(w, -EBADMSG, "row %u of a seed training cannot be", i);
	*ret = MOVE(rows);
	return 0;
}

int seedrun_load(const struct seed_params *params, struct bytes in, struct seedrun *ret, struct why *w)
{
	size_t numbers = 3 * mlp_parameters(params->hidden);
	struct flow_row *rows = NULL;
	AUTO_SEEDRUN s = { 0 };
	struct saved saved = { 0 };
	int r = get_saved(in, &saved, w);

	if (r)
		return r;
	if (!params_equal(params, &saved.params))
		return fail(w, -ESTALE, "a training that was begun otherwise");
	r = check_saved(&saved, in, w);
	if (r == 0 && saved.source == SEED_TELEMETRY)
		r = get_rows(in, OFF_NUMBERS + 8 * numbers, saved.n_rows, &rows, w);
	r = r ? r : seedrun_begin(params, rows, saved.n_rows, &s, w);
	for (size_t i = 0; r == 0 && i < numbers; i++)
		if (get_double(in, OFF_NUMBERS + 8 * i, &s.model.p[i]))
			r = fail(w, -EBADMSG, "weights of a seed training that are no numbers");
	if (r)
		return r;
	s.epoch = saved.epoch;
	s.loss = saved.loss;
	s.model.steps = saved.steps;
	*ret = s;
	s = (struct seedrun){ 0 };
	return 0;
}
