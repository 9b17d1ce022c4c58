/* Block devices, and the file systems on them with what is free. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "tuning/facts_parts.h"
#include "tuning/procfs.h"

#define CAPTURE_STATFS "tandem/statfs"
#define DISKS_MAX      4096u
#define SECTOR_BYTES   512 /* of /sys/block/X/size, whatever the device's own are */

/* A switch that not every kernel or device has. */
static int read_flag(const struct tree *t, const char *disk, const char *name, bool *ret, struct why *w)
{
	int64_t v = 0;
	int r = tree_number(t, tree_path("sys/block/%s/%s", disk, name).s, 0, 1, &v, w);

	*ret = v != 0;
	return r == -ENOENT ? 0 : r;
}

static int read_disk(const struct tree *t, struct facts *f, const char *name, struct why *w)
{
	struct disk_fact d = { 0 }, *all;
	bool hidden = false;
	int64_t sectors = 0;
	int r = tree_number(t, tree_path("sys/block/%s/size", name).s, 0, INT64_MAX / SECTOR_BYTES, &sectors, w);

	if (r && r != -ENOENT) /* gone since the folder was listed */
		return r;
	r = read_flag(t, name, "hidden", &hidden, w); /* one path of several to a disk that is listed itself */
	r = r ? r : read_flag(t, name, "queue/rotational", &d.rotational, w);
	r = r ? r : read_flag(t, name, "removable", &d.removable, w);
	r = r ? r : read_flag(t, name, "ro", &d.read_only, w);
	if (r || sectors == 0 || hidden)
		return r;
	d.size_bytes = (uint64_t)sectors * SECTOR_BYTES;
	d.physical = tree_has(t, tree_path("sys/block/%s/device", name).s);
	all = reallocarray(f->disks, f->n_disks + 1, sizeof(*all));
	if (!all)
		return fail(w, -ENOMEM, "out of memory");
	f->disks = all;
	d.name = strdup(name);
	if (!d.name)
		return fail(w, -ENOMEM, "out of memory");
	all[f->n_disks++] = d;
	return 0;
}

int facts_read_disks(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "sys/block";
	AUTO_NAMES names = { 0 };
	int r = tree_list(t, path, DISKS_MAX, &names, w);

	if (r == -ENOENT) {
		facts_degrade(f, FACT_DISKS, "%s/%s: not there; no disk is known", t->name, path);
		return 0;
	}
	for (size_t i = 0; !r && i < names.n; i++)
		r = read_disk(t, f, names.at[i], w);
	return r;
}

/* The folder of a mount's block device in sysfs; -ENOENT when it has none. */
static int device_folder(const struct tree *t, const struct mount_line *m, struct tree_path *ret, struct why *w)
{
	static const char dev[] = "/dev/", mapper[] = "/dev/mapper/";
	AUTO_NAMES names = { 0 };
	int r;

	*ret = tree_path("sys/dev/block/%u:%u", m->major, m->minor);
	if (tree_has(t, ret->s))
		return 0;
	/* btrfs and others have a device number of their own, and name the device. */
	if (strncmp(m->source, dev, sizeof(dev) - 1) != 0)
		return -ENOENT;
	*ret = tree_path("sys/class/block/%s", m->source + sizeof(dev) - 1);
	if (strncmp(m->source, mapper, sizeof(mapper) - 1) != 0)
		return tree_has(t, ret->s) ? 0 : -ENOENT;
	r = tree_list(t, "sys/block", DISKS_MAX, &names, w);
	for (size_t i = 0; !r && i < names.n; i++) {
		AUTO_FREE char *name = NULL;

		r = tree_text(t, tree_path("sys/block/%s/dm/name", names.at[i]).s, PROC_TEXT_MAX, &name, w);
		if (r == -ENOENT)
			r = 0;
		else if (!r && strncmp(name, m->source + sizeof(mapper) - 1, strcspn(name, "\n")) == 0 &&
			 m->source[sizeof(mapper) - 1 + strcspn(name, "\n")] == '\0') {
			*ret = tree_path("sys/block/%s", names.at[i]);
			return 0;
		}
	}
	return r ? r : -ENOENT;
}

/* The names of device and disk are the last words of where its folder is: ".../block/vda/vda1", a disk's ".../vda". */
static int name_device(const struct tree *t, const struct tree_path *folder, struct fs_fact *ret, struct why *w)
{
	bool partition = tree_has(t, tree_path("%s/partition", folder->s).s);
	struct tree_path target;
	char *device, *parent;
	int r = tree_link(t, folder->s, &target, w);

	if (r)
		return r == -ENOENT ? tree_bad(t, folder->s, w, "not there any more") : r;
	device = strrchr(target.s, '/');
	if (!device || device == target.s)
		return tree_bad(t, folder->s, w, "points to '%s', which is no device", target.s);
	*device++ = '\0';
	parent = strrchr(target.s, '/');
	if (partition && !parent)
		return tree_bad(t, folder->s, w, "a partition without a disk");
	ret->device = strdup(device);
	ret->disk = strdup(partition ? parent + 1 : device);
	return ret->device && ret->disk ? 0 : fail(w, -ENOMEM, "out of memory");
}

