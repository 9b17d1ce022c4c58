/*
 * tandem-disk inspect
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "partitions/cmd.h"
#include "partitions/layout.h"

#define USAGE "tandem-disk inspect DISK [--json]"
#define HELP                                                                                                             \
	"Show the partitions of a disk or an image file, what they hold, the boot record and its slots, and damage to\n" \
	"either copy of the partition table. An image file needs no root and no loop device. Nothing is written."

static const char *or_dash(const char *s)
{
	return s[0] ? s : "-";
}

static const char *type_name(const struct gpt_part *p)
{
	const char *ours = layout_type_name(p->type);

	return ours ? ours : p->type_name[0] ? p->type_name : p->type;
}

static const char *holds(const struct diskprobe *p)
{
	return p->several ? "contradictory" : p->type[0] ? p->type : p->table[0] ? p->table : "";
}

static const char *check_name(enum gptcheck_state s)
{
	return s == GPTCHECK_OK ? "ok" : s == GPTCHECK_DAMAGED ? "damaged" : "missing";
}

/* "mounted on /boot", without the name of the device, which the row has. */
static void describe_use(const struct mounts_use *u, char out[512])
{
	char whole[512], *is;

	(void)mounts_describe(u, "-", whole);
	is = strstr(whole, " is ");
	(void)snprintf(out, 512, "%s", is ? is + 4 : whole);
}

static int width(const char *s, int least)
{
	int n = (int)strlen(s);

	return n > least ? n : least;
}

/* Exact, since where things begin is what this is read for. */
static void format_start(uint64_t bytes, char out[32])
{
	if (bytes % LAYOUT_ALIGN_BYTES)
		(void)snprintf(out, 32, "%" PRIu64 " B", bytes);
	else
		(void)snprintf(out, 32, "%" PRIu64 " MiB", bytes >> 20);
}

static void print_parts(const struct diskinspect *d)
{
	int name = 4, type = 4, fs = 10, label = 5;
	char start[32], size[16], use[512];

	for (size_t i = 0; i < d->table.n; i++) {
		name = width(d->table.parts[i].name, name);
		type = width(type_name(&d->table.parts[i]), type);
		fs = width(holds(&d->parts[i].holds), fs);
		label = width(d->parts[i].holds.label, label);
	}
	(void)printf("%3s  %-*s  %-*s  %12s  %10s  %-*s  %-*s  %s\n", "NO", name, "NAME", type, "TYPE", "START", "SIZE",
		     fs, "FILESYSTEM", label, "LABEL", "PARTUUID");
	for (size_t i = 0; i < d->table.n; i++) {
		const struct gpt_part *p = &d->table.parts[i];
		const struct diskinspect_part *x = &d->parts[i];

		format_start(p->start_bytes, start);
		(void)printf("%3u  %-*s  %-*s  %12s  %10s  %-*s  %-*s  %s\n", p->number, name, or_dash(p->name), type,
			     type_name(p), start, format_size(p->size_bytes, size), fs, or_dash(holds(&x->holds)),
			     label, or_dash(x->holds.label), p->uuid);
		for (size_t k = 0; k < x->uses.n; k++) {
			describe_use(&x->uses.at[k], use);
			(void)printf("     %s: %s\n", x->node, use);
		}
	}
}

static void print_slot(const struct bootrec *rec, enum slot s)
{
	const struct slot_info *i = &rec->slots[s];
	char id[2 * HASH_BYTES + 1];

	(void)printf("  slot %s: %s%s%s", slot_name(s), slot_condition_name(rec, s), i->version[0] ? ", version " : "",
		     i->version);
	if (!bytes_all_zero(bytes_of(i->image_id.b, HASH_BYTES)))
		(void)printf(", image %s", format_hex(i->image_id.b, HASH_BYTES, id));
	if (i->epoch)
		(void)printf(", epoch %" PRIu64, i->epoch);
	(void)printf("%s\n", rec->committed == s ? ", committed" : rec->target == s ? ", target" : "");
}

static void print_record(const struct diskinspect *d)
{
	const struct bootrec *rec = &d->record;

	if (!d->has_record) {
		(void)printf("boot record: none (%s)\n", d->record_problem);
		return;
	}
	(void)printf("boot record: %s, sequence %" PRIu64 ", epoch floor %" PRIu64 "\n", boot_phase_name(rec->phase),
		     rec->sequence, rec->epoch_floor);
	if (rec->target != SLOT_NONE)
		(void)printf("  trial: %u of %u attempts left, stage %s\n", rec->attempts_left, rec->attempts_max,
			     boot_stage_name(rec->stage));
	print_slot(rec, SLOT_A);
	print_slot(rec, SLOT_B);
	if (rec->outcome.result != RESULT_NONE)
		(void)printf("  last update: %s, %s to %s, reason %s\n", boot_result_name(rec->outcome.result),
			     rec->outcome.from_version, rec->outcome.to_version, boot_reason_name(rec->outcome.reason));
}

static void print_text(const struct diskinspect *d)
{
	char size[16], use[512];

	(void)printf("%s: %s, GPT %s, sectors of %" PRIu32 " bytes\n", d->path, format_size(d->table.disk_bytes, size),
		     d->table.id, d->table.sector_bytes);
	for (size_t i = 0; i < d->uses.n; i++) {
		describe_use(&d->uses.at[i], use);
		(void)printf("in use: %s\n", use);
	}
	print_parts(d);
	print_record(d);
}

