/*
 * stageresult - what became of a stage, and its file: /run/tandem/stages/NAME.json.
 * Layer:  bootstage; format, with the one file per stage.
 * Trust:  root wrote the files; they are checked all the same.
 * Source: docs/stages.md has the fields.
 */
#ifndef BOOTSTAGE_STAGERESULT_H
#define BOOTSTAGE_STAGERESULT_H

#include "bootstage/stageplaces.h"

#define STAGERESULT_REASON 240u
#define STAGERESULT_GROUP  320u
#define STAGERESULT_MAX    (16u << 10) /* of a file */

enum stage_end {
	END_PASSED,    /* exit code 0 */
	END_FAILED,    /* another exit code, or it could not be started */
	END_TIMEOUT,   /* killed when its time was over */
	END_KILLED,    /* by a signal that the runner did not send */
	END_MISSING,   /* its program is not there */
	END_SKIPPED,   /* a stage that it waits for keeps it from running */
	END_CANCELLED, /* the runner was told to stop */
};

struct json;

struct stage_result {
	char name[STAGE_NAME_MAX];
	enum stage_phase phase;
	enum stage_end end;
	int exit_code;             /* -1: none */
	int signal;                /* 0: none */
	uint64_t start_us, end_us; /* CLOCK_BOOTTIME; equal when it was not started */
	char reason[STAGERESULT_REASON];
	bool required;
	enum stage_failure on_failure;
	enum class_id class;
	char cgroup[STAGERESULT_GROUP]; /* its path; "none: " and why; "" it was not started */
	uint64_t peak_memory_bytes, cpu_us, output_bytes;
};

/* Of all stages, by their index in struct stages. */
struct stage_results {
	stage_set have;
	struct stage_result at[STAGES_MAX];
};

/** As one JSON object under `key`. */
void stageresult_json(struct json *j, const char *key, const struct stage_result *r);
/** For people, one line. */
void stageresult_print(FILE *to, const struct stage_result *r);

/** Decode one file's text. Returns 0; -EBADMSG. @ret untouched on failure */
MUST_USE int stageresult_parse(struct bytes text, const char *name, struct stage_result *ret, struct why *w);

/** Write, whole or not at all. The folder is there. */
MUST_USE int stageresult_write(const struct stageplaces *p, const struct stage_result *r, struct why *w);
/** -ENOENT: this boot has none of that name. @ret untouched on failure */
MUST_USE int stageresult_read(const struct stageplaces *p, const char *name, struct stage_result *ret, struct why *w);
/** All results of these stages that there are in this boot. A file that cannot be read is the same as none. */
void stageresults_read(const struct stageplaces *p, const struct stages *s, struct stage_results *ret);

/** "passed", "failed", "timeout", "killed", "missing", "skipped", "cancelled". */
const char *stage_end_name(enum stage_end e);
/** And back. False: no such word. */
bool stage_end_named(const char *word, enum stage_end *ret);

#endif
