/*
 * stagelog - what a stage prints, within bounds: the first and the last half of a limit.
 * Layer:  bootstage; format. stagelog_write() makes the file.
 */
#ifndef BOOTSTAGE_STAGELOG_H
#define BOOTSTAGE_STAGELOG_H

#include "bootstage/stageplaces.h"

#define STAGELOG_MAX  (64u << 10)
#define STAGELOG_HALF (STAGELOG_MAX / 2)
#define STAGELOG_LINE 240u

struct stagelog {
	bool every;               /* hand out lines behind the first STAGELOG_MAX bytes as well */
	uint64_t bytes;           /* in all */
	char head[STAGELOG_HALF]; /* the first ones */
	char tail[STAGELOG_HALF]; /* those behind, as a ring */
	char line[STAGELOG_LINE]; /* that is not complete yet */
	size_t n_line;
	char last[STAGELOG_LINE]; /* line that was not empty */
};

/** Take output. Every line that is complete, of the first STAGELOG_MAX bytes or of all, is handed to `line`, printable. */
void stagelog_add(struct stagelog *l, const char *p, size_t n, void (*line)(void *arg, const char *text), void *arg);
/** No more comes: hand out what is left. */
void stagelog_end(struct stagelog *l, void (*line)(void *arg, const char *text), void *arg);

/** What is kept, with a line between the halves that says how much is not. Allocated; NULL without memory. */
char *stagelog_text(const struct stagelog *l, size_t *ret_n);

/** As a file. */
MUST_USE int stagelog_save(const char *path, const struct stagelog *l, struct why *w);
/** As RESULTS/NAME.log. */
MUST_USE int stagelog_write(const struct stageplaces *p, const char *name, const struct stagelog *l, struct why *w);

#endif
