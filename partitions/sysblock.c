#include "partitions/sysblock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/parse.h"

#define ATTRIBUTE_MAX 4096u /* sysfs hands out at most one page */

const struct sysblock sysblock_real = { .sys = "/sys", .dev = "/dev" };

void sysblock_names_done(struct sysblock_names *names)
{
	free(names->at);
	*names = (struct sysblock_names){ 0 };
}

static int copy_name(const char *from, char ret[SYSBLOCK_NAME_BYTES], struct why *w)
{
	size_t n = strlen(from);

	if (n == 0 || n >= SYSBLOCK_NAME_BYTES)
		return fail(w, -ENAMETOOLONG, "'%s': no usable device name", from);
	memcpy(ret, from, n + 1);
	return 0;
}

/* Last part of the target of a symbolic link, or of the folder that holds the target. */
static int link_name(const char *path, bool folder, char ret[SYSBLOCK_NAME_BYTES], struct why *w)
{
	char target[PATH_MAX];
	char *slash;

	if (!realpath(path, target))
		return fail_errno(w, "%s", path);
	slash = strrchr(target, '/');
	if (folder && slash) {
		*slash = '\0';
		slash = strrchr(target, '/');
	}
	return copy_name(slash ? slash + 1 : target, ret, w);
}

int sysblock_name(const struct sysblock *s, dev_t dev, char ret[SYSBLOCK_NAME_BYTES], struct why *w)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/dev/block/%u:%u", s->sys, major(dev), minor(dev));
	if (access(path, F_OK))
		return fail(w, -ENODEV, "no block device %u:%u in %s", major(dev), minor(dev), s->sys);
	return link_name(path, false, ret, w);
}

int sysblock_text(const struct sysblock *s, const char *name, const char *attribute, char *ret, size_t room,
		  struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/class/block/%s/%s", s->sys, name, attribute);
	r = file_read(AT_FDCWD, path, ATTRIBUTE_MAX, &text, NULL, w);
	if (r)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) >= room)
		return fail(w, -E2BIG, "%s: more than %zu bytes", path, room - 1);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

int sysblock_u64(const struct sysblock *s, const char *name, const char *attribute, uint64_t *ret, struct why *w)
{
	char text[32];
	int r = sysblock_text(s, name, attribute, text, sizeof(text), w);

	return r ? r : parse_u64(text, UINT64_MAX, ret, w);
}

int sysblock_devno(const struct sysblock *s, const char *name, dev_t *ret, struct why *w)
{
	uint64_t high = 0, low = 0;
	char text[32], *colon;
	int r = sysblock_text(s, name, "dev", text, sizeof(text), w);

	if (r)
		return r;
	colon = strchr(text, ':');
	if (!colon)
		return fail(w, -EBADMSG, "%s: '%s' is no device number", name, text);
	*colon = '\0';
	r = parse_u64(text, UINT32_MAX, &high, w);
	r = r ? r : parse_u64(colon + 1, UINT32_MAX, &low, w);
	if (!r)
		*ret = makedev((unsigned int)high, (unsigned int)low);
	return r;
}

/* DEVNAME of the uevent, since the name in /sys has '!' where the node has '/'. */
int sysblock_node(const struct sysblock *s, const char *name, char ret[SYSBLOCK_NODE_BYTES], struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	const char *at;
	int r, n;

	(void)snprintf(path, sizeof(path), "%s/class/block/%s/uevent", s->sys, name);
	r = file_read(AT_FDCWD, path, ATTRIBUTE_MAX, &text, NULL, w);
	if (r)
		return r;
	at = strncmp(text, "DEVNAME=", 8) == 0 ? text : strstr(text, "\nDEVNAME=");
	if (!at)
		return fail(w, -ENODATA, "%s: no DEVNAME", path);
	at = strchr(at, '=') + 1;
	n = snprintf(path, sizeof(path), "%s/%.*s", s->dev, (int)strcspn(at, "\n"), at);
	if (n < 0 || (size_t)n >= SYSBLOCK_NODE_BYTES)
		return fail(w, -ENAMETOOLONG, "%s: device name too long", name);
	memcpy(ret, path, (size_t)n + 1);
	return 0;
}

unsigned int sysblock_partition(const struct sysblock *s, const char *name)
{
	uint64_t v = 0;

	return sysblock_u64(s, name, "partition", &v, NULL) || v > UINT_MAX ? 0 : (unsigned int)v;
}

int sysblock_disk(const struct sysblock *s, const char *name, char ret[SYSBLOCK_NAME_BYTES], struct why *w)
{
	char path[PATH_MAX];

	if (!sysblock_partition(s, name))
		return copy_name(name, ret, w);
	(void)snprintf(path, sizeof(path), "%s/class/block/%s", s->sys, name);
	return link_name(path, true, ret, w);
}

static int append(struct sysblock_names *names, const char *name, struct why *w)
{
	size_t room = names->n & (names->n + 1) ? 0 : (names->n + 1) * 2; /* grows when n is 2^k - 1, from 0 on */
	void *more = room ? realloc(names->at, room * sizeof(names->at[0])) : names->at;
	int r;

	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	names->at = more;
	r = copy_name(name, names->at[names->n], w);
	names->n += r ? 0 : 1;
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(a, b);
}

/* Entries of a folder for which `wanted` says yes; none when the folder is not there. */
static int list(const struct sysblock *s, const char *path, bool (*wanted)(const struct sysblock *, const char *),
		struct sysblock_names *ret, struct why *w)
{
	CLEANUP(sysblock_names_done) struct sysblock_names names = { 0 };
	AUTO_DIR *dir = opendir(path);
	const struct dirent *e;
	int r;

	if (!dir && errno != ENOENT)
		return fail_errno(w, "%s", path);
	while (dir && (errno = 0, e = readdir(dir))) {
		if (e->d_name[0] == '.' || !wanted(s, e->d_name))
			continue;
		r = append(&names, e->d_name, w);
		if (r)
			return r;
	}
	if (dir && errno)
		return fail_errno(w, "%s", path);
	if (names.n > 0)
		qsort(names.at, names.n, sizeof(names.at[0]), by_name);
	*ret = names;
	names = (struct sysblock_names){ 0 };
	return 0;
}

static bool any(const struct sysblock *s, const char *name)
{
	(void)s, (void)name;
	return true;
}

static bool is_partition(const struct sysblock *s, const char *name)
{
	return sysblock_partition(s, name) > 0;
}

int sysblock_all(const struct sysblock *s, struct sysblock_names *ret, struct why *w)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/class/block", s->sys);
	return list(s, path, any, ret, w);
}

int sysblock_partitions(const struct sysblock *s, const char *disk, struct sysblock_names *ret, struct why *w)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/class/block/%s", s->sys, disk);
	return list(s, path, is_partition, ret, w);
}

int sysblock_holders(const struct sysblock *s, const char *name, struct sysblock_names *ret, struct why *w)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/class/block/%s/holders", s->sys, name);
	return list(s, path, any, ret, w);
}
