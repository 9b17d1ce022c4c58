/*
 * tree_plan - what happens next to the trees: the state machine of a switch, and which old trees go.
 * Layer:  updater; decide. Pure.
 *
 * The same table drives an install, a rollback and the settling of what a power cut or a SIGKILL left: each asks for the
 * next action, does it, and asks again with what is there now, until there is nothing to do. A run that settles brings the
 * verdict TREE_BAD with it, so that nothing goes forward in it.
 */
#ifndef UPDATER_TREE_PLAN_H
#define UPDATER_TREE_PLAN_H

#include "updater/tree_record.h"

enum tree_verdict { TREE_OPEN, TREE_GOOD, TREE_BAD };

/* What the link ROOT/current names. */
enum tree_at { TREE_AT_NONE, TREE_AT_CURRENT, TREE_AT_NEXT, TREE_AT_OTHER };

/* The product's units, as far as this run knows them. */
enum tree_units_state { TREE_UNITS_UNKNOWN, TREE_UNITS_STOPPED, TREE_UNITS_STARTED };

struct tree_situation {
	enum tree_phase phase;
	enum tree_verdict verdict;
	enum tree_at at;
	bool has_current; /* a tree is committed */
	bool next_link;   /* ROOT/next is there */
	bool next_right;  /* and names the next tree */
	bool partial;     /* remains of an unpack are there */
	bool whole;       /* the next tree is on the disk, unpacked and durable */
	bool has_units;   /* this run stops and starts them: not at boot, and not where none are configured */
	enum tree_units_state units;
};

enum tree_action {
	TREE_DO_NOTHING,        /* settled */
	TREE_DO_UNPACK,         /* the next tree */
	TREE_DO_REMOVE_PARTIAL, /* what an unpack left */
	TREE_DO_STAGED,         /* record: phase staged */
	TREE_DO_LINK_NEXT,      /* ROOT/next names the next tree */
	TREE_DO_UNLINK_NEXT,
	TREE_DO_SWITCHING,    /* record */
	TREE_DO_STOP,         /* the units */
	TREE_DO_SWAP_NEXT,    /* ROOT/current names the next tree */
	TREE_DO_SWAP_CURRENT, /* ROOT/current names the committed tree; without one the link goes */
	TREE_DO_START,        /* the units */
	TREE_DO_TRIAL,        /* record */
	TREE_DO_WATCH,        /* until there is a verdict */
	TREE_DO_COMMIT,       /* record: next is current now, and the phase idle */
	TREE_DO_RETURNING,    /* record */
	TREE_DO_FAIL,         /* record: the phase is idle, current is what it was */
};

enum tree_action tree_decide(const struct tree_situation *s);

/* A tree on the disk. */
struct tree_stock {
	char name[TREE_NAME_MAX];
	uint64_t bytes; /* that its removal frees */
	bool drop;      /* by tree_prune() */
};

struct tree_prune {
	unsigned int keep;   /* trees; those that are never removed count */
	uint64_t free_bytes; /* on the file system now */
	uint64_t want_bytes; /* to be free; 0: only the count matters */
};

/**
 * Mark what goes, the oldest first: first what is over the count, then as many as the space takes. Never the current, the
 * next or the previous tree.
 * @stock  oldest first
 * Returns the bytes that are free then.
 */
uint64_t tree_prune(const struct tree_record *rec, const struct tree_prune *p, struct tree_stock *stock, size_t n);
/** Bring what is on the disk into the order of the history; what is not in it comes first. */
void tree_stock_sort(const struct tree_record *rec, struct tree_stock *stock, size_t n);

/** The record after a commit or a failure; the sequence is the writer's business. */
void tree_record_commit(struct tree_record *rec);
void tree_record_fail(struct tree_record *rec, enum tree_reason reason, const char *text);

#endif
