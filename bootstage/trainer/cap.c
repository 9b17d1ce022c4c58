#include "bootstage/trainer/cap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "bootstage/trainer/caploop.h"
#include "bootstage/trainer/capproject.h"
#include "bootstage/trainer/usage.h"

#define FOLDER_MODE 0750
#define CLOSE_CALL  (1u << 20) /* cap_reached() */

static const char *const kinds[] = { "auto", "project", "loop", "scan" };

const char *cap_kind_name(enum cap_kind kind)
{
	return kinds[kind];
}

bool cap_kind_named(const char *word, enum cap_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i], word) == 0) {
			*ret = (enum cap_kind)i;
			return true;
		}
	}
	return false;
}

/* --- the folder --- */

static int open_folder(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Root gives it away, and only then lets anybody in: one that was left in between is known by its mode. */
#define HALF_MADE 0

static int make_folder(const struct cap_want *want, struct why *w)
{
	char parent[PATH_MAX];
	char *slash;
	int r;

	if (snprintf(parent, sizeof(parent), "%s", want->folder) >= (int)sizeof(parent))
		return fail(w, -ENAMETOOLONG, "%s: name too long", want->folder);
	slash = strrchr(parent, '/');
	if (slash && slash > parent) {
		*slash = '\0';
		r = dir_make(parent, 0755, w);
		if (r)
			return r;
	}
	if (mkdir(want->folder, geteuid() == 0 ? HALF_MADE : FOLDER_MODE) && errno != EEXIST)
		return fail_errno(w, "%s", want->folder);
	return 0;
}

static bool give_away(int fd, const struct cap_want *want)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (geteuid() != 0 || (st.st_mode & 07777) != HALF_MADE ||
				       (fchown(fd, want->uid, want->gid) == 0 && fchmod(fd, FOLDER_MODE) == 0));
}

static int folder(const struct cap_want *want, int *ret, struct why *w)
{
	AUTO_FD fd = open_folder(want->folder);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = make_folder(want, w);
		if (r)
			return r;
		fd = open_folder(want->folder);
	}
	if (fd < 0 || !give_away(fd, want))
		return fail_errno(w, "%s", want->folder);
	*ret = MOVE_FD(fd);
	return 0;
}

