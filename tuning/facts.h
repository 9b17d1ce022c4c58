/*
 * facts - what this machine is: the CPUs that may be used and how they hang together, memory, swap, disks and what is
 * free on them, network cards.
 * Layer:  tuning; may include base/ only. Act: reads files below one folder, changes nothing.
 * Source: /proc and /sys as docs/formats/facts.md lists them, with what is done where a machine lacks a file.
 *
 * Nothing here judges: profile and plan are made of these figures by pure functions. Text that does not have the form
 * that the kernel gives it is an error that names the file. What a good machine may lack is filled in with the harmless
 * assumption, and marked as degraded.
 */
#ifndef TUNING_FACTS_H
#define TUNING_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "tuning/cpuset.h"

/* On machines of one kind every CPU is CPU_PERFORMANCE. */
enum cpu_kind { CPU_PERFORMANCE, CPU_EFFICIENCY };

/* One usable CPU. */
struct cpu_fact {
	unsigned int cpu;     /* its number */
	unsigned int package; /* socket, as the firmware numbers it */
	unsigned int node;    /* NUMA node */
	unsigned int core;    /* number of the lowest online CPU of its core */
	unsigned int thread;  /* 0 for that one, 1 for its next sibling */
	enum cpu_kind kind;
	unsigned int capacity; /* of 1024, against the fastest one; 1024 where the kernel does not say */
};

struct swap_fact {
	char *name;
	bool file;    /* else a block device */
	bool zram;    /* compressed memory, not a medium */
	bool deleted; /* the name is gone, the area is in use until it is switched off */
	uint64_t bytes;
	uint64_t used_bytes;
	int priority;
};

/* A whole block device with a medium in it. */
struct disk_fact {
	char *name; /* "vda" */
	uint64_t size_bytes;
	bool rotational;
	bool removable;
	bool read_only;
	bool physical; /* hardware, or what a hypervisor passes off as it; not loop, dm, md or zram */
};

/* A file system of a block device, once, however often it is mounted. */
struct fs_fact {
	char *point;  /* where it can be reached */
	char *type;   /* "ext4" */
	char *device; /* "vda1" */
	char *disk;   /* "vda" */
	bool read_only;
	bool measured; /* the two below are known */
	uint64_t size_bytes;
	uint64_t free_bytes; /* for anyone; what is kept back for root is not in it */
};

/* A network card. */
struct nic_fact {
	char *name;
	int node; /* NUMA node that it hangs on; -1: any */
};

/* What can be degraded. */
enum fact {
	FACT_CGROUP,     /* limits of the own group */
	FACT_TOPOLOGY,   /* packages and cores */
	FACT_NUMA,       /* nodes */
	FACT_MEMORY,     /* amount of RAM */
	FACT_SWAP,       /* areas */
	FACT_DISKS,      /* block devices */
	FACT_FREE_SPACE, /* file systems */
	FACT_NICS,       /* network cards */
	FACT_COUNT,
};

struct facts {
	bool live; /* of this machine, now; false: of a captured tree */

	struct cpuset online;
	struct cpuset offline;  /* present, switched off */
	struct cpuset allowed;  /* by the own control group; all that are online where FACT_CGROUP is degraded */
	struct cpuset affinity; /* of this process; all that are online unless live */
	struct cpuset usable;   /* in all of online, allowed, affinity; never empty */
	struct cpu_fact *cpus;  /* the usable ones, by package, node, core, thread */
	size_t n_cpus;
	size_t n_packages, n_nodes, n_cores; /* that have usable CPUs */
	bool smt;                            /* some core has more than one usable CPU */
	bool hybrid;                         /* usable CPUs are of both kinds */

	uint64_t ram_bytes;          /* built in and online */
	uint64_t kernel_ram_bytes;   /* MemTotal: less what firmware and kernel keep */
	uint64_t ram_limit_bytes;    /* of the own control group; UINT64_MAX: none */
	uint64_t usable_ram_bytes;   /* the smaller of ram and limit */
	uint64_t memory_block_bytes; /* 0 where FACT_MEMORY is degraded */

	struct swap_fact *swaps;
	size_t n_swaps;
	uint64_t swap_bytes;      /* sum */
	uint64_t swap_used_bytes; /* sum */

	struct disk_fact *disks;
	size_t n_disks;
	struct fs_fact *filesystems;
	size_t n_filesystems;
	struct nic_fact *nics;
	size_t n_nics;

	char degraded[FACT_COUNT][160]; /* why, and what was assumed instead; empty: sound */
};

/**
 * Read the facts.
 * @root  folder of a captured tree; NULL for this machine
 * @ret   to be freed with facts_free(); untouched on failure
 * Returns 0; -EBADMSG for text that cannot be; -ENODATA when what nothing can do without is missing; -errno.
 */
MUST_USE int facts_read(const char *root, struct facts *ret, struct why *w);
/**
 * As facts_read(), for a program that is confined by what it did itself: every CPU that is online counts as allowed and in
 * the affinity, but `excluded` ones.
 */
MUST_USE int facts_read_unconfined(const char *root, const struct cpuset *excluded, struct facts *ret, struct why *w);
void facts_free(struct facts *f);
#define AUTO_FACTS CLEANUP(facts_free) struct facts

/** Its name in output: "numa". */
const char *fact_name(enum fact which);

#endif
