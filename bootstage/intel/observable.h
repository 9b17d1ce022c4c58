/*
 * observable - values that feeds and machines name alike: addresses, domains, URLs, hashes, file names; brought to one form,
 * so that one thing has one node whoever wrote of it.
 * Layer:  bootstage/intel. Pure.
 * Trust:  values are hostile; what comes out of observable_clean() has the syntax of its kind.
 * Source: STIX 2.1 sections 6 and 10.7 (hash algorithms); RFC 5952 for IPv6; MISP's core format for its attribute types.
 */
#ifndef BOOTSTAGE_INTEL_OBSERVABLE_H
#define BOOTSTAGE_INTEL_OBSERVABLE_H

#include "bootstage/intel/graph.h"

#define OBSERVABLE_VALUE_MAX 32768u /* bytes of a value */
#define OBSERVABLE_ROOM      48u    /* that cleaning may need beyond them */
#define OBSERVABLE_KEY_MAX   64u    /* "windows-registry-key--UUID" and its end */

/* A value that a record names. Borrowed. */
struct observable {
	enum node_kind kind;
	const char *algorithm; /* of a hash, as hash_name() has it; NULL for all others */
	struct bytes value;
};

/** The name that STIX has for a hash algorithm ("SHA-256") or that is ours ("IMPHASH"), however it is written; NULL when it is none. */
const char *hash_name(struct bytes written);

/** What an address looks like: IPv4, IPv6, MAC, URL, e-mail address or domain; NODE_OTHER. For values whose kind is not said. */
enum node_kind observable_look(struct bytes value);

/**
 * Bring a value to the form that its node's key is made of: hashes, domains, hosts, e-mail and MAC addresses in lower case, IPv6 as
 * RFC 5952 says, no /32 or /128, "AS174" to "174", "cve-2017-0144" in upper case, no white space around it.
 * @o    kind and algorithm say what the value is; its value is replaced by one that lies in `buf`
 * @buf  o->value.n + OBSERVABLE_ROOM bytes
 * Returns 0; -EBADMSG, with *o as it was, when the value is no such thing; -E2BIG over OBSERVABLE_VALUE_MAX.
 */
MUST_USE int observable_clean(struct observable *o, uint8_t *buf);

/** Bytes of scratch memory that making the key of a value needs. */
size_t observable_key_room(struct bytes value);
/**
 * The key of a value's node: its type and the deterministic id of STIX 2.1 section 2.9, so the one that producers of STIX
 * give it, where the value has the form that observable_clean() brings it to.
 * @o        clean, or a tag or an alias (NODE_TAG, NODE_ALIAS) of any text
 * @scratch  observable_key_room(o->value) bytes
 * @ret      OBSERVABLE_KEY_MAX bytes
 */
void observable_key(const struct observable *o, uint8_t *scratch, char *ret);
/** The same of a file with a name (may be empty) and a hash. @scratch is for both values. */
void observable_file_key(struct bytes name, const struct observable *hash, uint8_t *scratch, char *ret);

#endif
