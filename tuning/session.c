#include "tuning/session.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/io.h"

#define LOCK "/run/tandem/tune.lock"

void session_free(struct session **s)
{
	if (!*s)
		return;
	tree_close(&(*s)->tree);
	auto_close(&(*s)->lock);
	undolog_free(&(*s)->kept);
	facts_free(&(*s)->facts);
	tune_input_free(&(*s)->in);
	tuneplan_free(&(*s)->plan);
	free(*s);
	*s = NULL;
}

static int lock(struct session *s, struct why *w)
{
	int r = dir_make("/run/tandem", 0755, w);

	if (r)
		return r;
	s->lock = open(LOCK, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->lock < 0 || flock(s->lock, LOCK_EX) ? fail_errno(w, LOCK) : 0;
}

/* The name that a captured tree without SESSION_SYSTEM is planned for. */
#define SOME_PRODUCT "PRODUCT"

/* Where a file of the machine is that the session is of. */
static struct tree_path file_of(const struct session *s, const char *path)
{
	return tree_path("%s%s", s->tree.name, path);
}

static int read_product(struct session *s, struct why *w)
{
	const struct tree_path path = file_of(s, SESSION_SYSTEM);
	struct why cause = { 0 };
	int r = tuneconf_product(path.s, s->product, &cause);

	if (r == -ENOENT && !s->tree.live) {
		(void)snprintf(s->product, sizeof(s->product), SOME_PRODUCT);
		return 0;
	}
	if (r)
		*w = cause;
	return r == -ENOENT ? why_next(w, r, "write one that names the product: product= in [system]") : r;
}

int session_begin_at(const char *root, struct session **ret, struct why *w)
{
	AUTO_SESSION *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fail(w, -ENOMEM, "out of memory");
	s->tree.fd = s->lock = -1;
	r = tree_open(root, &s->tree, w);
	r = r ? r : read_product(s, w);
	if (!r)
		*ret = MOVE(s);
	return r;
}

int session_begin(bool alone, struct session **ret, struct why *w)
{
	AUTO_SESSION *s = NULL;
	int r = session_begin_at(NULL, &s, w);

	r = r || !alone ? r : lock(s, w);
	if (!r)
		*ret = MOVE(s);
	return r;
}

int session_policy(struct session *s, const char *config, struct why *w)
{
	struct tree_path path = config ? tree_path("%s", config) : file_of(s, TUNECONF_FILE);
	struct why cause = { 0 };
	int r = tuneconf_read(path.s, &s->conf, &cause);

	if (r == -ENOENT && !config) {
		tuneconf_defaults(&s->conf);
	} else if (r) {
		*w = cause;
		return r;
	} else {
		s->config = path;
	}
	return tune_undo_read(&s->tree, &s->kept, w);
}

int session_plan(struct session *s, struct why *w)
{
	int r = tune_facts(&s->tree, &s->kept, &s->facts, w);

	r = r ? r : tune_look(&s->tree, &swap_kernel, &s->facts, &s->conf, s->product, &s->in, w);
	return r ? r : tuneplan_make(&s->facts, &s->conf, &s->in, s->product, &s->plan, w);
}

struct tune_job session_job(struct session *s)
{
	return (struct tune_job){ .tree = &s->tree,
				  .ops = &swap_kernel,
				  .facts = &s->facts,
				  .conf = &s->conf,
				  .plan = &s->plan,
				  .product = s->product,
				  .kept = &s->kept };
}
