#include "bootstage/intel/cluster.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"
#include "bootstage/intel/pg.h"

#define INIT_MS    (CLUSTER_MAKE_S * 1000u)
#define ASK_MS     10000u
#define MAJOR_MAX  99u
#define PAUSE_MS   50
#define BEGIN_MS   5000u /* from its beginning until it listens */
#define ARGV_MAX   32u
#define PATH_ROOM  (INTELCONF_PATH + 64u)
#define SEARCH     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LOCK_SETUP "72410004"

void cluster_places(struct intelconf *c, const char *product)
{
	if (!c->folder[0])
		(void)snprintf(c->folder, sizeof(c->folder), CLUSTER_FOLDER, product);
	if (!c->socket[0])
		(void)snprintf(c->socket, sizeof(c->socket), CLUSTER_SOCKET, product);
}

int cluster_of(const struct intelconf *c, struct cluster *ret, struct why *w)
{
	const struct passwd *user = getuid() == 0 ? getpwnam(c->user) : getpwuid(getuid());
	struct cluster k = { .drop = getuid() == 0 };
	int r = 0;

	if (!user && getuid() == 0)
		r = fail(w, -ENODATA, "no user '%s', whom PostgreSQL could run as", c->user);
	else if (!user)
		r = fail(w, -ENODATA, "user %u has no name", (unsigned int)getuid());
	else if (user->pw_uid == 0)
		r = misuse(w, -EINVAL, "PostgreSQL does not run as root: [database] user");
	if (r)
		return why_next(w, r, "install postgresql, or name a user in intel.conf");
	(void)snprintf(k.folder, sizeof(k.folder), "%s", c->folder);
	(void)snprintf(k.socket, sizeof(k.socket), "%s", c->socket);
	(void)snprintf(k.programs, sizeof(k.programs), "%s", c->programs);
	(void)snprintf(k.user, sizeof(k.user), "%s", user->pw_name);
	k.uid = user->pw_uid;
	k.gid = user->pw_gid;
	*ret = k;
	return 0;
}

/* --- running its programs --- */

/* As its user, with nothing of our environment, PGOPTIONS and the like. */
static int as_user(const struct cluster *c, const char *const *args, unsigned int timeout_ms, struct why *w)
{
	const char *argv[ARGV_MAX] = { "env", "--chdir=/", "-i", SEARCH, "LC_ALL=C" };
	char uid[24], gid[24];
	size_t n = 5;

	(void)snprintf(uid, sizeof(uid), "--reuid=%u", (unsigned int)c->uid);
	(void)snprintf(gid, sizeof(gid), "--regid=%u", (unsigned int)c->gid);
	if (c->drop) {
		argv[n++] = "setpriv";
		argv[n++] = uid;
		argv[n++] = gid;
		argv[n++] = "--init-groups";
	}
	for (size_t i = 0; args[i] && n < ARGV_MAX - 1; i++)
		argv[n++] = args[i];
	return proc_must(argv, timeout_ms, w);
}

/* "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"; 0 when it does not say. */
static unsigned int major_of(const char *programs)
{
	char path[PATH_ROOM];
	const char *const argv[] = { path, "--version", NULL };
	static const char head[] = "postgres (PostgreSQL) ";
	struct proc_result res;
	unsigned long n;

	(void)snprintf(path, sizeof(path), "%s/postgres", programs);
	if (access(path, X_OK) || proc_run(argv, ASK_MS, &res, NULL) || res.exit_code != 0 ||
	    strncmp(res.output, head, sizeof(head) - 1) != 0)
		return 0;
	n = strtoul(res.output + sizeof(head) - 1, NULL, 10);
	return n <= MAJOR_MAX ? (unsigned int)n : 0;
}

/* The folder of the programs for that major version (0: the newest), into `ret`. Returns the version, 0 when there is none. */
static unsigned int installed(const struct cluster *c, unsigned int major, char ret[INTELCONF_PATH])
{
	unsigned int from = major ? major : MAJOR_MAX, to = major ? major : 1;

	if (c->programs[0]) {
		(void)snprintf(ret, INTELCONF_PATH, "%s", c->programs);
		return major_of(ret);
	}
	for (unsigned int n = from; n >= to; n--) {
		(void)snprintf(ret, INTELCONF_PATH, CLUSTER_PROGRAMS "/%u/bin", n);
		if (major_of(ret) == n)
			return n;
	}
	return 0;
}

