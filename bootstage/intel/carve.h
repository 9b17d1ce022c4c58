/*
 * carve - records out of a feed, one after the other, each checked strictly; the feed itself is never held.
 * Layer:  bootstage/intel.
 * Trust:  the stream is hostile. Memory: a block, or the largest record up to its limit. Work: no byte is looked at more than
 *         a few times, however the records are damaged.
 *
 * What is found, by where it stands (docs/formats/feeds.md): the objects of a STIX bundle or of a TAXII
 * envelope; attributes and objects of MISP events, and values of its galaxies; objects that stand alone, one a line, or in a
 * bare array. An object that is on the way there (a bundle, an event) is entered, its other members come by themselves:
 *
 *	{"type":"bundle","id":"bundle--1","objects":[{A},{B}]}
 *	ENTER root, MEMBER type, MEMBER id, RECORD objects A, RECORD objects B, LEAVE root
 *
 * Members may come in any order, so before or after the records. A list may also be an object with numbers for keys.
 * A record that is no JSON is dropped, and what follows it is looked for: the next object that checks and has an id.
 */
#ifndef BOOTSTAGE_INTEL_CARVE_H
#define BOOTSTAGE_INTEL_CARVE_H

#include "bootstage/intel/jsontext.h"

#define CARVE_RECORD_MAX_BYTES (16u << 20) /* of a record unless the caller says otherwise */
#define CARVE_LEVELS_MAX       12u

enum carve_place {
	CARVE_ROOT,      /* outermost: stands alone, is a line of its own, or is in a bare array */
	CARVE_OBJECTS,   /* .objects of a bundle */
	CARVE_RESPONSE,  /* .response of a MISP server; on the way only */
	CARVE_EVENT,     /* .Event; on the way only. A bare event is ROOT */
	CARVE_ATTRIBUTE, /* .Attribute of an event or a response */
	CARVE_OBJECT,    /* .Object of an event or a response */
	CARVE_VALUES,    /* .values of a galaxy */
};

enum carve_what {
	CARVE_RECORD,  /* a value where records are: not always an object */
	CARVE_MEMBER,  /* of an object that was entered: any value */
	CARVE_ENTER,   /* an object on the way begins */
	CARVE_LEAVE,   /* and ends; also when the stream ends in it */
	CARVE_DROPPED, /* something was bad, and is left out: `why` says what */
	CARVE_END,
};

/* What comes next. Borrowed until the next call. */
struct carved {
	enum carve_what what;
	enum carve_place place; /* where the record is; which object it is that is entered, left, or has the member */
	uint64_t at_bytes;      /* in the stream */
	struct bytes key;       /* of a member, without quotes */
	struct jsontext value;  /* of a record or a member */
	struct why why;
};

/* Where bytes come from. Returns 0 with *ret_n bytes, none at the end; or a negative errno, with what came before that. */
struct carve_source {
	int (*read)(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w);
	void *arg;
};

struct carve_level {
	enum carve_place place;
	enum { CARVE_IN_ARRAY, CARVE_IN_OBJECT, CARVE_IN_LIST /* an object that is a list */ } in;
};

struct carve {
	struct carve_source from; /* private from here */
	size_t record_max, room, at, n;
	uint8_t *buf;       /* [at, n) is still to be read */
	uint64_t buf_bytes; /* where buf is in the stream */
	bool eof, begun, damaged;
	int failed; /* what the source failed with, and why */
	struct why why;
	enum { CARVE_WALKS, CARVE_SKIPS, CARVE_SEARCHES } mode;
	struct carve_level levels[CARVE_LEVELS_MAX];
	unsigned int depth;
	uint64_t seen_bytes, again_bytes; /* up to where bytes were looked at; how many of them again, in searches */
	uint8_t before; /* a search: the last byte before it that is no white space, '\n' at a line's start */
	unsigned int skip_depth;
	bool skip_string, skip_escape;
	uint64_t strays;
};

/** Begin. record_max_bytes 0: the default. Returns 0; -ENOMEM. */
MUST_USE int carve_init(struct carve *c, struct carve_source from, size_t record_max_bytes, struct why *w);
void carve_done(struct carve *c);
/** What comes next; CARVE_END at the end, again and again. Returns 0, or the source's error behind all that came before, or -ENOMEM. */
MUST_USE int carve_next(struct carve *c, struct carved *ret, struct why *w);
/** Brackets and braces that closed nothing; they cost no record. */
uint64_t carve_strays(const struct carve *c);

#endif
