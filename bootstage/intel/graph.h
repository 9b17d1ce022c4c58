/*
 * graph - what feeds say, in the shape that is stored: records, the nodes and edges that they bring, and the numbers of
 * their kinds.
 * Layer:  bootstage/intel. Pure: tables and structs.
 * Source: STIX 2.1 sections 3 to 7 for the names of types and relationships; MISP's core format for what x-misp-* holds.
 *
 * The numbers are stored in the database: none is ever given a new meaning, new kinds go to the end.
 */
#ifndef BOOTSTAGE_INTEL_GRAPH_H
#define BOOTSTAGE_INTEL_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"

#define GRAPH_KEY_MAX  1024u /* bytes of a key; a B-tree entry holds 2,704 */
#define GRAPH_NAME_MAX 1024u /* bytes of a name that is stored; longer ones are cut at a character */
#define TIME_NONE      INT64_MIN

enum node_kind {
	NODE_OTHER, /* a type that is not in this table; its key says which */
	NODE_ATTACK_PATTERN,
	NODE_CAMPAIGN,
	NODE_COURSE_OF_ACTION,
	NODE_GROUPING,
	NODE_IDENTITY,
	NODE_INDICATOR,
	NODE_INFRASTRUCTURE,
	NODE_INTRUSION_SET,
	NODE_LOCATION,
	NODE_MALWARE,
	NODE_MALWARE_ANALYSIS,
	NODE_NOTE,
	NODE_OBSERVED_DATA,
	NODE_OPINION,
	NODE_REPORT,
	NODE_THREAT_ACTOR,
	NODE_TOOL,
	NODE_VULNERABILITY,
	NODE_MARKING_DEFINITION,
	NODE_EXTENSION_DEFINITION,
	NODE_LANGUAGE_CONTENT,
	NODE_ARTIFACT,
	NODE_AUTONOMOUS_SYSTEM,
	NODE_DIRECTORY,
	NODE_DOMAIN_NAME,
	NODE_EMAIL_ADDR,
	NODE_EMAIL_MESSAGE,
	NODE_FILE,
	NODE_IPV4_ADDR,
	NODE_IPV6_ADDR,
	NODE_MAC_ADDR,
	NODE_MUTEX,
	NODE_NETWORK_TRAFFIC,
	NODE_PROCESS,
	NODE_SOFTWARE,
	NODE_URL,
	NODE_USER_ACCOUNT,
	NODE_WINDOWS_REGISTRY_KEY,
	NODE_X509_CERTIFICATE,
	NODE_HASH,           /* x-hash: of a file or a certificate, a node of its own */
	NODE_HOST,           /* x-host: a machine that telemetry speaks of */
	NODE_MISP_EVENT,     /* x-misp-event */
	NODE_MISP_ATTRIBUTE, /* x-misp-attribute */
	NODE_MISP_OBJECT,    /* x-misp-object */
	NODE_MISP_CLUSTER,   /* x-misp-cluster: a galaxy's value that is no STIX object */
	NODE_TAG,            /* x-tag */
	NODE_SIGHTING,
	NODE_ALIAS, /* x-alias: another name of something; it is searched, and not walked */
	NODE_KINDS,
};

