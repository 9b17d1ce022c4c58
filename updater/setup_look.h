/*
 * setup_look - what of a host's setup is there already.
 * Layer:  updater; act: reads files and asks the service manager, changes nothing.
 */
#ifndef UPDATER_SETUP_LOOK_H
#define UPDATER_SETUP_LOOK_H

#include <limits.h>
#include <sys/types.h>

#include "updater/setup_want.h"

/* The machine that is set up: this one, or the one whose files are below a folder. */
struct setup_place {
	const char *root; /* "": this machine */
};

/** A path of that machine as one of this. */
MUST_USE int setup_path(const struct setup_place *p, const char *path, char ret[PATH_MAX], struct why *w);
/** Whether it is this one: then its services can be started and asked. */
bool setup_live(const struct setup_place *p);
/** Whether there is what a database needs: tandem-intel, and PostgreSQL here or configured elsewhere. Live machines only. */
bool setup_has_database(const struct setup_place *p);

/** The journal; empty when there is none. */
MUST_USE int setup_journal_load(const struct setup_place *p, struct setup_journal *ret, struct why *w);

struct setup_account {
	bool user, group; /* there is one of that name */
	uid_t uid;        /* of them; valid where they are */
	gid_t gid;        /* the user's own group, when there is the user */
};
/** Look a user up, and the group of the same name. */
MUST_USE int setup_account(const struct setup_place *p, const char *user, struct setup_account *ret, struct why *w);

struct setup_looker {
	struct setup_place place;
	const struct setup_wish *wish;
	const struct setup_journal *journal;
	bool user_given; /* the user was named by hand, so that one who is there is meant */
};

/** Look at every item of the list and decide. @ret ended by setup_plan_free(); borrows the items */
MUST_USE int setup_look(const struct setup_looker *l, const struct setup_items *items, struct setup_plan *ret,
			struct why *w);

/** What is left of an entry of the journal. */
MUST_USE int setup_remains(const struct setup_place *p, const struct setup_journal *j, const struct setup_entry *e,
			   struct setup_remains *ret, struct why *w);

/** Whether all units of the product are active and its URL answers; `said`: what does not. Live machines only. */
bool setup_serves(const struct setup_wish *wish, char said[SETUP_SAID_MAX]);

#endif