/* The folder, or the nearest one above that is there; a file system is the same for both, as a rule. */
static int look_at_folder(const char *path, int *ret, struct why *w)
{
	char at[PATH_MAX];
	int fd = open_folder(path);

	(void)snprintf(at, sizeof(at), "%s", path);
	for (char *slash; fd < 0 && errno == ENOENT && (slash = strrchr(at, '/'));) {
		*slash = '\0';
		fd = open(at[0] ? at : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return fail_errno(w, "%s", path);
	*ret = fd;
	return 0;
}

/* --- which kind --- */

static struct caploop loop_of(const struct cap_want *want)
{
	return (struct caploop){ .job = want->job,
				 .folder = want->folder,
				 .images = want->images,
				 .bytes = want->bytes,
				 .uid = want->uid,
				 .gid = want->gid };
}

static void note(struct cap *c, const char *text)
{
	size_t n = strlen(c->said);

	(void)snprintf(c->said + n, sizeof(c->said) - n, "%s%s", n ? "; " : "", text);
}

/* A folder on a file system of its own has its cap by that, whatever that file system could. */
static int try_project(const struct cap_want *want, bool act, struct cap *c, struct why *w)
{
	const struct caploop l = loop_of(want);

	if (want->kind == CAP_AUTO && caploop_mounted(&l))
		return fail(w, -EOPNOTSUPP, "it has a file system of its own already");
	return act ? capproject_set(c->fd, want->job, want->bytes, &c->project, w) : capproject_have(c->fd, w);
}

static int try_loop(const struct cap_want *want, bool act, struct cap *c, struct why *w)
{
	const struct caploop l = loop_of(want);
	int fd, r;

	if (want->kind == CAP_AUTO && want->mount_nothing)
		return fail(w, -EOPNOTSUPP, "no file system of its own: this is not the machine's own tree");
	r = act ? caploop_mount(&l, w) : caploop_have(&l, w);
	if (r == 0)
		(void)caploop_there(&l, &c->taken_bytes);
	if (r || !act)
		return r;
	fd = open_folder(want->folder);
	if (fd < 0)
		return fail_errno(w, "%s", want->folder);
	(void)close(c->fd);
	c->fd = fd;
	return 0;
}

static int try_kind(const struct cap_want *want, enum cap_kind kind, bool act, struct cap *c, struct why *w)
{
	switch (kind) {
	case CAP_PROJECT:
		return try_project(want, act, c, w);
	case CAP_LOOP:
		return try_loop(want, act, c, w);
	case CAP_SCAN:
	case CAP_AUTO:
		break;
	}
	return 0;
}

/* The first that can be had; what kept the better ones from it is told. */
static int choose(const struct cap_want *want, bool act, struct cap *c, struct why *w)
{
	enum cap_kind first = want->kind == CAP_AUTO ? CAP_PROJECT : want->kind;
	enum cap_kind last = want->kind == CAP_AUTO ? CAP_SCAN : want->kind;

	for (c->kind = first;; c->kind++) {
		struct why no = { 0 };
		int r = try_kind(want, c->kind, act, c, c->kind == last ? w : &no);

		if (r == 0 || c->kind == last)
			return r;
		note(c, no.text);
	}
}

static void describe(struct cap *c)
{
	char better[sizeof(c->said)];
	char id[48] = "";

	memcpy(better, c->said, sizeof(better));
	if (c->project)
		(void)snprintf(id, sizeof(id), " %u", c->project);
	(void)snprintf(c->said, sizeof(c->said), "%s%s",
		       c->kind == CAP_PROJECT ? "project quota"
		       : c->kind == CAP_LOOP  ? "a file system of its own"
					      : "each file's size, and a look at the whole every second",
		       id);
	if (better[0])
		note(c, better);
}

static int begin(const struct cap_want *want, bool act, struct cap *ret, struct why *w)
{
	AUTO_CAP c = { .fd = -1, .bytes = want->bytes };
	int r = act ? folder(want, &c.fd, w) : look_at_folder(want->folder, &c.fd, w);

	if (r)
		return r;
	r = choose(want, act, &c, w);
	if (r)
		return why_in(w, r, "cap of %s", want->job);
	describe(&c);
	*ret = c;
	c.fd = -1;
	return 0;
}

int cap_open(const struct cap_want *want, struct cap *ret, struct why *w)
{
	return begin(want, true, ret, w);
}

int cap_attach(const struct cap_want *want, struct why *w)
{
	struct caploop l = loop_of(want);

	return want->mount_nothing || !caploop_there(&l, &l.bytes) || caploop_mounted(&l) ? 0 : caploop_mount(&l, w);
}

int cap_look(const struct cap_want *want, struct cap *ret, struct why *w)
{
	int r = begin(want, false, ret, w);

	if (!r)
		cap_close(ret);
	return r;
}

/* --- while it is there --- */

int cap_usage(const struct cap *c, uint64_t *ret_bytes, struct why *w)
{
	struct usage u;
	int r = 0;

	if (c->kind == CAP_PROJECT)
		return capproject_usage(c->fd, c->project, ret_bytes, w);
	if (c->kind == CAP_LOOP)
		return caploop_usage(c->fd, c->bytes, ret_bytes, w);
	r = usage_scan(c->fd, ".", NULL, NULL, &u, w);
	if (!r)
		*ret_bytes = usage_of_cap(&u);
	return r;
}

bool cap_reached(const struct cap *c, uint64_t used_bytes)
{
	uint64_t close_call = c->bytes / 100 > CLOSE_CALL ? c->bytes / 100 : CLOSE_CALL;

	return used_bytes >= c->bytes || c->bytes - used_bytes < close_call;
}

void cap_close(struct cap *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}
