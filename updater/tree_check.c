#include "updater/tree_check.h"

#include <inttypes.h>
#include <sodium/crypto_generichash.h>
#include <sodium/randombytes.h>

#define KEY_BYTES  16u
#define FIRST_ROOM 1024u /* a power of two, as every size after it */

/* A member, by a keyed hash of its path: nobody can make two of them meet. */
struct entry {
	uint8_t key[KEY_BYTES];
	uint8_t kind; /* enum tree_kind, and 1; 0: free */
};

struct tree_names {
	uint8_t secret[crypto_generichash_KEYBYTES];
	struct entry *at;
	size_t room, n;
};

char *tree_show(const char *name, char out[124])
{
	size_t n = 0;

	for (; name && name[n] && n < 120; n++) {
		if (name[n] < 0x20 || name[n] > 0x7e)
			out[n] = '?';
		else
			out[n] = name[n];
	}
	(void)snprintf(out + n, 4, "%s", name && name[n] ? "..." : "");
	return out;
}

/* --- the members so far --- */

static void hash_path(const struct tree_names *t, const char *path, uint8_t key[KEY_BYTES])
{
	(void)crypto_generichash(key, KEY_BYTES, (const uint8_t *)path, strlen(path), t->secret, sizeof(t->secret));
}

/* Where it is, or the free place for it. */
static struct entry *place_of(struct entry *at, size_t room, const uint8_t key[KEY_BYTES])
{
	uint64_t i = 0;

	memcpy(&i, key, sizeof(i));
	for (;; i++) {
		struct entry *e = &at[i & (room - 1)];

		if (!e->kind || memcmp(e->key, key, KEY_BYTES) == 0)
			return e;
	}
}

static int grow(struct tree_names *t, struct why *w)
{
	size_t room = t->room ? 2 * t->room : FIRST_ROOM;
	struct entry *more;

	if (t->room && t->n < t->room / 4 * 3)
		return 0;
	more = calloc(room, sizeof(*more));
	if (!more)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < t->room; i++)
		if (t->at[i].kind)
			*place_of(more, room, t->at[i].key) = t->at[i];
	free(t->at);
	t->at = more;
	t->room = room;
	return 0;
}

static const struct entry *find(const struct tree_names *t, const char *path)
{
	uint8_t key[KEY_BYTES];
	const struct entry *e;

	hash_path(t, path, key);
	e = place_of(t->at, t->room, key);
	return e->kind ? e : NULL;
}

static bool is_kind(const struct entry *e, enum tree_kind kind)
{
	return e && e->kind == (uint8_t)kind + 1;
}

static int remember(struct tree_names *t, const char *path, enum tree_kind kind, struct why *w)
{
	uint8_t key[KEY_BYTES];
	struct entry *e;
	int r = grow(t, w);

	if (r)
		return r;
	hash_path(t, path, key);
	e = place_of(t->at, t->room, key);
	memcpy(e->key, key, KEY_BYTES);
	e->kind = (uint8_t)(kind + 1);
	t->n++;
	return 0;
}

int tree_check_init(struct tree_checker *c, const struct tree_limits *limits, struct why *w)
{
	*c = (struct tree_checker){ .limits = *limits, .names = calloc(1, sizeof(*c->names)) };
	if (!c->names)
		return fail(w, -ENOMEM, "out of memory");
	if (c->limits.entries > TREE_ENTRIES_MAX)
		c->limits.entries = TREE_ENTRIES_MAX;
	randombytes_buf(c->names->secret, sizeof(c->names->secret));
	return grow(c->names, w);
}

void tree_check_done(struct tree_checker *c)
{
	if (c->names)
		free(c->names->at);
	free(c->names);
	*c = (struct tree_checker){ 0 };
}

/* --- names --- */

/* One part of a path onto the end of another. */
static int add_part(const char *part, size_t n, char *out, size_t *out_n, struct why *w)
{
	if (n == 2 && part[0] == '.' && part[1] == '.')
		return fail(w, -EBADMSG, "has '..' in its name");
	if (n > TREE_NAME_BYTES)
		return fail(w, -EBADMSG, "a part of its name has over %u bytes", TREE_NAME_BYTES);
	if (*out_n + (*out_n > 0) + n >= TREE_PATH_MAX)
		return fail(w, -EBADMSG, "its name has over %u bytes", TREE_PATH_MAX - 1);
	if (*out_n > 0)
		out[(*out_n)++] = '/';
	memcpy(out + *out_n, part, n);
	*out_n += n;
	return 0;
}

