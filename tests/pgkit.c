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

struct pgkit pgkit;

void pgkit_again(void)
{
	struct cluster_begun begun;
	struct why w = { 0 };

	if (cluster_start(&pgkit.cluster, &pgkit.machine, START_S, &begun, &w) || cluster_database(&pgkit.cluster, &w))
		fail_msg("%s", w.text);
}

int pgkit_start(void **state)
{
	struct pgkit *k = &pgkit;
	struct intelconf c;
	struct why w = { 0 };

	(void)state;
	if (system("ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1") != 0)
		return 0;
	(void)snprintf(k->dir, sizeof(k->dir), "%s/tandem-pgkit-XXXXXX", place());
	assert_non_null(mkdtemp(k->dir));
	assert_int_equal(chmod(k->dir, 0755), 0);
	intelconf_defaults(&c);
	(void)snprintf(c.folder, sizeof(c.folder), "%.63s/pg", k->dir);
	(void)snprintf(c.socket, sizeof(c.socket), "%.63s/run", k->dir);
	if (cluster_of(&c, &k->cluster, &w))
		fail_msg("%s", w.text);
	k->machine.sizes.db_connections.value = 5;
	k->machine.sizes.shared_buffers_bytes.value = 64u << 20;
	(void)snprintf(k->conninfo, sizeof(k->conninfo), "host=%s dbname=intel user=intel", c.socket);
	(void)snprintf(k->super, sizeof(k->super), "host=%s dbname=intel user=postgres", c.socket);
	pgkit_again();
	k->there = true;
	return 0;
}

void pgkit_kill(void)
{
	char path[256], command[320];
	AUTO_FREE char *text = NULL;
	size_t n;
	int pid;

	(void)snprintf(path, sizeof(path), "%s/postmaster.pid", pgkit.cluster.folder);
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

int pgkit_end(void **state)
{
	const char *const argv[] = { "rm", "-rf", pgkit.dir, NULL };

	(void)state;
	if (!pgkit.dir[0])
		return 0;
	IGNORE(cluster_stop(&pgkit.cluster, START_S, NULL));
	IGNORE(proc_must(argv, 0, NULL));
	return 0;
}

void pgkit_run(const char *sql)
{
	const struct pg_options o = { .conninfo = pgkit.super };
	struct why w = { 0 };
	AUTO_PG p = { 0 };

	if (pg_open(&o, &p, &w) || pg_run(&p, sql, &w))
		fail_msg("%s: %s", sql, w.text);
}
