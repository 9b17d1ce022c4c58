#include "bootstage/intel/pool.h"

#include <limits.h>
#include <stdio.h>

static int at_least_one(int n)
{
	return n < 1 ? 1 : n;
}

struct pool_plan pool_make(const struct derived *wanted, const struct pool_server *server)
{
	struct pool_plan p = { .wanted = wanted->value < INT_MAX ? (unsigned int)wanted->value : INT_MAX };
	int most;

	(void)snprintf(p.formula, sizeof(p.formula), "%s", wanted->formula);
	p.size = p.wanted;
	if (!server)
		return p;
	most = at_least_one(server->max_connections - server->reserved - (int)POOL_SPARE);
	if (p.size > (unsigned int)most) {
		p.size = (unsigned int)most;
		(void)snprintf(p.lowered, sizeof(p.lowered),
			       "the server has max_connections = %d, %d of them reserved, and %u are left to others",
			       server->max_connections, server->reserved, POOL_SPARE);
	}
	if (server->role_limit >= 0 && p.size > (unsigned int)at_least_one(server->role_limit)) {
		p.size = (unsigned int)at_least_one(server->role_limit);
		(void)snprintf(p.lowered, sizeof(p.lowered), "the role has a connection limit of %d",
			       server->role_limit);
	}
	if (server->database_limit >= 0 && p.size > (unsigned int)at_least_one(server->database_limit)) {
		p.size = (unsigned int)at_least_one(server->database_limit);
		(void)snprintf(p.lowered, sizeof(p.lowered), "the database has a connection limit of %d",
			       server->database_limit);
	}
	return p;
}
