/*
 * setup_plan - what a server needs to run a product, and what follows from what is there already.
 * Layer:  updater; decide, pure.
 * Source: docs/host.md; REQUIREMENTS I15.
 */
#ifndef UPDATER_SETUP_PLAN_H
#define UPDATER_SETUP_PLAN_H

#include "updater/setup_journal.h"

#define SETUP_SAID_MAX 200u

enum setup_kind {
	SETUP_SYSTEM, /* checks */
	SETUP_PORT,
	SETUP_SPACE,
	SETUP_GROUP,
	SETUP_USER,
	SETUP_FOLDER,
	SETUP_DATA,  /* a folder of the product's user, with what that puts there */
	SETUP_TREES, /* the folder of the trees */
	SETUP_FILE,
	SETUP_LINK,
	SETUP_TUNING,   /* the tuning stage has passed in this boot */
	SETUP_DATABASE, /* PostgreSQL is there, set up by tandem-intel */
	SETUP_TREE,     /* a tree is installed */
	SETUP_SERVICE,  /* the product runs and answers */
};

/* Something that shall be so. */
struct setup_item {
	enum setup_kind kind;
	char name[SETUP_NAME_MAX]; /* path, user, URL */
	char *text;                /* of a file: its content; of a link: where it points; owned, else NULL */
	unsigned int mode;         /* of a file or folder */
	bool users;                /* it belongs to the product's user, not to root */
	bool theirs;               /* an administrator may have one of his own, which is kept */
};

enum setup_there {
	THERE_NOT,
	THERE_SAME,
	THERE_OTHER,
	THERE_LATER, /* cannot be done yet; `said` has why */
};

/* What is seen of it. */
struct setup_sight {
	enum setup_there there;
	bool ours;    /* by the journal */
	bool touched; /* ours, but not as we have left it */
	bool blocked; /* something of another kind is in its place */
	char said[SETUP_SAID_MAX];
	char next[SETUP_SAID_MAX]; /* what can be done about it, when that is not plain */
};

enum setup_state {
	SETUP_OK,
	SETUP_CREATE,
	SETUP_CHANGE,
	SETUP_KEPT,    /* not as wanted, and left so: somebody has changed it, or brought his own */
	SETUP_PENDING, /* left for later; no failure */
	SETUP_FOREIGN, /* in the way: nothing is done at all */
};

struct setup_step {
	const struct setup_item *item; /* borrowed */
	struct setup_sight sight;
	enum setup_state state;
};

/** What follows for one item. */
enum setup_state setup_decide(const struct setup_item *item, const struct setup_sight *sight);

/* The whole of it. */
struct setup_plan {
	struct setup_step *at; /* owned */
	size_t n;
};
void setup_plan_free(struct setup_plan *p);
#define AUTO_SETUP_PLAN CLEANUP(setup_plan_free) struct setup_plan

/** Steps that change something. */
size_t setup_plan_todo(const struct setup_plan *p);
/** The first step that forbids all of it, or NULL. */
const struct setup_step *setup_plan_foreign(const struct setup_plan *p);

/* Taking an entry of the journal back. */
enum setup_undo {
	UNDO_GONE, /* is not there any more */
	UNDO_REMOVE,
	UNDO_KEEP, /* changed since, or wished to be kept */
};
/* What is seen of an entry. */
struct setup_remains {
	bool there;
	bool same; /* a file or link is as we have left it */
};

/** What becomes of it. @keep_data  what the product has written stays, and its user with it */
enum setup_undo setup_undo_decide(const struct setup_entry *e, const struct setup_remains *r, bool keep_data);

/** "folder", "file", ...; "ok", "create", ...; "gone", "remove", "keep". */
const char *setup_kind_name(enum setup_kind k);
const char *setup_state_name(enum setup_state s);
const char *setup_undo_name(enum setup_undo u);

#endif
