/*
 * setup_files - the single changes of a setup: files, folders, links, accounts, the journal. Each is in the journal first.
 * Layer:  updater; act; for setup_act.c and setup_undo.c.
 */
#ifndef UPDATER_SETUP_FILES_H
#define UPDATER_SETUP_FILES_H

#include "updater/setup_act.h"

/** Note in the journal, durably, that something is about to be made. */
MUST_USE int setup_note(const struct setup_job *j, enum setup_made made, const char *name, const char *value,
			struct why *w);
/** Write the journal as it is. */
MUST_USE int setup_save(const struct setup_job *j, struct why *w);
/** The journal goes, and with it Tandem's folder when a setup has made it. */
MUST_USE int setup_forget(const struct setup_job *j, struct why *w);
/** What an interrupted setup_save() or setup_forget() has left beside that folder. */
MUST_USE int setup_clear(const struct setup_job *j, struct why *w);

/** Say that something changes now. */
void setup_changing(const struct setup_job *j);

MUST_USE int setup_make_folder(const struct setup_job *j, const struct setup_item *i, enum setup_made made,
			       struct why *w);
MUST_USE int setup_make_file(const struct setup_job *j, const struct setup_item *i, struct why *w);
MUST_USE int setup_make_link(const struct setup_job *j, const struct setup_item *i, struct why *w);
MUST_USE int setup_make_group(const struct setup_job *j, const char *name, struct why *w);
MUST_USE int setup_make_user(const struct setup_job *j, const char *name, struct why *w);

/** A folder with all that is in it, on its own file system; `inside`: only that. What is not there is fine. */
MUST_USE int setup_remove_all(const struct setup_job *j, const char *path, bool inside, struct why *w);

#endif
