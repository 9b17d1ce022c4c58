/*
 * tuneconf - tuning.conf: policies, thresholds, tables and rules of which the plan is made.
 * Layer:  tuning; may include base/ only. Format: one file read, no other I/O.
 * Trust:  written by the administrator; anything that is not as docs/formats/tuning.conf.md says is refused with its line.
 *
 * Every key has a default; scripts/config/tuning.conf is the file that says all of them.
 */
#ifndef TUNING_TUNECONF_H
#define TUNING_TUNECONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"
#include "tuning/profile.h"
#include "tuning/swapfile.h"

#define TUNECONF_FILE       "/etc/tandem/tuning.conf"
#define TUNECONF_SYMBOL     "$network-buffer"
#define TUNECONF_PRODUCT    64u
#define TUNECONF_SWAP_PATHS 4u
#define TUNECONF_ROWS       8u
#define TUNECONF_SYSCTLS    32u
#define TUNECONF_CLAIMS     8u
#define TUNECONF_KEY        80u
#define TUNECONF_VALUE      48u

enum swap_policy {
	SWAP_STRICT,    /* the larger of the two below */
	SWAP_GUARANTEE, /* what the product cannot do without: at least as much as RAM */
	SWAP_PROFILE,   /* the profile's table, as far as the disk goes */
};
enum cpu_policy { CPU_HALVES, CPU_RESERVE };
enum cpu_numbering { NUMBERING_TOPOLOGY, NUMBERING_LINEAR };

/* "<16G", "<=100G", "any": a row of a table is for what is within it, and not within a row above. */
struct bound {
	bool any;
	bool inclusive;
	uint64_t value;
};

struct tuneconf {
	uint64_t medium_from_bytes;   /* RAM of this much or more */
	uint64_t massive_above_bytes; /* RAM of more than this */
	struct {
		uint64_t swap_bytes;
		uint64_t network_buffer_bytes;
		unsigned int batch_records;
	} profile[PROFILE_COUNT];

	enum swap_policy swap_policy;
	uint64_t swap_guarantee_bytes; /* the guarantee is the larger of this and RAM */
	uint64_t swap_reserve_bytes;   /* stays free on the disk */
	uint64_t swap_smallest_bytes;  /* a file that would have to be smaller is not made where the disk is too full */
	bool swap_count_existing;      /* what others have switched on counts */
	char swap_path[TUNECONF_SWAP_PATHS][SWAPFILE_PATH]; /* the first where a swap file can be */
	size_t n_swap_paths;

	enum cpu_policy cpu_policy;
	enum cpu_numbering cpu_numbering;
	bool dpi;                     /* the product has one on this machine */
	unsigned int dpi_cpus;        /* reserve: for DPI */
	unsigned int training_cpus;   /* 0: never any of its own */
	unsigned int training_from;   /* usable CPUs from which training has its own */
	unsigned int training_weight; /* CPUWeight= of training where it has none of its own; 0: left alone */
	char nic[16];                 /* card that DPI listens on; "": the node with most of them */
	bool irq;                     /* set the default IRQ affinity */
	bool persist;                 /* drop-ins in /etc, not /run */

	struct {
		unsigned int per_core, per_disk;
		size_t n_rows;
		struct {
			struct bound ram; /* bytes */
			unsigned int min, max;
		} row[TUNECONF_ROWS];
	} connections;
	struct {
		unsigned int percent; /* of RAM */
		uint64_t min_bytes, max_bytes;
	} shared_buffers;
	struct {
		size_t n_rows;
		struct {
			struct bound cores;
			unsigned int n;
		} row[TUNECONF_ROWS];
	} workers;

	/* What others will need on the disk that swap is made on, in this order, after swap and reserve. */
	struct {
		char name[32];
		uint64_t bytes;
	} claim[TUNECONF_CLAIMS];
	size_t n_claims;

	struct sysctl_rule {
		enum profile profile; /* PROFILE_COUNT: all */
		bool raise;           /* never lower what is there */
		bool required;        /* failing it fails closed */
		char key[TUNECONF_KEY];
		char value[TUNECONF_VALUE]; /* fields; TUNECONF_SYMBOL stands for that size */
	} sysctl[TUNECONF_SYSCTLS];
	size_t n_sysctls;
};

/** What every key is when it is not given. */
void tuneconf_defaults(struct tuneconf *ret);
/**
 * @name  for reasons only
 * Returns 0; -EBADMSG or -E2BIG with file and line; *ret is untouched on failure.
 */
MUST_USE int tuneconf_parse(struct bytes text, const char *name, struct tuneconf *ret, struct why *w);
/** As tuneconf_parse() for a file; -ENOENT and the like from reading it. */
MUST_USE int tuneconf_read(const char *path, struct tuneconf *ret, struct why *w);

/** The product's name, from a system.conf (docs/formats/system.conf.md). -ENOENT; -ENODATA; -EBADMSG. */
MUST_USE int tuneconf_product(const char *path, char ret[TUNECONF_PRODUCT], struct why *w);

/** "strict", "halves", "topology": as in the file. */
const char *swap_policy_name(enum swap_policy policy);
const char *cpu_policy_name(enum cpu_policy policy);
const char *cpu_numbering_name(enum cpu_numbering numbering);

#endif
