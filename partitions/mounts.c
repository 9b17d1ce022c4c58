#include "partitions/mounts.h"

#include <libmount/libmount.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

const struct mounts_env mounts_real = {
	.sysblock = &sysblock_real,
	.mountinfo = "/proc/self/mountinfo",
	.swaps = "/proc/swaps",
};

/* What is asked about: a device and its partitions, or a file. */
struct target {
	const struct mounts_env *env;
	struct {
		dev_t dev;
		char name[SYSBLOCK_NAME_BYTES];
	} * device;
	size_t n;
	bool file;
	dev_t file_dev; /* file system and number of the file */
	ino_t file_ino;
};

void mounts_done(struct mounts *m)
{
	free(m->at);
	*m = (struct mounts){ 0 };
}

static int add(struct mounts *m, enum mounts_kind kind, const char *device, const char *where, struct why *w)
{
	struct mounts_use *more = realloc(m->at, (m->n + 1) * sizeof(*m->at));

	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	m->at = more;
	m->at[m->n] = (struct mounts_use){ .kind = kind };
	(void)snprintf(m->at[m->n].device, sizeof(m->at[m->n].device), "%s", device);
	(void)snprintf(m->at[m->n].where, sizeof(m->at[m->n].where), "%s", where);
	m->n++;
	return 0;
}

/* Name of the target's device with that number, or NULL. */
static const char *device_named(const struct target *t, dev_t dev)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->device[i].dev == dev)
			return t->device[i].name;
	return NULL;
}

/* Whether a path leads to the target: the device's name, "" for the file, or NULL. */
static const char *path_leads_to(const struct target *t, const char *path)
{
	struct stat st;

	if (!path || path[0] != '/' || stat(path, &st))
		return NULL;
	if (S_ISBLK(st.st_mode))
		return device_named(t, st.st_rdev);
	return t->file && st.st_dev == t->file_dev && st.st_ino == t->file_ino ? "" : NULL;
}

static void end_table(struct libmnt_table **t)
{
	mnt_unref_table(*t);
}

static void end_iter(struct libmnt_iter **i)
{
	mnt_free_iter(*i);
}

/* btrfs and others mount under a number of their own (major 0); there only the source tells. */
static const char *mount_leads_to(const struct target *t, struct libmnt_fs *fs)
{
	dev_t dev = mnt_fs_get_devno(fs);

	return major(dev) ? device_named(t, dev) : path_leads_to(t, mnt_fs_get_srcpath(fs));
}

static int find_in_table(const struct target *t, struct libmnt_table *table, bool swaps, struct mounts *m,
			 struct why *w)
{
	CLEANUP(end_iter) struct libmnt_iter *i = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = 0;

	if (!i)
		return fail(w, -ENOMEM, "out of memory");
	while (!r && mnt_table_next_fs(table, i, &fs) == 0) {
		const char *name = swaps ? path_leads_to(t, mnt_fs_get_source(fs)) : mount_leads_to(t, fs);
		const char *where = swaps ? "swap" : mnt_fs_get_target(fs);

		if (name)
			r = add(m, swaps ? MOUNTS_SWAP : MOUNTS_MOUNTED, name, where ? where : "?", w);
	}
	return r;
}

static int find_mounts(const struct target *t, struct mounts *m, struct why *w)
{
	CLEANUP(end_table) struct libmnt_table *table = mnt_new_table();
	int r = table ? mnt_table_parse_file(table, t->env->mountinfo) : -ENOMEM;

	if (r)
		return fail(w, r < 0 ? r : -EBADMSG, "%s: cannot be read", t->env->mountinfo);
	return find_in_table(t, table, false, m, w);
}

/* A kernel without swap has no such file. */
static int find_swaps(const struct target *t, struct mounts *m, struct why *w)
{
	CLEANUP(end_table) struct libmnt_table *table = mnt_new_table();
	int r;

	if (access(t->env->swaps, F_OK) && errno == ENOENT)
		return 0;
	r = table ? mnt_table_parse_swaps(table, t->env->swaps) : -ENOMEM;
	if (r)
		return fail(w, r < 0 ? r : -EBADMSG, "%s: cannot be read", t->env->swaps);
	return find_in_table(t, table, true, m, w);
}

