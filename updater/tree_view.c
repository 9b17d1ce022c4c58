#include "updater/tree_view.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/proc.h"

#define JSON_EVERY_MS 500u

/* --- what is there --- */

static int look(struct tree_view *v, struct tree_store *s, struct why *w)
{
	int r = tree_store_open(v->conf->root, false, s, w);

	if (r)
		return r;
	v->there = true;
	r = tree_load(s, false, &v->rec, w);
	memcpy(v->damage, s->damage, sizeof(v->damage));
	r = r ? r : tree_store_link_get(s, false, v->current, w);
	r = r ? r : tree_store_list(s, &v->stock, &v->n_stock, w);
	if (!r)
		tree_stock_sort(&v->rec, v->stock, v->n_stock);
	return r;
}

void tree_view_look(const struct sysconf_tree *conf, struct tree_view *v)
{
	struct tree_store s;
	int r;

	*v = (struct tree_view){ .conf = conf };
	r = look(v, &s, &v->why);
	if (r == -ENOENT && !v->there)
		v->why = (struct why){ 0 }; /* none yet */
	tree_store_close(&s);
}

void tree_view_done(struct tree_view *v)
{
	free(v->stock);
	v->stock = NULL;
}

static void json_release(struct json *j, const char *key, const struct tree_release *t)
{
	char version[MANIFEST_NAME_MAX], id[2 * HASH_BYTES + 1];

	if (!t->name[0]) {
		json_null(j, key);
		return;
	}
	tree_name_version(t->name, version);
	json_object(j, key);
	json_string(j, "name", t->name);
	json_string(j, "version", version);
	json_u64(j, "epoch", t->epoch);
	json_string(j, "id", format_hex(t->id.b, sizeof(t->id.b), id));
	json_end(j);
}

static void json_outcome(struct json *j, const struct tree_outcome *o)
{
	json_object(j, "outcome");
	json_string(j, "result", tree_result_name(o->result));
	json_text(j, "from", o->from);
	json_text(j, "to", o->to);
	json_string(j, "reason", tree_reason_name(o->reason));
	json_text(j, "text", o->text);
	json_end(j);
}

static void json_stock(struct json *j, const struct tree_view *v)
{
	json_array(j, "trees");
	for (size_t i = 0; i < v->n_stock; i++) {
		json_object(j, NULL);
		json_string(j, "name", v->stock[i].name);
		json_u64(j, "bytes", v->stock[i].bytes);
		json_end(j);
	}
	json_end(j);
}

void tree_view_json(struct json *j, const char *key, const struct tree_view *v)
{
	json_object(j, key);
	json_string(j, "root", v->conf->root);
	json_string(j, "error", v->why.code ? v->why.text : NULL);
	if (!v->why.code) {
		json_string(j, "phase", tree_phase_name(v->rec.phase));
		json_text(j, "link", v->current);
		json_release(j, "current", &v->rec.current);
		json_release(j, "previous", &v->rec.previous);
		json_release(j, "next", &v->rec.next);
		json_u64(j, "epoch_floor", v->rec.epoch_floor);
		json_outcome(j, &v->rec.outcome);
		json_stock(j, v);
	}
	json_array(j, "damage");
	for (size_t i = 0; i < ARRAY_SIZE(v->damage); i++)
		if (v->damage[i][0])
			json_string(j, NULL, v->damage[i]);
	json_end(j);
	json_end(j);
}

static const char *note_of(const struct tree_view *v, const char *name)
{
	if (strcmp(name, v->rec.current.name) == 0)
		return ", current";
	if (strcmp(name, v->rec.next.name) == 0)
		return ", next";
	return strcmp(name, v->rec.previous.name) == 0 ? ", previous" : "";
}

static void text_outcome(const struct tree_outcome *o)
{
	if (o->result == TREE_NEVER)
		return;
	(void)printf("tree:       last: %s: %s to %s", tree_result_name(o->result), o->from[0] ? o->from : "none",
		     o->to);
	if (o->reason != TREE_REASON_NONE)
		(void)printf("; %s%s%s", tree_reason_name(o->reason), o->text[0] ? ": " : "", o->text);
	(void)printf("\n");
}

