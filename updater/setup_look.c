#include "updater/setup_look.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/net/probe.h"
#include "base/parse.h"
#include "base/proc.h"

#define TEXT_MAX  (1u << 20)
#define ASK_MS    10000u
#define PROBE_MS  2000u
#define ROOM_LEFT (64u << 20) /* that unpacking leaves free, as [tree] reserve= */

#define INTEL       TANDEM_LIBEXEC "/tandem-intel"
#define INTEL_CONF  "/etc/tandem/intel.conf" /* may name a server elsewhere */
#define PG_PROGRAMS "/usr/lib/postgresql/*/bin/postgres"

bool setup_live(const struct setup_place *p)
{
	return !p->root[0];
}

int setup_path(const struct setup_place *p, const char *path, char ret[PATH_MAX], struct why *w)
{
	if (snprintf(ret, PATH_MAX, "%s%s", p->root, path) >= PATH_MAX)
		return fail(w, -ENAMETOOLONG, "%s%s: name too long", p->root, path);
	return 0;
}

/* A small file of that machine. -ENOENT without a reason. */
static int read_text(const struct setup_place *p, const char *path, char **ret, size_t *ret_n, struct why *w)
{
	struct why cause = { 0 };
	char full[PATH_MAX];
	int r = setup_path(p, path, full, w);

	r = r ? r : file_read(AT_FDCWD, full, TEXT_MAX, ret, ret_n, &cause);
	return r && r != -ENOENT && cause.code ? fail(w, r, "%s", cause.text) : r;
}

int setup_journal_load(const struct setup_place *p, struct setup_journal *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = read_text(p, SETUP_JOURNAL, &text, &n, w);

	if (r == -ENOENT) {
		*ret = (struct setup_journal){ 0 };
		return 0;
	}
	return r ? r : setup_journal_parse(bytes_of(text, n), SETUP_JOURNAL, ret, w);
}

/* --- users --- */

static int open_list(const struct setup_place *p, const char *path, FILE **ret, struct why *w)
{
	char full[PATH_MAX];
	int r = setup_path(p, path, full, w);

	if (r)
		return r;
	*ret = fopen(full, "re");
	return *ret || errno == ENOENT ? 0 : fail_errno(w, "%s", full);
}

static int find_below(const struct setup_place *p, const char *user, struct setup_account *ret, struct why *w)
{
	AUTO_FILE *users = NULL, *groups = NULL;
	int r = open_list(p, "/etc/passwd", &users, w);

	r = r ? r : open_list(p, "/etc/group", &groups, w);
	for (struct passwd *e; !r && users && !ret->user && (e = fgetpwent(users));) {
		if (strcmp(e->pw_name, user) == 0)
			*ret = (struct setup_account){ .user = true, .uid = e->pw_uid, .gid = e->pw_gid };
	}
	for (struct group *e; !r && groups && !ret->group && (e = fgetgrent(groups));) {
		if (strcmp(e->gr_name, user) != 0)
			continue;
		ret->group = true;
		ret->gid = ret->user ? ret->gid : e->gr_gid;
	}
	return r;
}

/* Through all that the machine knows users from, a directory server included. */
static void find_here(const char *user, struct setup_account *ret)
{
	const struct passwd *u = getpwnam(user);
	const struct group *g;

	if (u)
		*ret = (struct setup_account){ .user = true, .uid = u->pw_uid, .gid = u->pw_gid };
	g = getgrnam(user);
	ret->group = g != NULL;
	if (g && !ret->user)
		ret->gid = g->gr_gid;
}

int setup_account(const struct setup_place *p, const char *user, struct setup_account *ret, struct why *w)
{
	*ret = (struct setup_account){ 0 };
	if (!setup_live(p))
		return find_below(p, user, ret, w);
	find_here(user, ret);
	return 0;
}

/* --- one thing at a time --- */

static void PRINTF(2, 3) say(struct setup_sight *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->said, sizeof(s->said), fmt, ap);
	va_end(ap);
}

static void next(struct setup_sight *s, const char *text)
{
	(void)snprintf(s->next, sizeof(s->next), "%s", text);
}

static bool there_is(const struct setup_place *p, const char *path)
{
	char full[PATH_MAX];

	return setup_path(p, path, full, NULL) == 0 && access(full, F_OK) == 0;
}