enum edge_kind {
	EDGE_OTHER, /* a relationship type that is not in this table */
	EDGE_ANALYSIS_OF,
	EDGE_ATTRIBUTED_TO,
	EDGE_AUTHORED_BY,
	EDGE_BASED_ON,
	EDGE_BEACONS_TO,
	EDGE_CHARACTERIZES,
	EDGE_COMMUNICATES_WITH,
	EDGE_COMPROMISES,
	EDGE_CONSISTS_OF,
	EDGE_CONTROLS,
	EDGE_DELIVERS,
	EDGE_DERIVED_FROM,
	EDGE_DETECTS,
	EDGE_DOWNLOADS,
	EDGE_DROPS,
	EDGE_DUPLICATE_OF,
	EDGE_DYNAMIC_ANALYSIS_OF,
	EDGE_EXFILTRATES_TO,
	EDGE_EXPLOITS,
	EDGE_HAS,
	EDGE_HOSTS,
	EDGE_IMPERSONATES,
	EDGE_INDICATES,
	EDGE_INVESTIGATES,
	EDGE_LOCATED_AT,
	EDGE_MITIGATES,
	EDGE_ORIGINATES_FROM,
	EDGE_OWNS,
	EDGE_RELATED_TO,
	EDGE_REMEDIATES,
	EDGE_RESOLVES_TO,
	EDGE_REVOKED_BY,
	EDGE_STATIC_ANALYSIS_OF,
	EDGE_SUBTECHNIQUE_OF,
	EDGE_TARGETS,
	EDGE_USES,
	EDGE_VARIANT_OF,
	EDGE_BELONGS_TO,
	EDGE_CONTAINS,
	EDGE_REFERENCE,  /* reference: an embedded *_ref of a STIX object that has no name here */
	EDGE_CREATED_BY, /* created_by_ref; hubs: not walked unless asked for, as the next one */
	EDGE_MARKED,     /* object_marking_refs */
	EDGE_SIGHTED,    /* a sighting's sighting_of_ref, and to who saw it */
	EDGE_PATTERN,    /* indicator or attribute -> the observable that it names */
	EDGE_HASHED_AS,  /* file -> x-hash */
	EDGE_SAME_AS,    /* one thing under two keys */
	EDGE_MEMBER,     /* MISP event -> attribute or object, object -> attribute; report -> object_refs */
	EDGE_TAGGED,     /* -> x-tag */
	EDGE_CLUSTER,    /* event or attribute -> what its galaxy's cluster stands for */
	EDGE_CONNECTED,  /* telemetry: talked to */
	EDGE_EXECUTED,   /* telemetry: ran */
	EDGE_OPENED,     /* telemetry: read or wrote */
	EDGE_RESOLVED,   /* telemetry: asked for a name */
	EDGE_KNOWN_AS,   /* -> x-alias; as EDGE_CREATED_BY */
	EDGE_KINDS,
};

/* A node that a record is, or names. Borrowed. */
struct node {
	enum node_kind kind;
	struct bytes key;  /* "TYPE--UUID", 1 to GRAPH_KEY_MAX bytes of UTF-8 */
	struct bytes name; /* or the observable's value; may be empty */
};

/* From src to dst, by key. Borrowed. */
struct edge {
	enum edge_kind kind;
	struct bytes src, dst;
	int64_t first_us, last_us; /* microseconds since 1970, UTC; TIME_NONE */
};

/*
 * One object of a feed. Borrowed until the sink returns.
 * The first node is the record itself where `is_node`; the others are observables, which exist as soon as one names them.
 */
struct record {
	struct bytes key;    /* of the record: STIX id, x-misp-...--UUID */
	int64_t modified_us; /* microseconds since 1970, UTC; TIME_NONE where the format has none */
	bool revoked;
	bool is_node;    /* false for relationships, which are only their edges */
	bool edges_tell; /* where the edges lead is not in `text`: other ones are another version */
	const struct node *nodes;
	size_t n_nodes;
	const struct edge *edges;
	size_t n_edges;
	struct bytes text; /* its JSON, checked: PostgreSQL's jsonb takes it */
};

/* Who takes records. Returns 0, or a negative errno that ends the reading. */
struct record_sink {
	int (*take)(void *arg, const struct record *r, struct why *w);
	void *arg;
};

/** Name of a kind as STIX writes it, "attack-pattern", "x-hash"; "other". */
const char *node_kind_name(enum node_kind k);
const char *edge_kind_name(enum edge_kind k);
/** The kind of a STIX type or of one of ours; NODE_OTHER, EDGE_OTHER when there is none. */
enum node_kind node_kind_of(struct bytes name);
enum edge_kind edge_kind_of(struct bytes name);

#endif
