/*
 * loadbatch - records of one feed that are loaded together: copied from the reader, of each object the newest only.
 * Layer:  bootstage/intel. Format: memory only.
 * Trust:  the records are a reader's: checked for what their form can say, not for what the server makes of them.
 */
#ifndef BOOTSTAGE_INTEL_LOADBATCH_H
#define BOOTSTAGE_INTEL_LOADBATCH_H

#include "bootstage/intel/graph.h"
#include "bootstage/intel/pgvalue.h"

enum load_state {
	LOAD_ASK,   /* nobody knows yet */
	LOAD_KNOWN, /* the store has it, or something newer */
	LOAD_NEW,
	LOAD_NEWER,   /* than what the store has */
	LOAD_REFUSED, /* is in quarantine */
	LOAD_ASIDE,   /* new or newer, but an end is not there yet: later */
};

struct load_entry {
	struct pg_uuid rec; /* record_number() */
	struct record r;    /* its memory is the batch's */
	struct pg_uuid
		hash; /* once the batch is closed: half a BLAKE2b-256 of the text; or of all of that and where the edges lead */
	enum load_state state;
	size_t bytes; /* of the copy */
};

struct load_chunk;

struct load_batch {
	size_t rows_max, bytes_max;
	struct load_entry *at; /* in the order of arrival */
	size_t n;
	size_t bytes;     /* of copies */
	uint64_t doubles; /* of records, which a newer one of the batch replaced */
	uint32_t *slots;  /* by number: index + 1 */
	size_t n_slots;
	struct load_chunk *chunks, *spare;
};

/**
 * @rows_max, @bytes_max  full at one of them; a record may be larger than all of bytes_max
 * Returns 0; -ENOMEM.
 */
MUST_USE int load_batch_init(struct load_batch *b, size_t rows_max, size_t bytes_max, struct why *w);
void load_batch_done(struct load_batch *b);
/** Forget the records; their memory is kept, but that of large ones. */
void load_batch_reset(struct load_batch *b);
bool load_batch_full(const struct load_batch *b);
/** Whether one more can be put in after so many of so many bytes. */
bool load_batch_room(const struct load_batch *b, size_t records, size_t bytes);
/**
 * A copy of r at the end. One of the batch with the same number is replaced, unless it has a later `modified`.
 * Returns 0; -ENOMEM.
 */
MUST_USE int load_batch_add(struct load_batch *b, const struct pg_uuid *rec, const struct record *r, struct why *w);
/** The same with a record of another batch. */
MUST_USE int load_batch_put(struct load_batch *b, const struct load_entry *e, struct why *w);
/** What came later than the record of the batch with this number is in the store: the record is not wanted, unless it is newer. */
void load_batch_forget(struct load_batch *b, const struct load_entry *later);
/** Hash the records; drop what is not wanted, which counts as doubles. Afterwards nothing can be added before load_batch_reset(). */
void load_batch_close(struct load_batch *b);

/**
 * The number under which the store has a record: half a SHA-256 of its key, as record_of() in the schema. What has no
 * `modified` is no version of anything but what one feed says: there the feed's name is part of it.
 */
struct pg_uuid record_number(const struct record *r, struct bytes feed);

#endif
