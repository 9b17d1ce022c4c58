/*
 * tunelook - the two looks at a machine that a plan is made of: its facts, and what is tuned already.
 * Layer:  tuning; may include base/ only. Act: reads, changes nothing.
 */
#ifndef TUNING_TUNELOOK_H
#define TUNING_TUNELOOK_H

#include "tuning/isolate.h"
#include "tuning/tuneplan.h"
#include "tuning/undolog.h"

/**
 * Facts, of the whole machine: what an earlier run confined, this program included, counts as usable. Before that, and
 * below a captured tree, as facts_read().
 * @kept  what the earlier run kept (tune_undo_read())
 */
MUST_USE int tune_facts(const struct tree *t, const struct undolog *kept, struct facts *ret, struct why *w);

/** What there is of what the policy is about. In a captured tree that is what has files there; the rest is not known. */
MUST_USE int tune_look(const struct tree *t, const struct swap_ops *ops, const struct facts *f,
		       const struct tuneconf *c, const char *product, struct tune_input *ret, struct why *w);

/** What is kept for undo; nothing kept is fine. -EBADMSG when it is damaged. */
MUST_USE int tune_undo_read(const struct tree *t, struct undolog *ret, struct why *w);
/** Its path, relative: not among the product's files, which systemd may remove with the product's service. */
#define TUNE_UNDO "run/tandem/tune.undo"

#endif
