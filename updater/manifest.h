/*
 * manifest - the signed text of a bundle: what it is for and what it carries.
 * Layer:  updater; the reading side. Pure: text to struct and back.
 * Trust:  parsed only after its signature or its id was checked (but for display), and then still held to every limit.
 * Source: docs/formats/bundle.md, "Manifest".
 */
#ifndef UPDATER_MANIFEST_H
#define UPDATER_MANIFEST_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/why.h"
#include "updater/seal.h"

#define MANIFEST_BYTES_MAX    (1u << 20)
#define MANIFEST_TABLES_MAX   (512ull << 20) /* bytes of all chunk tables */
#define MANIFEST_PAYLOADS_MAX 64u
#define MANIFEST_NAME_MAX     64u  /* bytes with NUL: names, compatible, version */
#define MANIFEST_TEXT_MAX     160u /* bytes with NUL: description */
#define CHUNK_ALIGN           4096u
#define CHUNK_BYTES_MAX       (4u << 20) /* of a group as well */

enum payload_kind {
	PAYLOAD_IMAGE, /* goes to the slot's partition */
	PAYLOAD_FILE,  /* goes to the slot's folder on the ESP, under file_name */
	PAYLOAD_TREE,  /* a tar archive that is unpacked into a folder of its own */
};

struct payload {
	char name[MANIFEST_NAME_MAX]; /* letters, digits, '.', '_', '-'; starts with a letter or digit; unique */
	enum payload_kind kind;
	char slot;            /* 'a' or 'b'; 0: for either */
	uint64_t size_bytes;  /* raw; 1 or more */
	struct hash raw_hash; /* of all raw bytes: which content it is, whatever bundle it comes in */
	uint32_t
		chunk_bytes; /* no chunk but one of zeros is longer; multiple of CHUNK_ALIGN, at most CHUNK_BYTES_MAX */
	uint32_t
		group_bytes; /* no chunk but one of zeros crosses a multiple of it; chunk_bytes to CHUNK_BYTES_MAX, aligned */
	uint64_t chunks;       /* entries in its table */
	uint64_t index_blocks; /* blocks whose short hashes are in its table; 0: none are */
	uint64_t table_offset; /* from the start of the tables */
	uint64_t table_bytes;
	struct hash table_hash; /* of the table's list of pages */
	uint64_t base_bytes;    /* a delta: size of the image that it needs; 0: it needs none */
	struct hash base_hash;  /* and that image's raw_hash */
	/* PAYLOAD_TREE: no more than this comes out of it; otherwise 0 */
	uint64_t tree_bytes, tree_entries;
	char file_name[MANIFEST_NAME_MAX]; /* PAYLOAD_FILE: a plain name without '/'; else empty */
	/* Not in its section: which payload it is, from 0, and SEAL_TAG_BYTES in an encrypted bundle. */
	uint32_t number, tag_bytes;
};

struct manifest {
	char compatible[MANIFEST_NAME_MAX];
	char version[MANIFEST_NAME_MAX]; /* semantic version 2.0.0 (updater/semver.h) */
	char description[MANIFEST_TEXT_MAX];
	uint64_t epoch;
	uint64_t tables_bytes;
	uint64_t payload_bytes;
	struct encryption encryption;
	struct payload *payloads; /* owned; see manifest_done() */
	size_t n_payloads;        /* 1 or more; in the order of the text, tables one after the other */
};

/**
 * Read a manifest. Every key that a reader relies on is there and in range, and the tables fill tables_bytes exactly.
 * @ret  on success owns memory, ended by manifest_done(); untouched on failure
 * Returns 0; -EBADMSG; -E2BIG over a limit; -EPROTONOSUPPORT a newer manifest or an unknown payload kind; -ENOMEM.
 */
MUST_USE int manifest_parse(struct bytes text, struct manifest *ret, struct why *w);
/** Free what manifest_parse() made; an all-zero one is fine. */
void manifest_done(struct manifest *m);
/**
 * Write the text that manifest_parse() reads back to the same struct.
 * @ret  on success allocated and ended by NUL; the caller frees
 * Returns 0; -EINVAL when a value cannot be written or would not be read back; -ENOMEM.
 */
MUST_USE int manifest_format(const struct manifest *m, char **ret, size_t *ret_n, struct why *w);

/**
 * In the text of an encrypted bundle raw_hash and base_hash are hidden. Turns hidden ones into real ones and, by the same
 * call, real ones into hidden ones.
 */
void manifest_mask(struct manifest *m, const struct content_key *k);

/** Whether two say the same. */
bool manifest_equal(const struct manifest *a, const struct manifest *b);

/** "image", "file" or "tree". */
const char *payload_kind_name(enum payload_kind kind);
/** The reverse; -EINVAL. */
MUST_USE int payload_kind_parse(const char *text, enum payload_kind *ret);
/** Payload by name, or NULL. */
const struct payload *manifest_find(const struct manifest *m, const char *name);
/** Whether the payload is meant for slot 'a' or 'b'. */
bool payload_suits(const struct payload *p, char slot);
/**
 * The one payload of this kind for this slot.
 * Returns 0; -ENODATA none; -EBADMSG more than one.
 */
MUST_USE int manifest_pick(const struct manifest *m, enum payload_kind kind, char slot, const struct payload **ret,
			   struct why *w);

#endif
