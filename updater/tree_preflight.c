#include "updater/tree_preflight.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "updater/finding.h"

#define INODES_SLACK 16u

struct flight {
	const struct tree_parts *parts;
	const struct bundle *b;
	struct preflight *p;
	const struct payload *tree;
	char name[TREE_NAME_MAX];
	bool same;
};

static int check_signature(struct flight *k, struct finding *f, struct why *w)
{
	return found_signature(k->b, f, w);
}

static int check_compatible(struct flight *k, struct finding *f, struct why *w)
{
	return found_compatible(k->b, k->parts->conf->compatible, f, w);
}

static int check_key(struct flight *k, struct finding *f, struct why *w)
{
	return found_key(k->b, k->parts->key_why, f, w);
}

static int check_tree(struct flight *k, struct finding *f, struct why *w)
{
	const struct manifest *m = &k->b->manifest;
	char size[16];

	if (!k->parts->conf->tree.given) {
		(void)refuse(w, -ENOTSUP, "the bundle carries a tree; system.conf has no [tree]");
		return why_next(w, -ENOTSUP, "docs/trees.md says what an appliance with trees needs");
	}
	if (m->n_payloads != 1 || m->payloads[0].kind != PAYLOAD_TREE)
		return refuse(w, -ENOTSUP, "the bundle carries a tree and something else: install them one by one");
	k->tree = &m->payloads[0];
	tree_name(m->version, &k->b->id, k->name);
	return found(f, "%s, unpacks to %s in %" PRIu64 " members", k->name, format_size(k->tree->tree_bytes, size),
		     k->tree->tree_entries);
}

/* What an image on trial may be taken back to is not known: a tree that came with it would stay. */
static int check_boot(struct flight *k, struct finding *f, struct why *w)
{
	const struct bootrec *rec = k->parts->boot;

	if (k->parts->boot_why) {
		f->unknown = true;
		return found(f, "the boot record cannot be used: %s", k->parts->boot_why);
	}
	if (!rec)
		return found(f, "none on this machine");
	if (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING) {
		(void)refuse(w, -EPERM, "slot %s is on trial (phase %s)", slot_name(rec->target),
			     boot_phase_name(rec->phase));
		return why_next(w, -EPERM, "wait for its verdict");
	}
	return found(f, "no slot is on trial");
}

static int check_epoch(struct flight *k, struct finding *f, struct why *w)
{
	uint64_t epoch = k->b->manifest.epoch, floor = k->parts->rec->epoch_floor;

	if (k->parts->boot && k->parts->boot->epoch_floor > floor)
		floor = k->parts->boot->epoch_floor;
	if (epoch < floor)
		return refuse(w, -ESTALE, "security epoch %" PRIu64 " is below the floor %" PRIu64, epoch, floor);
	return found(f, "%" PRIu64 ", the floor is %" PRIu64, epoch, floor);
}

static int check_version(struct flight *k, struct finding *f, struct why *w)
{
	const char *to = k->b->manifest.version;
	char from[MANIFEST_NAME_MAX];

	tree_name_version(k->parts->rec->current.name, from);
	switch (version_step(from, to)) {
	case VERSION_HIGHER:
		return found(f, "%s after %s", to, from);
	case VERSION_SAME:
		return found(f, "%s again, another build", to);
	case VERSION_LOWER:
		if (k->parts->allow_downgrade)
			return found(f, "%s, lower than %s: allowed by --allow-downgrade", to, from);
		(void)refuse(w, -ESTALE, "version %s is lower than the committed %s", to, from);
		return why_next(w, -ESTALE, "--allow-downgrade permits it");
	case VERSION_UNKNOWN:
		break;
	}
	return found(f, "%s is the first", to);
}

static int check_root(struct flight *k, struct finding *f, struct why *w)
{
	const struct sysconf_tree *conf = &k->parts->conf->tree;
	char current[TREE_NAME_MAX];
	int r;

	if (!k->parts->store)
		return found(f, "%s: still to be made", conf->root);
	r = tree_store_link_get(k->parts->store, false, current, w);
	if (r)
		return r;
	if (strcmp(current, "?") == 0 && !k->parts->rec->current.name[0]) {
		(void)refuse(w, -EEXIST, "%s/current is there, and none of Tandem's", conf->root);
		return why_next(w, -EEXIST, "move it away");
	}
	return found(f, "%s", conf->root);
}

