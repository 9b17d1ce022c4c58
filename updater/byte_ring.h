/*
 * byte_ring - room in a buffer that is given out in one piece each time, and taken back in the same order. Pure.
 * Layer:  updater.
 */
#ifndef UPDATER_BYTE_RING_H
#define UPDATER_BYTE_RING_H

#include <stddef.h>
#include <stdint.h>

#define BYTE_RING_FULL SIZE_MAX

/* .size is the caller's, the rest begins as zero and is private. */
struct byte_ring {
	size_t size;
	size_t from, to; /* the oldest byte given out, the one behind the newest */
	size_t pieces;   /* out */
};

/** Where n bytes (1 or more) may lie, or BYTE_RING_FULL: not before others are back. With none out, any n <= size fits. */
size_t byte_ring_take(struct byte_ring *r, size_t n);
/** The oldest that is out comes back; the same values as when it was taken. */
void byte_ring_give(struct byte_ring *r, size_t at, size_t n);

#endif
