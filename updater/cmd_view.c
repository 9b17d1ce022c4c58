#include "updater/cmd_view.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"

const struct bootrec *view_record(const struct view *v)
{
	return !v->denied.code && v->a->m.has_record ? &v->a->m.boot.rec : NULL;
}

const char *view_record_problem(const struct view *v)
{
	return v->denied.code ? v->denied.text : v->a->m.record_why.text;
}

/* What can be known without root. */
static int look_unprivileged(const char *config, struct view *v, struct why *w)
{
	AUTO_FREE char *cmdline = NULL;
	struct sysconf conf;
	struct why none = { 0 };
	int r = sysconf_load(config, &conf, w);

	if (r)
		return r;
	v->handed_over = handover_read("", &v->handover, &none) == 0;
	v->running =
		(struct running){ .cmdline = SLOT_NONE, .root = SLOT_NONE, .firmware = SLOT_NONE, .slot = SLOT_NONE };
	if (file_read(AT_FDCWD, "/proc/cmdline", 1u << 16, &cmdline, NULL, NULL) == 0)
		v->running.cmdline = cmdline_slot(cmdline);
	return 0;
}

static void look_tree(struct view *v)
{
	v->has_tree = v->a->m.conf.tree.given;
	if (v->has_tree)
		tree_view_look(&v->a->m.conf.tree, &v->tree);
}

int view_look(const char *config, struct view *v, struct why *w)
{
	int r = appliance_open(config, MACHINE_READ, &v->a, &v->denied);

	if (!r) {
		v->handed_over = v->a->m.handed_over;
		v->handover = v->a->m.handover;
		v->running = v->a->m.running;
		look_tree(v);
		return 0;
	}
	if (r == -EPERM && geteuid() != 0)
		return look_unprivileged(config, v, w);
	if (r == -EOPNOTSUPP && v->a && v->a->m.conf.host) {
		v->host = true;
		look_tree(v);
		return 0;
	}
	*w = v->denied;
	return r;
}

int view_done(struct view *v, int r, struct why *w)
{
	tree_view_done(&v->tree);
	return appliance_close(v->a, r, w);
}

/* JSON */

static void json_id(struct json *j, const char *key, const uint8_t *id, size_t n)
{
	char hex[2 * HASH_BYTES + 1];

	json_string(j, key, bytes_all_zero(bytes_of(id, n)) ? NULL : format_hex(id, n, hex));
}

static void json_running(struct json *j, const struct running *r)
{
	json_object(j, "running");
	json_string(j, "slot", slot_name_or(r->slot, NULL));
	json_string(j, "command_line", slot_name_or(r->cmdline, NULL));
	json_string(j, "root", slot_name_or(r->root, NULL));
	json_string(j, "firmware", slot_name_or(r->firmware, NULL));
	json_end(j);
}

static void json_outcome(struct json *j, const struct boot_outcome *o)
{
	json_object(j, "outcome");
	json_string(j, "result", boot_result_name(o->result));
	json_string(j, "from", slot_name_or(o->from, NULL));
	json_string(j, "to", slot_name_or(o->to, NULL));
	json_text(j, "from_version", o->from_version);
	json_text(j, "to_version", o->to_version);
	json_u64(j, "attempts", o->attempts);
	json_string(j, "reason", boot_reason_name(o->reason));
	json_string(j, "stage", boot_stage_name(o->stage));
	json_string(j, "text", o->text);
	json_id(j, "action_id", o->action_id, sizeof(o->action_id));
	json_id(j, "boot_id", o->boot_id, sizeof(o->boot_id));
	json_end(j);
}

