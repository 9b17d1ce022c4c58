#include "updater/tree_tar.h"

#include <archive.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "updater/archive_late.h"
#include "updater/tree_read.h"

#define BUFFER_BYTES (256u << 10)
#define XATTRS_MAX   65536u /* bytes of names, and of a value: the kernel's limit */

struct packer {
	const char *folder;
	int64_t clock;
	struct archive *to, *disk; /* disk: for what it knows of ACLs and holes */
	struct archive_entry_linkresolver *links;
	uint8_t *buf; /* BUFFER_BYTES */
};

static int say(struct archive *a, const char *path, struct why *w)
{
	const char *text = archive_error_string(a);
	int e = archive_errno(a);

	return fail(w, e > 0 ? -e : -EIO, "%s: %s", path, text ? text : "cannot be packed");
}

/* --- one member --- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_xattr(struct archive_entry *e, const char *path, const char *name, uint8_t *value, struct why *w)
{
	ssize_t n = lgetxattr(path, name, value, XATTRS_MAX);

	if (n < 0)
		return fail_errno(w, "%s: attribute %s", path, name);
	archive_entry_xattr_add_entry(e, name, value, (size_t)n);
	return 0;
}

/* In the order of their names, which a file system need not keep; only those that a tree may have. */
static int add_xattrs(struct packer *k, struct archive_entry *e, const char *path, struct why *w)
{
	char *list = (char *)k->buf, *names[256];
	ssize_t bytes = llistxattr(path, list, XATTRS_MAX);
	size_t n = 0;
	int r = 0;

	if (bytes < 0)
		return errno == ENOTSUP ? 0 : fail_errno(w, "%s: attributes", path);
	for (char *at = list; at < list + bytes; at += strlen(at) + 1)
		if (tree_xattr_allowed(at) && n < ARRAY_SIZE(names))
			names[n++] = at;
	qsort(names, n, sizeof(names[0]), compare_names);
	for (size_t i = 0; !r && i < n; i++)
		r = add_xattr(e, path, names[i], k->buf + XATTRS_MAX, w);
	return r;
}

static int describe(struct packer *k, struct archive_entry *e, const char *path, const char *name,
		    const struct stat *st, struct why *w)
{
	archive_entry_copy_sourcepath(e, path);
	archive_entry_copy_pathname(e, name);
	if (archive_read_disk_entry_from_file(k->disk, e, -1, st) != ARCHIVE_OK)
		return say(k->disk, path, w);
	archive_entry_unset_atime(e);
	archive_entry_unset_ctime(e);
	archive_entry_unset_birthtime(e);
	archive_entry_set_mtime(e, st->st_mtime < k->clock ? st->st_mtime : k->clock, 0);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_uname(e, "root");
	archive_entry_set_gname(e, "root");
	return add_xattrs(k, e, path, w);
}

/* Holes are read as zeros, and left out again by libarchive. */
static int copy_data(struct packer *k, const char *path, uint64_t size, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return fail_errno(w, "%s", path);
	for (uint64_t at = 0; !r && at < size; at += BUFFER_BYTES) {
		size_t n = size - at < BUFFER_BYTES ? (size_t)(size - at) : BUFFER_BYTES;

		r = pread_full(fd, k->buf, n, at, path, w);
		if (!r && archive_write_data(k->to, k->buf, n) != (ssize_t)n)
			r = say(k->to, path, w);
	}
	return r;
}

static int write_member(struct packer *k, struct archive_entry **e, const char *path, const struct stat *st,
			struct why *w)
{
	struct archive_entry *later = NULL;

	archive_entry_linkify(k->links, e, &later);
	if (archive_write_header(k->to, *e) != ARCHIVE_OK)
		return say(k->to, path, w);
	return S_ISREG(st->st_mode) && archive_entry_size(*e) > 0 ? copy_data(k, path, (uint64_t)st->st_size, w) : 0;
}

static int add_member(struct packer *k, const char *path, const char *name, const struct stat *st, struct why *w)
{
	struct archive_entry *e = archive_entry_new();
	int r = e ? describe(k, e, path, name, st, w) : fail(w, -ENOMEM, "out of memory");

	r = r ? r : write_member(k, &e, path, st, w);
	archive_entry_free(e);
	return r;
}

/* --- the folder --- */

static int add_below(struct packer *k, const char *path, const char *name, struct why *w);

static int one_name(struct packer *k, const char *path, const char *name, const char *entry, struct why *w)
{
	char below[PATH_MAX], shown[PATH_MAX];
	bool top = strcmp(name, ".") == 0;

	if (snprintf(below, sizeof(below), "%s/%s", path, entry) >= (int)sizeof(below) ||
	    snprintf(shown, sizeof(shown), "%s%s%s", top ? "" : name, top ? "" : "/", entry) >= (int)sizeof(shown))
		return fail(w, -ENAMETOOLONG, "%s/%s: name too long", path, entry);
	return add_below(k, below, shown, w);
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct packer *k, const char *path, const char *name, struct why *w)
{
	struct dirent **list = NULL;
	int n = scandir(path, &list, not_dots, compare_entries), r = 0;

	if (n < 0)
		return fail_errno(w, "%s", path);
	for (int i = 0; i < n; i++) {
		r = r ? r : one_name(k, path, name, list[i]->d_name, w);
		free(list[i]);
	}
	free(list);
	return r;
}