/* Where the product's tree is; "" when there is none. */
static void current_tree(const struct setup_looker *l, char ret[SETUP_SAID_MAX])
{
	char path[PATH_MAX], full[PATH_MAX];
	ssize_t n = -1;

	(void)snprintf(path, sizeof(path), "/opt/%s/current", l->wish->product);
	if (setup_path(&l->place, path, full, NULL) == 0)
		n = readlink(full, ret, SETUP_SAID_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
}

/* ID= or ID_LIKE= with the word debian. */
static bool is_debian(const char *os_release)
{
	for (const char *line = os_release; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char value[128];
		size_t n = strcspn(line, "\n");

		if (strncmp(line, "ID=", 3) != 0 && strncmp(line, "ID_LIKE=", 8) != 0)
			continue;
		(void)snprintf(value, sizeof(value), "%.*s", (int)n, strchr(line, '=') + 1);
		if (strstr(value, "debian"))
			return true;
	}
	return false;
}

static int look_system(const struct setup_looker *l, struct setup_sight *s, struct why *w)
{
	AUTO_FREE char *text = NULL;
	int r = read_text(&l->place, "/etc/os-release", &text, NULL, w);

	if (r == -ENOENT)
		r = read_text(&l->place, "/usr/lib/os-release", &text, NULL, w);
	if (r && r != -ENOENT)
		return r;
	s->there = THERE_OTHER;
	if (r || !is_debian(text)) {
		say(s, "%s", r ? "no /etc/os-release" : "not Debian, by /etc/os-release");
		next(s, "host mode is made for Debian 12 and what is derived from it");
	} else if (!there_is(&l->place, setup_live(&l->place) ? "/run/systemd/system" : "/usr/lib/systemd/systemd")) {
		say(s, "systemd %s", setup_live(&l->place) ? "does not run" : "is not installed");
		next(s, "host mode needs systemd as the service manager");
	} else {
		s->there = THERE_SAME;
	}
	return 0;
}

/* /proc/net/tcp: "  0: 0100007F:0FA0 00000000:0000 0A ...": address and port in hex, 0A is LISTEN. */
static bool listens(const char *table, unsigned int port)
{
	for (const char *line = strchr(table, '\n'); line; line = strchr(line + 1, '\n')) {
		unsigned int local = 0, state = 0;

		/* NOLINTNEXTLINE(cert-err34-c): four digits always fit */
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*x %2x", &local, &state) == 2 &&
		    local == port && state == 10)
			return true;
	}
	return false;
}

static int look_port(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s, struct why *w)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	unsigned int port = setup_port(l->wish->url);
	char tree[SETUP_SAID_MAX];

	s->there = THERE_SAME;
	current_tree(l, tree);
	for (size_t i = 0; i < ARRAY_SIZE(tables) && !tree[0]; i++) {
		AUTO_FREE char *text = NULL;
		int r = read_text(&l->place, tables[i], &text, NULL, w);

		if (r && r != -ENOENT)
			return r;
		if (!r && listens(text, port)) {
			s->there = THERE_OTHER;
			say(s, "port %s is taken by another program", item->name);
			next(s, "stop it ('ss -ltnp' names it), or give --url with another port");
		}
	}
	return 0;
}

static int look_space(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s, struct why *w)
{
	uint64_t need = l->wish->tree_bytes + ROOM_LEFT, free_bytes;
	char full[PATH_MAX], tree[SETUP_SAID_MAX], wanted[16], got[16];
	struct statvfs v;
	int r = setup_path(&l->place, there_is(&l->place, item->name) ? item->name : "/", full, w);

	if (r)
		return r;
	if (statvfs(full, &v))
		return fail_errno(w, "%s", full);
	current_tree(l, tree);
	free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	s->there = tree[0] || free_bytes >= need ? THERE_SAME : THERE_OTHER;
	if (s->there == THERE_OTHER) {
		say(s, "%s free, the first tree needs %s", format_size(free_bytes, got), format_size(need, wanted));
		next(s, "make room on that file system");
	}
	return 0;
}

static int look_account(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s,
			struct why *w)
{
	bool is_user = item->kind == SETUP_USER;
	struct setup_account a;
	bool there;
	int r = setup_account(&l->place, item->name, &a, w);

