#include "updater/tree_read.h"

#include <archive.h>
#include <inttypes.h>

#include "updater/archive_late.h"

struct reader {
	struct archive *a;
	const struct tree_input *in;
	const struct tree_sink *sink;
	struct tree_checker checker;
	bool in_header;        /* libarchive is after a header, of which it */
	uint64_t header_bytes; /* has been given so many bytes */
	uint64_t size, at;     /* of the member whose data is read, and how far that is */
	int error;             /* of the input */
	struct why why;
};

/* --- libarchive's side --- */

static ssize_t give(struct archive *a, void *arg, const void **ret)
{
	struct reader *k = arg;
	size_t n = 0;

	if (!k->error && k->in_header && k->header_bytes > TREE_HEADER_MAX)
		k->error = fail(&k->why, -E2BIG, "a member's header has over %u bytes", TREE_HEADER_MAX);
	if (!k->error)
		k->error = k->in->next(k->in->arg, ret, &n, &k->why);
	if (k->error) {
		archive_set_error(a, EIO, "input");
		return ARCHIVE_FATAL;
	}
	k->header_bytes += n;
	return (ssize_t)n;
}

/* What libarchive says, or what the input said before. */
static int say(struct reader *k, struct why *w)
{
	const char *text = archive_error_string(k->a);
	char shown[124];

	if (k->error) {
		if (w && !w->code)
			*w = k->why;
		return k->error;
	}
	if (archive_errno(k->a) == ENOMEM)
		return fail(w, -ENOMEM, "out of memory");
	return fail(w, -EBADMSG, "tar: %s", tree_show(text ? text : "damaged", shown));
}

static int open_archive(struct reader *k, struct why *w)
{
	k->a = archive_read_new();
	if (!k->a)
		return fail(w, -ENOMEM, "out of memory");
	if (archive_read_support_filter_none(k->a) || archive_read_support_format_tar(k->a) ||
	    archive_read_open(k->a, k, NULL, give, NULL))
		return say(k, w);
	return 0;
}

/* --- members --- */

static enum tree_kind kind_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return TREE_HARDLINK;
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return TREE_FILE;
	case AE_IFDIR:
		return TREE_FOLDER;
	case AE_IFLNK:
		return TREE_SYMLINK;
	default:
		return TREE_OTHER;
	}
}

static int check_xattrs(struct archive_entry *e, struct why *w)
{
	const char *name;
	const void *value;
	char shown[124], path[124];
	size_t n;

	(void)archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &n) == ARCHIVE_OK)
		if (!tree_xattr_allowed(name))
			return fail(w, -EBADMSG, "member '%s': the attribute %s is not allowed in a tree",
				    tree_show(archive_entry_pathname(e), path), tree_show(name, shown));
	return 0;
}

static int check_entry(struct reader *k, struct archive_entry *e, struct why *w)
{
	struct tree_member m = { .path = archive_entry_pathname(e), .kind = kind_of(e) };
	char path[TREE_PATH_MAX], target[TREE_PATH_MAX];
	int64_t size = archive_entry_size(e);
	int r;

	m.target = m.kind == TREE_HARDLINK ? archive_entry_hardlink(e) : archive_entry_symlink(e);
	m.mode = archive_entry_perm(e) & 07777;
	m.size = size > 0 ? (uint64_t)size : 0;
	if (size < 0)
		return fail(w, -EBADMSG, "tar: a member with a negative size");
	r = tree_check(&k->checker, &m, path, target, w);
	r = r ? r : check_xattrs(e, w);
	if (r)
		return r;
	archive_entry_set_pathname(e, path);
	if (m.kind == TREE_HARDLINK)
		archive_entry_set_hardlink(e, target);
	k->size = m.kind == TREE_FILE ? m.size : 0;
	k->at = 0;
	return 0;
}

static int one_block(struct reader *k, bool *ret_end, struct why *w)
{
	const void *p = NULL;
	size_t n = 0;
	la_int64_t off = 0;
	int r = archive_read_data_block(k->a, &p, &n, &off);

	*ret_end = r == ARCHIVE_EOF;
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return say(k, w);
	if (n == 0)
		return 0;
	if (off < 0 || (uint64_t)off < k->at || (uint64_t)off > k->size || k->size - (uint64_t)off < n)
		return fail(w, -EBADMSG, "tar: data outside of its member");
	k->at = (uint64_t)off + n;
	return k->sink->data ? k->sink->data(k->sink->arg, p, n, (uint64_t)off, w) : 0;
}

static int read_data(struct reader *k, struct why *w)
{
	bool end = false;
	int r = 0;

	while (!r && !end)
		r = one_block(k, &end, w);
	return r;
}

static int one_member(struct reader *k, bool *ret_end, struct why *w)
{
	struct archive_entry *e = NULL;
	int r;

	k->in_header = true;
	k->header_bytes = 0;
	r = archive_read_next_header(k->a, &e);
	k->in_header = false;
	*ret_end = r == ARCHIVE_EOF;
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK) /* a warning as well: a name that cannot be read, an attribute that is damaged */
		return say(k, w);
	r = check_entry(k, e, w);
	if (!r && k->sink->member)
		r = k->sink->member(k->sink->arg, e, w);
	return r ? r : read_data(k, w);
}

static int read_all(struct reader *k, struct why *w)
{
	bool end = false;
	int r = open_archive(k, w);

	while (!r && !end)
		r = one_member(k, &end, w);
	if (!r && k->checker.sum.entries == 0)
		r = fail(w, -EBADMSG, "tar: has no members");
	return r;
}

struct tree_locale tree_locale_enter(void)
{
	struct tree_locale l = { .utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0) };

	if (l.utf8)
		l.before = uselocale(l.utf8);
	return l;
}

void tree_locale_leave(const struct tree_locale *l)
{
	if (!l->utf8)
		return;
	(void)uselocale(l->before);
	freelocale(l->utf8);
}

int tree_read(const struct tree_input *in, const struct tree_limits *limits, const struct tree_sink *sink,
	      struct tree_limits *ret, struct why *w)
{
	struct reader k = { .in = in, .sink = sink };
	struct tree_locale locale;
	int r = archive_late_load(w);

	if (r)
		return r;
	locale = tree_locale_enter();
	r = tree_check_init(&k.checker, limits, w);
	r = r ? r : read_all(&k, w);
	if (!r)
		*ret = k.checker.sum;
	(void)archive_read_free(k.a);
	tree_check_done(&k.checker);
	tree_locale_leave(&locale);
	return r;
}