static int add_below(struct packer *k, const char *path, const char *name, struct why *w)
{
	struct stat st;
	int r;

	if (lstat(path, &st))
		return fail_errno(w, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return misuse(w, -EBADMSG, "%s: is neither file, folder nor link", path);
	r = add_member(k, path, name, &st, w);
	return r || !S_ISDIR(st.st_mode) ? r : add_folder(k, path, name, w);
}

static int pack_all(struct packer *k, int fd, struct why *w)
{
	int r;

	k->to = archive_write_new();
	k->disk = archive_read_disk_new();
	k->links = archive_entry_linkresolver_new();
	k->buf = malloc(BUFFER_BYTES);
	if (!k->to || !k->disk || !k->links || !k->buf)
		return fail(w, -ENOMEM, "out of memory");
	archive_entry_linkresolver_set_strategy(k->links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	if (archive_read_disk_set_behavior(k->disk, ARCHIVE_READDISK_NO_XATTR | ARCHIVE_READDISK_NO_FFLAGS) ||
	    archive_write_set_format_pax_restricted(k->to) || archive_write_open_fd(k->to, fd))
		return say(k->to, k->folder, w);
	r = add_below(k, k->folder, ".", w);
	if (!r && archive_write_close(k->to) != ARCHIVE_OK)
		r = say(k->to, k->folder, w);
	return r;
}

static int pack_folder(const char *path, int64_t clock, int fd, struct why *w)
{
	struct packer k = { .folder = path, .clock = clock };
	struct tree_locale locale;
	int r = archive_late_load(w);

	if (r)
		return r;
	locale = tree_locale_enter();
	r = pack_all(&k, fd, w);
	archive_entry_linkresolver_free(k.links);
	(void)archive_read_free(k.disk);
	(void)archive_write_free(k.to);
	free(k.buf);
	tree_locale_leave(&locale);
	return r;
}

/* A file without a name, that goes with its descriptor. */
static int open_temp(const char *beside, int *ret, struct why *w)
{
	char copy[PATH_MAX], path[PATH_MAX];
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s", beside);
	if (snprintf(path, sizeof(path), "%s/.tandem-tree-XXXXXX", dirname(copy)) >= (int)sizeof(path))
		return fail(w, -ENAMETOOLONG, "%s: name too long", beside);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(w, "%s: create", path);
	(void)unlink(path);
	*ret = fd;
	return 0;
}

/* --- the stream --- */

struct stream {
	int fd;
	const char *name;
	uint64_t at;
	uint8_t buf[65536];
};

static int next(void *arg, const void **ret, size_t *ret_n, struct why *w)
{
	struct stream *s = arg;
	ssize_t n;

	do
		n = pread(s->fd, s->buf, sizeof(s->buf), (off_t)s->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_errno(w, "%s: read", s->name);
	s->at += (uint64_t)n;
	*ret = s->buf;
	*ret_n = (size_t)n;
	return 0;
}

static int check_stream(int fd, const char *name, struct tree_limits *ret, struct why *w)
{
	const struct tree_limits all = { .bytes = INT64_MAX, .entries = TREE_ENTRIES_MAX };
	AUTO_FREE struct stream *s = malloc(sizeof(*s));
	const struct tree_input in = { .next = next, .arg = s };
	const struct tree_sink none = { 0 };
	struct tree_limits sum = { 0 };
	int r;

	if (!s)
		return fail(w, -ENOMEM, "out of memory");
	s->fd = fd;
	s->name = name;
	s->at = 0;
	r = tree_read(&in, &all, &none, &sum, w);
	if (r) {
		if (r == -EBADMSG && w)
			w->exit = EXIT_USAGE; /* what the recipe names */
		return why_in(w, r, "%s", name);
	}
	*ret = (struct tree_limits){ .bytes = sum.bytes ? sum.bytes : 1, .entries = sum.entries };
	return 0;
}

int tree_tar_open(const char *path, const char *beside, int64_t clock, int *ret, struct tree_limits *ret_limits,
		  struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		(void)close(MOVE_FD(fd));
		r = open_temp(beside, &fd, w);
		r = r ? r : pack_folder(path, clock, fd, w);
	} else if (!S_ISREG(st.st_mode)) {
		r = misuse(w, -EBADMSG, "%s: is neither a folder nor a tar file", path);
	}
	r = r ? r : check_stream(fd, path, ret_limits, w);
	if (!r)
		*ret = MOVE_FD(fd);
	return r;
}
