#include "bootstage/intel/store.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/proc.h"
#include "bootstage/intel/cluster.h"
#include "bootstage/intel/migrate.h"
#include "tuning/tuneconf.h"

#define SYSTEM_CONF  "/etc/tandem/system.conf"
#define NO_PRODUCT   "tandem" /* on a machine that is no appliance */
#define STRING_ROOM  (2 * INTELCONF_PATH)
#define PAUSE_MS     100
#define NO_SUCH_UNIT 5   /* systemctl(1) */
#define UNIT_S       30u /* that systemd may take besides */

static int product_name(char ret[TUNECONF_PRODUCT], struct why *w)
{
	struct why cause = { 0 };
	int r;

	(void)snprintf(ret, TUNECONF_PRODUCT, NO_PRODUCT);
	r = tuneconf_product(SYSTEM_CONF, ret, &cause);
	if (r == 0 || r == -ENOENT)
		return 0;
	if (w && !w->code)
		*w = cause;
	return r;
}

int store_folder(const char *below, char ret[INTELCONF_PATH], struct why *w)
{
	char product[TUNECONF_PRODUCT];
	int r = product_name(product, w);

	if (!r)
		(void)snprintf(ret, INTELCONF_PATH, "/var/lib/%s/intel%s", product, below);
	return r;
}

int store_config(const struct store_opts *o, struct intelconf *ret, struct why *w)
{
	char product[TUNECONF_PRODUCT];
	struct why cause = { 0 };
	struct intelconf c;
	int r = intelconf_read(o->config ? o->config : INTELCONF_FILE, &c, &cause);

	if (r == -ENOENT && !o->config)
		intelconf_defaults(&c);
	else if (r)
		goto out;
	r = product_name(product, &cause);
	if (r)
		goto out;
	cluster_places(&c, product);
	*ret = c;
	return 0;
out:
	if (w && !w->code)
		*w = cause;
	return r;
}

/* The private cluster's connection string, for `room` of it. */
static const char *conninfo_of(const struct store_opts *o, const struct intelconf *c, char room[STRING_ROOM])
{
	if (o->connect)
		return o->connect;
	if (c->connect[0])
		return c->connect;
	(void)snprintf(room, STRING_ROOM, "host='%s' port=5432 dbname=" CLUSTER_DATABASE " user=" CLUSTER_DATABASE,
		       c->socket);
	return room;
}

/* A server that starts, recovers, or has no connection left may have one in a moment. */
static int connect_patiently(const struct pg_options *o, struct pg *ret, struct why *w)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000l };
	uint64_t until = now_ms() + 1000ull * o->connect_timeout_s;

	for (;;) {
		struct why cause = { 0 };
		int r = pg_open(o, ret, &cause);

		if (!r)
			return 0;
		if (r != -EAGAIN || now_ms() >= until)
			return fail(w, r, "%s", cause.text);
		(void)nanosleep(&pause, NULL);
	}
}

int store_connect(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w)
{
	char room[STRING_ROOM];
	const struct pg_options options = {
		.conninfo = conninfo_of(o, c, room),
		.connect_timeout_s = c->connect_timeout_s,
		.statement_timeout_ms = 1000 * c->statement_timeout_s,
	};
	int r = connect_patiently(&options, ret, w);

	if (r == -ENOTCONN && options.conninfo == room)
		why_next(w, r, "tandem-intel ensure starts the database of this machine");
	return r;
}

int store_open(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w)
{
	AUTO_PG p = { 0 };
	int r = store_connect(o, c, &p, w);

	r = r ? r : schema_check(&p, w);
	if (r)
		return r;
	*ret = p;
	p.conn = NULL;
	return 0;
}

bool store_is_private(const struct store_opts *o, const struct intelconf *c)
{
	return !o->connect && !c->connect[0];
}

