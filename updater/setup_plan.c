#include "updater/setup_plan.h"

static const char *const kinds[] = { "system", "port", "space", "group",  "user",     "folder", "data",
				     "trees",  "file", "link",  "tuning", "database", "tree",   "service" };
static const char *const states[] = { "ok", "create", "change", "kept", "pending", "foreign" };
static const char *const undos[] = { "gone", "remove", "keep" };

static bool is_check(enum setup_kind k)
{
	return k == SETUP_SYSTEM || k == SETUP_PORT || k == SETUP_SPACE;
}

/* Something is there, and it is not what is wanted. */
static enum setup_state other(const struct setup_item *item, const struct setup_sight *s)
{
	bool text = item->kind == SETUP_FILE || item->kind == SETUP_LINK;

	if (is_check(item->kind) || s->blocked)
		return SETUP_FOREIGN;
	if (!s->ours)
		return item->theirs ? SETUP_KEPT : SETUP_FOREIGN;
	return text && s->touched ? SETUP_KEPT : SETUP_CHANGE;
}

enum setup_state setup_decide(const struct setup_item *item, const struct setup_sight *sight)
{
	switch (sight->there) {
	case THERE_NOT:
		return SETUP_CREATE;
	case THERE_OTHER:
		return other(item, sight);
	case THERE_LATER:
		return SETUP_PENDING;
	case THERE_SAME:
		break;
	}
	return SETUP_OK;
}

void setup_plan_free(struct setup_plan *p)
{
	free(p->at);
	*p = (struct setup_plan){ 0 };
}

size_t setup_plan_todo(const struct setup_plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->at[i].state == SETUP_CREATE || p->at[i].state == SETUP_CHANGE;
	return n;
}

const struct setup_step *setup_plan_foreign(const struct setup_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->at[i].state == SETUP_FOREIGN)
			return &p->at[i];
	return NULL;
}

enum setup_undo setup_undo_decide(const struct setup_entry *e, const struct setup_remains *r, bool keep_data)
{
	bool data = e->made == MADE_DATA || e->made == MADE_USER || e->made == MADE_GROUP;
	bool text = e->made == MADE_FILE || e->made == MADE_LINK;

	if (!r->there)
		return UNDO_GONE;
	if ((data && keep_data) || (text && !r->same))
		return UNDO_KEEP;
	return UNDO_REMOVE;
}

const char *setup_kind_name(enum setup_kind k)
{
	return k < ARRAY_SIZE(kinds) ? kinds[k] : "?";
}

const char *setup_state_name(enum setup_state s)
{
	return s < ARRAY_SIZE(states) ? states[s] : "?";
}

const char *setup_undo_name(enum setup_undo u)
{
	return u < ARRAY_SIZE(undos) ? undos[u] : "?";
}
