/*
 * tandem trust show | update
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/io.h"
#include "updater/cmd.h"
#include "updater/cmd_parts.h"
#include "updater/result.h"

#define SHOW_USAGE "tandem trust show [FILE] [--text OUT] [--store FILE] [--json]"
#define SHOW_HELP                                                                                                      \
	"Show which keys this machine believes, for what, and where that comes from; or, with FILE, what the trust\n"  \
	"statements in it say and who has signed them. --text writes the very bytes that are to be signed, of the\n"   \
	"last statement in FILE. Changes nothing on the machine."
#define UPDATE_USAGE "tandem trust update FILE... [--dry-run] [--store FILE] [--json]"
#define UPDATE_HELP                                                                                                    \
	"Follow the trust statements in the files, in this order, from the set in force; what they lead to is kept,\n" \
	"and rules from then on. All of them have to be good, or nothing changes. Statements that are history here\n"  \
	"are passed over. Exit code 3: refused; 4: the set is in force already."

/* Where the machine's set is kept, opened. */
struct place {
	struct appliance *appliance; /* NULL: a file */
	struct trustseat seat;
	char product[64];
};

struct where {
	const char *config;
	const char *store;
};

#define WHERE_OPTIONS(o)                                                                                               \
	{ .name = "store",                                                                                             \
	  .arg = "FILE",                                                                                               \
	  .help = "keep the set in this file, not in the machine",                                                     \
	  .value = &(o).store },                                                                                       \
	{                                                                                                              \
		.name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &(o).config              \
	}

static int open_machine(const struct where *o, enum trustseat_mode mode, struct place *p, struct why *w)
{
	int r = appliance_open(o->config, mode == TRUSTSEAT_WRITE ? MACHINE_WRITE : MACHINE_READ, &p->appliance, w);

	return r ? r : trustseat_open(&p->appliance->m.conf, &p->appliance->m, &p->seat, w);
}

static int place_open(const struct where *o, enum trustseat_mode mode, struct place *p, struct why *w)
{
	struct sysconf conf;
	int r = sysconf_load(o->config, &conf, w);

	if (r)
		return r;
	memcpy(p->product, conf.product, sizeof(p->product));
	if (!o->store && !conf.host)
		return open_machine(o, mode, p, w);
	return trustseat_open_file(&conf, o->store ? o->store : TRUSTSEAT_HOST_FILE, mode, &p->seat, w);
}

static int place_done(struct place *p, int r, struct why *w)
{
	trustseat_done(&p->seat);
	return appliance_close(p->appliance, r, w);
}

/* A set */

static void print_keys(const struct trustset *s)
{
	char id[MINISIG_ID_HEX];

	(void)printf("sets are signed by %u root%s, bundles by %u release key%s\n", s->threshold[TRUST_ROOT],
		     s->threshold[TRUST_ROOT] == 1 ? "" : "s", s->threshold[TRUST_RELEASE],
		     s->threshold[TRUST_RELEASE] == 1 ? "" : "s");
	for (size_t i = 0; i < s->n; i++) {
		const struct trustset_key *k = &s->keys[i];

		(void)minisig_id_format(&k->key.id, id);
		(void)printf("key %s: %s%s%s", id, k->role[TRUST_ROOT] ? "root" : "",
			     k->role[TRUST_ROOT] && k->role[TRUST_RELEASE] ? " and " : "",
			     k->role[TRUST_RELEASE] ? "release" : "");
		(void)printf("%s%s\n", strcmp(id, k->name) ? ", " : "", strcmp(id, k->name) ? k->name : "");
	}
}

static void json_set(struct json *j, const struct trustset *s)
{
	char id[MINISIG_ID_HEX];

	json_u64(j, "epoch", s->epoch);
	json_text(j, "product", s->product);
	json_u64(j, "root_threshold", s->threshold[TRUST_ROOT]);
	json_u64(j, "release_threshold", s->threshold[TRUST_RELEASE]);
	json_array(j, "keys");
	for (size_t i = 0; i < s->n; i++) {
		json_object(j, NULL);
		json_string(j, "id", minisig_id_format(&s->keys[i].key.id, id));
		json_string(j, "name", s->keys[i].name);
		json_bool(j, "root", s->keys[i].role[TRUST_ROOT]);
		json_bool(j, "release", s->keys[i].role[TRUST_RELEASE]);
		json_end(j);
	}
	json_end(j);
}

/* The machine */

