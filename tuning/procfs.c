#include "tuning/procfs.h"

#include <limits.h>
#include <string.h>

#include "base/parse.h"

#define FIELDS_MAX 16u /* of one line that matter; what a kernel adds behind them is passed over */

/* One line cut into its fields. */
struct fields {
	char *at[FIELDS_MAX];
	size_t n;
};

/* Cut off the next line. NULL at the end. */
static char *next_line(struct lines *from)
{
	char *line = from->at, *end = line + strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	from->at = end + (*end == '\n');
	*end = '\0';
	from->n++;
	return line;
}

/* Fields that are set apart by any number of blanks. */
static struct fields cut_at_blanks(char *line)
{
	struct fields f = { .n = 0 };
	char *save = NULL;

	for (char *at = strtok_r(line, " \t", &save); at && f.n < FIELDS_MAX; at = strtok_r(NULL, " \t", &save))
		f.at[f.n++] = at;
	return f;
}

/* Fields that are set apart by one space each, so that one may be empty. */
static struct fields cut_at_spaces(char *line)
{
	struct fields f = { .n = 0 };

	for (char *at; f.n < FIELDS_MAX && (at = strsep(&line, " "));)
		f.at[f.n++] = at;
	return f;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Make the \ooo in a name plain, in place. Returns 0 or -EBADMSG. */
static int plain_name(char *name, unsigned int line, struct why *w)
{
	char *to = name;

	for (const char *from = name; *from; to++) {
		char c = *from++;

		if (c == '\\' && from[0] >= '0' && from[0] <= '3' && is_octal(from[1]) && is_octal(from[2])) {
			c = (char)((from[0] - '0') << 6 | (from[1] - '0') << 3 | (from[2] - '0'));
			from += 3;
		}
		if (c == '\0')
			return fail(w, -EBADMSG, "line %u: a NUL in a name", line);
		*to = c;
	}
	*to = '\0';
	return 0;
}

int meminfo_total(char *text, uint64_t *ret_bytes, struct why *w)
{
	struct lines from = { .at = text };
	uint64_t kib = 0;

	for (char *line = next_line(&from); line; line = next_line(&from)) {
		struct fields f = cut_at_blanks(line);

		if (f.n == 0 || strcmp(f.at[0], "MemTotal:") != 0)
			continue;
		if (f.n != 3 || strcmp(f.at[2], "kB") != 0 || parse_u64(f.at[1], UINT64_MAX / 1024, &kib, NULL))
			return fail(w, -EBADMSG, "line %u: MemTotal is not an amount of kB", from.n);
		*ret_bytes = kib * 1024;
		return 0;
	}
	return fail(w, -EBADMSG, "no line MemTotal");
}

static int priority_of(const char *s, int *ret)
{
	bool negative = *s == '-';
	uint64_t v = 0;

	if (parse_u64(s + negative, INT_MAX, &v, NULL))
		return -EBADMSG;
	*ret = negative ? -(int)v : (int)v;
	return 0;
}

/* swap_show() puts this behind the name of a file that was removed. */
static bool cut_deleted(char *name)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(name), m = strlen(mark);

	if (n <= m || strcmp(name + n - m, mark) != 0)
		return false;
	name[n - m] = '\0';
	return true;
}

static int swap_of(const struct fields *f, unsigned int line, struct swap_line *ret, struct why *w)
{
	uint64_t kib = 0, used_kib = 0;
	int priority = 0, r;

	if (f->n != 5)
		return fail(w, -EBADMSG, "line %u: %zu fields where 5 are wanted", line, f->n);
	if (parse_u64(f->at[2], UINT64_MAX / 1024, &kib, NULL) || parse_u64(f->at[3], kib, &used_kib, NULL) ||
	    priority_of(f->at[4], &priority))
		return fail(w, -EBADMSG, "line %u: size '%s', used '%s', priority '%s' cannot be", line, f->at[2],
			    f->at[3], f->at[4]);
	r = plain_name(f->at[0], line, w);
	if (r)
		return r;
	*ret = (struct swap_line){ .deleted = cut_deleted(f->at[0]),
				   .name = f->at[0],
				   .file = strcmp(f->at[1], "file") == 0,
				   .bytes = kib * 1024,
				   .used_bytes = used_kib * 1024,
				   .priority = priority };
	return 1;
}

