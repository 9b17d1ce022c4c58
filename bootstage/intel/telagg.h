/*
 * telagg - what telemetry comes to: one row for all that an agent said of one edge in one minute, and the nodes that the
 * rows name. Two bounded hash tables; memory is taken once.
 * Layer:  bootstage/intel. Decide: pure but for its memory.
 * Trust:  values are hostile; they are hashed with a key of this process, so that nobody can choose them to collide.
 *
 * Nodes stay known from batch to batch with their ids, rows do not.
 */
#ifndef BOOTSTAGE_INTEL_TELAGG_H
#define BOOTSTAGE_INTEL_TELAGG_H

#include "bootstage/intel/telframe.h"

#define TEL_MINUTE_US INT64_C(60000000)

struct telagg_name {
	enum node_kind kind;
	struct bytes value; /* in the table's memory */
	int64_t id;         /* of the node in the database; 0: not asked for yet */
};

struct telagg_row {
	uint32_t src, dst; /* names */
	uint32_t agent;
	enum edge_kind kind;
	int64_t minute_us; /* its beginning */
	uint64_t count;
};

struct telagg {
	struct telagg_row *rows;
	struct telagg_name *names;
	size_t n_rows, n_names;
	/* private from here */
	size_t rows_max, names_max, arena_n, arena_max;
	uint32_t *row_slots, *name_slots;
	size_t row_mask, name_mask;
	uint8_t *arena;
	uint8_t key[16];
};

/** Memory for batches of `batch` rows and a frame above; `names` nodes. -ENOMEM. */
MUST_USE int telagg_init(struct telagg *a, size_t batch, size_t names, struct why *w);
void telagg_done(struct telagg *a);
/** Whether a frame fits. It always does after telagg_reset() and telagg_forget(). */
bool telagg_fits(const struct telagg *a, const struct tel_frame *f);
/** Add the events of a frame that fits. Events of the same agent, edge and minute become one row. */
void telagg_add(struct telagg *a, const struct tel_frame *f);
/** A new batch: no rows. Nodes stay, unless a frame might not fit beside them. */
void telagg_reset(struct telagg *a);
/** No nodes either: another database, or one that came back. */
void telagg_forget(struct telagg *a);
/** Rows in the order of their minutes, as BRIN wants them. */
void telagg_sort(struct telagg *a);

#endif