/* By systemd, when it has the unit; a configuration of its own is not the unit's. */
static int start_unit(const struct store_opts *o, unsigned int timeout_s, struct why *w)
{
	const char *const argv[] = { "systemctl", "start", CLUSTER_UNIT, NULL };
	struct proc_result res;
	int r;

	if (o->config || access("/run/systemd/system", F_OK))
		return -ENOENT;
	r = proc_run(argv, 1000 * timeout_s, &res, w);
	if (r)
		return r;
	if (res.exit_code == NO_SUCH_UNIT)
		return -ENOENT;
	if (res.exit_code == 0)
		return 0;
	r = fail(w, -EIO, CLUSTER_UNIT ": %s", res.timed_out ? "not started in time" : "not started");
	return why_next(w, r, "journalctl -u " CLUSTER_UNIT);
}

static int start_server(const struct store_opts *o, const struct intelconf *c, const struct cluster *k,
			struct store_start *s, struct why *w)
{
	struct machine m;
	unsigned int major = 0;
	int r = cluster_major(k, &major, w);

	r = r ? r : start_unit(o, c->start_timeout_s + (major ? UNIT_S : CLUSTER_MAKE_S), w);
	s->unit = r == 0;
	if (r == -ENOENT) {
		r = machine_read(NULL, NULL, &m, w);
		r = r ? r : cluster_start(k, &m, c->start_timeout_s, &s->server, w);
	} else {
		s->server.started = s->unit;
		s->server.made = s->unit && !major;
	}
	return r;
}

static int start_private(const struct store_opts *o, const struct intelconf *c, struct store_start *s, struct why *w)
{
	struct cluster k;
	int r = cluster_of(c, &k, w);

	if (!r && cluster_ping(&k))
		r = start_server(o, c, &k, s, w);
	return r ? r : cluster_database(&k, w);
}

int store_start(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct store_start *ret_start,
		struct why *w)
{
	struct store_start s = { 0 };
	/* Nearly always it is there: that costs one connection. */
	bool private = store_is_private(o, c), there = private && store_connect(o, c, ret, NULL) == 0;
	int r = private && !there ? start_private(o, c, &s, w) : 0;

	if (!r && !there)
		r = store_connect(o, c, ret, w);
	if (!r)
		*ret_start = s;
	return r;
}

static int limits(struct pg *p, struct pool_server *ret, struct why *w)
{
	AUTO_PG_RESULT *rows = NULL;
	int r = pg_query(
		p,
		"SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int"
		" + COALESCE(current_setting('reserved_connections', true), '0')::int, rolconnlimit, datconnlimit "
		"FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()",
		NULL, &rows, w);

	if (r)
		return r;
	*ret = (struct pool_server){
		.max_connections = (int)pg_get_int(rows, 0, 0),
		.reserved = (int)pg_get_int(rows, 0, 1),
		.role_limit = (int)pg_get_int(rows, 0, 2),
		.database_limit = (int)pg_get_int(rows, 0, 3),
	};
	return 0;
}

int store_plan(struct pg *p, const struct derived *wanted, struct pool_plan *ret, struct why *w)
{
	struct pool_server server;
	int r = limits(p, &server, w);

	if (!r)
		*ret = pool_make(wanted, &server);
	return r;
}

int store_allowed(const struct store_opts *o, const struct intelconf *c, unsigned int wanted, struct pool_plan *ret,
		  struct why *w)
{
	const struct derived d = { .value = wanted };
	AUTO_PG p = { 0 };

	*ret = pool_make(&d, NULL);
	return store_connect(o, c, &p, NULL) ? 0 : store_plan(&p, &d, ret, w);
}

int store_pool(const struct store_opts *o, const struct intelconf *c, const struct machine *m,
	       struct pool_plan *ret_plan, struct connpool **ret, struct why *w)
{
	char room[STRING_ROOM];
	struct connpool_want want = {
		.options = { .conninfo = conninfo_of(o, c, room),
			     .connect_timeout_s = c->connect_timeout_s,
			     .statement_timeout_ms = 1000 * c->statement_timeout_s },
	};
	struct pool_plan plan;
	AUTO_PG first = { 0 };
	int r = store_open(o, c, &first, w);

	r = r ? r : store_plan(&first, &m->sizes.db_connections, &plan, w);
	if (r)
		return r;
	want.size = plan.size;
	r = connpool_new(&want, ret, w);
	if (!r)
		*ret_plan = plan;
	return r;
}