static void json_uses(struct json *j, const struct mounts *uses)
{
	static const char *const kinds[] = {
		[MOUNTS_MOUNTED] = "mounted", [MOUNTS_SWAP] = "swap", [MOUNTS_HELD] = "held", [MOUNTS_LOOP] = "loop"
	};

	json_array(j, "uses");
	for (size_t i = 0; i < uses->n; i++) {
		json_object(j, NULL);
		json_string(j, "kind", kinds[uses->at[i].kind]);
		json_string(j, "where", uses->at[i].where);
		json_end(j);
	}
	json_end(j);
}

/* Empty text is null: not there. */
static void json_part(struct json *j, const struct gpt_part *p, const struct diskinspect_part *x)
{
	json_object(j, NULL);
	json_u64(j, "number", p->number);
	json_text(j, "name", p->name);
	json_string(j, "type", p->type);
	json_string(j, "type_name", type_name(p));
	json_u64(j, "start_bytes", p->start_bytes);
	json_u64(j, "size_bytes", p->size_bytes);
	json_string(j, "partuuid", p->uuid);
	json_text(j, "filesystem", holds(&x->holds));
	json_text(j, "label", x->holds.label);
	json_text(j, "uuid", x->holds.uuid);
	json_text(j, "device", x->node);
	json_uses(j, &x->uses);
	json_end(j);
}

static void json_copy(struct json *j, const char *key, const struct gptcheck_copy *c)
{
	json_object(j, key);
	json_string(j, "state", check_name(c->state));
	json_u64(j, "sector", c->lba);
	json_text(j, "problem", c->problem);
	json_end(j);
}

static void json_slot(struct json *j, const struct bootrec *rec, enum slot s)
{
	const struct slot_info *i = &rec->slots[s];
	char id[2 * HASH_BYTES + 1];

	json_object(j, slot_name(s));
	json_string(j, "state", slot_state_name(i->state));
	json_string(j, "condition", slot_condition_name(rec, s));
	json_text(j, "version", i->version);
	json_u64(j, "epoch", i->epoch);
	(void)format_hex(i->image_id.b, HASH_BYTES, id);
	json_string(j, "image_id", bytes_all_zero(bytes_of(i->image_id.b, HASH_BYTES)) ? NULL : id);
	json_end(j);
}

static void json_record(struct json *j, const struct diskinspect *d)
{
	const struct bootrec *rec = &d->record;

	json_text(j, "boot_record_problem", d->record_problem);
	if (!d->has_record) {
		json_null(j, "boot_record");
		return;
	}
	json_object(j, "boot_record");
	json_string(j, "phase", boot_phase_name(rec->phase));
	json_u64(j, "sequence", rec->sequence);
	json_string(j, "committed", slot_name(rec->committed));
	json_string(j, "target", rec->target == SLOT_NONE ? NULL : slot_name(rec->target));
	json_u64(j, "attempts_left", rec->attempts_left);
	json_u64(j, "attempts_max", rec->attempts_max);
	json_string(j, "stage", boot_stage_name(rec->stage));
	json_u64(j, "epoch_floor", rec->epoch_floor);
	json_object(j, "slots");
	json_slot(j, rec, SLOT_A);
	json_slot(j, rec, SLOT_B);
	json_end(j);
	json_object(j, "last_update");
	json_string(j, "result", boot_result_name(rec->outcome.result));
	json_string(j, "reason", boot_reason_name(rec->outcome.reason));
	json_text(j, "from_version", rec->outcome.from_version);
	json_text(j, "to_version", rec->outcome.to_version);
	json_text(j, "text", rec->outcome.text);
	json_end(j);
	json_end(j);
}

static int print_json(const struct diskinspect *d, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_string(&j, "disk", d->path);
	json_u64(&j, "size_bytes", d->table.disk_bytes);
	json_u64(&j, "sector_bytes", d->table.sector_bytes);
	json_object(&j, "table");
	json_string(&j, "type", "gpt");
	json_string(&j, "id", d->table.id);
	json_copy(&j, "primary", &d->check.primary);
	json_copy(&j, "backup", &d->check.backup);
	json_end(&j);
	json_uses(&j, &d->uses);
	json_array(&j, "partitions");
	for (size_t i = 0; i < d->table.n; i++)
		json_part(&j, &d->table.parts[i], &d->parts[i]);
	json_end(&j);
	json_record(&j, d);
	json_array(&j, "warnings");
	for (size_t i = 0; i < d->n_warnings; i++)
		json_string(&j, NULL, d->warnings[i]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

int print_inspect(const struct diskinspect *d, bool json, struct why *w)
{
	for (size_t i = 0; i < d->n_warnings; i++)
		(void)fprintf(stderr, "tandem-disk: %s: warning: %s\n", d->path, d->warnings[i]);
	if (json)
		return print_json(d, w);
	print_text(d);
	return fflush(stdout) || ferror(stdout) ? fail(w, -EIO, "output cannot be written") : 0;
}

int cmd_inspect(int argc, char **argv)
{
	CLEANUP(diskinspect_done) struct diskinspect d = { 0 };
	struct why w = { 0 };
	struct args args;
	bool json = false;
	const struct opt opts[] = { { .name = "json", .help = "the same as JSON", .flag = &json } };
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = diskinspect_read(args.at[0], &d, &w);
	if (r == -EACCES)
		(void)why_next(&w, r, "run it as root");
	r = r ? r : print_inspect(&d, json, &w);
	return r ? why_report(&w, "tandem-disk inspect") : EXIT_DONE;
}
