/*
 * feedconf - NN-name.feed: where a feed comes from, how often, and what it may take.
 * Layer:  bootstage/intel. Format: text in, struct out; feedconf_load() reads a folder.
 * Trust:  written by the administrator; anything that is not as docs/formats/feed.md says is refused with its line.
 */
#ifndef BOOTSTAGE_INTEL_FEEDCONF_H
#define BOOTSTAGE_INTEL_FEEDCONF_H

#include "base/bytes.h"
#include "base/why.h"

#define FEEDCONF_FOLDER "/etc/tandem/feeds.d"
#define FEEDCONF_NAME   64u
#define FEEDCONF_TEXT   190u
#define FEEDCONF_FEEDS  1000u

enum feed_kind { FEED_FILE /* or a folder */, FEED_HTTP, FEED_MISP /* of a web server */, FEED_TAXII };

struct feedconf {
	char name[FEEDCONF_NAME]; /* a-z, 0-9, '-', '_'; the file's, without its number */
	char source[FEEDCONF_TEXT];
	enum feed_kind kind;
	bool enabled;
	uint64_t interval_s;
	uint64_t timeout_s; /* of its own: waiting for its turn does not count */
	uint64_t stall_s;   /* without a byte */
	uint64_t max_bytes; /* as they come, packed or not */
	char ca_file[FEEDCONF_TEXT], cert_file[FEEDCONF_TEXT], key_file[FEEDCONF_TEXT], proxy[FEEDCONF_TEXT];
	char authorization_file[FEEDCONF_TEXT]; /* what goes behind "Authorization: " */
	uint64_t page;                          /* objects of a TAXII page */
	char added_after[FEEDCONF_TEXT];        /* a TAXII collection from here on; "": all */
	struct why bad;                         /* its file is wrong; the others are not */
};

/** The name of a feed whose file is `file`; -EBADMSG when it is none: "10-attack.feed" is "attack". */
MUST_USE int feedconf_name(const char *file, char ret[FEEDCONF_NAME], struct why *w);
/** @file  names the feed, and the reasons. Returns 0; -EBADMSG, -E2BIG; *ret then has the name only. */
MUST_USE int feedconf_parse(struct bytes text, const char *file, struct feedconf *ret, struct why *w);
/** "file", "http", "misp", "taxii". */
const char *feed_kind_name(enum feed_kind k);
/** "90", "30s", "5m", "2h", "7d" in seconds, at most ten years. */
MUST_USE int duration_parse(const char *text, uint64_t *ret_s, struct why *w);

struct feedconfs {
	struct feedconf *at; /* in the order of their files */
	size_t n;
};
void feedconfs_free(struct feedconfs *f);
#define AUTO_FEEDCONFS CLEANUP(feedconfs_free) struct feedconfs
/** All of a folder. A file that is wrong has its reason in `bad`. A folder that is not there has none. */
MUST_USE int feedconf_load(const char *folder, struct feedconfs *ret, struct why *w);

#endif