	if (r)
		return r;
	s->ours = setup_journal_has(l->journal, is_user ? MADE_USER : MADE_GROUP, item->name, NULL);
	there = is_user ? a.user : a.group;
	if (a.user && l->user_given && !setup_journal_has(l->journal, MADE_USER, item->name, NULL))
		s->there = THERE_SAME; /* with whatever group he has */
	else
		s->there = !there ? THERE_NOT : s->ours ? THERE_SAME : THERE_OTHER;
	if (s->there == THERE_OTHER) {
		say(s, "there is a %s of that name, not made by tandem setup", is_user ? "user" : "group");
		next(s, "name the user that the product shall run as: --user NAME");
	}
	return 0;
}

/* A file system of its own has lost+found. */
static bool is_empty(const char *full)
{
	AUTO_DIR *d = opendir(full);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, "lost+found") != 0)
			return false;
	return d != NULL;
}

static bool folder_fits(const struct setup_looker *l, const struct setup_item *item, const struct stat *st)
{
	struct setup_account a = { 0 };

	if (setup_account(&l->place, l->wish->user, &a, NULL))
		return false;
	return (st->st_mode & 07777) == item->mode && st->st_uid == (item->users ? a.uid : 0) &&
	       st->st_gid == (item->users ? a.gid : 0) && (!item->users || a.user);
}

/* One that is not ours is taken as it is where only our files go into it; where all in it shall be ours, only empty. */
static int look_folder(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s,
		       struct why *w)
{
	const enum setup_made made = item->kind == SETUP_DATA    ? MADE_DATA
				     : item->kind == SETUP_TREES ? MADE_TREES
								 : MADE_FOLDER;
	char full[PATH_MAX];
	struct stat st;
	int r = setup_path(&l->place, item->name, full, w);

	if (r)
		return r;
	if (stat(full, &st))
		return errno == ENOENT ? 0 : fail_errno(w, "%s", full);
	s->ours = setup_journal_has(l->journal, made, item->name, NULL);
	s->blocked = !S_ISDIR(st.st_mode);
	s->there = THERE_OTHER;
	if (s->blocked)
		say(s, "not a folder");
	else if (s->ours ? folder_fits(l, item, &st) : item->kind == SETUP_FOLDER)
		s->there = THERE_SAME;
	else if (s->ours)
		say(s, "another owner or mode");
	else if (is_empty(full))
		s->there = THERE_NOT;
	else
		say(s, "is there and not empty, not made by tandem setup");
	if (s->there == THERE_OTHER && !s->ours)
		next(s, "move it away; setup takes no folder whose content it did not make");
	return 0;
}

/* A configuration for this product on a host is good, whoever wrote it. */
static bool is_our_conf(const struct setup_looker *l, const struct setup_item *item, struct bytes text)
{
	struct sysconf c;

	return strcmp(item->name, SYSCONF_PATH) == 0 && sysconf_parse(text, item->name, &c, NULL) == 0 && c.host &&
	       strcmp(c.product, l->wish->product) == 0;
}

static void say_file(const struct setup_item *item, struct setup_sight *s)
{
	if (s->touched)
		say(s, "changed since tandem setup has written it");
	else if (s->ours)
		say(s, "of an earlier setup");
	else if (strcmp(item->name, SYSCONF_PATH) == 0)
		say(s, "is not for this product with mode=host");
	else
		say(s, "not made by tandem setup");
	if (!s->ours)
		next(s, strcmp(item->name, SYSCONF_PATH) == 0
				? "an appliance with slots is no host; otherwise move it away"
				: "move it away");
}

