/*
 * setup_want - from what is wished (a product, its user, its URL) and the templates to the list of what shall be there.
 * Layer:  updater; decide, pure.
 * Source: docs/host.md has the list, and what templates may say.
 */
#ifndef UPDATER_SETUP_WANT_H
#define UPDATER_SETUP_WANT_H

#include "partitions/sysconf.h"
#include "updater/setup_plan.h"
#include "updater/trust.h"

#define SETUP_TEMPLATES     32u
#define SETUP_TEMPLATE_MAX  (64u << 10)
#define SETUP_TEMPLATE_NAME 64u
#define SETUP_USER_MAX      33u /* with NUL, as useradd(8) */
#define SETUP_URL           "http://localhost:4000/health"
#define SETUP_TRAINER       "tandem-train.timer"       /* wakes tandem-train.service */
#define SETUP_INTEL         "tandem-intel-daily.timer" /* looks after the database's days */

struct setup_template {
	char name[SETUP_TEMPLATE_NAME]; /* core.service, 10-tune.stage, system.conf, ... */
	char *text;                     /* owned */
};

/* In the order of their names. */
struct setup_templates {
	struct setup_template at[SETUP_TEMPLATES];
	size_t n;
};
void setup_templates_free(struct setup_templates *t);

struct setup_wish {
	char product[64], compatible[64], user[SETUP_USER_MAX], url[SYSCONF_TEXT];
	const struct trust *trust; /* public keys to install; may be empty */
	const struct setup_templates *templates;
	bool database;       /* there is PostgreSQL for it: then templates NN-intel*.stage count */
	bool first_tree;     /* a tree is brought along */
	uint64_t tree_bytes; /* room that it needs */
};

struct setup_items {
	struct setup_item *at; /* owned, with their texts */
	size_t n;
};
void setup_items_free(struct setup_items *l);
#define AUTO_SETUP_ITEMS CLEANUP(setup_items_free) struct setup_items

/**
 * Put text for the words of a template: @PRODUCT@, @COMPATIBLE@, @USER@, @URL@, @THRESHOLD@, @DPI@ (yes or no), and @UNITS@,
 * a line "unit=NAME" for each unit. Any other '@' stays as it is.
 * @ret  allocated
 */
MUST_USE int setup_render(const struct setup_wish *wish, const char *text, char **ret, struct why *w);

/**
 * The whole list, in the order in which it is made.
 * Returns 0; -EINVAL (usage) a product or user that cannot be one; -EBADMSG a template that cannot be used; -ENOMEM.
 */
MUST_USE int setup_want(const struct setup_wish *wish, struct setup_items *ret, struct why *w);

/** Whether a name can be a product's here: it becomes a slice, units, folders and a user. (usage) */
MUST_USE int setup_check_product(const char *product, struct why *w);
/** The port of an URL on this machine; 0 when it is another's. */
unsigned int setup_port(const char *url);
/** "core.service" of the product: "PRODUCT-core.service". */
void setup_unit_name(const char *product, const char *template, char ret[SETUP_NAME_MAX]);
/** Whether a template is a unit that runs the product out of its tree. */
bool setup_is_service(const char *template);

#endif