static int find_holders(const struct target *t, const char *name, struct mounts *m, struct why *w)
{
	CLEANUP(sysblock_names_done) struct sysblock_names holders = { 0 };
	int r = sysblock_holders(t->env->sysblock, name, &holders, w);

	for (size_t i = 0; !r && i < holders.n; i++) {
		char dm[128], where[256];

		if (sysblock_text(t->env->sysblock, holders.at[i], "dm/name", dm, sizeof(dm), NULL))
			(void)snprintf(where, sizeof(where), "%s", holders.at[i]);
		else
			(void)snprintf(where, sizeof(where), "%s (%s)", holders.at[i], dm);
		r = add(m, MOUNTS_HELD, name, where, w);
	}
	return r;
}

static int find_loops(const struct target *t, struct mounts *m, struct why *w)
{
	CLEANUP(sysblock_names_done) struct sysblock_names all = { 0 };
	int r = sysblock_all(t->env->sysblock, &all, w);

	for (size_t i = 0; !r && i < all.n; i++) {
		char backing[PATH_MAX];
		const char *name;

		if (sysblock_text(t->env->sysblock, all.at[i], "loop/backing_file", backing, sizeof(backing), NULL))
			continue;
		name = path_leads_to(t, backing);
		if (name)
			r = add(m, MOUNTS_LOOP, name, all.at[i], w);
	}
	return r;
}

static int find_all(const struct target *t, struct mounts *ret, struct why *w)
{
	CLEANUP(mounts_done) struct mounts m = { 0 };
	int r = t->file ? 0 : find_mounts(t, &m, w);

	r = r ? r : find_swaps(t, &m, w);
	for (size_t i = 0; !r && i < t->n; i++)
		r = find_holders(t, t->device[i].name, &m, w);
	r = r ? r : find_loops(t, &m, w);
	if (r)
		return r;
	*ret = m;
	m = (struct mounts){ 0 };
	return 0;
}

int mounts_of_device(const struct mounts_env *e, dev_t dev, struct mounts *ret, struct why *w)
{
	CLEANUP(sysblock_names_done) struct sysblock_names parts = { 0 };
	struct target t = { .env = e };
	char name[SYSBLOCK_NAME_BYTES];
	int r = sysblock_name(e->sysblock, dev, name, w);

	r = r ? r : sysblock_partitions(e->sysblock, name, &parts, w);
	if (r)
		return r;
	AUTO_FREE void *room = t.device = calloc(parts.n + 1, sizeof(*t.device));
	if (!room)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	t.device[t.n].dev = dev;
	memcpy(t.device[t.n++].name, name, sizeof(name));
	for (size_t i = 0; i < parts.n; i++) {
		if (sysblock_devno(e->sysblock, parts.at[i], &t.device[t.n].dev, NULL))
			continue; /* went away while we looked */
		memcpy(t.device[t.n++].name, parts.at[i], SYSBLOCK_NAME_BYTES);
	}
	return find_all(&t, ret, w);
}

int mounts_of_file(const struct mounts_env *e, const char *path, struct mounts *ret, struct why *w)
{
	struct target t = { .env = e, .file = true };
	struct stat st;

	if (stat(path, &st))
		return fail_errno(w, "%s", path);
	t.file_dev = st.st_dev;
	t.file_ino = st.st_ino;
	return find_all(&t, ret, w);
}

char *mounts_describe(const struct mounts_use *u, const char *path, char out[512])
{
	const char *name = u->device[0] ? u->device : path;

	switch (u->kind) {
	case MOUNTS_MOUNTED:
		(void)snprintf(out, 512, "%s is mounted on %s", name, u->where);
		break;
	case MOUNTS_SWAP:
		(void)snprintf(out, 512, "%s is used as swap", name);
		break;
	case MOUNTS_HELD:
		(void)snprintf(out, 512, "%s is held by %s", name, u->where);
		break;
	case MOUNTS_LOOP:
		(void)snprintf(out, 512, "%s is behind the loop device %s", name, u->where);
		break;
	}
	return out;
}
