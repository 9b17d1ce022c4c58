#include "base/heap.h"

#ifdef __GLIBC__
#include <malloc.h>

#define MAPPED_BYTES (128 << 10)

/*
 * By default each thread gets a heap of its own, and the first large buffer that is freed raises the size from which on
 * buffers get a mapping of their own, to 32 MiB at most: then they stay behind in the heaps.
 */
void heap_keep_small(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}
#else
void heap_keep_small(void)
{
}
#endif
