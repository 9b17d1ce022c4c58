/*
 * seedsource - what a machine has seen, as rows to train with: the telemetry of the threat graph, and what feeds say of it.
 * Layer:  bootstage/trainer; asks bootstage/intel. Act.
 * Trust:  figures of telemetry come from agents; they are numbers, and limited.
 * Source: docs/formats/model.md, "Features"; docs/telemetry.md
 */
#ifndef BOOTSTAGE_TRAINER_SEEDSOURCE_H
#define BOOTSTAGE_TRAINER_SEEDSOURCE_H

#include "bootstage/intel/store.h"
#include "bootstage/trainer/flow.h"

#define SEED_CLASS_MIN 200u /* rows of each sort, at least */
#define SEED_DAYS      7u

/**
 * Rows of the last SEED_DAYS days, as many good ones as bad ones.
 * @rows  at most
 * @ret   allocated, to be freed by the caller; untouched on failure
 * Returns 0; -ENODATA there are too few; what store_open() and pg_query() return.
 */
MUST_USE int seedsource_read(const struct store_opts *store, uint64_t seed, uint32_t rows, struct flow_row **ret,
			     uint32_t *ret_n, struct why *w);

#endif
