#include "updater/tree_watch.h"

#include <stdarg.h>
#include <stdio.h>

#define PAUSE_MS        200u
#define REQUEST_MAX_MS  10000u
#define LAST_LOOK_MS    2000u /* at least, for a look that is begun before the deadline */
#define UNIT_NAME_SHOWN 70
#define WAY_BACK_FREE   3000u /* three times the start may take this long before it shortens the deadline */

struct watch {
	const struct sysconf_tree *conf;
	const struct tree_watch_ops *ops;
	void *with;
	uint64_t deadline_ms;
	uint64_t active_since_ms; /* while `active` */
	bool active;              /* all units were, the last time */
	bool ended;               /* there is a verdict */
	struct tree_watched *ret;
};

PRINTF(4, 5)
static void conclude(struct watch *k, enum tree_verdict verdict, enum tree_reason reason, const char *fmt, ...)
{
	va_list ap;

	if (k->ended)
		return;
	k->ended = true;
	k->ret->verdict = verdict;
	k->ret->reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(k->ret->text, sizeof(k->ret->text), fmt, ap);
	va_end(ap);
}

/* What is noted in case that it is the last word. */
static void note(struct watch *k, const char *what, const char *said)
{
	(void)snprintf(k->ret->text, sizeof(k->ret->text), "%.*s: %.80s", UNIT_NAME_SHOWN, what, said);
}

static void see_units(struct watch *k, const struct tree_unit *units)
{
	bool active = true;

	for (size_t i = 0; i < k->conf->n_units; i++) {
		if (units[i].is == TREE_UNIT_ENDED) {
			conclude(k, TREE_BAD, TREE_REASON_UNIT, "%.*s: %s", UNIT_NAME_SHOWN, k->conf->units[i],
				 units[i].said);
			return;
		}
		if (units[i].is == TREE_UNIT_STARTING) {
			note(k, k->conf->units[i], units[i].said);
			active = false;
		}
	}
	if (active && !k->active)
		k->active_since_ms = k->ops->now_ms(k->with);
	k->active = active;
}

static uint64_t left_ms(const struct watch *k)
{
	uint64_t now = k->ops->now_ms(k->with);

	return now < k->deadline_ms ? k->deadline_ms - now : 1;
}

static unsigned int at_most(uint64_t ms, unsigned int most)
{
	return ms < most ? (unsigned int)ms : most;
}

static int look_at_units(struct watch *k, struct tree_unit *ret, struct why *w)
{
	unsigned int limit = at_most(left_ms(k), TREE_UNITS_LOOK_MS);

	return k->ops->look(k->with, limit > LAST_LOOK_MS ? limit : LAST_LOOK_MS, ret, w);
}

/* What they are is not known: an answer does not count before they were seen again. */
static void see_nothing(struct watch *k, const struct why *w)
{
	k->active = false;
	note(k, "units", w->text);
}

/* One look. Returns whether that was all. */
static bool look(void *arg)
{
	struct tree_unit units[SYSCONF_UNITS];
	struct watch *k = arg;
	struct why w = { 0 };

	if (k->ops->cancelled(k->with))
		conclude(k, TREE_BAD, TREE_REASON_INTERRUPTED, "interrupted");
	else if (look_at_units(k, units, &w) == 0)
		see_units(k, units);
	else
		see_nothing(k, &w);
	return k->ended;
}

static void ask(struct watch *k)
{
	struct probe_answer answer = { 0 };

	k->ops->probe(k->with, at_most(left_ms(k), REQUEST_MAX_MS), look, k, &answer);
	if (k->ended)
		return;
	note(k, k->conf->url, answer.said);
	k->ret->served_ms = k->ops->now_ms(k->with);
	if (answer.passed && !look(k) && k->active) /* it answered; is it still there? */
		conclude(k, TREE_GOOD, TREE_REASON_NONE, "%s", answer.said);
}

/* Without a URL. */
static void see_steady(struct watch *k)
{
	k->ret->served_ms = k->active_since_ms;
	if (k->conf->n_units == 0 || k->ops->now_ms(k->with) - k->active_since_ms >= TREE_WATCH_STEADY_MS)
		conclude(k, TREE_GOOD, TREE_REASON_NONE, "units are active");
}

static void round_of(struct watch *k)
{
	if (look(k) || !k->active)
		return;
	if (k->conf->url[0])
		ask(k);
	else
		see_steady(k);
}

void tree_watch(const struct sysconf_tree *conf, const struct tree_watch_ops *ops, void *with, uint64_t deadline_ms,
		struct tree_watched *ret)
{
	struct watch k = { .conf = conf, .ops = ops, .with = with, .deadline_ms = deadline_ms, .ret = ret };

	*ret = (struct tree_watched){ .text = "no answer" };
	for (;;) {
		round_of(&k);
		if (!k.ended && ops->now_ms(with) >= deadline_ms) {
			k.ended = true; /* what was noted last says why */
			ret->verdict = TREE_BAD;
			ret->reason = TREE_REASON_HEALTH;
		}
		if (k.ended)
			break;
		ops->pause(with, PAUSE_MS);
	}
}

uint64_t tree_watch_deadline_ms(const struct sysconf_tree *conf, uint64_t start_ms)
{
	uint64_t all = 1000ull * conf->deadline_seconds, start = start_ms < all ? start_ms : all, less = 0;

	if (3 * start > WAY_BACK_FREE)
		less = 3 * start - WAY_BACK_FREE;
	return all - (less < all / 2 ? less : all / 2);
}
