#include "tests/pgkit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "base/proc.h"
#include "tests/support.h"

#define START_S 60u
#define ENOUGH  (UINT64_C(4) << 30)

static const char *place(void)
{
	struct statvfs s;

	if (statvfs("/dev/shm", &s) || s.f_bavail * s.f_frsize < ENOUGH || access("/dev/shm", W_OK))
		return getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	return "/dev/shm";
}

void pgkit_again(struct pgkit *k)
{
	struct cluster_begun begun;
	struct why w = { 0 };

	if (cluster_start(&k->cluster, &k->machine, START_S, &begun, &w) || cluster_database(&k->cluster, &w))
		fail_msg("%s", w.text);
}

bool pgkit_start(struct pgkit *k)
{
	struct intelconf c;
	struct why w = { 0 };

	memset(k, 0, sizeof(*k));
	if (system("ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1") != 0)
		return false;
	(void)snprintf(k->dir, sizeof(k->dir), "%s/tandem-pgkit-XXXXXX", place());
	assert_non_null(mkdtemp(k->dir));
	assert_int_equal(chmod(k->dir, 0755), 0);
	intelconf_defaults(&c);
	(void)snprintf(c.folder, sizeof(c.folder), "%s/pg", k->dir);
	(void)snprintf(c.socket, sizeof(c.socket), "%s/run", k->dir);
	if (cluster_of(&c, &k->cluster, &w))
		fail_msg("%s", w.text);
	k->machine.sizes.db_connections.value = 5;
	k->machine.sizes.shared_buffers_bytes.value = 64u << 20;
	(void)snprintf(k->conninfo, sizeof(k->conninfo), "host=%s dbname=intel user=intel", c.socket);
	(void)snprintf(k->super, sizeof(k->super), "host=%s dbname=intel user=postgres", c.socket);
	pgkit_again(k);
	return true;
}

void pgkit_kill(struct pgkit *k)
{
	char path[256], command[320];
	AUTO_FREE char *text = NULL;
	size_t n;
	int pid;

	(void)snprintf(path, sizeof(path), "%s/postmaster.pid", k->cluster.folder);
	assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &n, NULL), 0);
	pid = (int)strtol(text, NULL, 10);
	/* One of its processes may end by itself meanwhile. */
	(void)snprintf(command, sizeof(command),
		       "all=$(ps -o pid= --ppid %d) && kill -KILL %d && { kill -KILL $all 2>/dev/null || :; }", pid,
		       pid);
	assert_int_equal(system(command), 0);
	while (kill(pid, 0) == 0)
		(void)usleep(10000);
}

void pgkit_end(struct pgkit *k)
{
	const char *const argv[] = { "rm", "-rf", k->dir, NULL };

	if (!k->dir[0])
		return;
	IGNORE(cluster_stop(&k->cluster, START_S, NULL));
	IGNORE(proc_must(argv, 0, NULL));
}

void pgkit_run(struct pgkit *k, const char *sql)
{
	const struct pg_options o = { .conninfo = k->super };
	struct why w = { 0 };
	AUTO_PG p = { 0 };

	if (pg_open(&o, &p, &w) || pg_run(&p, sql, &w))
		fail_msg("%s: %s", sql, w.text);
}