static void json_record(struct json *j, const struct view *v)
{
	const struct bootrec *rec = view_record(v);

	json_string(j, "record_error", rec ? NULL : view_record_problem(v));
	if (!rec) {
		json_null(j, "record");
		return;
	}
	json_object(j, "record");
	json_u64(j, "sequence", rec->sequence);
	json_string(j, "phase", boot_phase_name(rec->phase));
	json_string(j, "committed", slot_name_or(rec->committed, NULL));
	json_string(j, "target", slot_name_or(rec->target, NULL));
	json_u64(j, "attempts_left", rec->attempts_left);
	json_u64(j, "attempts_max", rec->attempts_max);
	json_string(j, "stage", boot_stage_name(rec->stage));
	json_bool(j, "rolled_forward", rec->rolled_forward);
	json_bool(j, "stand_in", rec->stand_in);
	json_bool(j, "fallback_stale", rec->fallback_stale);
	json_u64(j, "misses", rec->misses);
	json_u64(j, "epoch_floor", rec->epoch_floor);
	json_u64(j, "trust_epoch", rec->trust_epoch);
	json_id(j, "action_id", rec->action_id, sizeof(rec->action_id));
	json_outcome(j, &rec->outcome);
	json_array(j, "damage");
	for (size_t i = 0; i < 2; i++)
		if (v->a->m.store.damage[i][0])
			json_string(j, NULL, v->a->m.store.damage[i]);
	json_end(j);
	json_end(j);
}

void view_json_slots(struct json *j, const struct view *v)
{
	const struct bootrec *rec = view_record(v);

	json_array(j, "slots");
	for (enum slot s = SLOT_A; s <= SLOT_B && !v->denied.code; s++) {
		const struct disk_part *p = &v->a->m.disk.root[s];

		json_object(j, NULL);
		json_string(j, "slot", slot_name(s));
		json_text(j, "device", p->device);
		json_u64(j, "size_bytes", p->size_bytes);
		json_bool(j, "running", s == v->running.slot);
		if (rec) {
			json_bool(j, "committed", s == rec->committed);
			json_string(j, "state", slot_state_name(rec->slots[s].state));
			json_string(j, "condition", slot_condition_name(rec, s));
			json_text(j, "version", rec->slots[s].version);
			json_u64(j, "epoch", rec->slots[s].epoch);
			json_id(j, "image_id", rec->slots[s].image_id.b, HASH_BYTES);
		}
		json_end(j);
	}
	json_end(j);
}

static void json_number(struct json *j, const char *key, uint32_t number)
{
	if (number == EFI_NONE)
		json_null(j, key);
	else
		json_u64(j, key, number);
}

static void json_firmware(struct json *j, const struct view *v)
{
	const struct efi_view *f;

	if (v->denied.code || !v->a->m.boot.efi) {
		json_text(j, "firmware_error", v->denied.code ? v->denied.text : v->a->m.efi_why.text);
		json_null(j, "firmware");
		return;
	}
	f = &v->a->m.efi_view;
	json_object(j, "firmware");
	json_number(j, "entry_a", f->entry[SLOT_A]);
	json_number(j, "entry_b", f->entry[SLOT_B]);
	json_number(j, "current", f->current);
	json_number(j, "next", f->next);
	json_array(j, "order");
	for (size_t i = 0; i < f->n_order; i++)
		json_u64(j, NULL, f->order[i]);
	json_end(j);
	json_end(j);
}

static void json_host(struct json *j, const struct view *v)
{
	const struct sysconf *c = &v->a->m.conf;

	json_string(j, "product", c->product);
	json_string(j, "compatible", c->compatible);
	json_string(j, "mode", sysconf_mode_name(c));
	tree_view_json(j, "tree", &v->tree);
}

int view_json(const struct view *v, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	if (v->host) {
		json_host(&j, v);
		json_end(&j);
		return json_finish(&j, w);
	}
	if (!v->denied.code) {
		json_string(&j, "product", v->a->m.conf.product);
		json_string(&j, "compatible", v->a->m.conf.compatible);
		json_string(&j, "mode", sysconf_mode_name(&v->a->m.conf));
		json_string(&j, "disk", v->a->m.disk.disk.device);
		json_bool(&j, "disk_at_home", v->a->m.disk.at_home);
	}
	json_running(&j, &v->running);
	handover_json(&j, "boot", v->handed_over ? &v->handover : NULL);
	json_record(&j, v);
	view_json_slots(&j, v);
	json_firmware(&j, v);
	if (v->has_tree)
		tree_view_json(&j, "tree", &v->tree);
	json_end(&j);
	return json_finish(&j, w);
}
