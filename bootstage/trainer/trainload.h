/*
 * trainload - how busy the machine is, by its pressure.
 * Layer:  bootstage/trainer. Act: reads files.
 * Source: Linux Documentation/accounting/psi.rst.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINLOAD_H
#define BOOTSTAGE_TRAINER_TRAINLOAD_H

#include "bootstage/trainer/places.h"
#include "bootstage/trainer/trainsched.h"

/** A kernel without pressure, or with another form of it: ret->known is false. */
void trainload_read(const struct trainplaces *p, struct train_load *ret);

#endif
