/*
 * feedjob - one feed from its source into the store, in a process of its own, which has to ask for its turns.
 * Layer:  bootstage/intel. Act.
 * Trust:  the feed and its server are hostile. What goes wrong here ends this process, not the others.
 *
 * Words with the parent over a socket of whole messages: JOB_WANT is answered by JOB_GO when a turn is free; JOB_GIVE gives it
 * back, on its own when the source has nothing, and when JOB_BACK came, as soon as what was read is stored.
 */
#ifndef BOOTSTAGE_INTEL_FEEDJOB_H
#define BOOTSTAGE_INTEL_FEEDJOB_H

#include "bootstage/intel/feedstate.h"
#include "bootstage/intel/ingest.h"

enum feedjob_word {
	JOB_WANT = 1,
	JOB_GIVE,
	JOB_STEP, /* a page, or some events, were stored: `state` is to be kept */
	JOB_DONE, /* the last one: `code` and `why` are the outcome, `state` what is known now */
	JOB_GO,   /* of the parent */
	JOB_BACK,
};

struct feedjob_message {
	uint32_t word;
	int32_t code;
	struct feedstate state;
	struct why why;
};

struct feedjob {
	const struct feedconf *conf;
	struct feedstate state;          /* of before */
	const struct load_options *load; /* with how to connect */
	const struct feed_options *options;
	const char *folder; /* of states; NAME.events in it is this process's alone */
	bool again;         /* also when nothing has changed */
	int parent;         /* the socket */
};

/** Do it and say JOB_DONE. Returns the outcome: 0; -EALREADY when nothing has changed; else a failure. */
MUST_USE int feedjob_run(struct feedjob *j, bool (*stop)(void));

/** For the parent: what the process at the other end of `fd` says. 0; -EAGAIN nothing for now; -EPIPE it is gone, and said nothing more. */
MUST_USE int feedjob_hear(int fd, struct feedjob_message *ret);

/** What can be said of its size beforehand; 0: nothing. */
uint64_t feedjob_guess_bytes(const struct feedconf *f);

#endif
