/*
 * dropfiles - configuration in many files: those of one suffix in several folders, a later folder over an earlier one.
 * Layer:  bootstage; act: reads folders.
 */
#ifndef BOOTSTAGE_DROPFILES_H
#define BOOTSTAGE_DROPFILES_H

#include <limits.h>

#include "base/bytes.h"
#include "base/why.h"

/* A file by its name, and the folder that it counts in. */
struct dropfile {
	char file[NAME_MAX + 1];
	const char *folder; /* borrowed from the caller */
};

struct dropfiles {
	const char *suffix; /* ".stage" */
	const char *what;   /* "stages", for reasons */
	size_t max;
};

/**
 * Every file of the suffix, hidden ones left out, sorted by name. A file in a later folder takes the place of the one with
 * its name in an earlier folder. Folders that are not there are empty.
 * @ret  holds d->max
 * Returns how many there are; -E2BIG (usage) over the limit; -errno from reading a folder.
 */
MUST_USE int dropfiles_find(const struct dropfiles *d, const char *const *folders, size_t n_folders,
			    struct dropfile *ret, struct why *w);

/**
 * The text of one, freed by the caller; NULL when it is a symlink to /dev/null, which takes a file away.
 * @ret_path  its path, for reasons
 */
MUST_USE int dropfiles_read(const struct dropfile *f, char **ret, size_t *ret_n, char ret_path[PATH_MAX],
			    struct why *w);

/**
 * NAME of "NN-NAMEsuffix", two digits in front; `room` with its NUL. Lower-case letters, digits, '_' and '-', the first one
 * a letter or digit. False: it has another form.
 */
bool dropfile_name(const char *file, const char *suffix, char *ret, size_t room);
/** Whether a word can be such a NAME. */
bool dropfile_name_valid(const char *name, size_t room);

#endif
