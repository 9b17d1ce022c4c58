/*
 * plan - what `tandem install` has to do, by the boot record.
 * Layer:  updater; decide. Pure.
 */
#ifndef UPDATER_PLAN_H
#define UPDATER_PLAN_H

#include "partitions/bootstate.h"

enum install_action {
	INSTALL_WRITE,    /* the target is written from its beginning */
	INSTALL_CONTINUE, /* as INSTALL_WRITE; an earlier install of this very image was interrupted */
	INSTALL_ARM,      /* the image is whole on the target, and only has to be armed */
	INSTALL_NOTHING,  /* the image is what the committed slot holds */
};

struct install_plan {
	enum install_action action;
	enum slot target;
};

/** @id of the image; @force_same write it although the committed slot holds it. */
struct install_plan install_plan(const struct bootrec *rec, const struct hash *id, bool force_same);

/** "write", "continue", "arm", "nothing". */
const char *install_action_name(enum install_action a);

/**
 * Whether an operator's commit of what runs is in order.
 * Returns 0; -EALREADY (exit code 4): it is the committed slot; -EPERM (refused) with the reason.
 */
MUST_USE int commit_check(const struct bootrec *rec, enum slot running, struct why *w);

enum rollback_action {
	ROLLBACK_END_TRIAL, /* the trial has failed, by the operator's verdict */
	ROLLBACK_ARM,       /* the other slot is tried */
};
/** What a rollback does now. -EPERM (refused): there is nothing to go back to. boot_arm() has the last word on an arm. */
MUST_USE int rollback_plan(const struct bootrec *rec, enum rollback_action *ret, struct why *w);

/* How one version follows another. */
enum version_step { VERSION_UNKNOWN, VERSION_HIGHER, VERSION_SAME, VERSION_LOWER };
/** Semantic versions; VERSION_UNKNOWN when `from` is none (an image that nobody gave one). `to` is one. */
enum version_step version_step(const char *from, const char *to);

#endif
