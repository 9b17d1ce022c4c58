/*
 * tree_view - trees as their users see them: what is there, what a switch is doing, and what came of it.
 * Layer:  updater; for cmd_*.
 *
 * docs/trees.md lists the members of every JSON object.
 */
#ifndef UPDATER_TREE_VIEW_H
#define UPDATER_TREE_VIEW_H

#include "base/json.h"
#include "base/progress.h"
#include "updater/preflight.h"
#include "updater/tree_run.h"

/* What is on the disk. */
struct tree_view {
	const struct sysconf_tree *conf;
	bool there;                  /* there is a folder of trees */
	struct why why;              /* why nothing can be told; code 0: it can */
	struct tree_record rec;      /* unless `why` */
	char damage[2][200];         /* of the journal's copies */
	char current[TREE_NAME_MAX]; /* what ROOT/current names, as tree_store_link_get() has it */
	struct tree_stock *stock;    /* owned; oldest first */
	size_t n_stock;
};

/** Look, without a lock; root is not needed. What cannot be told is in v->why. Ended by tree_view_done() in any case. */
void tree_view_look(const struct sysconf_tree *conf, struct tree_view *v);
void tree_view_done(struct tree_view *v);
/** As the member `key` of the open object, or as the whole. */
void tree_view_json(struct json *j, const char *key, const struct tree_view *v);
void tree_view_text(const struct tree_view *v);

/* A switch as it goes on. */
struct tree_steps {
	struct progress bar;
	enum progress_style style;
	uint64_t begun_ms, shown_ms;
	enum tree_action last;
};
struct tree_steps tree_steps_begin(enum progress_style style);
/** For tree_job.step; @arg struct tree_steps */
void tree_steps_show(void *arg, const struct tree_progress *now);
void tree_steps_end(struct tree_steps *s);

/* What came of it. @current  the tree that is current now */
void tree_done_json(struct json *j, const struct tree_done *d);
void tree_done_text(const struct tree_done *d, const char *current);

#endif
