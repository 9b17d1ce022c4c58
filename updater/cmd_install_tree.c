#include "updater/cmd_install_tree.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/interrupt.h"
#include "base/proc.h"
#include "updater/install_show.h"
#include "updater/result.h"
#include "updater/tree_preflight.h"
#include "updater/tree_view.h"

#define NAME "tandem install"

struct session {
	const struct tree_install_options *o;
	const struct bundle *b;
	struct tree_store store;
	struct tree_record rec;
	struct tree_job job;
	struct tree_done settled, done;
	struct preflight preflight;
	const struct payload *tree;
	bool same, ran;
	struct tree_steps steps;
};

/* Look, and make nothing: there may be no trees yet. */
static int open_to_look(const struct sysconf_tree *conf, struct session *s, bool *ret_there, struct why *w)
{
	struct why own = { 0 };
	int r = tree_store_open(conf->root, false, &s->store, &own);

	*ret_there = r == 0;
	if (r == -ENOENT)
		return 0;
	if (r) {
		*w = own;
		return r;
	}
	return tree_load(&s->store, false, &s->rec, w);
}

/* What a run before left is brought to an end first. */
static int open_to_write(const struct sysconf_tree *conf, struct session *s, struct why *w)
{
	bool unsettled = false;
	int r = tree_store_open(conf->root, true, &s->store, w);

	r = r ? r : tree_load(&s->store, false, &s->rec, w);
	r = r ? r : tree_unsettled(&s->job, &unsettled, w);
	return r || !unsettled ? r : tree_settle(&s->job, &s->settled, w);
}

static void check_all(struct session *s, struct appliance *a, bool there)
{
	const struct machine *m = &a->m;
	const struct tree_parts parts = {
		.conf = &m->conf,
		.boot = m->conf.host || !m->has_record ? NULL : &m->boot.rec,
		.boot_why = m->conf.host || m->has_record ? NULL : m->record_why.text,
		.key_why = &a->key_why,
		.store = there ? &s->store : NULL,
		.rec = &s->rec,
		.allow_downgrade = s->o->allow_downgrade,
	};

	tree_preflight(&parts, s->b, &s->preflight, &s->tree, &s->same);
}

static int do_install(struct session *s, struct appliance *a, struct why *w)
{
	const struct sysconf_tree *conf = &a->m.conf.tree;
	bool there = true, writes = conf->given && !s->o->dry_run;
	int r = writes ? open_to_write(conf, s, w) : open_to_look(conf, s, &there, w);

	if (r)
		return r;
	check_all(s, a, there);
	r = preflight_result(&s->preflight, w);
	if (r || s->o->dry_run || s->same)
		return r;
	machine_unlock(&a->m); /* the trees have a lock of their own, and a trial takes its time */
	s->job.payload = s->tree;
	s->ran = true;
	r = tree_install(&s->job, &s->done, w);
	tree_steps_end(&s->steps);
	return r;
}

static void json_release(struct json *j, const struct session *s)
{
	char name[TREE_NAME_MAX];

	tree_name(s->b->manifest.version, &s->b->id, name);
	json_object(j, "tree");
	json_string(j, "name", name);
	json_string(j, "version", s->b->manifest.version);
	json_u64(j, "epoch", s->b->manifest.epoch);
	json_end(j);
}

static int print_json(const struct session *s, uint64_t elapsed_ms, const struct why *failed, struct why *w)
{
	struct json j = { .to = stdout, .line = s->o->style == PROGRESS_JSON };

	json_object(&j, NULL);
	if (j.line)
		json_string(&j, "event", "end");
	result_json(&j, s->same ? "nothing" : s->o->dry_run ? "passed" : "committed", failed);
	json_bool(&j, "dry_run", s->o->dry_run);
	json_release(&j, s);
	preflight_json(&j, &s->preflight);
	if (s->ran)
		tree_done_json(&j, &s->done);
	json_u64(&j, "elapsed_ms", elapsed_ms);
	json_end(&j);
	return json_finish(&j, w);
}

static void print_text(const struct session *s, bool failed)
{
	if (s->o->dry_run)
		install_show_checks(&s->preflight, stdout, false);
	else if (failed)
		install_show_checks(&s->preflight, stderr, true);
	if (s->ran)
		tree_done_text(&s->done, s->rec.current.name);
	else if (!failed && s->same)
		(void)printf("nothing to do: %s is the current tree\n", s->rec.current.name);
	else if (!failed)
		(void)printf("nothing was changed; without --dry-run version %s would be installed\n",
			     s->b->manifest.version);
}

static int report(const struct session *s, uint64_t elapsed_ms, int r, const struct why *w)
{
	struct why output = { 0 };

	if (s->o->json || s->o->style == PROGRESS_JSON) {
		if (print_json(s, elapsed_ms, r ? w : NULL, &output) && !r)
			return why_report(&output, NAME);
	} else {
		print_text(s, r != 0);
	}
	(void)fflush(stdout);
	if (r)
		return why_report(w, NAME);
	return s->same ? EXIT_NOTHING : EXIT_DONE;
}

static bool cancelled(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

int install_tree(struct appliance *a, const struct bundle *b, const struct tree_install_options *o)
{
	AUTO_FREE struct session *s = calloc(1, sizeof(*s));
	uint64_t begun = now_ms();
	struct why w = { 0 };
	int r, code;

	if (!s) {
		(void)fail(&w, -ENOMEM, "out of memory");
		return why_report(&w, NAME);
	}
	s->o = o;
	s->b = b;
	s->store = (struct tree_store){ .root_fd = -1, .releases_fd = -1, .meta_fd = -1, .lock_fd = -1 };
	s->steps = tree_steps_begin(o->json && o->style != PROGRESS_JSON ? PROGRESS_NONE : o->style);
	s->job = (struct tree_job){
		.conf = &a->m.conf.tree,
		.store = &s->store,
		.rec = &s->rec,
		.bundle = b,
		.step = tree_steps_show,
		.cancelled = cancelled,
		.arg = &s->steps,
	};
	interrupt_catch();
	r = do_install(s, a, &w);
	code = report(s, now_ms() - begun, r, &w);
	tree_store_close(&s->store);
	return code;
}
