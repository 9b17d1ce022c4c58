#include "bootstage/intel/store.h"

#include <stdio.h>

#include "bootstage/intel/cluster.h"
#include "bootstage/intel/migrate.h"
#include "tuning/tuneconf.h"

#define SYSTEM_CONF "/etc/tandem/system.conf"
#define NO_PRODUCT  "tandem" /* on a machine that is no appliance */

int store_config(const struct store_opts *o, struct intelconf *ret, struct why *w)
{
	char product[TUNECONF_PRODUCT] = NO_PRODUCT;
	struct why cause = { 0 };
	struct intelconf c;
	int r = intelconf_read(o->config ? o->config : INTELCONF_FILE, &c, &cause);

	if (r == -ENOENT && !o->config)
		intelconf_defaults(&c);
	else if (r)
		goto out;
	r = tuneconf_product(SYSTEM_CONF, product, &cause);
	if (r && r != -ENOENT)
		goto out;
	cluster_places(&c, product);
	*ret = c;
	return 0;
out:
	if (w && !w->code)
		*w = cause;
	return r;
}

int store_connect(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w)
{
	char private[2 * INTELCONF_PATH];
	const struct pg_options options = {
		.conninfo = o->connect      ? o->connect
			    : c->connect[0] ? c->connect
					    : private,
		.connect_timeout_s = c->connect_timeout_s,
		.statement_timeout_ms = 1000 * c->statement_timeout_s,
	};
	int r;

	(void)snprintf(private, sizeof(private), "host='%s' dbname=" CLUSTER_DATABASE " user=" CLUSTER_DATABASE,
		       c->socket);
	r = pg_open(&options, ret, w);
	if (r && options.conninfo == private)
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