static int clean_path(const char *path, char out[TREE_PATH_MAX], struct why *w)
{
	size_t out_n = 0, parts = 0;

	if (!path || !path[0])
		return fail(w, -EBADMSG, "has no name that can be read");
	if (path[0] == '/')
		return fail(w, -EBADMSG, "has an absolute name");
	while (*path) {
		size_t n = strcspn(path, "/");
		bool empty = n == 0 || (n == 1 && path[0] == '.');
		int r = empty ? 0 : add_part(path, n, out, &out_n, w);

		if (r)
			return r;
		if (!empty && ++parts > TREE_DEPTH_MAX)
			return fail(w, -EBADMSG, "lies over %u folders deep", TREE_DEPTH_MAX);
		path += n + (path[n] == '/');
	}
	if (out_n == 0)
		out[out_n++] = '.';
	out[out_n] = '\0';
	return 0;
}

/* The folder that it is in: a member before it. The top folder is there without being one. */
static int check_parent(const struct tree_checker *c, const char *path, struct why *w)
{
	const char *slash = strrchr(path, '/');
	char parent[TREE_PATH_MAX];
	const struct entry *e;

	if (!slash)
		return 0;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	e = find(c->names, parent);
	if (!e)
		return fail(w, -EBADMSG, "comes before the folder that it is in");
	return is_kind(e, TREE_FOLDER) ? 0 : fail(w, -EBADMSG, "is below something that is no folder");
}

/* --- members --- */

static int check_hardlink(const struct tree_checker *c, const struct tree_member *m, const char *path,
			  char target[TREE_PATH_MAX], struct why *w)
{
	char clean[TREE_PATH_MAX];
	int r = clean_path(m->target, clean, w);

	if (r)
		return why_in(w, r, "is a hard link to what");
	if (m->size > 0)
		return fail(w, -EBADMSG, "is a hard link with content of its own");
	if (strcmp(clean, path) == 0 || !is_kind(find(c->names, clean), TREE_FILE))
		return fail(w, -EBADMSG, "is a hard link to what is no file before it");
	memcpy(target, clean, sizeof(clean));
	return 0;
}

static int check_kind(const struct tree_checker *c, const struct tree_member *m, const char *path,
		      char target[TREE_PATH_MAX], struct why *w)
{
	switch (m->kind) {
	case TREE_FOLDER:
		return m->mode & 04000 ? fail(w, -EBADMSG, "is a setuid folder") : 0;
	case TREE_FILE:
		if (m->mode & 06000)
			return fail(w, -EBADMSG, "is setuid or setgid; file capabilities are allowed");
		return 0;
	case TREE_SYMLINK:
		if (!m->target || !m->target[0] || strlen(m->target) >= TREE_TARGET_MAX)
			return fail(w, -EBADMSG, "is a symbolic link to nothing, or to over %u bytes",
				    TREE_TARGET_MAX - 1);
		return 0;
	case TREE_HARDLINK:
		return check_hardlink(c, m, path, target, w);
	case TREE_OTHER:
		break;
	}
	return fail(w, -EBADMSG, "is neither file, folder nor link");
}

static int count(struct tree_checker *c, const struct tree_member *m, struct why *w)
{
	struct tree_limits sum = c->sum;

	sum.entries++;
	if (sum.entries > c->limits.entries)
		return fail(w, -E2BIG, "is one too many: the manifest allows %" PRIu64, c->limits.entries);
	if (m->kind == TREE_FILE &&
	    (__builtin_add_overflow(sum.bytes, m->size, &sum.bytes) || sum.bytes > c->limits.bytes))
		return fail(w, -E2BIG, "is too long: the manifest allows %" PRIu64 " bytes in all", c->limits.bytes);
	c->sum = sum;
	return 0;
}

static int check(struct tree_checker *c, const struct tree_member *m, char path[TREE_PATH_MAX],
		 char target[TREE_PATH_MAX], struct why *w)
{
	char clean[TREE_PATH_MAX];
	int r = clean_path(m->path, clean, w);

	r = r ? r : check_parent(c, clean, w);
	if (!r && find(c->names, clean))
		r = fail(w, -EBADMSG, "is there twice");
	if (!r && strcmp(clean, ".") == 0 && m->kind != TREE_FOLDER)
		r = fail(w, -EBADMSG, "is no folder, at the top");
	r = r ? r : check_kind(c, m, clean, target, w);
	r = r ? r : count(c, m, w);
	r = r ? r : remember(c->names, clean, m->kind == TREE_HARDLINK ? TREE_FILE : m->kind, w);
	if (!r)
		memcpy(path, clean, sizeof(clean));
	return r;
}

int tree_check(struct tree_checker *c, const struct tree_member *m, char path[TREE_PATH_MAX],
	       char target[TREE_PATH_MAX], struct why *w)
{
	char shown[124];
	int r = check(c, m, path, target, w);

	return r && r != -ENOMEM ? why_in(w, r, "member '%s'", tree_show(m->path, shown)) : r;
}

bool tree_xattr_allowed(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}