static int look_file(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char full[PATH_MAX], hex[2 * HASH_BYTES + 1];
	struct hash hash;
	struct stat st;
	size_t n = 0;
	int r = setup_path(&l->place, item->name, full, w);

	if (r)
		return r;
	if (lstat(full, &st))
		return errno == ENOENT ? 0 : fail_errno(w, "%s", full);
	s->there = THERE_OTHER;
	s->blocked = !S_ISREG(st.st_mode);
	if (s->blocked) {
		say(s, "not a regular file");
		next(s, "move it away");
		return 0;
	}
	r = read_text(&l->place, item->name, &text, &n, w);
	if (r)
		return r;
	hash = hash_of(bytes_of(text, n));
	s->ours = setup_journal_has(l->journal, MADE_FILE, item->name, NULL);
	s->touched =
		s->ours && !setup_journal_has(l->journal, MADE_FILE, item->name, format_hex(hash.b, HASH_BYTES, hex));
	if (bytes_equal(bytes_of(text, n), bytes_str(item->text)) ||
	    (!s->ours && is_our_conf(l, item, bytes_of(text, n))))
		s->there = THERE_SAME;
	else
		say_file(item, s);
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A unit is enabled whatever folder the link names; the service manager looks at the name only. */
static int look_link(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s, struct why *w)
{
	char full[PATH_MAX], target[PATH_MAX];
	ssize_t n;
	int r = setup_path(&l->place, item->name, full, w);

	if (r)
		return r;
	n = readlink(full, target, sizeof(target) - 1);
	if (n < 0 && errno != EINVAL)
		return errno == ENOENT ? 0 : fail_errno(w, "%s", full);
	target[n > 0 ? n : 0] = '\0';
	s->blocked = n < 0;
	s->ours = setup_journal_has(l->journal, MADE_LINK, item->name, NULL);
	s->touched = s->ours && !setup_journal_has(l->journal, MADE_LINK, item->name, target);
	s->there = n >= 0 && strcmp(last_part(target), last_part(item->text)) == 0 ? THERE_SAME : THERE_OTHER;
	if (s->there == THERE_OTHER) {
		say(s, n < 0 ? "not a link" : "points to %.100s", target);
		next(s, "move it away");
	}
	return 0;
}

/* --- what only a machine that runs can have --- */

static bool is_active(const char *unit)
{
	const char *const argv[] = { "systemctl", "is-active", "--quiet", unit, NULL };

	return proc_must(argv, ASK_MS, NULL) == 0;
}

bool setup_serves(const struct setup_wish *wish, char said[SETUP_SAID_MAX])
{
	const struct probe_request probe = { .url = wish->url, .timeout_ms = PROBE_MS, .agent = "tandem" };
	struct probe_answer answer;

	for (size_t i = 0; i < wish->templates->n; i++) {
		char unit[SETUP_NAME_MAX];

		setup_unit_name(wish->product, wish->templates->at[i].name, unit);
		if (setup_is_service(wish->templates->at[i].name) && !is_active(unit)) {
			(void)snprintf(said, SETUP_SAID_MAX, "%.100s is not active", unit);
			return false;
		}
	}
	probe_url(&probe, &answer);
	if (!answer.passed)
		(void)snprintf(said, SETUP_SAID_MAX, "%s", answer.said);
	return answer.passed;
}

static void later(struct setup_sight *s, const char *why)
{
	s->there = THERE_LATER;
	say(s, "%s", why);
}

static void look_tuning(const struct setup_looker *l, struct setup_sight *s)
{
	char token[PATH_MAX];

	(void)snprintf(token, sizeof(token), "/run/%s/tune.ok", l->wish->product);
	if (!setup_live(&l->place))
		later(s, "in that system's next boot");
	else if (there_is(&l->place, token))
		s->there = THERE_SAME;
}

/* Of this machine, not of one below a root folder. */
static bool has_postgres(void)
{
	glob_t found;
	bool ret = glob(PG_PROGRAMS, GLOB_NOSORT, NULL, &found) == 0;

	if (ret)
		globfree(&found);
	return ret;
}

/* What is missing for a database; NULL: nothing. */
static const char *database_lacks(const struct setup_place *p)
{
	if (!there_is(p, INTEL))
		return "tandem-intel, which sets it up, is not installed here";
	if (!setup_live(p))
		return "by tandem-intel, on the machine itself";
	if (!there_is(p, INTEL_CONF) && !has_postgres())
		return "not installed here: apt install postgresql, then run tandem setup again";
	return NULL;
}

bool setup_has_database(const struct setup_place *p)
{
	return !database_lacks(p);
}

static void look_database(const struct setup_looker *l, struct setup_sight *s)
{
	static const char *const argv[] = { INTEL, "status", NULL };
	const char *lacks = database_lacks(&l->place);

	if (lacks)
		later(s, lacks);
	else if (proc_must(argv, ASK_MS, NULL) == 0)
		s->there = THERE_SAME;
}

static void look_tree(const struct setup_looker *l, struct setup_sight *s)
{
	current_tree(l, s->said);
	if (s->said[0])
		s->there = THERE_SAME;
	else if (!l->wish->first_tree)
		later(s, "no bundle was given: tandem install BUNDLE");
	else if (!setup_live(&l->place))
		later(s, "on the machine itself: tandem install BUNDLE");
}

static void look_service(const struct setup_looker *l, struct setup_sight *s)
{
	char tree[SETUP_SAID_MAX];

	current_tree(l, tree);
	if (!setup_live(&l->place) || (!tree[0] && !l->wish->first_tree))
		later(s, "when there is a tree");
	else if (tree[0] && setup_serves(l->wish, s->said))
		s->there = THERE_SAME;
}

static int look_one(const struct setup_looker *l, const struct setup_item *item, struct setup_sight *s, struct why *w)
{
	switch (item->kind) {
	case SETUP_SYSTEM:
		return look_system(l, s, w);
	case SETUP_PORT:
		return look_port(l, item, s, w);
	case SETUP_SPACE:
		return look_space(l, item, s, w);
	case SETUP_GROUP:
	case SETUP_USER:
		return look_account(l, item, s, w);
	case SETUP_FOLDER:
	case SETUP_DATA:
	case SETUP_TREES:
		return look_folder(l, item, s, w);
	case SETUP_FILE:
		return look_file(l, item, s, w);
	case SETUP_LINK:
		return look_link(l, item, s, w);
	case SETUP_TUNING:
		look_tuning(l, s);
		break;
	case SETUP_DATABASE:
		look_database(l, s);
		break;
	case SETUP_TREE:
		look_tree(l, s);
		break;
	case SETUP_SERVICE:
		look_service(l, s);
		break;
	}
	return 0;
}

int setup_look(const struct setup_looker *l, const struct setup_items *items, struct setup_plan *ret, struct why *w)
{
	AUTO_SETUP_PLAN p = { .at = calloc(items->n + 1, sizeof(*p.at)) };

	if (!p.at)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < items->n; i++) {
		struct setup_step *s = &p.at[p.n];
		int r = look_one(l, &items->at[i], &s->sight, w);

		if (r)
			return r;
		s->item = &items->at[i];
		s->state = setup_decide(s->item, &s->sight);
		p.n++;
	}
	*ret = p;
	p = (struct setup_plan){ 0 }; /* NOLINT(clang-analyzer-deadcode.DeadStores): AUTO_SETUP_PLAN reads it */
	return 0;
}

