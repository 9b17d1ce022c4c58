/*
 * verdict - what follows from the health of a boot, and the file that says what was done.
 * Layer:  bootstage. verdict_decide() is pure; verdict_write() is format and file.
 * Source: DESIGN sections 4 and 7; docs/boot.md has the table.
 */
#ifndef BOOTSTAGE_VERDICT_H
#define BOOTSTAGE_VERDICT_H

#include "bootstage/health.h"
#include "bootstage/stageresult.h"
#include "partitions/baseline.h"
#include "partitions/handover.h"

#define VERDICT_JSON HANDOVER_FOLDER "/verdict.json" /* for programs */
#define VERDICT_TEXT HANDOVER_FOLDER "/verdict.txt"  /* the same for people */
#define VERDICT_MAX  (64u << 10)                     /* of each */
#define VERDICT_NOTE 200u

enum verdict_act {
	ACT_REPORT,    /* nothing is changed */
	ACT_COMMIT,    /* the trial becomes the committed slot */
	ACT_END_TRIAL, /* and reboot */
	ACT_SETTLE,    /* what earlier boots left behind is put right */
	ACT_ADOPT,     /* the record was lost: a new one, with the running slot committed */
};

enum verdict_result {
	VERDICT_HEALTHY,   /* nothing had to be decided */
	VERDICT_COMMITTED, /* the trial is the committed slot now */
	VERDICT_ADOPTED,   /* the lost record was made anew */
	VERDICT_UNHEALTHY, /* not on trial: reported, no more */
	VERDICT_FAILED,    /* the trial is over */
	VERDICT_UNDONE,    /* healthy, but what follows from that could not be done */
};

struct json;

struct verdict_facts {
	bool handed_over;          /* tandem-init started this system; without it `role` and `started` mean nothing */
	enum boot_role role;       /* as what it was started */
	enum slot started;         /* which it was */
	enum slot running;         /* what the witnesses agree on now; SLOT_NONE when they do not */
	const struct bootrec *rec; /* NULL: lost */
	bool newer_record;         /* it is not lost, but of a newer format */
	bool healthy;
};

struct verdict_plan {
	enum verdict_act act;
	enum verdict_result result; /* once the act is done */
	const char *note;           /* why, in words, static */
};

/** What is done about the health of a boot. Pure. */
void verdict_decide(const struct verdict_facts *f, struct verdict_plan *ret);

/** Whether a commit was begun by an earlier boot of this trial: it was healthy then, and is committed without probes. */
bool verdict_commit_begun(const struct verdict_facts *f);

/* A stage in the verdict. */
struct verdict_stage {
	char name[STAGE_NAME_MAX];
	enum stage_phase phase;
	char result[16]; /* stage_end_name(), or "none" */
	bool passed;
	bool needed;  /* health=required, or its failure refuses the boot */
	bool excused; /* needed and did not pass, but did not on the committed slot either */
	char reason[STAGERESULT_REASON];
};

/* What was decided and done. */
struct verdict {
	enum verdict_result result;
	enum slot slot;
	enum boot_role role;
	bool healthy;
	bool rebooting;
	uint64_t ms;
	unsigned int rounds;
	uint64_t start_us, probed_us,
		end_us;          /* CLOCK_BOOTTIME: before the probes (0: none), after them, when all was done */
	char note[VERDICT_NOTE]; /* why, or what went wrong */
	bool committed;          /* this slot is the committed one, once all is done */
	bool stages_known;       /* all of this boot are below */
	bool stages_passed;      /* all that are needed and not excused */
	char stages_why[160];    /* the first that did not, or why the stages are not known; "" */
	size_t n_stages;
	struct verdict_stage stages[STAGES_MAX];
	size_t n;
	struct {
		char kind[8];
		char what[SYSCONF_TEXT];
		bool passed;
		unsigned int tries;
		char said[HEALTH_SAID_MAX];
	} probes[SYSCONF_PROBES];
};

/**
 * Fill in the stages of `which`, and whether this boot may be healthy as far as they go. Pure.
 * @base       NULL: no stage is excused
 * @committed  the slot that it has to be of
 */
void verdict_stages(struct verdict *v, const struct stageplan *p, stage_set which, const struct stage_results *res,
		    const struct baseline *base, enum slot committed);

/** Which of these stages did not pass, as the baseline for trials to come. Pure. */
void verdict_baseline(const struct verdict *v, enum slot committed, struct baseline *ret);

/** Fill in the probes and their figures. */
void verdict_probes(struct verdict *v, const struct sysconf *conf, const struct health *h);

/** Write VERDICT_TEXT, then VERDICT_JSON, below `root` ("" for the real ones), each whole or not at all. */
MUST_USE int verdict_write(const char *root, const struct verdict *v, struct why *w);

/** Decode VERDICT_JSON, all but the stages. Returns 0; -EBADMSG. @ret untouched on failure */
MUST_USE int verdict_parse(struct bytes text, const char *name, struct verdict *ret, struct why *w);

/** As one JSON object under `key`. */
void verdict_json(struct json *j, const char *key, const struct verdict *v);
/** For people. */
void verdict_print(FILE *to, const struct verdict *v);

/** "healthy", "committed", "adopted", "unhealthy", "failed", "undone". */
const char *verdict_result_name(enum verdict_result r);
/** Exit code of a program that ends with it. */
int verdict_exit_code(enum verdict_result r);

#endif
