/*
 * input - the bytes of a feed, unpacked when they are gzip, xz or zstd.
 * Layer:  bootstage/intel.
 * Trust:  the bytes are hostile. Memory for unpacking stays under INPUT_MEMORY_MAX, whatever they ask for; what comes out
 *         is counted and ends at a limit.
 *
 * What is packed is seen by its first bytes, not by a name. Several packed streams behind each other are one, as gzip(1),
 * xz(1) and zstd(1) have it.
 */
#ifndef BOOTSTAGE_INTEL_INPUT_H
#define BOOTSTAGE_INTEL_INPUT_H

#include "bootstage/intel/carve.h"

#define INPUT_MAX_BYTES  (UINT64_C(64) << 30)  /* unpacked, unless the caller says otherwise */
#define INPUT_MEMORY_MAX (UINT64_C(144) << 20) /* xz -9 takes 65 MiB, zstd --long 128 MiB */

enum input_packing {
	INPUT_PLAIN,
	INPUT_GZIP,
	INPUT_XZ,
	INPUT_ZSTD,
};

struct input;

/**
 * Begin to read. Reads the first bytes.
 * @raw        borrowed until input_close()
 * @name       for reasons; copied
 * @max_bytes  of what comes out; 0: INPUT_MAX_BYTES
 */
MUST_USE int input_open(struct carve_source raw, const char *name, uint64_t max_bytes, struct input **ret,
			struct why *w);
void input_close(struct input *i);

/**
 * What the carver reads from. Its read fails with -EBADMSG when packed data are damaged or end too early, after all that
 * could be unpacked; -E2BIG beyond a limit; what the raw source failed with.
 */
struct carve_source input_source(struct input *i);

enum input_packing input_packing(const struct input *i);
/** Bytes that were read, packed and unpacked. */
uint64_t input_raw_bytes(const struct input *i);
uint64_t input_bytes(const struct input *i);

#endif
