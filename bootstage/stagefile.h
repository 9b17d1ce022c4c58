/*
 * stagefile - a stage of a boot as its file says, and all stages of a machine.
 * Layer:  bootstage; format. stagefile_parse() is pure; stages_load() reads folders.
 * Trust:  the text is hostile until stagefile_parse() took it.
 * Source: docs/formats/stage.md lists every key; DESIGN section 7.
 */
#ifndef BOOTSTAGE_STAGEFILE_H
#define BOOTSTAGE_STAGEFILE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"
#include "tuning/classes.h"

#define STAGES_FOLDER   "/usr/lib/tandem/stages.d"
#define STAGES_OVERRIDE "/etc/tandem/stages.d"
#define STAGES_MAX      56u /* the baseline has room for as many names; a set of them fits in 64 bits */
#define STAGE_NAME_MAX  64u /* with the NUL, as all below */
#define STAGE_FILE_MAX  80u
#define STAGE_TEXT      192u
#define STAGE_AFTER_MAX 16u
#define STAGE_ENV_MAX   16u
#define STAGE_TIMEOUT   30u    /* seconds, when a file has none */
#define STAGE_LONGEST   86400u /* seconds */

/* In the order of a boot. */
enum stage_phase { IN_INITRAMFS, IN_EARLY, IN_POST, IN_COMMITTED };
#define STAGE_PHASES 4u

/* What a failure leads to, from harmless to grave. */
enum stage_failure { FAIL_IGNORE, FAIL_DEGRADE, FAIL_CLOSED, FAIL_BOOT };

struct stage {
	char name[STAGE_NAME_MAX]; /* of the file "NN-NAME.stage" */
	char file[STAGE_FILE_MAX]; /* without its folder */
	char description[STAGE_TEXT];
	enum stage_phase phase;
	char exec[STAGE_TEXT]; /* program and arguments; "" when it is a unit */
	char unit[STAGE_TEXT];
	char after[STAGE_AFTER_MAX][STAGE_NAME_MAX];
	size_t n_after;
	unsigned int timeout_seconds;
	enum stage_failure on_failure;
	bool required;                               /* for the verdict */
	enum class_id class;                         /* of its cgroup */
	char environment[STAGE_ENV_MAX][STAGE_TEXT]; /* "KEY=VALUE" */
	size_t n_environment;
};

struct stages {
	struct stage *at; /* in the order of their files' names; allocated */
	size_t n;
};

/**
 * Read one stage file.
 * @file  its name without the folder: "NN-NAME.stage", two digits
 * @path  for reasons only
 * @ret   untouched on failure
 * Returns 0; -EBADMSG (usage) with file and, for a line, its number; -E2BIG (usage) over the INI reader's limits.
 */
MUST_USE int stagefile_parse(struct bytes text, const char *file, const char *path, struct stage *ret, struct why *w);

/**
 * Every *.stage of the folders, sorted by name. A file in a later folder takes the place of the one with its name in an
 * earlier folder; a symlink to /dev/null takes it away. Folders that are not there are empty.
 * @ret   ended by stages_free(); untouched on failure
 * Returns 0; as stagefile_parse(); -EBADMSG (usage) for two files with one stage's name; -E2BIG over STAGES_MAX.
 */
MUST_USE int stages_load(const char *const *folders, size_t n_folders, struct stages *ret, struct why *w);
void stages_free(struct stages *s);
#define AUTO_STAGES CLEANUP(stages_free) struct stages

/** The stage of that name; NULL. */
const struct stage *stages_find(const struct stages *s, const char *name);

/** Whether a word can be a stage's name: a letter or digit, then letters, digits, '_' and '-', all lower-case. */
bool stage_name_valid(const char *name);

/* Words of the file and of --json; "?" for a value out of range. */
const char *stage_phase_name(enum stage_phase p);
const char *stage_failure_name(enum stage_failure f);
/* And back. False: no such word. */
bool stage_phase_named(const char *word, enum stage_phase *ret);
bool stage_failure_named(const char *word, enum stage_failure *ret);

/** Whether its failure keeps the stages after it, and the product, from starting. */
static inline bool stage_blocks(const struct stage *s)
{
	return s->on_failure == FAIL_CLOSED || s->on_failure == FAIL_BOOT;
}

#endif
