#include "updater/install_show.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "base/proc.h"
#include "updater/result.h"

#define JSON_EVERY_MS 500u

void install_show_begin(struct install_show *s, enum progress_style style)
{
	*s = (struct install_show){ .bar = progress_begin("install", style), .style = style, .begun_ms = now_ms() };
}

static void json_bytes(struct json *j, const struct install_progress *now)
{
	json_u64(j, "durable_bytes", now->durable_bytes);
	json_u64(j, "total_bytes", now->total_bytes);
	json_u64(j, "skipped_bytes", now->image.skipped_bytes);
	json_u64(j, "written_bytes", now->image.written_bytes);
	json_u64(j, "zeroed_bytes", now->image.zeroed_bytes);
	json_u64(j, "copied_bytes", now->image.copied_bytes);
	json_u64(j, "fetched_bytes", now->image.fetched_bytes);
	json_u64(j, "checked_bytes", now->image.checked_bytes);
	json_u64(j, "memory_bytes", now->image.memory_bytes);
}

static void show_line(const struct install_show *s, const struct install_progress *now)
{
	struct json j = { .to = stdout, .line = true };

	json_object(&j, NULL);
	json_string(&j, "event", "progress");
	json_string(&j, "phase", install_phase_name(now->phase));
	json_bytes(&j, now);
	json_u64(&j, "elapsed_ms", now_ms() - s->begun_ms);
	json_end(&j);
	IGNORE(json_finish(&j, NULL)); /* a reader that went away is no reason to stop the work */
}

void install_show_step(struct install_show *s, const struct install_progress *now)
{
	if (s->style == PROGRESS_BAR && now->total_bytes)
		progress_step(&s->bar, now->durable_bytes, now->total_bytes);
	if (s->style != PROGRESS_JSON)
		return;
	if (s->shown && s->phase == now->phase && now_ms() - s->shown_ms < JSON_EVERY_MS)
		return;
	s->shown = true;
	s->shown_ms = now_ms();
	s->phase = now->phase;
	show_line(s, now);
}

void install_show_end(struct install_show *s)
{
	progress_end(&s->bar);
}

static void json_bundle(struct json *j, const struct bundle *b)
{
	char id[2 * HASH_BYTES + 1];

	if (!b || !b->src)
		return;
	json_object(j, "image");
	json_string(j, "id", format_hex(b->id.b, sizeof(b->id.b), id));
	json_string(j, "compatible", b->manifest.compatible);
	json_string(j, "version", b->manifest.version);
	json_u64(j, "epoch", b->manifest.epoch);
	json_end(j);
}

void preflight_json(struct json *j, const struct preflight *p)
{
	json_array(j, "checks");
	for (size_t i = 0; i < p->n_checks; i++) {
		const struct check *c = &p->checks[i];

		json_object(j, NULL);
		json_string(j, "name", c->name);
		json_string(j, "state", check_state_name(c->state));
		json_string(j, "text", c->text);
		if (c->next[0])
			json_string(j, "next", c->next);
		json_end(j);
	}
	json_end(j);
}

static void json_source(struct json *j, const struct bundle *b)
{
	struct source_stats s;

	if (!b || !b->src || !source_pays(b->src))
		return;
	s = source_stats(b->src);
	json_object(j, "source");
	json_u64(j, "requests", s.requests);
	json_u64(j, "received_bytes", s.received_bytes);
	json_u64(j, "received_twice_bytes", s.twice_bytes);
	json_u64(j, "memory_bytes", s.memory_bytes);
	json_end(j);
}

int install_show_json(const struct install_outcome *o, bool line, struct why *w)
{
	struct json j = { .to = stdout, .line = line };

	json_object(&j, NULL);
	if (line)
		json_string(&j, "event", "end");
	result_json(&j, o->result, o->why);
	json_bool(&j, "dry_run", o->dry_run);
	json_string(&j, "action", o->preflight->planned ? install_action_name(o->preflight->plan.action) : NULL);
	json_string(&j, "slot", o->preflight->planned ? slot_name(o->preflight->plan.target) : NULL);
	json_bundle(&j, o->bundle);
	preflight_json(&j, o->preflight);
	json_bytes(&j, o->progress);
	json_source(&j, o->bundle);
	json_u64(&j, "elapsed_ms", o->elapsed_ms);
	json_end(&j);
	return json_finish(&j, w);
}

void install_show_checks(const struct preflight *p, FILE *to, bool failed_only)
{
	for (size_t i = 0; i < p->n_checks; i++)
		if (!failed_only || p->checks[i].state == CHECK_FAILED)
			(void)fprintf(to, "%-11s %-8s %s\n", p->checks[i].name, check_state_name(p->checks[i].state),
				      p->checks[i].text);
}

static void text_written(const struct install_outcome *o)
{
	const struct pipeline_stats *s = &o->progress->image;
	char written[16], zeroed[16], skipped[16], copied[16], fetched[16];

	(void)printf(
		"slot %s: %s written, %s zeroed, %s there already; %s from the running slot, %s read from the bundle; "
		"%" PRIu64 ".%" PRIu64 " s\n",
		slot_name(o->preflight->plan.target), format_size(s->written_bytes, written),
		format_size(s->zeroed_bytes, zeroed), format_size(s->skipped_bytes, skipped),
		format_size(s->copied_bytes, copied), format_size(s->fetched_bytes, fetched), o->elapsed_ms / 1000,
		o->elapsed_ms % 1000 / 100);
}

/* What the network was asked for. */
static void text_source(const struct bundle *b)
{
	char received[16], twice[16];
	struct source_stats s;

	if (!source_pays(b->src))
		return;
	s = source_stats(b->src);
	if (s.requests)
		(void)printf("network: %s in %" PRIu64 " requests, %s of it twice\n",
			     format_size(s.received_bytes, received), s.requests, format_size(s.twice_bytes, twice));
}

void install_show_text(const struct install_outcome *o)
{
	const struct preflight *p = o->preflight;
	const char *version = o->bundle->manifest.version;

	if (o->dry_run)
		install_show_checks(p, stdout, false);
	if (o->why)
		return;
	if (p->plan.action == INSTALL_NOTHING) {
		(void)printf("nothing to do: slot %s holds version %s already and is committed\n",
			     slot_name(slot_other(p->plan.target)), version);
		return;
	}
	if (o->dry_run) {
		(void)printf("nothing was changed; without --dry-run slot %s would get version %s (%s)\n",
			     slot_name(p->plan.target), version, install_action_name(p->plan.action));
		return;
	}
	if (p->plan.action != INSTALL_ARM)
		text_written(o);
	text_source(o->bundle);
	(void)printf("slot %s: version %s is armed: reboot to try it\n", slot_name(p->plan.target), version);
}