static void print_now(const struct trustnow *t)
{
	static const char *const from[] = { "the keys in the image's folder", "a statement in the image",
					    "stored: the last statement that was accepted" };
	struct why below = { 0 };

	(void)printf("trust set %" PRIu64 "%s%s, from %s\n", t->set.epoch, t->set.product[0] ? " for " : "",
		     t->set.product, from[t->origin]);
	print_keys(&t->set);
	if (trust_check_floor(&t->set, t->floor, &below))
		(void)printf("NOT BELIEVED: %s\n", below.text);
	if (t->ignored.code)
		(void)printf("statements of the image are ignored: %s\n", t->ignored.text);
	for (size_t i = 0; i < 2; i++)
		if (t->store.damage[i][0])
			(void)printf("DAMAGED: stored %s\n", t->store.damage[i]);
}

static int json_now(const struct trustnow *t, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_set(&j, &t->set);
	json_string(&j, "origin", trust_origin_name(t->origin));
	json_u64(&j, "floor", t->floor);
	json_bool(&j, "believed", t->set.epoch >= t->floor);
	json_string(&j, "ignored", t->ignored.code ? t->ignored.text : NULL);
	json_array(&j, "damage");
	for (size_t i = 0; i < 2; i++)
		if (t->store.damage[i][0])
			json_string(&j, NULL, t->store.damage[i]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int show_now(const struct where *o, bool as_json, struct why *w)
{
	AUTO_FREE struct place *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return fail(w, -ENOMEM, "out of memory");
	r = place_open(o, TRUSTSEAT_READ, p, w);
	if (!r && as_json)
		r = json_now(&p->seat.now, w);
	else if (!r)
		print_now(&p->seat.now);
	return place_done(p, r, w);
}

/* A file of statements */

/* Who has signed one: the roots of its own set, and those of the statement before it in the file. */
struct signed_by {
	struct trustset set;
	struct signers own, before;
	bool has_before;
};

static int judge(const struct statement *s, const struct trustset *before, struct signed_by *ret, struct why *w)
{
	struct trust roots;
	int r = trustset_parse(s->text, &ret->set, w);

	if (r)
		return r;
	trustset_role(&ret->set, TRUST_ROOT, &roots);
	r = signatures_count(&roots, s->text, s->signatures, &ret->own, w);
	ret->has_before = before != NULL;
	if (r || !before)
		return r;
	trustset_role(before, TRUST_ROOT, &roots);
	return signatures_count(&roots, s->text, s->signatures, &ret->before, w);
}

static void print_statement(const struct signed_by *b)
{
	char id[MINISIG_ID_HEX];

	(void)printf("trust set %" PRIu64 " for %s\n", b->set.epoch, b->set.product);
	print_keys(&b->set);
	for (size_t i = 0; i < b->own.n; i++)
		(void)printf("signature by %s: %s\n", minisig_id_format(&b->own.at[i].id, id),
			     b->own.at[i].trusted                       ? "good, a root of this set"
			     : b->has_before && b->before.at[i].trusted ? "good, a root of the set before"
									: "not verified: not a root of this set");
	(void)printf("signed by its own roots: %u of %u%s\n", b->own.good, b->own.required,
		     b->own.good < b->own.required ? ", NOT ENOUGH" : "");
	if (b->has_before)
		(void)printf("signed by the roots before: %u of %u%s\n", b->before.good, b->before.required,
			     b->before.good < b->before.required ? ", NOT ENOUGH" : "");
}

static void json_statement(struct json *j, const struct signed_by *b)
{
	char id[MINISIG_ID_HEX];

	json_object(j, NULL);
	json_set(j, &b->set);
	json_array(j, "signatures");
	for (size_t i = 0; i < b->own.n; i++) {
		json_object(j, NULL);
		json_string(j, "key_id", minisig_id_format(&b->own.at[i].id, id));
		json_bool(j, "own_root", b->own.at[i].trusted);
		json_bool(j, "root_before", b->has_before && b->before.at[i].trusted);
		json_end(j);
	}
	json_end(j);
	json_u64(j, "own_roots_signed", b->own.good);
	if (b->has_before)
		json_u64(j, "roots_before_signed", b->before.good);
	else
		json_null(j, "roots_before_signed");
	json_end(j);
}

static int each_statement(struct bytes chain, struct json *j, struct statement *ret_last, struct why *w)
{
	struct signed_by by[2] = { 0 };
	int r = 0;

	for (size_t i = 0; !r && chain.n > 0; i++) {
		struct signed_by *now = &by[i % 2];

		r = statement_next(&chain, ret_last, w);
		r = r ? r : judge(ret_last, i ? &by[(i + 1) % 2].set : NULL, now, w);
		if (!r && j)
			json_statement(j, now);
		else if (!r)
			print_statement(now);
	}
	return r;
}

static int show_file(const char *path, const char *text, bool as_json, struct why *w)
{
	AUTO_FREE uint8_t *chain = NULL;
	struct json j = { .to = stdout };
	struct statement last = { 0 };
	size_t n = 0;
	int r = chain_add_file(path, &chain, &n, w);

	if (r)
		return r;
	if (n == 0)
		return fail(w, -ENODATA, "%s is empty", path);
	if (as_json) {
		json_object(&j, NULL);
		json_array(&j, "statements");
	}
	r = each_statement(bytes_of(chain, n), as_json ? &j : NULL, &last, w);
	if (r)
		return why_in(w, r, "%s", path);
	if (as_json) {
		json_end(&j);
		json_end(&j);
		r = json_finish(&j, w);
	}
	return r || !text ? r : file_replace(AT_FDCWD, text, last.text.p, last.text.n, 0644, w);
}

int cmd_trust_show(int argc, char **argv)
{
	struct where where = { 0 };
	const char *text = NULL;
	bool as_json = false;
	const struct opt opts[] = {
		{ .name = "text", .arg = "OUT", .help = "write what is to be signed", .value = &text },
		{ .name = "json", .help = "print JSON", .flag = &as_json },
		WHERE_OPTIONS(where),
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(SHOW_USAGE, SHOW_HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 1, &args);

	if (r >= 0)
		return r;
	if (args.n == 0 && text)
		r = misuse(&w, -EINVAL, "--text goes with a FILE");
	else
		r = args.n ? show_file(args.at[0], text, as_json, &w) : show_now(&where, as_json, &w);
	return r ? why_report(&w, "tandem trust show") : EXIT_DONE;
}

/* Update */

struct update {
	struct where where;
	bool dry_run, as_json;
	uint64_t before, after;
	unsigned int steps;
};

static int follow(const struct update *u, struct bytes chain, struct place *p, struct why *w)
{
	int r = trustnow_follow(&p->seat.now, chain, w);

	r = r ? r : trust_check_floor(&p->seat.now.set, p->seat.now.floor, w);
	if (!r && !trustnow_unsaved(&p->seat.now)) {
		r = fail(w, -EALREADY, "trust set %" PRIu64 " is in force already", p->seat.now.set.epoch);
		if (w)
			w->exit = EXIT_NOTHING;
	}
	return r || u->dry_run ? r : trustseat_keep(&p->seat, w);
}

static int update(struct update *u, const struct args *files, struct why *w)
{
	AUTO_FREE struct place *p = calloc(1, sizeof(*p));
	AUTO_FREE uint8_t *chain = NULL;
	size_t n = 0;
	int r = p ? 0 : fail(w, -ENOMEM, "out of memory");

	for (int i = 0; !r && i < files->n; i++)
		r = chain_add_file(files->at[i], &chain, &n, w);
	if (r)
		return r;
	r = place_open(&u->where, u->dry_run ? TRUSTSEAT_READ : TRUSTSEAT_WRITE, p, w);
	u->before = p->seat.now.set.epoch;
	r = r ? r : follow(u, bytes_of(chain, n), p, w);
	u->after = p->seat.now.set.epoch;
	u->steps = p->seat.now.steps;
	if (r)
		u->after = u->before;
	return place_done(p, r, w);
}

static int report(const struct update *u, const struct why *failed, struct why *w)
{
	struct json j = { .to = stdout };

	if (!u->as_json) {
		if (!failed)
			(void)printf("trust set %" PRIu64 " after %" PRIu64 ": %s\n", u->after, u->before,
				     u->dry_run ? "would be in force" : "in force from now on");
		return 0;
	}
	json_object(&j, NULL);
	result_json(&j, u->dry_run ? "passed" : "updated", failed);
	json_u64(&j, "epoch_before", u->before);
	json_u64(&j, "epoch", u->after);
	json_u64(&j, "statements", failed ? 0 : u->steps);
	json_end(&j);
	return json_finish(&j, w);
}

int cmd_trust_update(int argc, char **argv)
{
	struct update u = { 0 };
	const struct opt opts[] = {
		{ .name = "dry-run", .help = "check them, change nothing", .flag = &u.dry_run },
		{ .name = "json", .help = "print JSON", .flag = &u.as_json },
		WHERE_OPTIONS(u.where),
	};
	struct why w = { 0 }, output = { 0 };
	struct args args;
	int r = args_parse(UPDATE_USAGE, UPDATE_HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, ARGS_LIST_MAX, &args);

	if (r >= 0)
		return r;
	r = update(&u, &args, &w);
	if (report(&u, r ? &w : NULL, &output) && !r)
		return why_report(&output, "tandem trust update");
	return r ? why_report(&w, "tandem trust update") : EXIT_DONE;
}
