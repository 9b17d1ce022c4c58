/*
 * feedkit - feeds for tests: read out of memory or a file in pieces of any size, what came of them kept as lines of text.
 */
#ifndef TESTS_FEEDKIT_H
#define TESTS_FEEDKIT_H

#include "bootstage/intel/feedread.h"

/* Start with { 0 }; the first three may be set. */
struct feedkit {
	size_t piece_bytes;      /* that the source gives at a time; 0: all it is asked for */
	size_t record_max_bytes; /* 0: the default */
	int sink_result;         /* that the sink answers each record with */
	struct bytes feed;       /* private: what is left of it */
	FILE *file;
	int result; /* of feedread_stream() */
	struct why why;
	struct feed_stats stats;
	char warnings[2048];
	FILE *to;
	char *text; /* what came, "" when nothing: lines of "R KEY", "N KIND KEY NAME", "E KIND SRC DST" */
	size_t n;
};

void feedkit_read(struct feedkit *k, struct bytes feed);
/** A file, decompressed by xz when its name ends in .xz. */
void feedkit_read_file(struct feedkit *k, const char *path);
void feedkit_free(struct feedkit *k);
#define AUTO_FEEDKIT CLEANUP(feedkit_free) struct feedkit
/** Whether that line came. */
bool feedkit_has(const struct feedkit *k, const char *line);
/** The next line that begins so; NULL behind the last one. */
const char *feedkit_line(const struct feedkit *k, const char *after, const char *with);
/** How many lines begin so. */
size_t feedkit_count(const struct feedkit *k, const char *with);

#endif
