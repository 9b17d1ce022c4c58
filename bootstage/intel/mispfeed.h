/*
 * mispfeed - the list of a MISP feed's events, manifest.json: {"UUID":{"timestamp":"1700000000",...},...}, each in UUID.json beside it.
 * Layer:  bootstage/intel. Format: memory only.
 * Trust:  hostile; a name that comes out of it is a UUID and nothing else, so that it can be a file's.
 */
#ifndef BOOTSTAGE_INTEL_MISPFEED_H
#define BOOTSTAGE_INTEL_MISPFEED_H

#include <stdbool.h>

#include "base/auto.h"
#include "base/bytes.h"
#include "base/why.h"

#define MISPFEED_MANIFEST     "manifest.json"
#define MISPFEED_MANIFEST_MAX (64u << 20)
#define MISPFEED_EVENTS_MAX   500000u
#define MISPFEED_URL_MAX      1024u

struct mispfeed_event {
	char uuid[37];
	int64_t at_s; /* when it was changed; 0: it does not say */
	bool had;     /* for whoever reads the feed: it is stored in this version */
};

struct mispfeed {
	struct mispfeed_event *at; /* by uuid, each once */
	size_t n;
};
void mispfeed_free(struct mispfeed *f);
#define AUTO_MISPFEED CLEANUP(mispfeed_free) struct mispfeed

/** -EBADMSG no JSON, or no object; -E2BIG, -ENOMEM. */
MUST_USE int mispfeed_read(struct bytes manifest, struct mispfeed *ret, struct why *w);
/** Sets `had` where `before` has the same version. One without a time is never had. */
void mispfeed_compare(struct mispfeed *f, const struct mispfeed *before);
/** Those that are had, as a manifest. @ret  allocated, with a NUL behind *ret_n bytes. -ENOMEM */
MUST_USE int mispfeed_format(const struct mispfeed *f, char **ret, size_t *ret_n, struct why *w);
/** Where a file of the feed is. @source  the folder's URL, or its manifest's; @name without its folder. -E2BIG */
MUST_USE int mispfeed_url(const char *source, const char *name, char ret[MISPFEED_URL_MAX], struct why *w);

#endif
