#include "updater/tree_plan.h"

#include <stdlib.h>

static enum tree_at settled_at(const struct tree_situation *s)
{
	return s->has_current ? TREE_AT_CURRENT : TREE_AT_NONE;
}

/* Units are stopped before the link that they run by changes. */
static enum tree_action swap(const struct tree_situation *s, enum tree_action action)
{
	return s->has_units && s->units != TREE_UNITS_STOPPED ? TREE_DO_STOP : action;
}

static enum tree_action idle(const struct tree_situation *s)
{
	if (s->partial)
		return TREE_DO_REMOVE_PARTIAL;
	if (s->at != settled_at(s))
		return swap(s, TREE_DO_SWAP_CURRENT);
	if (s->has_units && s->has_current && s->units == TREE_UNITS_STOPPED)
		return TREE_DO_START;
	return s->next_link ? TREE_DO_UNLINK_NEXT : TREE_DO_NOTHING;
}

static enum tree_action unpacking(const struct tree_situation *s)
{
	if (s->verdict == TREE_BAD)
		return s->partial ? TREE_DO_REMOVE_PARTIAL : TREE_DO_FAIL;
	return s->whole ? TREE_DO_STAGED : TREE_DO_UNPACK;
}

static enum tree_action staged(const struct tree_situation *s)
{
	if (s->verdict == TREE_BAD)
		return TREE_DO_FAIL;
	return s->next_right ? TREE_DO_SWITCHING : TREE_DO_LINK_NEXT;
}

static enum tree_action switching(const struct tree_situation *s)
{
	if (s->verdict == TREE_BAD)
		return TREE_DO_RETURNING;
	if (s->at != TREE_AT_NEXT)
		return swap(s, TREE_DO_SWAP_NEXT);
	return s->has_units && s->units != TREE_UNITS_STARTED ? TREE_DO_START : TREE_DO_TRIAL;
}

static enum tree_action trial(const struct tree_situation *s)
{
	if (s->verdict == TREE_OPEN)
		return TREE_DO_WATCH;
	return s->verdict == TREE_GOOD ? TREE_DO_COMMIT : TREE_DO_RETURNING;
}

static enum tree_action returning(const struct tree_situation *s)
{
	if (s->at != settled_at(s))
		return swap(s, TREE_DO_SWAP_CURRENT);
	return s->has_units && s->has_current && s->units != TREE_UNITS_STARTED ? TREE_DO_START : TREE_DO_FAIL;
}

enum tree_action tree_decide(const struct tree_situation *s)
{
	switch (s->phase) {
	case TREE_IDLE:
		return idle(s);
	case TREE_UNPACKING:
		return unpacking(s);
	case TREE_STAGED:
		return staged(s);
	case TREE_SWITCHING:
		return switching(s);
	case TREE_TRIAL:
		return trial(s);
	case TREE_RETURNING:
		return returning(s);
	}
	abort();
}

/* --- old trees --- */

static bool is(const struct tree_release *t, const char *name)
{
	return strcmp(t->name, name) == 0;
}

static bool stays(const struct tree_record *rec, const char *name)
{
	return is(&rec->current, name) || is(&rec->previous, name) || is(&rec->next, name);
}

uint64_t tree_prune(const struct tree_record *rec, const struct tree_prune *p, struct tree_stock *stock, size_t n)
{
	uint64_t free_bytes = p->free_bytes;
	size_t left = n;

	for (size_t i = 0; i < n; i++)
		stock[i].drop = false;
	for (size_t i = 0; i < n && (left > p->keep || free_bytes < p->want_bytes); i++) {
		if (stays(rec, stock[i].name))
			continue;
		stock[i].drop = true;
		left--;
		if (__builtin_add_overflow(free_bytes, stock[i].bytes, &free_bytes))
			free_bytes = UINT64_MAX;
	}
	return free_bytes;
}

static size_t age(const struct tree_record *rec, const char *name)
{
	for (size_t i = 0; i < rec->n_history; i++)
		if (strcmp(rec->history[i], name) == 0)
			return i + 1;
	return 0;
}

void tree_stock_sort(const struct tree_record *rec, struct tree_stock *stock, size_t n)
{
	for (size_t i = 1; i < n; i++) { /* few, and nearly in order */
		struct tree_stock s = stock[i];
		size_t a = age(rec, s.name), k = i;

		for (; k > 0; k--) {
			size_t b = age(rec, stock[k - 1].name);

			if (b < a || (b == a && strcmp(stock[k - 1].name, s.name) <= 0))
				break;
			stock[k] = stock[k - 1];
		}
		stock[k] = s;
	}
}

/* --- records --- */

static void end(struct tree_record *rec, enum tree_result result, enum tree_reason reason, const char *text)
{
	memcpy(rec->outcome.from, rec->current.name, TREE_NAME_MAX);
	memcpy(rec->outcome.to, rec->next.name, TREE_NAME_MAX);
	tree_outcome_set(&rec->outcome, result, reason, text);
	rec->phase = TREE_IDLE;
}

void tree_record_commit(struct tree_record *rec)
{
	end(rec, TREE_COMMITTED, TREE_REASON_NONE, "");
	rec->previous = rec->current;
	rec->current = rec->next;
	rec->next = (struct tree_release){ 0 };
	if (rec->epoch_floor < rec->current.epoch)
		rec->epoch_floor = rec->current.epoch;
}

void tree_record_fail(struct tree_record *rec, enum tree_reason reason, const char *text)
{
	end(rec, TREE_FAILED, reason, text);
	rec->next = (struct tree_release){ 0 };
}
