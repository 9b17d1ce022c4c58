#include "updater/tree_store.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/io.h"

#define META      ".tandem"
#define RELEASES  "releases"
#define LINK_TEMP META "/link"
#define OPEN_DIR  (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

/* A folder's name while it is filled or emptied. */
#define PART_MAX (TREE_NAME_MAX + 8)

static const char *const copies[] = { "journal.0", "journal.1" };

/* --- open and close --- */

/* Whatever the umask: the product does not run as root. */
static int share(int fd, const char *name, struct why *w)
{
	return fchmod(fd, 0755) ? fail_errno(w, "%s: chmod", name) : 0;
}

static int open_folder(const struct tree_store *s, const char *name, bool make, int *ret, struct why *w)
{
	bool made = false;
	int fd;

	if (make && mkdirat(s->root_fd, name, 0755) == 0)
		made = true;
	else if (make && errno != EEXIST)
		return fail_errno(w, "%s/%s: mkdir", s->root, name);
	fd = openat(s->root_fd, name, OPEN_DIR | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(w, "%s/%s", s->root, name);
	*ret = fd;
	return made ? share(fd, name, w) : 0;
}

static int take_lock(struct tree_store *s, struct why *w)
{
	s->lock_fd = openat(s->meta_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return fail_errno(w, "%s/" META "/lock", s->root);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return fail_errno(w, "%s/" META "/lock", s->root);
	(void)refuse(w, -EBUSY, "%s: another tandem works on the trees", s->root);
	return why_next(w, -EBUSY, "wait until it has ended");
}

/* The names of the folders are durable before anything in them is. */
static int sync_folders(const struct tree_store *s, struct why *w)
{
	if (fsync(s->meta_fd) || fsync(s->releases_fd) || fsync(s->root_fd))
		return fail_errno(w, "%s: fsync", s->root);
	return 0;
}

int tree_store_open(const char *root, bool write, struct tree_store *ret, struct why *w)
{
	bool made = write && access(root, F_OK) != 0;
	int r = 0;

	*ret = (struct tree_store){ .root = root, .root_fd = -1, .releases_fd = -1, .meta_fd = -1, .lock_fd = -1 };
	if (write)
		r = dir_make(root, 0755, w);
	if (r)
		return r;
	ret->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->root_fd < 0)
		return fail_errno(w, "%s", root);
	if (made)
		r = share(ret->root_fd, root, w);
	r = r ? r : open_folder(ret, META, write, &ret->meta_fd, w);
	r = r ? r : open_folder(ret, RELEASES, write, &ret->releases_fd, w);
	if (r || !write)
		return r;
	r = take_lock(ret, w);
	return r ? r : sync_folders(ret, w);
}

void tree_store_close(struct tree_store *s)
{
	int *const fds[] = { &s->lock_fd, &s->releases_fd, &s->meta_fd, &s->root_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		auto_close(fds[i]);
		*fds[i] = -1;
	}
}

/* --- journal --- */

/* Returns 0; -ENOENT; or what is wrong, noted in `damage` when it is the content. */
static int load_copy(struct tree_store *s, unsigned int i, struct tree_record *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char name[PATH_MAX];
	struct why own = { 0 };
	size_t n = 0;
	int r = file_read(s->meta_fd, copies[i], TREE_RECORD_MAX, &text, &n, &own);

	(void)snprintf(name, sizeof(name), "%s/" META "/%s", s->root, copies[i]);
	if (!r)
		r = tree_record_parse(bytes_of(text, n), name, ret, &own);
	if (r && r != -ENOENT)
		(void)snprintf(s->damage[i], sizeof(s->damage[i]), "%.199s", own.text);
	if (r && r != -ENOENT && r != -EBADMSG && r != -E2BIG && w && !w->code)
		*w = own;
	return r;
}

int tree_store_load(struct tree_store *s, struct tree_record *ret, struct why *w)
{
	struct tree_record rec[2];
	int r[2];

	s->damage[0][0] = s->damage[1][0] = '\0';
	for (unsigned int i = 0; i < 2; i++) {
		r[i] = load_copy(s, i, &rec[i], w);
		if (r[i] && r[i] != -ENOENT && r[i] != -EBADMSG && r[i] != -E2BIG)
			return r[i];
	}
	s->has_record = !r[0] || !r[1];
	s->turn = r[0] ? 0 : r[1] ? 1 : rec[0].sequence > rec[1].sequence;
	if (s->has_record) {
		*ret = rec[s->turn ^ 1u];
		return 0;
	}
	if (r[0] == -ENOENT && r[1] == -ENOENT) {
		*ret = (struct tree_record){ 0 };
		return 0;
	}
	return fail(w, -EBADMSG, "the journal is lost: %s", s->damage[s->damage[0][0] ? 0 : 1]);
}

int tree_store_save(struct tree_store *s, struct tree_record *rec, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r;

	rec->sequence++;
	r = tree_record_format(rec, &text, &n, w);
	r = r ? r : file_replace(s->meta_fd, copies[s->turn], text, n, 0644, w);
	if (r)
		return why_in(w, r, "%s/" META, s->root);
	s->turn ^= 1u;
	s->has_record = true;
	return 0;
}

/* --- links --- */

static const char *link_name(bool next)
{
	return next ? "next" : "current";
}

int tree_store_link_get(const struct tree_store *s, bool next, char ret[TREE_NAME_MAX], struct why *w)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(s->root_fd, link_name(next), to, sizeof(to) - 1);
	size_t prefix = sizeof(RELEASES "/") - 1;

	ret[0] = '\0';
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 && errno != EINVAL)
		return fail_errno(w, "%s/%s", s->root, link_name(next));
	ret[0] = '?';
	ret[1] = '\0';
	if (n < 0)
		return 0; /* no link */
	to[n] = '\0';
	if (strncmp(to, RELEASES "/", prefix) == 0 && tree_name_valid(to + prefix))
		memcpy(ret, to + prefix, strlen(to + prefix) + 1);
	return 0;
}