/* --- its data --- */

static bool is_empty(const char *folder)
{
	AUTO_DIR *d = opendir(folder);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return false;
	return true;
}

int cluster_major(const struct cluster *c, unsigned int *ret, struct why *w)
{
	char path[PATH_ROOM];
	AUTO_FREE char *text = NULL;
	uint64_t major = 0;
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/PG_VERSION", c->folder);
	r = file_read(AT_FDCWD, path, 16, &text, &n, NULL);
	if (r == -ENOENT && is_empty(c->folder)) {
		*ret = 0;
		return 0;
	}
	if (r == -ENOENT)
		return fail(w, -EUCLEAN, "%s: no PostgreSQL cluster, and not empty: left alone", c->folder);
	if (r)
		return fail(w, r, "%s: %s", path, strerror(-r));
	text[strcspn(text, "\n")] = '\0';
	if (parse_u64(text, MAJOR_MAX, &major, NULL) || major == 0)
		return fail(w, -EUCLEAN, "%s: '%.10s' is no version", path, text);
	*ret = (unsigned int)major;
	return 0;
}

static int other_version(const struct cluster *c, unsigned int data, unsigned int have, struct why *w)
{
	int r;

	if (have == 0) {
		r = fail(w, -ENODATA, "the programs of PostgreSQL %u, which %s is of, are not installed", data,
			 c->folder);
		return why_next(w, r, "install postgresql-%u", data);
	}
	r = refuse(w, -EPROTONOSUPPORT, "%s is of PostgreSQL %u, %s than the installed %u: left alone", c->folder, data,
		   data > have ? "newer" : "older", have);
	return why_next(w, r,
			data > have ? "install postgresql-%u" : "install postgresql-%u beside it, or run pg_upgrade",
			data);
}

/* The programs that go with the data. */
static int programs_of(const struct cluster *c, unsigned int data, char ret[INTELCONF_PATH], struct why *w)
{
	unsigned int have = installed(c, data, ret);

	if (have > 0 && (data == 0 || have == data))
		return 0;
	if (data > 0)
		return other_version(c, data, have ? have : installed(c, 0, ret), w);
	return why_next(w,
			fail(w, -ENODATA, "no programs of PostgreSQL below %s",
			     c->programs[0] ? c->programs : CLUSTER_PROGRAMS),
			"install postgresql, or name their folder: [database] programs");
}

static int own(const struct cluster *c, const char *path, struct why *w)
{
	if (c->drop && lchown(path, c->uid, c->gid))
		return fail_errno(w, "%s", path);
	return 0;
}

static int put(const struct cluster *c, const char *folder, const char *name, const char *text, struct why *w)
{
	char path[2 * PATH_ROOM];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	r = file_replace(AT_FDCWD, path, text, strlen(text), 0600, w);
	return r ? r : own(c, path, w);
}

/* Made under another name, so that what is there under the right one is whole. */
static int make_data(const struct cluster *c, const char *programs, struct why *w)
{
	char fresh[PATH_ROOM], initdb[PATH_ROOM], ident[CLUSTERCONF_TEXT];
	const char *const clear[] = { "rm", "-rf", "--one-file-system", fresh, NULL };
	const char *const init[] = { initdb,
				     "-D",
				     fresh,
				     "-U",
				     CLUSTER_SUPERUSER,
				     "-A",
				     "peer",
				     "-E",
				     "UTF8",
				     "--locale=C",
				     "--lc-ctype=C.UTF-8",
				     "-k",
				     "--no-instructions",
				     NULL };
	int r;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", c->folder);
	(void)snprintf(initdb, sizeof(initdb), "%s/initdb", programs);
	clusterconf_ident(c->user, ident);
	r = proc_must(clear, INIT_MS, w);
	if (!r && mkdir(fresh, 0700))
		r = fail_errno(w, "%s", fresh);
	r = r ? r : own(c, fresh, w);
	r = r ? r : as_user(c, init, INIT_MS, w);
	r = r ? r : put(c, fresh, "pg_hba.conf", clusterconf_hba(), w);
	r = r ? r : put(c, fresh, "pg_ident.conf", ident, w);
	if (!r && rename(fresh, c->folder))
		r = fail_errno(w, "%s to %s", fresh, c->folder);
	return r;
}