int swaps_next(struct lines *from, struct swap_line *ret, struct why *w)
{
	char *line = next_line(from);
	struct fields f;

	if (line && from->n == 1) {
		f = cut_at_blanks(line);
		if (f.n == 0 || strcmp(f.at[0], "Filename") != 0)
			return fail(w, -EBADMSG, "line 1: not the heading of /proc/swaps");
		line = next_line(from);
	}
	if (!line)
		return 0;
	f = cut_at_blanks(line);
	return swap_of(&f, from->n, ret, w);
}

/* "MAJOR:MINOR", 12 and 20 bits wide. */
static int device_of(char *s, struct mount_line *ret)
{
	char *colon = strchr(s, ':');
	uint64_t major = 0, minor = 0;

	if (!colon)
		return -EBADMSG;
	*colon = '\0';
	if (parse_u64(s, (1u << 12) - 1, &major, NULL) || parse_u64(colon + 1, (1u << 20) - 1, &minor, NULL))
		return -EBADMSG;
	ret->major = (unsigned int)major;
	ret->minor = (unsigned int)minor;
	return 0;
}

/* Whether a list of mount options starts with "ro". */
static bool says_ro(const char *options)
{
	return strncmp(options, "ro", 2) == 0 && (options[2] == ',' || options[2] == '\0');
}

/* 36 35 98:0 /root /point rw,noatime tag:1 tag:2 - ext3 /dev/source rw,errors=continue */
static int mount_of(const struct fields *f, unsigned int line, struct mount_line *ret, struct why *w)
{
	struct mount_line m;
	size_t dash = 6;
	int r;

	while (dash < f->n && strcmp(f->at[dash], "-") != 0)
		dash++;
	if (dash + 3 >= f->n)
		return fail(w, -EBADMSG, "line %u: not a mount", line);
	if (device_of(f->at[2], &m))
		return fail(w, -EBADMSG, "line %u: '%s' is not a device number", line, f->at[2]);
	r = plain_name(f->at[3], line, w);
	r = r ? r : plain_name(f->at[4], line, w);
	r = r ? r : plain_name(f->at[dash + 2], line, w);
	if (r)
		return r;
	m.root = f->at[3];
	m.point = f->at[4];
	m.type = f->at[dash + 1];
	m.source = f->at[dash + 2];
	m.read_only = says_ro(f->at[5]) || says_ro(f->at[dash + 3]);
	*ret = m;
	return 1;
}

int mountinfo_next(struct lines *from, struct mount_line *ret, struct why *w)
{
	char *line = next_line(from);
	struct fields f;

	if (!line)
		return 0;
	f = cut_at_spaces(line);
	return mount_of(&f, from->n, ret, w);
}

/* POINT BLOCK_BYTES BLOCKS FREE_BLOCKS */
int statfs_next(struct lines *from, struct statfs_line *ret, struct why *w)
{
	char *line = next_line(from);
	uint64_t block = 0, blocks = 0, avail = 0, size;
	struct fields f;
	int r;

	if (!line)
		return 0;
	f = cut_at_blanks(line);
	if (f.n != 4 || parse_u64(f.at[1], UINT32_MAX, &block, NULL) || parse_u64(f.at[2], INT64_MAX, &blocks, NULL) ||
	    parse_u64(f.at[3], blocks, &avail, NULL) || __builtin_mul_overflow(block, blocks, &size))
		return fail(w, -EBADMSG, "line %u: not a mount point with size, number and free number of its blocks",
			    from->n);
	r = plain_name(f.at[0], from->n, w);
	if (r)
		return r;
	*ret = (struct statfs_line){ .point = f.at[0], .size_bytes = size, .free_bytes = block * avail };
	return 1;
}

int cgroup_path(char *text, const char **ret, struct why *w)
{
	struct lines from = { .at = text };

	for (char *line = next_line(&from); line; line = next_line(&from)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		if (line[3] != '/')
			return fail(w, -EBADMSG, "line %u: '0::' is not followed by a path", from.n);
		*ret = line + 3;
		return 0;
	}
	return -ENODATA;
}

bool words_have(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; *at; at += strcspn(at, " \n"), at += strspn(at, " \n"))
		if (strncmp(at, word, n) == 0 && strchr(" \n", at[n]))
			return true;
	return false;
}
