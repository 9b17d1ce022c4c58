/*
 * job - one training as its file says, and all trainings of a machine.
 * Layer:  bootstage/trainer; format. trainjob_parse() is pure; trainjobs_load() reads folders.
 * Trust:  the text is hostile until trainjob_parse() took it.
 * Source: docs/formats/job.md lists every key; REQUIREMENTS R1, R4, C22.
 */
#ifndef BOOTSTAGE_TRAINER_JOB_H
#define BOOTSTAGE_TRAINER_JOB_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"
#include "tuning/classes.h"

#define TRAINJOBS_FOLDER   "/usr/lib/tandem/jobs.d"
#define TRAINJOBS_OVERRIDE "/etc/tandem/jobs.d"
#define TRAINJOBS_MAX      32u
#define TRAINJOB_NAME      48u /* with the NUL, as all below */
#define TRAINJOB_FILE      64u
#define TRAINJOB_TEXT      192u
#define TRAINJOB_USER      33u
#define TRAINJOB_ENV_MAX   16u
#define TRAINJOB_TIMEOUT   7200u   /* seconds */
#define TRAINJOB_STALL     600u    /* seconds */
#define TRAINJOB_LONGEST   604800u /* seconds */
#define TRAINJOB_CAP_UNIT  (1ull << 20)
#define TRAINJOB_CAP_MAX   (1ull << 50)
#define TRAINJOB_SEED      TANDEM_LIBEXEC "/tandem-seedtrain"

struct trainjob {
	char name[TRAINJOB_NAME]; /* of the file "NN-NAME.job" */
	char file[TRAINJOB_FILE]; /* without its folder */
	char description[TRAINJOB_TEXT];
	unsigned int order;            /* lower ones first; equal ones by their files' names */
	char exec[TRAINJOB_TEXT];      /* program and arguments */
	char exec_seed[TRAINJOB_TEXT]; /* that makes the model of the first day; "": nothing does */
	char folder[TRAINJOB_TEXT];    /* absolute, without the root; trainjobs_load() fills in the usual one */
	uint64_t cap_bytes;            /* of the folder, temporary files included; whole MiB */
	enum class_id class;
	unsigned int timeout_seconds;
	unsigned int stall_seconds; /* without a line of output; 0: no limit */
	bool continues;             /* on-failure=continue: the jobs after it run although it failed */
	char user[TRAINJOB_USER];   /* "": see docs/trainer.md */
	bool has_floor;
	double floor; /* hold-out accuracy that a model needs to take the place of the current one */
	char environment[TRAINJOB_ENV_MAX][TRAINJOB_TEXT]; /* "KEY=VALUE" */
	size_t n_environment;
};

struct trainjobs {
	struct trainjob *at; /* in the order in which they run; allocated */
	size_t n;
};

/**
 * Read one job file.
 * @file  its name without the folder: "NN-NAME.job", two digits
 * @path  for reasons only
 * @ret   untouched on failure; its folder is "" when the file does not give one
 * Returns 0; -EBADMSG (usage) with file and, for a line, its number; -E2BIG (usage) over the INI reader's limits.
 */
MUST_USE int trainjob_parse(struct bytes text, const char *file, const char *path, struct trainjob *ret, struct why *w);

/**
 * Every *.job of the folders, by dropfiles_find(). The usual folder of a job is /var/lib/PRODUCT/models/NAME.
 * @root  in front of the two folders of jobs; NULL: none
 * @ret   ended by trainjobs_free(); untouched on failure
 * Returns 0; as trainjob_parse(); -EBADMSG (usage) for two jobs with one name, or folders that are in each other.
 */
MUST_USE int trainjobs_load(const char *root, const char *product, struct trainjobs *ret, struct why *w);
void trainjobs_free(struct trainjobs *j);
#define AUTO_TRAINJOBS CLEANUP(trainjobs_free) struct trainjobs

/** The job of that name; NULL. */
const struct trainjob *trainjobs_find(const struct trainjobs *j, const char *name);

/** What --max-disk-mb says (R1). */
static inline uint64_t trainjob_cap_mb(const struct trainjob *j)
{
	return j->cap_bytes / TRAINJOB_CAP_UNIT;
}

#endif