static int parent_sync(const char *path, struct why *w)
{
	char parent[PATH_ROOM];
	char *slash;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash && slash != parent)
		*slash = '\0';
	return dir_sync(parent, w);
}

/* Only root writes beside the data, where the server's user could not put anything in the way. */
static int put_settings(const struct cluster *c, const struct machine *m, struct why *w)
{
	char path[PATH_ROOM], text[CLUSTERCONF_TEXT];
	int r = clusterconf_settings(m, c->socket, text, w);

	(void)snprintf(path, sizeof(path), "%s.conf", c->folder);
	return r ? r : file_replace(AT_FDCWD, path, text, strlen(text), 0644, w);
}

static int lock_beside(const struct cluster *c, int *ret_fd, struct why *w)
{
	char path[PATH_ROOM];
	AUTO_FD fd = -1;
	char *slash;
	int r;

	(void)snprintf(path, sizeof(path), "%s", c->folder);
	slash = strrchr(path, '/');
	if (slash && slash != path)
		*slash = '\0';
	r = dir_make(path, 0755, w);
	if (r)
		return r;
	(void)snprintf(path, sizeof(path), "%s.lock", c->folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX))
		return fail_errno(w, "%s", path);
	*ret_fd = MOVE_FD(fd);
	return 0;
}

/* All that is there before the server starts; into `programs` those to start it with. The lock is held. */
static int prepare(const struct cluster *c, const struct machine *m, char programs[INTELCONF_PATH], bool *ret_made,
		   struct why *w)
{
	unsigned int data = 0;
	int r = cluster_major(c, &data, w);

	r = r ? r : programs_of(c, data, programs, w);
	r = r ? r : put_settings(c, m, w);
	r = r ? r : dir_make(c->socket, 0755, w);
	r = r ? r : own(c, c->socket, w);
	if (!r && data == 0) {
		r = make_data(c, programs, w);
		r = r ? r : parent_sync(c->folder, w);
	}
	*ret_made = data == 0;
	return r ? why_in(w, r, "the database's cluster") : 0;
}

/* --- the server --- */

int cluster_ping(const struct cluster *c)
{
	const char *const keys[] = { "host", "port", "dbname", "user", "connect_timeout", NULL };
	const char *const values[] = { c->socket, "5432", "postgres", CLUSTER_SUPERUSER, "5", NULL };
	PGPing p = PQpingParams(keys, values, 0);

	if (p == PQPING_OK)
		return 0;
	return p == PQPING_REJECT ? -EAGAIN : -ENOTCONN;
}

static int start_own(const struct cluster *c, const struct machine *m, unsigned int timeout_s, bool *ret_made,
		     struct why *w)
{
	char programs[INTELCONF_PATH], ctl[PATH_ROOM], log[PATH_ROOM], options[PATH_ROOM + 32], seconds[16];
	const char *const argv[] = { ctl,  "-D", c->folder, "-l",    log,     "-o", options,
				     "-s", "-w", "-t",      seconds, "start", NULL };
	int r = prepare(c, m, programs, ret_made, w);

	if (r)
		return r;
	(void)snprintf(ctl, sizeof(ctl), "%s/pg_ctl", programs);
	(void)snprintf(log, sizeof(log), "%s/server.log", c->folder);
	(void)snprintf(options, sizeof(options), "-c config_file='%s.conf'", c->folder);
	(void)snprintf(seconds, sizeof(seconds), "%u", timeout_s);
	r = as_user(c, argv, 1000 * (timeout_s + 5), w);
	return r ? why_next(w, r, "%s has what the server says", log) : 0;
}

/* A server that has begun and does not listen yet. */
static bool has_begun(const struct cluster *c)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/postmaster.pid", c->folder);
	return access(path, F_OK) == 0;
}

/* Until one that somebody else has started answers: what it recovers takes as long as it takes. */
static int await(const struct cluster *c, unsigned int timeout_s, struct why *w)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000l };
	uint64_t start = now_ms();
	int r;

	while ((r = cluster_ping(c)) && now_ms() - start < (r == -EAGAIN ? 1000ull * timeout_s : BEGIN_MS))
		(void)nanosleep(&pause, NULL);
	return r ? fail(w, r, "the database's server has begun, and does not answer") : 0;
}

static int start_or_await(const struct cluster *c, const struct machine *m, unsigned int timeout_s,
			  struct cluster_begun *b, struct why *w)
{
	struct why own = { 0 };
	int r = cluster_ping(c);