static int remove_link(const struct tree_store *s, bool next, struct why *w)
{
	if (unlinkat(s->root_fd, link_name(next), 0) && errno != ENOENT)
		return fail_errno(w, "%s/%s: remove", s->root, link_name(next));
	return 0;
}

static int replace_link(const struct tree_store *s, bool next, const char *name, struct why *w)
{
	char to[PATH_MAX];

	(void)snprintf(to, sizeof(to), RELEASES "/%s", name);
	if (unlinkat(s->root_fd, LINK_TEMP, 0) && errno != ENOENT)
		return fail_errno(w, "%s/" LINK_TEMP ": left over, cannot be removed", s->root);
	if (symlinkat(to, s->root_fd, LINK_TEMP))
		return fail_errno(w, "%s/" LINK_TEMP ": symlink", s->root);
	if (renameat(s->root_fd, LINK_TEMP, s->root_fd, link_name(next)))
		return fail_errno(w, "%s/%s: rename", s->root, link_name(next));
	return 0;
}

int tree_store_link_set(const struct tree_store *s, bool next, const char *name, struct why *w)
{
	int r = name ? replace_link(s, next, name, w) : remove_link(s, next, w);

	if (!r && fsync(s->root_fd))
		r = fail_errno(w, "%s: fsync", s->root);
	return r;
}

/* --- removing --- */

static int remove_all(int at, const char *name, unsigned int depth, struct why *w);

