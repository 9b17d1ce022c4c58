/*
 * setup_journal - what `tandem setup` has made on this machine, so that --remove takes away that and nothing else.
 * Layer:  updater; format, pure.
 * Trust:  a file of root's; what does not fit is an error with its line.
 * Source: docs/formats/setupjournal.md.
 *
 * An entry is written before the thing is made: after a power cut there may be an entry without the thing, never the thing
 * without its entry.
 */
#ifndef UPDATER_SETUP_JOURNAL_H
#define UPDATER_SETUP_JOURNAL_H

#include "base/bytes.h"
#include "base/why.h"

#define SETUP_STATE       "/var/lib/tandem"
#define SETUP_JOURNAL     SETUP_STATE "/setup.journal"
#define SETUP_JOURNAL_MAX (256u << 10)
#define SETUP_NAME_MAX    256u /* bytes with NUL: a path, or the name of a user */
#define SETUP_VALUE_MAX   256u
#define SETUP_INSIDE      "inside"

/* What an entry is of. */
enum setup_made {
	MADE_PRODUCT, /* for whom all this is, the first entry; value: the user it runs as */
	MADE_GROUP,
	MADE_USER,
	MADE_FOLDER, /* goes when it is empty */
	MADE_DATA, /* a folder that goes with all that the product has put there; value "inside": only what is in it goes */
	MADE_TREES,  /* the folder of the product's trees; the same */
	MADE_FILE,   /* value: BLAKE2b-256 of its content, in hex; an entry for each content it was given */
	MADE_LINK,   /* value: where it points */
	MADE_TUNING, /* the tuning stage was started */
};

struct setup_entry {
	enum setup_made made;
	char name[SETUP_NAME_MAX];   /* without blanks */
	char value[SETUP_VALUE_MAX]; /* without blanks; may be empty */
};

struct setup_journal {
	struct setup_entry *at; /* owned; in the order in which things were made */
	size_t n;
};

void setup_journal_free(struct setup_journal *j);
#define AUTO_SETUP_JOURNAL CLEANUP(setup_journal_free) struct setup_journal

/** Returns 0; -EBADMSG with the line; -EPROTONOSUPPORT a newer one; -E2BIG; -ENOMEM. @ret untouched on failure */
MUST_USE int setup_journal_parse(struct bytes text, const char *name, struct setup_journal *ret, struct why *w);
/** What setup_journal_parse() reads back. @ret allocated */
MUST_USE int setup_journal_format(const struct setup_journal *j, char **ret, size_t *ret_n, struct why *w);

/** Whether there is an entry of that kind, name and value (NULL: any). */
bool setup_journal_has(const struct setup_journal *j, enum setup_made made, const char *name, const char *value);
/** Add one; an entry that is there already is not added twice. -EINVAL for what no line can hold; -E2BIG; -ENOMEM. */
MUST_USE int setup_journal_add(struct setup_journal *j, enum setup_made made, const char *name, const char *value,
			       struct why *w);
/** The product; NULL without one. */
const char *setup_journal_product(const struct setup_journal *j);

#endif