	if (r == 0 || r == -EAGAIN) /* another starter has done it meanwhile */
		return r ? await(c, timeout_s, w) : 0;
	r = start_own(c, m, timeout_s, &b->made, &own);
	b->started = r == 0;
	if (r && has_begun(c) && await(c, timeout_s, NULL) == 0)
		return 0;
	if (r && w && !w->code)
		*w = own;
	return r;
}

int cluster_start(const struct cluster *c, const struct machine *m, unsigned int timeout_s, struct cluster_begun *ret,
		  struct why *w)
{
	struct cluster_begun b = { 0 };
	AUTO_FD lock = -1;
	int r = lock_beside(c, &lock, w);

	r = r ? r : start_or_await(c, m, timeout_s, &b, w);
	if (!r)
		*ret = b;
	return r;
}

static int become(const struct cluster *c, const char *programs, struct why *w)
{
	char path[PATH_ROOM], config[PATH_ROOM + 16];
	char *argv[] = { path, (char *)(uintptr_t) "-D", (char *)(uintptr_t)c->folder, (char *)(uintptr_t) "-c", config,
			 NULL };

	(void)snprintf(path, sizeof(path), "%s/postgres", programs);
	(void)snprintf(config, sizeof(config), "config_file=%s.conf", c->folder);
	if (chdir("/"))
		return fail_errno(w, "/");
	if (c->drop && (initgroups(c->user, c->gid) || setgid(c->gid) || setuid(c->uid)))
		return fail_errno(w, "becoming user %s", c->user);
	(void)execv(path, argv);
	return fail_errno(w, "%s", path);
}

int cluster_serve(const struct cluster *c, const struct machine *m, struct why *w)
{
	char programs[INTELCONF_PATH];
	AUTO_FD lock = -1; /* goes when the server begins */
	bool made;
	int r = lock_beside(c, &lock, w);

	r = r ? r : prepare(c, m, programs, &made, w);
	return r ? r : become(c, programs, w);
}

int cluster_stop(const struct cluster *c, unsigned int timeout_s, struct why *w)
{
	char programs[INTELCONF_PATH], ctl[PATH_ROOM], seconds[16];
	const char *const argv[] = { ctl, "-D", c->folder, "-s", "-m", "fast", "-w", "-t", seconds, "stop", NULL };
	AUTO_FD lock = -1;
	unsigned int data = 0;
	int r = cluster_major(c, &data, w);

	if (r || data == 0)
		return r;
	r = lock_beside(c, &lock, w);
	if (r || cluster_ping(c) == -ENOTCONN)
		return r;
	r = programs_of(c, data, programs, w);
	if (r)
		return r;
	(void)snprintf(ctl, sizeof(ctl), "%s/pg_ctl", programs);
	(void)snprintf(seconds, sizeof(seconds), "%u", timeout_s);
	return as_user(c, argv, 1000 * (timeout_s + 5), w);
}

/* --- what is in it --- */

static int make_database(struct pg *p, struct why *w)
{
	AUTO_PG_RESULT *role = NULL, *database = NULL;
	int r = pg_run(p, "SELECT pg_advisory_lock(" LOCK_SETUP ")", w);

	r = r ? r : pg_query(p, "SELECT 1 FROM pg_roles WHERE rolname = '" CLUSTER_DATABASE "'", NULL, &role, w);
	if (!r && PQntuples(role) == 0)
		r = pg_run(p, "CREATE ROLE " CLUSTER_DATABASE " LOGIN", w);
	r = r ? r : pg_query(p, "SELECT 1 FROM pg_database WHERE datname = '" CLUSTER_DATABASE "'", NULL, &database, w);
	if (!r && PQntuples(database) == 0)
		r = pg_run(p, "CREATE DATABASE " CLUSTER_DATABASE " OWNER " CLUSTER_DATABASE, w);
	return r;
}

int cluster_database(const struct cluster *c, struct why *w)
{
	char conninfo[2 * INTELCONF_PATH];
	const struct pg_options o = { .conninfo = conninfo, .statement_timeout_ms = INIT_MS };
	AUTO_PG p = { 0 };
	int r;

	(void)snprintf(conninfo, sizeof(conninfo), "host='%s' port=5432 dbname=postgres user=" CLUSTER_SUPERUSER,
		       c->socket);
	r = pg_open(&o, &p, w);
	return r ? r : make_database(&p, w);
}
