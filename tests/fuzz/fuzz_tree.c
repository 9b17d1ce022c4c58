/*
 * fuzz_tree - any bytes as a tar stream. Whatever comes out of it is inside the limits, under a clean name that is there
 * once, below a folder that came before; data lies inside its member.
 */
#include <stdlib.h>

#include "updater/tree_read.h"

#define MEMBERS 64u

struct seen {
	char paths[MEMBERS][TREE_PATH_MAX];
	size_t n;
	uint64_t size, at, bytes;
};

static void must(bool promise)
{
	if (!promise)
		abort();
}

static int next(void *arg, const void **ret, size_t *ret_n, struct why *w)
{
	struct bytes *left = arg;
	size_t n = left->n < 700 ? left->n : 700;

	(void)w;
	*ret = left->p;
	*ret_n = n;
	*left = bytes_of(left->p + n, left->n - n);
	return 0;
}

static void check_path(const char *path)
{
	must(path && path[0] && path[0] != '/' && strlen(path) < TREE_PATH_MAX);
	for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		must(p[0] && p[0] != '/' && strncmp(p, "../", 3) != 0 && strcmp(p, "..") != 0);
		must(strcmp(path, ".") == 0 || (strncmp(p, "./", 2) != 0 && strcmp(p, ".") != 0));
	}
}

static int member(void *arg, struct archive_entry *e, struct why *w)
{
	struct seen *s = arg;
	const char *path = archive_entry_pathname(e);

	(void)w;
	check_path(path);
	if (archive_entry_hardlink(e)) {
		check_path(archive_entry_hardlink(e));
		must(strcmp(archive_entry_hardlink(e), path) != 0);
	} else {
		must(archive_entry_filetype(e) == AE_IFREG || archive_entry_filetype(e) == AE_IFDIR ||
		     archive_entry_filetype(e) == AE_IFLNK);
	}
	must(archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
	     (archive_entry_perm(e) & 06000) == 0);
	must(s->n < MEMBERS);
	for (size_t i = 0; i < s->n; i++)
		must(strcmp(s->paths[i], path) != 0);
	(void)snprintf(s->paths[s->n++], TREE_PATH_MAX, "%s", path);
	s->size = archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFREG ? 0
										     : (uint64_t)archive_entry_size(e);
	s->at = 0;
	s->bytes += s->size;
	return 0;
}

static int data(void *arg, const void *p, size_t n, uint64_t off, struct why *w)
{
	struct seen *s = arg;
	volatile uint8_t sum = 0;

	(void)w;
	must(off >= s->at && off + n <= s->size);
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
	s->at = off + n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct tree_limits limits = { .bytes = 1u << 20, .entries = MEMBERS };
	static struct seen s;
	struct bytes left = bytes_of(bytes, n);
	const struct tree_input in = { .next = next, .arg = &left };
	const struct tree_sink sink = { .member = member, .data = data, .arg = &s };
	struct tree_limits sum = { 0 };
	struct why w = { 0 };

	s.n = 0;
	s.bytes = 0;
	if (tree_read(&in, &limits, &sink, &sum, &w)) {
		must(w.text[0] != '\0');
		return 0;
	}
	must(sum.entries == s.n && sum.bytes == s.bytes && s.bytes <= limits.bytes);
	return 0;
}
