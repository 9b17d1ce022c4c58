/*
 * promote - a new model takes the place of the current one, which is kept for the way back.
 * Layer:  bootstage/trainer. Act, through a table of calls, so that a test can cut the power.
 * Source: docs/trainer.md, "Models"; REQUIREMENTS R3, C21.
 *
 * Promised: JOB.onnx is the old or the new model at any moment, whole, and after a power cut as well; when promote()
 * returned 0 it is the new one, and JOB.onnx.prev the old one.
 */
#ifndef BOOTSTAGE_TRAINER_PROMOTE_H
#define BOOTSTAGE_TRAINER_PROMOTE_H

#include "bootstage/trainer/job.h"
#include "bootstage/trainer/onnx.h"

/* Names in a job's folder. */
struct model_names {
	char now[TRAINJOB_NAME + 16];      /* JOB.onnx */
	char next[TRAINJOB_NAME + 16];     /* where the job leaves its finished model */
	char prev[TRAINJOB_NAME + 16];     /* the one before */
	char link[TRAINJOB_NAME + 16];     /* on the way to prev */
	char rejected[TRAINJOB_NAME + 16]; /* the last one that was not taken */
};
void model_names(const char *job, struct model_names *ret);

/* What is done with names of the folder. Each returns 0 or -errno, without a reason for -ENOENT. */
struct promote_files {
	int (*sync)(void *arg, const char *name, struct why *w); /* the file's content is durable */
	int (*link)(void *arg, const char *from, const char *to, struct why *w);
	int (*rename)(void *arg, const char *from, const char *to, struct why *w);
	int (*exchange)(void *arg, const char *one, const char *other, struct why *w);
	int (*remove)(void *arg, const char *name, struct why *w);
	int (*sync_names)(void *arg, struct why *w); /* the folder's names are durable */
};
/**
 * The model that a job has (R5): JOB.onnx; where there is none of that name, the first *.onnx by name that is one.
 * @ret_name  holds NAME_MAX + 1
 * Returns 0; -ENOENT, without a reason: no *.onnx at all; as onnx_check_at() of JOB.onnx, or of the last one that was tried.
 */
MUST_USE int model_find(int folder, const struct model_names *n, char *ret_name, struct onnx_model *ret, struct why *w);

/* In a folder; arg is a pointer to its descriptor. */
extern const struct promote_files promote_disk;

/**
 * Make JOB.onnx.next JOB.onnx. Doing it again after an interruption is safe: -ENOENT, without a reason, when there is no next.
 * @keep  the current model is one: it becomes JOB.onnx.prev; else what is there is replaced
 */
MUST_USE int promote(const struct promote_files *f, void *arg, const struct model_names *n, bool keep, struct why *w);

/** Change JOB.onnx and JOB.onnx.prev for each other, in one. The caller has checked the latter. */
MUST_USE int promote_back(const struct promote_files *f, void *arg, const struct model_names *n, struct why *w);

/**
 * Whether a model may become the current one: valid, and where the job has a floor, with a holdout_accuracy that is not
 * below it.
 * Returns 0; -ENOENT (no reason) there is none; -EKEYREJECTED (refused) below the floor; or as onnx_check_at().
 */
MUST_USE int promote_check(int folder, const char *name, const struct trainjob *j, struct onnx_model *ret,
			   struct why *w);

#endif