static int check_room(struct flight *k, struct finding *f, struct why *w)
{
	struct tree_prune p = { .keep = UINT32_MAX, .want_bytes = tree_needs_bytes(&k->parts->conf->tree, k->tree) };
	AUTO_FREE struct tree_stock *stock = NULL;
	uint64_t inodes = 0, bytes;
	char need[16], have[16];
	size_t n = 0;
	int r;

	if (!k->parts->store) {
		f->unknown = true;
		return found(f, "%s are needed", format_size(p.want_bytes, need));
	}
	r = tree_store_room(k->parts->store, &p.free_bytes, &inodes, w);
	r = r ? r : tree_store_list(k->parts->store, &stock, &n, w);
	if (r)
		return r;
	tree_stock_sort(k->parts->rec, stock, n);
	bytes = tree_prune(k->parts->rec, &p, stock, n);
	if (bytes < p.want_bytes)
		return fail(w, -ENOSPC, "%s: %s can be free, %s are needed, of them %" PRIu64 " bytes of reserve",
			    k->parts->conf->tree.root, format_size(bytes, have), format_size(p.want_bytes, need),
			    k->parts->conf->tree.reserve_bytes);
	if (inodes < k->tree->tree_entries + INODES_SLACK)
		return fail(w, -ENOSPC, "%s: %" PRIu64 " inodes are free, %" PRIu64 " are needed",
			    k->parts->conf->tree.root, inodes, k->tree->tree_entries + INODES_SLACK);
	return found(f, "%s free of %s needed%s", format_size(bytes, have), format_size(p.want_bytes, need),
		     bytes > p.free_bytes ? ", once old trees are removed" : "");
}

static int check_units(struct flight *k, struct finding *f, struct why *w)
{
	const struct sysconf_tree *conf = &k->parts->conf->tree;
	struct tree_unit units[SYSCONF_UNITS];
	int r = tree_units_look(conf, TREE_UNITS_LOOK_MS, units, w);

	if (r)
		return r;
	for (size_t i = 0; i < conf->n_units; i++)
		if (strcmp(units[i].said, "not-found") == 0 || strcmp(units[i].said, "masked") == 0)
			return fail(w, -ENOENT, "unit %s: %s", conf->units[i], units[i].said);
	if (conf->n_units == 0 && !conf->url[0]) {
		f->unknown = true;
		return found(f, "neither unit= nor url= in [tree]: nothing will tell whether it serves");
	}
	return found(f, "%zu, %s", conf->n_units, conf->url[0] ? conf->url : "and no URL to ask");
}

static bool check(struct flight *k, const char *name, int (*run)(struct flight *, struct finding *, struct why *))
{
	struct finding f = { 0 };
	struct why w = { 0 };
	int r = run(k, &f, &w);

	return preflight_note(k->p, name, &f, r, &w);
}

void tree_preflight(const struct tree_parts *parts, const struct bundle *b, struct preflight *ret,
		    const struct payload **ret_tree, bool *ret_same)
{
	struct flight k = { .parts = parts, .b = b, .p = ret };

	*ret = (struct preflight){ 0 };
	*ret_tree = NULL;
	*ret_same = false;
	check(&k, "signature", check_signature);
	check(&k, "compatible", check_compatible);
	if (b->manifest.encryption.recipients > 0)
		check(&k, "key", check_key);
	if (!check(&k, "tree", check_tree))
		return;
	check(&k, "epoch", check_epoch);
	*ret_tree = k.tree;
	*ret_same = strcmp(k.name, parts->rec->current.name) == 0;
	if (*ret_same)
		return;
	check(&k, "version", check_version);
	check(&k, "boot", check_boot);
	if (check(&k, "root", check_root))
		check(&k, "room", check_room);
	check(&k, "units", check_units);
}

int tree_back_check(const struct tree_record *rec, const struct tree_store *s, bool below_floor, struct why *w)
{
	const struct tree_release *to = &rec->previous;

	if (!to->name[0])
		return refuse(w, -EPERM, "there is no tree before the current one: nothing to go back to");
	if (!tree_store_has(s, to->name))
		return refuse(w, -EPERM, "%s is not on the disk any more", to->name);
	if (to->epoch < rec->epoch_floor && !below_floor) {
		(void)refuse(w, -ESTALE, "%s: security epoch %" PRIu64 " is below the floor %" PRIu64, to->name,
			     to->epoch, rec->epoch_floor);
		return why_next(w, -ESTALE, "--below-floor permits it");
	}
	return 0;
}

bool bundle_has_tree(const struct bundle *b)
{
	for (size_t i = 0; i < b->manifest.n_payloads; i++)
		if (b->manifest.payloads[i].kind == PAYLOAD_TREE)
			return true;
	return false;
}
