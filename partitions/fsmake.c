#include "partitions/fsmake.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/proc.h"

#define TOOL_TIMEOUT_MS (20u * 60 * 1000) /* a slow USB stick takes minutes; a device that hangs must not hang us */
#define FAT_EPOCH       "315532800"       /* 1980-01-01, the first day that FAT knows */
#define ARGV_MAX        32u

static const struct {
	const char *name, *package;
} tools[] = {
	[FSMAKE_VFAT] = { "mkfs.vfat", "dosfstools" }, [FSMAKE_EXT4] = { "mke2fs", "e2fsprogs" },
	[FSMAKE_MKDIR] = { "mmd", "mtools" },          [FSMAKE_COPY] = { "mcopy", "mtools" },
	[FSMAKE_CHECK] = { "e2fsck", "e2fsprogs" },    [FSMAKE_RESIZE] = { "resize2fs", "e2fsprogs" },
};

/* A command line. Its words are borrowed, or built into `text`. */
struct command {
	const char *argv[ARGV_MAX + 1];
	size_t n;
	char tool[PATH_MAX];
	char text[PATH_MAX + 1024];
	size_t used;
};

/* PATH of a user on Debian has no sbin, where the makers of filesystems are. */
static bool find_tool(const char *name, char ret[PATH_MAX])
{
	const char *path = getenv("PATH");
	char dirs[PATH_MAX];
	char *rest = dirs, *dir;

	(void)snprintf(dirs, sizeof(dirs), "%s:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "");
	while ((dir = strsep(&rest, ":"))) {
		if (dir[0] != '/' || snprintf(ret, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
			continue;
		if (access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

int fsmake_have(enum fsmake_tool tool, struct why *w)
{
	char path[PATH_MAX];

	if (find_tool(tools[tool].name, path))
		return 0;
	(void)fail(w, -ENOENT, "%s is not installed", tools[tool].name);
	return why_next(w, -ENOENT, "install the package %s", tools[tool].package);
}

static void add(struct command *c, const char *word)
{
	if (c->n < ARGV_MAX)
		c->argv[c->n++] = word;
}

/* A word made here. Lengths are bounded by our callers; one that is cut would be a wrong command, so it empties it. */
static void PRINTF(2, 3) addf(struct command *c, const char *fmt, ...)
{
	size_t room = sizeof(c->text) - c->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->text + c->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		c->n = ARGV_MAX;
		return;
	}
	add(c, c->text + c->used);
	c->used += (size_t)n + 1;
}

/* Begin with env(1): a fixed language, no user's settings, and where it is wanted a fixed time. */
static int begin(struct command *c, enum fsmake_tool tool, bool reproducible, struct why *w)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int r = fsmake_have(tool, w);

	if (r)
		return r;
	c->n = c->used = 0;
	epoch = epoch ? epoch : FAT_EPOCH;
	add(c, "/usr/bin/env");
	add(c, "LC_ALL=C");
	add(c, "HOME=/nonexistent");
	add(c, "MTOOLSRC=/dev/null");
	add(c, "MTOOLS_SKIP_CHECK=1"); /* it wants whole tracks, which partitions do not have */
	if (reproducible) {
		add(c, "TZ=UTC");
		addf(c, "SOURCE_DATE_EPOCH=%s", epoch);
		addf(c, "E2FSPROGS_FAKE_TIME=%s", epoch); /* e2fsprogs 1.47.0 knows only this one */
	}
	if (find_tool(tools[tool].name, c->tool))
		add(c, c->tool);
	return 0;
}

/* "mke2fs: no room" or "/sbin/mke2fs: no room" -> "no room"; NULL when the line is not of that kind. */
static const char *after_name(const char *line, const char *tool)
{
	const char *colon = strstr(line, ": ");
	size_t n = strlen(tool);

	if (!colon || (size_t)(colon - line) < n || strncmp(colon - n, tool, n) != 0)
		return NULL;
	return colon - n == line || colon[-1 - (ptrdiff_t)n] == '/' ? colon + 2 : NULL;
}

/*
 * The line that tells the cause: the last one that begins with the program's name, else the last one. What a program
 * said on stdout may come behind it, since that is written when it ends.
 */
static const char *cause(char *output, const char *tool)
{
	const char *found = NULL, *last = "";
	char *rest = output, *line;

	while ((line = strsep(&rest, "\n"))) {
		const char *text = after_name(line, tool);

		found = text ? text : found;
		if (*line)
			last = line;
	}
	return found ? found : last;
}

/* Run it; exit codes up to `fine` are success. */
static int run(struct command *c, enum fsmake_tool tool, int fine, struct why *w)
{
	struct proc_result res;
	int r;

	if (c->n >= ARGV_MAX)
		return fail(w, -E2BIG, "%s: its command line would be too long", tools[tool].name);
	c->argv[c->n] = NULL;
	r = proc_run(c->argv, TOOL_TIMEOUT_MS, &res, w);
	if (r || (res.exit_code >= 0 && res.exit_code <= fine))
		return r;
	if (res.timed_out)
		return fail(w, -ETIMEDOUT, "%s: not done after %u s", tools[tool].name, TOOL_TIMEOUT_MS / 1000);
	if (res.signal)
		return fail(w, -EIO, "%s: ended by signal %d: %s", tools[tool].name, res.signal,
			    cause(res.output, tools[tool].name));
	return fail(w, -EIO, "%s: exit code %d: %s", tools[tool].name, res.exit_code,
		    cause(res.output, tools[tool].name));
}

int fsmake_vfat(const struct fsmake_place *at, const char *label, const char *uuid, struct why *w)
{
	AUTO_FREE struct command *c = calloc(1, sizeof(*c));
	struct layout_fat fat;
	int r = layout_fat_for(at->size_bytes, at->sector_bytes, &fat, w);

	if (!c)
		return fail(w, -ENOMEM, "out of memory");
	r = r ? r : begin(c, FSMAKE_VFAT, at->reproducible, w);
	if (r)
		return r;
	if (at->reproducible)
		add(c,
		    "--invariant"); /* time of the label entry; mkfs.fat 4.2 looks at no SOURCE_DATE_EPOCH. Before -i. */
	addf(c, "-F%u", fat.bits);
	addf(c, "-s%u", fat.sectors_per_cluster);
	addf(c, "-S%" PRIu32, at->sector_bytes);
	addf(c, "-i%.8s", uuid);
	/* The BIOS parameter block says where the volume begins; a 32-bit field, zero where that is too far out. */
	addf(c, "-h%" PRIu64,
	     at->start_bytes / at->sector_bytes <= UINT32_MAX ? at->start_bytes / at->sector_bytes : 0);
	if (label[0])
		addf(c, "-n%s", label);
	add(c, "--mbr=n");
	addf(c, "--offset=%" PRIu64, at->start_bytes / at->sector_bytes);
	add(c, at->path);
	addf(c, "%" PRIu64, at->size_bytes / 1024);
	return run(c, FSMAKE_VFAT, 0, w);
}

int fsmake_ext4(const struct fsmake_place *at, const char *label, const char *uuid, const char *hash_seed,
		struct why *w)
{
	AUTO_FREE struct command *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return fail(w, -ENOMEM, "out of memory");
	r = begin(c, FSMAKE_EXT4, at->reproducible, w);
	if (r)
		return r;
	add(c, "-q");
	add(c, "-F");
	add(c, "-text4");
	add(c, "-Oquota,project");
	add(c, "-I256"); /* project ids live in the larger inode */
	add(c, "-m1");
	addf(c, "-U%s", uuid);
	if (label[0])
		addf(c, "-L%s", label);
	/* The whole disk was discarded before, where that is possible. */
	addf(c, "-Eoffset=%" PRIu64 ",nodiscard,root_owner=0:0,hash_seed=%s%s", at->start_bytes, hash_seed,
	     at->zeroed ? ",assume_storage_prezeroed=1" : "");
	add(c, at->path);
	addf(c, "%" PRIu64 "k", at->size_bytes / 1024);
	return run(c, FSMAKE_EXT4, 0, w);
}

int fsmake_put(const struct fsmake_place *at, const char *file, const char *path, struct why *w)
{
	AUTO_FREE struct command *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return fail(w, -ENOMEM, "out of memory");
	r = begin(c, FSMAKE_COPY, at->reproducible, w);
	if (r)
		return r;
	add(c, "-i");
	addf(c, "%s@@%" PRIu64, at->path, at->start_bytes);
	addf(c, "%s%s", file[0] == '/' ? "" : "./", file); /* "c:x" and "-x" would mean something else to mtools */
	addf(c, "::%s", path);
	r = run(c, FSMAKE_COPY, 0, w);
	return r ? why_in(w, r, "%s", path) : 0;
}

int fsmake_folder(const struct fsmake_place *at, const char *path, struct why *w)
{
	AUTO_FREE struct command *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return fail(w, -ENOMEM, "out of memory");
	r = begin(c, FSMAKE_MKDIR, at->reproducible, w);
	if (r)
		return r;
	add(c, "-i");
	addf(c, "%s@@%" PRIu64, at->path, at->start_bytes);
	addf(c, "::%s", path);
	r = run(c, FSMAKE_MKDIR, 0, w);
	return r ? why_in(w, r, "%s", path) : 0;
}

int fsmake_path_check(const char *path, struct why *w)
{
	const char *part = path;

	if (path[0] != '/' || strlen(path) > 200)
		return misuse(w, -EINVAL, "'%s': a path in the ESP begins with '/' and has up to 200 bytes", path);
	while (*part == '/') {
		size_t n = strcspn(++part, "/");

		/* mtools takes [ and ] as wildcards; the others are reserved: Microsoft FAT specification 1.03, 7.4. */
		for (size_t i = 0; i < n; i++)
			if (part[i] <= ' ' || part[i] > '~' || strchr("\"*:<>?|\\[]", part[i]))
				return misuse(w, -EINVAL, "'%s': a character that a path in the ESP cannot have", path);
		if (n == 0 || part[0] == '.' || part[n - 1] == '.')
			return misuse(w, -EINVAL, "'%s': an empty part, or one that begins or ends with a dot", path);
		part += n;
	}
	return 0;
}

uint64_t fsmake_vfat_room(uint64_t size_bytes, uint32_t sector_bytes, uint64_t *ret_cluster_bytes)
{
	struct layout_fat fat = { .sectors_per_cluster = 1, .bits = 32 };
	uint64_t cluster, tables;

	*ret_cluster_bytes = sector_bytes;
	if (layout_fat_for(size_bytes, sector_bytes, &fat, NULL))
		return 0;
	cluster = (uint64_t)fat.sectors_per_cluster * sector_bytes;
	tables = size_bytes / cluster * fat.bits / 8 * 2 + 128ull * sector_bytes;
	*ret_cluster_bytes = cluster;
	return size_bytes > tables ? size_bytes - tables : 0;
}

int fsmake_grow_ext4(const char *path, bool mounted, struct why *w)
{
	AUTO_FREE struct command *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return fail(w, -ENOMEM, "out of memory");
	if (!mounted) { /* resize2fs insists on a check, and it is right */
		r = begin(c, FSMAKE_CHECK, false, w);
		if (r)
			return r;
		add(c, "-fp");
		add(c, path);
		r = run(c, FSMAKE_CHECK, 1, w); /* 1: errors were corrected */
	}
	r = r ? r : begin(c, FSMAKE_RESIZE, false, w);
	if (r)
		return r;
	add(c, path);
	return run(c, FSMAKE_RESIZE, 0, w);
}
