#include "updater/setup_show.h"

#include <stdio.h>

#include "updater/setup_look.h"

static const char *const made[] = { "product", "group", "user", "folder", "data", "trees", "file", "link", "tuning" };

void setup_show_step(const struct setup_step *s)
{
	bool told = s->sight.said[0] && s->state != SETUP_CREATE;

	(void)printf("%-8s %-9s %s%s%s\n", setup_state_name(s->state), setup_kind_name(s->item->kind), s->item->name,
		     told ? ": " : "", told ? s->sight.said : "");
	(void)fflush(stdout);
}

void setup_show_plan(const struct setup_plan *p, bool all)
{
	for (size_t i = 0; i < p->n; i++)
		if (all || p->at[i].state != SETUP_OK)
			setup_show_step(&p->at[i]);
}

void setup_show_undo(const struct setup_entry *e, enum setup_undo what)
{
	bool text = e->made == MADE_FILE || e->made == MADE_LINK;

	if (what == UNDO_GONE || e->made == MADE_PRODUCT)
		return;
	(void)printf("%-8s %-9s %s%s\n", setup_undo_name(what), made[e->made], e->name,
		     what != UNDO_KEEP        ? ""
		     : text                   ? ": changed since tandem setup has written it"
		     : e->made == MADE_FOLDER ? ": not empty, or in use"
					      : ": --keep-data");
}

void setup_json_plan(struct json *j, const struct setup_plan *p)
{
	json_array(j, "steps");
	for (size_t i = 0; i < p->n; i++) {
		const struct setup_step *s = &p->at[i];

		json_object(j, NULL);
		json_string(j, "kind", setup_kind_name(s->item->kind));
		json_string(j, "name", s->item->name);
		json_string(j, "state", setup_state_name(s->state));
		json_text(j, "said", s->sight.said);
		json_text(j, "next", s->sight.next);
		json_end(j);
	}
	json_end(j);
}
