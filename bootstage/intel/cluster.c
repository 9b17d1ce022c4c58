#include "bootstage/intel/cluster.h"

#include <stdio.h>

void cluster_places(struct intelconf *c, const char *product)
{
	if (!c->folder[0])
		(void)snprintf(c->folder, sizeof(c->folder), CLUSTER_FOLDER, product);
	if (!c->socket[0])
		(void)snprintf(c->socket, sizeof(c->socket), CLUSTER_SOCKET, product);
}