/* --- what is left --- */

static int remains_of_file(const struct setup_place *p, const struct setup_journal *j, const struct setup_entry *e,
			   const char *full, struct setup_remains *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char hex[2 * HASH_BYTES + 1];
	struct hash hash;
	struct stat st;
	size_t n = 0;
	int r;

	if (lstat(full, &st))
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(w, "%s", full);
	ret->there = true;
	if (!S_ISREG(st.st_mode))
		return 0;
	r = read_text(p, e->name, &text, &n, w);
	if (r)
		return r;
	hash = hash_of(bytes_of(text, n));
	ret->same = setup_journal_has(j, MADE_FILE, e->name, format_hex(hash.b, HASH_BYTES, hex));
	return 0;
}

static int remains_of_link(const struct setup_journal *j, const struct setup_entry *e, const char *full,
			   struct setup_remains *ret, struct why *w)
{
	char target[PATH_MAX];
	ssize_t n = readlink(full, target, sizeof(target) - 1);

	if (n < 0 && errno != EINVAL)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(w, "%s", full);
	ret->there = true;
	target[n > 0 ? n : 0] = '\0';
	ret->same = n >= 0 && setup_journal_has(j, MADE_LINK, e->name, target);
	return 0;
}

int setup_remains(const struct setup_place *p, const struct setup_journal *j, const struct setup_entry *e,
		  struct setup_remains *ret, struct why *w)
{
	struct setup_account a;
	char full[PATH_MAX];
	struct stat st;
	int r = setup_path(p, e->name, full, w);

	*ret = (struct setup_remains){ 0 };
	if (r)
		return r;
	switch (e->made) {
	case MADE_PRODUCT:
	case MADE_TUNING:
		ret->there = true;
		return 0;
	case MADE_GROUP:
	case MADE_USER:
		r = setup_account(p, e->name, &a, w);
		ret->there = !r && (e->made == MADE_USER ? a.user : a.group);
		return r;
	case MADE_FOLDER:
	case MADE_DATA:
	case MADE_TREES:
		ret->there = lstat(full, &st) == 0 && S_ISDIR(st.st_mode);
		return 0;
	case MADE_FILE:
		return remains_of_file(p, j, e, full, ret, w);
	case MADE_LINK:
		return remains_of_link(j, e, full, ret, w);
	}
	return 0;
}
