/*
 * cluster - where the private PostgreSQL cluster is.
 * Layer:  bootstage/intel.
 */
#ifndef BOOTSTAGE_INTEL_CLUSTER_H
#define BOOTSTAGE_INTEL_CLUSTER_H

#include "bootstage/intel/intelconf.h"

#define CLUSTER_FOLDER   "/var/lib/%s/intel/pg" /* with the product's name */
#define CLUSTER_SOCKET   "/run/%s/intel"
#define CLUSTER_DATABASE "intel" /* and the name of the role that owns it */

/** Fill in the folders that the configuration leaves open. @product  its name */
void cluster_places(struct intelconf *c, const char *product);

#endif
