/*
 * trainmetrics - figures of the trainer for a monitor, as a text file that is there whole or not at all.
 * Layer:  bootstage/trainer. trainmetrics_print() is pure; trainmetrics_save() writes the file.
 * Source: Prometheus, "Text-based format", version 0.0.4; docs/trainer.md lists the figures.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINMETRICS_H
#define BOOTSTAGE_TRAINER_TRAINMETRICS_H

#include <stdio.h>

#include "bootstage/trainer/places.h"
#include "bootstage/trainer/trainstate.h"

#define TRAINMETRICS_FILE "/run/tandem/metrics/trainer.prom"

/** @models  bit i: job i has a valid model */
void trainmetrics_print(FILE *to, const struct trainjobs *jobs, const struct train_state *s, uint64_t models);
/** A file that cannot be written is only logged. */
void trainmetrics_save(const struct trainplaces *p, const struct trainjobs *jobs, const struct train_state *s,
		       uint64_t models);

#endif
