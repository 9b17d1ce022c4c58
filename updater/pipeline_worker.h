/*
 * pipeline_worker - what a worker of the pipeline owns. Private to updater/pipeline*.c.
 */
#ifndef UPDATER_PIPELINE_WORKER_H
#define UPDATER_PIPELINE_WORKER_H

#include "updater/base_reader.h"
#include "updater/pipeline_inside.h"

#define LOOK_SPANS  16u /* compared between two questions whether it is worth it */
#define CHECK_SPANS 64u /* read back at once */
#define VERIFY_MANY 16u /* hashed side by side */

struct worker {
	struct pipeline *p;
	struct decoder decoder;
	struct base_reader base;   /* all zero without a base */
	struct base_reader origin; /* of a delta */
	uint8_t *buf;              /* size.check_bytes, aligned */
	struct span spans[CHECK_SPANS];
	struct decode_job *jobs; /* one for each piece of a batch */
	struct base_piece *runs; /* one for each block of a batch */
};

#endif