static int empty_folder(int at, const char *name, unsigned int depth, struct why *w)
{
	int fd = openat(at, name, OPEN_DIR | O_CLOEXEC), r = 0;
	AUTO_DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = fail_errno(w, "%s", name);
		auto_close(&fd);
		return r;
	}
	if (depth > 2 * TREE_STOCK_MAX)
		return fail(w, -ELOOP, "%s: folders without end", name);
	while (!r && (errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_all(dirfd(d), e->d_name, depth + 1, w);
	return r || !errno ? r : fail_errno(w, "%s: read", name);
}

/* Whatever is at this name, and below it; no link is followed. Nothing there is fine. */
static int remove_all(int at, const char *name, unsigned int depth, struct why *w)
{
	int r;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail_errno(w, "%s: remove", name);
	r = empty_folder(at, name, depth, w);
	if (!r && unlinkat(at, name, AT_REMOVEDIR) && errno != ENOENT)
		r = fail_errno(w, "%s: rmdir", name);
	return r;
}

static bool is_part(const char *name)
{
	size_t n = strlen(name);

	return name[0] == '.' && n > 5 && (strcmp(name + n - 4, ".new") == 0 || strcmp(name + n - 4, ".old") == 0);
}

static int sync_releases(const struct tree_store *s, struct why *w)
{
	return fsync(s->releases_fd) ? fail_errno(w, "%s/" RELEASES ": fsync", s->root) : 0;
}

/* A second descriptor, so that readdir() starts from the beginning and may close it. */
static DIR *open_releases(const struct tree_store *s, struct why *w)
{
	int fd = openat(s->root_fd, RELEASES, OPEN_DIR | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		(void)fail_errno(w, "%s/" RELEASES, s->root);
		auto_close(&fd);
	}
	return d;
}

int tree_store_partial(const struct tree_store *s, bool *ret, struct why *w)
{
	AUTO_DIR *d = open_releases(s, w);
	bool found = false;
	struct dirent *e;

	if (!d)
		return -EIO;
	while (!found && (errno = 0, e = readdir(d)))
		found = is_part(e->d_name);
	if (!found && errno)
		return fail_errno(w, "%s/" RELEASES ": read", s->root);
	*ret = found;
	return 0;
}

int tree_store_clean(const struct tree_store *s, struct why *w)
{
	AUTO_DIR *d = open_releases(s, w);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -EIO;
	while (!r && (errno = 0, e = readdir(d)))
		if (is_part(e->d_name))
			r = remove_all(s->releases_fd, e->d_name, 0, w);
	if (!r && errno)
		r = fail_errno(w, "%s/" RELEASES ": read", s->root);
	return r ? why_in(w, r, "%s/" RELEASES, s->root) : sync_releases(s, w);
}

int tree_store_remove(const struct tree_store *s, const char *name, struct why *w)
{
	char part[PART_MAX];
	int r;

	(void)snprintf(part, sizeof(part), ".%s.old", name);
	r = remove_all(s->releases_fd, part, 0, w);
	if (!r && renameat(s->releases_fd, name, s->releases_fd, part))
		r = errno == ENOENT ? 0 : fail_errno(w, "%s: rename", name);
	r = r ? r : sync_releases(s, w); /* half a tree must not come back under its name */
	r = r ? r : remove_all(s->releases_fd, part, 0, w);
	return r ? why_in(w, r, "%s/" RELEASES, s->root) : sync_releases(s, w);
}

/* --- trees --- */

bool tree_store_has(const struct tree_store *s, const char *name)
{
	struct stat st;

	return name[0] && fstatat(s->releases_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int tree_store_begin(const struct tree_store *s, const char *name, int *ret, struct why *w)
{
	char part[PART_MAX];
	int r = tree_store_clean(s, w), fd;

	(void)snprintf(part, sizeof(part), ".%s.new", name);
	if (r)
		return r;
	if (mkdirat(s->releases_fd, part, 0755))
		return fail_errno(w, "%s/" RELEASES "/%s: mkdir", s->root, part);
	fd = openat(s->releases_fd, part, OPEN_DIR | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(w, "%s/" RELEASES "/%s", s->root, part);
	*ret = fd;
	return share(fd, part, w);
}

int tree_store_publish(const struct tree_store *s, const char *name, int fd, struct why *w)
{
	bool there = tree_store_has(s, name);
	char part[PART_MAX];

	(void)snprintf(part, sizeof(part), ".%s.new", name);
	if (syncfs(fd) || fsync(fd))
		return fail_errno(w, "%s/" RELEASES "/%s: sync", s->root, part);
	if (renameat2(s->releases_fd, part, s->releases_fd, name, there ? RENAME_EXCHANGE : RENAME_NOREPLACE))
		return fail_errno(w, "%s/" RELEASES "/%s: rename", s->root, name);
	return sync_releases(s, w); /* what was there has the other's name now, and goes with the remains */
}

static uint64_t folder_bytes(int at, const char *name, unsigned int depth)
{
	int fd = openat(at, name, OPEN_DIR | O_CLOEXEC);
	AUTO_DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	uint64_t sum = 0;

	if (!d) {
		auto_close(&fd);
		return 0;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, "..") == 0 || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISDIR(st.st_mode) && strcmp(e->d_name, ".") != 0)
			sum += depth < 2 * TREE_STOCK_MAX ? folder_bytes(dirfd(d), e->d_name, depth + 1) : 0;
		else
			sum += (uint64_t)st.st_blocks * 512 /
			       st.st_nlink; /* of a file with several names, a part each */
	}
	return sum;
}

static int add_stock(const struct tree_store *s, const char *name, struct tree_stock *stock, size_t *n, struct why *w)
{
	if (!tree_name_valid(name) || !tree_store_has(s, name))
		return 0; /* none of ours */
	if (*n == TREE_STOCK_MAX)
		return fail(w, -E2BIG, "%s/" RELEASES ": over %u trees", s->root, TREE_STOCK_MAX);
	memcpy(stock[*n].name, name, strlen(name) + 1);
	stock[(*n)++].bytes = folder_bytes(s->releases_fd, name, 0);
	return 0;
}

int tree_store_list(const struct tree_store *s, struct tree_stock **ret, size_t *ret_n, struct why *w)
{
	AUTO_FREE struct tree_stock *stock = calloc(TREE_STOCK_MAX, sizeof(*stock));
	AUTO_DIR *d = open_releases(s, w);
	struct dirent *e;
	size_t n = 0;
	int r = 0;

	if (!stock)
		return fail(w, -ENOMEM, "out of memory");
	if (!d)
		return -EIO;
	while (!r && (errno = 0, e = readdir(d)))
		r = add_stock(s, e->d_name, stock, &n, w);
	if (r)
		return r;
	*ret = MOVE(stock);
	*ret_n = n;
	return 0;
}

int tree_store_room(const struct tree_store *s, uint64_t *ret_bytes, uint64_t *ret_inodes, struct why *w)
{
	struct statvfs v;

	if (fstatvfs(s->releases_fd, &v))
		return fail_errno(w, "%s: free space", s->root);
	*ret_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*ret_inodes = v.f_files ? (uint64_t)v.f_favail : UINT64_MAX; /* btrfs counts none */
	return 0;
}