void tree_view_text(const struct tree_view *v)
{
	const struct tree_record *rec = &v->rec;
	char size[16];

	if (v->why.code) {
		(void)printf("tree:       %s: NOT KNOWN: %s\n", v->conf->root, v->why.text);
		return;
	}
	(void)printf("tree:       %s: %s\n", v->conf->root,
		     rec->current.name[0] ? rec->current.name : "none yet: tandem install BUNDLE");
	if (rec->phase != TREE_IDLE)
		(void)printf("tree:       phase %s: %s\n", tree_phase_name(rec->phase), rec->next.name);
	else if (strcmp(v->current, rec->current.name) != 0)
		(void)printf("tree:       ROOT/current names %s: 'tandem tree settle' puts that right\n",
			     v->current[0] ? v->current : "nothing");
	for (size_t i = 0; i < v->n_stock; i++)
		(void)printf("tree:       on the disk: %s, %s%s\n", v->stock[i].name,
			     format_size(v->stock[i].bytes, size), note_of(v, v->stock[i].name));
	if (rec->sequence)
		(void)printf("tree:       floor: security epoch %" PRIu64 "\n", rec->epoch_floor);
	text_outcome(&rec->outcome);
	for (size_t i = 0; i < ARRAY_SIZE(v->damage); i++)
		if (v->damage[i][0])
			(void)printf("tree:       DAMAGED copy, the other one is used: %s\n", v->damage[i]);
}

/* --- a switch --- */

struct tree_steps tree_steps_begin(enum progress_style style)
{
	return (struct tree_steps){ .bar = progress_begin("unpack", style), .style = style, .begun_ms = now_ms() };
}

static void step_json(const struct tree_steps *s, const struct tree_progress *now)
{
	struct json j = { .to = stdout, .line = true };

	json_object(&j, NULL);
	json_string(&j, "event", "progress");
	json_string(&j, "phase", tree_action_name(now->action));
	json_u64(&j, "done_bytes", now->done_bytes);
	json_u64(&j, "total_bytes", now->total_bytes);
	json_u64(&j, "elapsed_ms", now_ms() - s->begun_ms);
	json_end(&j);
	IGNORE(json_finish(&j, NULL)); /* a reader that went away is no reason to stop the work */
}

void tree_steps_show(void *arg, const struct tree_progress *now)
{
	struct tree_steps *s = arg;
	bool again = s->last == now->action;

	if (!tree_action_name(now->action))
		return;
	if (s->style == PROGRESS_BAR && now->total_bytes)
		progress_step(&s->bar, now->done_bytes, now->total_bytes);
	s->last = now->action;
	if (s->style != PROGRESS_JSON || (again && now_ms() - s->shown_ms < JSON_EVERY_MS))
		return;
	s->shown_ms = now_ms();
	step_json(s, now);
}

void tree_steps_end(struct tree_steps *s)
{
	progress_end(&s->bar);
}

/* --- what came of it --- */

static const char *verdict_name(const struct tree_done *d)
{
	return d->verdict == TREE_GOOD ? "good" : d->verdict == TREE_BAD ? "bad" : "none";
}

void tree_done_json(struct json *j, const struct tree_done *d)
{
	json_string(j, "verdict", verdict_name(d));
	json_string(j, "reason", tree_reason_name(d->reason));
	json_text(j, "text", d->text);
	json_bool(j, "swapped", d->swapped);
	if (d->verdict == TREE_GOOD)
		json_u64(j, "serves_ms", d->serves_ms);
	json_bool(j, "returned", d->returned);
	json_bool(j, "old_serves", d->old_serves);
	if (d->returned && d->swapped)
		json_u64(j, "return_ms", d->return_ms);
	json_u64(j, "pruned", d->pruned);
	json_string(j, "prune_error", d->unpruned.code ? d->unpruned.text : NULL);
}

static void text_seconds(const char *before, uint64_t ms, const char *after)
{
	(void)printf("%s%" PRIu64 ".%" PRIu64 " s%s", before, ms / 1000, ms % 1000 / 100, after);
}

void tree_done_text(const struct tree_done *d, const char *current)
{
	if (d->verdict == TREE_GOOD) {
		(void)printf("tree %s is current", current);
		text_seconds("; it served ", d->serves_ms, " after the swap");
		(void)printf("; %zu old tree%s removed\n", d->pruned, d->pruned == 1 ? "" : "s");
		if (d->unpruned.code)
			(void)printf("old trees could not be removed: %s\n", d->unpruned.text);
		return;
	}
	(void)printf("tree %s stays current", current[0] ? current : "(none)");
	if (d->returned && d->swapped)
		text_seconds(d->old_serves ? "; it serves again, " : "; it was started again, but does not serve, ",
			     d->return_ms, " after the swap");
	(void)printf("\n");
}
