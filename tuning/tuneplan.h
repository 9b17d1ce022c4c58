/*
 * tuneplan - what has to be done on this machine: a list of actions, in the order in which they are carried out.
 * Layer:  tuning; may include base/ only. Decide: no I/O.
 *
 * Facts and policy say what is wanted; struct tune_input says what there is. Planning again after the plan was carried out
 * gives a plan without changes.
 */
#ifndef TUNING_TUNEPLAN_H
#define TUNING_TUNEPLAN_H

#include "tuning/cpuplan.h"
#include "tuning/diskclaim.h"
#include "tuning/facts.h"
#include "tuning/profile.h"
#include "tuning/swapplan.h"
#include "tuning/sysctl.h"
#include "tuning/tuneconf.h"

#define TUNE_OBJECT 192u
#define TUNE_TEXT   160u

/* Units whose CPUs are planned. */
enum tune_unit {
	TUNE_UNIT_CORE,     /* PRODUCT-core.service */
	TUNE_UNIT_DPI,      /* PRODUCT-dpi.service */
	TUNE_UNIT_TRAINING, /* PRODUCT-training.service */
	TUNE_UNIT_SYSTEM,   /* system.slice */
	TUNE_UNIT_USER,     /* user.slice */
	TUNE_UNIT_INIT,     /* init.scope */
	TUNE_UNIT_COUNT,
};

/** Its name, for this product. */
void tune_unit_name(enum tune_unit unit, const char *product, char ret[TUNE_OBJECT]);

/* What only a look at the machine tells. */
struct tune_input {
	struct swapfiles swap;    /* at the first of the policy's paths where a swap file can be */
	uint64_t swap_free_bytes; /* for anyone, on that file system */
	struct {
		bool there;
		char value[SYSCTL_VALUE];
	} sysctl[TUNECONF_SYSCTLS]; /* of the key of conf.sysctl[same index], for conf.n_sysctls of them */
	struct tune_unit_now {
		char *cpus;          /* CPU list of its drop-in; "": none; NULL: not known. Owned */
		unsigned int weight; /* CPUWeight= of its drop-in; 0: none */
	} unit[TUNE_UNIT_COUNT];
	char *irq_cpus; /* CPU list of the default IRQ affinity; NULL: not known, or cannot be set. Owned */
	bool no_cpuset; /* AllowedCPUs= cannot work here: control groups of version 1 (C10) */
};
void tune_input_free(struct tune_input *in);
#define AUTO_TUNE_INPUT CLEANUP(tune_input_free) struct tune_input

enum tune_kind {
	TUNE_SWAP_ACTIVATE, /* switch on the swap file `object`, which is there and valid */
	TUNE_SWAP_CREATE,   /* make a swap file of `bytes` at `object` and switch it on; 0 bytes: only warn */
	TUNE_SYSCTL,        /* write `wanted` to key `object` */
	TUNE_CPUS,          /* `unit` runs on the CPUs `wanted` ("": wherever it likes) with `weight` (0: the usual) */
	TUNE_IRQ,           /* the default IRQ affinity is the CPUs `wanted` */
	TUNE_REFUSE,        /* what is required cannot be had: `reason` says why. Nothing is created; fail closed */
};
enum tune_state {
	TUNE_OK,       /* as wanted */
	TUNE_CHANGE,   /* to be done */
	TUNE_DEGRADED, /* less than wanted can be done: do it and warn. TUNE_CPUS: CPUAffinity= instead of AllowedCPUs= */
	TUNE_PENDING, /* there is no such thing yet; again later */
};

struct tune_action {
	enum tune_kind kind;
	enum tune_state state;
	bool required; /* failing it fails closed */
	char object[TUNE_OBJECT];
	char *current; /* "" when there is nothing, or it is not known */
	char *wanted;
	uint64_t bytes;      /* swap */
	enum tune_unit unit; /* TUNE_CPUS */
	unsigned int weight; /* TUNE_CPUS */
	char reason[TUNE_TEXT];
	char formula[TUNE_TEXT];
};

struct tuneplan {
	enum profile profile;
	struct sizes sizes;
	struct cpuplan cpus;
	struct swapplan swap;
	uint64_t disk_free_bytes;
	struct disk_claim
		claim[TUNECONF_CLAIMS + 2]; /* on the disk that swap is made on (C23); none without such a disk */
	size_t n_claims;
	struct tune_action *actions;
	size_t n_actions;
	bool refused; /* there is a TUNE_REFUSE */
};

/**
 * @product  its name, for units
 * Returns 0; -ENOMEM. ret is to be freed with tuneplan_free(), and untouched on failure.
 */
MUST_USE int tuneplan_make(const struct facts *f, const struct tuneconf *c, const struct tune_input *in,
			   const char *product, struct tuneplan *ret, struct why *w);
void tuneplan_free(struct tuneplan *p);
#define AUTO_TUNEPLAN CLEANUP(tuneplan_free) struct tuneplan

/** How many actions are in that state. */
size_t tuneplan_count(const struct tuneplan *p, enum tune_state state);

/** "swap-create", "ok": their names in output. */
const char *tune_kind_name(enum tune_kind kind);
const char *tune_state_name(enum tune_state state);

#endif
