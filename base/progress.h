/*
 * progress - how far long work is: a bar on a terminal, JSON lines for a program, or nothing.
 * For cmd_*. One at a time on a stream.
 *
 * A JSON line: {"event": "progress", "what": "create", "done_bytes": 1, "total_bytes": 2, "elapsed_ms": 3}
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

#include "base/why.h"

enum progress_style { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_JSON };

struct progress {
	FILE *to;
	const char *what; /* one word; borrowed */
	enum progress_style style;
	uint64_t begun_ms; /* private from here */
	uint64_t shown_ms;
	bool shown;
};

/**
 * The option --progress=bar|json|none; NULL: not given, a bar when stderr is a terminal.
 * Returns 0; -EINVAL (usage) another word.
 */
MUST_USE int progress_style_parse(const char *value, enum progress_style *ret, struct why *w);
/** Begin: a bar goes to stderr, JSON lines go to stdout. */
struct progress progress_begin(const char *what, enum progress_style style);
/** Show it, at most ten times a second (JSON: twice), and at the end. */
void progress_step(struct progress *p, uint64_t done_bytes, uint64_t total_bytes);
/** Take the bar away. */
void progress_end(struct progress *p);

#define PROGRESS_LINE_MAX 256u
/** The bar as text of at most `columns` columns. Pure. Returns out. */
char *progress_format(const char *what, uint64_t done_bytes, uint64_t total_bytes, uint64_t elapsed_ms,
		      unsigned int columns, char out[PROGRESS_LINE_MAX]);

#endif
