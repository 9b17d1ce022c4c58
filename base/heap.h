/*
 * heap - how the C library's heap is run in programs that promise little memory: what is freed goes back, and threads share
 * one heap.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/** At the beginning of main(), before there are threads. Where the C library has no such settings nothing happens. */
void heap_keep_small(void);

#endif
