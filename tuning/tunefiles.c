#include "tuning/tunefiles.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tuning/dropin.h"
#include "tuning/fstab.h"

#define FSTAB     "etc/fstab"
#define FSTAB_MAX (1u << 20)

/* --- sysctl.d --- */

static struct tree_path sysctl_in(const char *folder, const char *product)
{
	return tree_path("%s/sysctl.d/99-%s.conf", folder, product);
}

/* Whether names can be made in /etc: faccessat(2) says no on a read-only file system as well. */
static bool etc_writable(const struct tree *t)
{
	const char *folder = tree_has(t, "etc/sysctl.d") ? "etc/sysctl.d" : "etc";

	return faccessat(t->fd, folder, W_OK, AT_EACCESS) == 0;
}

struct tree_path tunefile_sysctl_path(const struct tree *t, const char *product)
{
	return sysctl_in(etc_writable(t) ? "etc" : "run", product);
}

static bool only_raised(const struct tuneconf *c, const struct tuneplan *p, const char *key)
{
	bool raise = false;

	for (size_t i = 0; i < c->n_sysctls; i++) {
		const struct sysctl_rule *rule = &c->sysctl[i];

		if (strcmp(rule->key, key) != 0)
			continue;
		if (rule->profile == p->profile)
			return rule->raise;
		if (rule->profile == PROFILE_COUNT)
			raise = rule->raise;
	}
	return raise;
}

static char *sysctl_text(const struct tuneconf *c, const struct tuneplan *p)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	if (!f)
		return NULL;
	for (size_t i = 0; i < p->n_actions; i++) {
		const struct tune_action *a = &p->actions[i];

		if (a->kind != TUNE_SYSCTL)
			continue;
		if (only_raised(c, p, a->object))
			(void)fprintf(f, "# %s: only ever raised, by tandem-tune apply; a line here could lower it\n",
				      a->object);
		else
			(void)fprintf(f, "%s = %s\n", a->object, a->wanted);
	}
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

/* Whether a drop-in of ours has that text. */
static bool has_text(const struct tree *t, const char *path, const char *text)
{
	AUTO_FREE char *there = NULL;

	return dropin_text(t, path, &there, NULL) == 0 && strcmp(there, text) == 0;
}

static int put_or_compare(const struct tree *t, const char *path, const char *text, bool dry, bool *ret_changed,
			  struct why *w)
{
	if (!dry)
		return dropin_put(t, path, text, ret_changed, w);
	if (!has_text(t, path, text))
		*ret_changed = true;
	return 0;
}

int tunefile_sysctl(const struct tree *t, const struct tuneconf *c, const struct tuneplan *p, const char *product,
		    bool dry, bool *ret_changed, struct why *w)
{
	bool in_etc = etc_writable(t);
	const struct tree_path here = sysctl_in(in_etc ? "etc" : "run", product),
			       there = sysctl_in(in_etc ? "run" : "etc", product);
	AUTO_FREE char *text = sysctl_text(c, p);
	int r = text ? 0 : fail(w, -ENOMEM, "out of memory");

	if (!r && !dry && in_etc) /* a file in /etc of an image stays, and goes before ours in /run */
		r = dropin_drop(t, there.s, ret_changed, w);
	return r ? r : put_or_compare(t, here.s, text, dry, ret_changed, w);
}

/* --- fstab --- */

bool tunefile_fstab_stays(const struct tree *t, const struct swap_ops *ops)
{
	AUTO_FD etc = openat(t->fd, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs = { 0 };
	struct stat st;

	if (etc < 0 || fstatat(etc, "fstab", &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
	    faccessat(etc, "fstab", W_OK, AT_EACCESS) || faccessat(etc, ".", W_OK, AT_EACCESS) ||
	    tree_has(t, "run/tandem/boot") || ops->statfs(etc, &fs))
		return false;
	return fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC && fs.f_type != OVERLAYFS_SUPER_MAGIC;
}

/* With the mode that it has. */
static int replace_fstab(const struct tree *t, const char *text, struct why *w)
{
	const struct tree_path path = tree_path("%s/" FSTAB, t->name);
	struct stat st;
	mode_t mask;
	int r;

	if (stat(path.s, &st))
		return fail_errno(w, "%s", path.s);
	mask = umask(0);
	r = file_replace(AT_FDCWD, path.s, text, strlen(text), st.st_mode & 0777, w);
	(void)umask(mask);
	return r;
}

int tunefile_fstab(const struct tree *t, const char *path, bool dry, bool *ret_changed, struct why *w)
{
	AUTO_FREE char *text = NULL, *with = NULL;
	int r = tree_text(t, FSTAB, FSTAB_MAX, &text, w);

	if (r || fstab_has_swap(text, path))
		return r;
	with = fstab_add_swap(text, path, SWAPFILE_PRIORITY);
	if (!with)
		return fail(w, -ENOMEM, "out of memory");
	r = dry ? 0 : replace_fstab(t, with, w);
	if (!r)
		*ret_changed = true;
	return r;
}

int tunefile_fstab_drop(const struct tree *t, const char *path, bool *ret_changed, struct why *w)
{
	AUTO_FREE char *text = NULL, *without = NULL;
	int r = tree_text(t, FSTAB, FSTAB_MAX, &text, w);

	if (r || !fstab_has_swap(text, path))
		return r == -ENOENT ? 0 : r;
	without = fstab_drop_swap(text, path);
	if (!without)
		return fail(w, -ENOMEM, "out of memory");
	r = replace_fstab(t, without, w);
	if (!r)
		*ret_changed = true;
	return r;
}

/* --- irqbalance --- */

static struct tree_path irqbalance_path(const char *product)
{
	return tree_path("run/systemd/system/irqbalance.service.d/%s.conf", product);
}

int tunefile_irqbalance(const struct tree *t, const char *product, const struct facts *f, const char *cpus, bool dry,
			bool *ret_changed, struct why *w)
{
	AUTO_FREE char *list = NULL, *text = NULL;
	AUTO_CPUSET banned = { 0 }, kept = { 0 };
	int r = cpuset_parse(cpus, &kept, w);

	if (r)
		return r;
	r = cpuset_copy(&f->online, &banned);
	for (CPUSET_EACH(cpu, &f->offline))
		r = r ? r : cpuset_add(&banned, cpu);
	if (r)
		return fail(w, r, "out of memory");
	cpuset_minus(&banned, &kept);
	list = cpuset_format(&banned);
	if (!list || asprintf(&text, "[Service]\nEnvironment=IRQBALANCE_BANNED_CPULIST=%s\n", list) < 0)
		return fail(w, -ENOMEM, "out of memory");
	return put_or_compare(t, irqbalance_path(product).s, text, dry, ret_changed, w);
}

int tunefile_drop(const struct tree *t, const char *product, bool *ret_changed, struct why *w)
{
	int r = dropin_drop(t, sysctl_in("etc", product).s, ret_changed, w);

	r = r ? r : dropin_drop(t, sysctl_in("run", product).s, ret_changed, w);
	r = r ? r : dropin_drop(t, irqbalance_path(product).s, ret_changed, w);
	dropin_drop_folder(t, irqbalance_path(product).s);
	return r;
}