/* Whether the folder at the mount point belongs to that mount, and not to one that was mounted over it later. */
static bool reached(int fd, const struct mount_line *m)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (m->major == 0 || st.st_dev == makedev(m->major, m->minor));
}

static int measure_live(const struct tree *t, const struct mount_line *m, struct fs_fact *ret)
{
	const char *point = m->point + strspn(m->point, "/");
	AUTO_FD fd = openat(t->fd, *point ? point : ".", O_PATH | O_CLOEXEC);
	struct statvfs v;

	if (fd < 0 || !reached(fd, m) || fstatvfs(fd, &v))
		return -ENOENT;
	ret->size_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	ret->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

/* From the tree's own record of what statvfs(2) said (docs/formats/facts.md). */
static int measure_captured(const struct tree *t, const struct mount_line *m, struct fs_fact *ret, struct why *w)
{
	static const char path[] = CAPTURE_STATFS;
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	struct statfs_line s;
	struct lines from;
	int r = tree_text(t, path, MOUNTINFO_MAX, &text, w);

	if (r)
		return r;
	from = (struct lines){ .at = text };
	while ((r = statfs_next(&from, &s, &cause)) > 0) {
		if (strcmp(s.point, m->point) != 0)
			continue;
		ret->size_bytes = s.size_bytes;
		ret->free_bytes = s.free_bytes;
		return 0;
	}
	return r ? tree_bad(t, path, w, "%s", cause.text) : -ENOENT;
}

/* The entry of a device, made when there is none. NULL when there is no memory. Takes the names in *found. */
static struct fs_fact *entry_of(struct facts *f, struct fs_fact *found)
{
	struct fs_fact *all;

	for (size_t i = 0; i < f->n_filesystems; i++)
		if (strcmp(f->filesystems[i].device, found->device) == 0)
			return &f->filesystems[i];
	all = reallocarray(f->filesystems, f->n_filesystems + 1, sizeof(*all));
	if (!all)
		return NULL;
	f->filesystems = all;
	all[f->n_filesystems] = *found;
	*found = (struct fs_fact){ 0 };
	return &all[f->n_filesystems++];
}

/* Keep what the mount says of its file system, unless an earlier mount of it said it and could be measured. */
static int note_mount(const struct tree *t, const struct mount_line *m, struct fs_fact *fs, struct why *w)
{
	int r;

	if (fs->measured)
		return 0;
	r = t->live ? measure_live(t, m, fs) : measure_captured(t, m, fs, w);
	if (r && r != -ENOENT)
		return r;
	fs->measured = r == 0;
	fs->read_only = m->read_only;
	free(fs->point);
	free(fs->type);
	fs->point = strdup(m->point);
	fs->type = strdup(m->type);
	return fs->point && fs->type ? 0 : fail(w, -ENOMEM, "out of memory");
}

static int read_mount(const struct tree *t, struct facts *f, const struct mount_line *m, struct why *w)
{
	struct fs_fact found = { 0 }, *fs;
	struct tree_path folder;
	int r = device_folder(t, m, &folder, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = name_device(t, &folder, &found, w);
	fs = r ? NULL : entry_of(f, &found);
	free(found.device);
	free(found.disk);
	if (!fs)
		return r ? r : fail(w, -ENOMEM, "out of memory");
	return note_mount(t, m, fs, w);
}

int facts_read_filesystems(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "proc/self/mountinfo";
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	struct mount_line m;
	struct lines from;
	int r = tree_text(t, path, MOUNTINFO_MAX, &text, w);

	if (r == -ENOENT) {
		facts_degrade(f, FACT_FREE_SPACE, "%s/%s: not there; no file system is known", t->name, path);
		return 0;
	}
	if (r)
		return r;
	from = (struct lines){ .at = text };
	while ((r = mountinfo_next(&from, &m, &cause)) > 0) {
		r = read_mount(t, f, &m, w);
		if (r)
			return r;
	}
	if (r)
		return tree_bad(t, path, w, "%s", cause.text);
	for (size_t i = 0; i < f->n_filesystems; i++)
		if (!f->filesystems[i].measured)
			facts_degrade(f, FACT_FREE_SPACE, "%s on %s: not reached%s", f->filesystems[i].point,
				      f->filesystems[i].device, t->live ? "" : ", and not recorded in " CAPTURE_STATFS);
	return 0;
}
