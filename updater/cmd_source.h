/*
 * cmd_source - where a bundle is: a file, a URL or "-" for standard input; and the options of the network.
 */
#ifndef UPDATER_CMD_SOURCE_H
#define UPDATER_CMD_SOURCE_H

#include "base/args.h"
#include "partitions/sysconf.h"
#include "updater/source.h"

struct net_options {
	const char *limit_rate, *proxy, *ca_file, *client_cert, *client_key, *connections, *timeout;
};

/* Rows for a verb's table of options. */
#define NET_OPTIONS(o)                                                                                                 \
	{ .name = "limit-rate",                                                                                        \
	  .arg = "RATE",                                                                                               \
	  .help = "bytes per second, at most; K, M, G",                                                                \
	  .value = &(o).limit_rate },                                                                                  \
		{ .name = "proxy", .arg = "URL", .help = "HTTP proxy; none: without", .value = &(o).proxy },           \
		{ .name = "ca-file",                                                                                   \
		  .arg = "FILE",                                                                                       \
		  .help = "certificates that https servers are checked by",                                            \
		  .value = &(o).ca_file },                                                                             \
		{ .name = "client-cert",                                                                               \
		  .arg = "FILE",                                                                                       \
		  .help = "certificate to show an https server",                                                       \
		  .value = &(o).client_cert },                                                                         \
		{ .name = "client-key", .arg = "FILE", .help = "and its key", .value = &(o).client_key },              \
		{ .name = "connections",                                                                               \
		  .arg = "N",                                                                                          \
		  .help = "connections at the same time; 1 to 8",                                                      \
		  .value = &(o).connections },                                                                         \
	{                                                                                                              \
		.name = "net-timeout", .arg = "SECONDS", .help = "without a byte, until it is given up",               \
		.value = &(o).timeout                                                                                  \
	}

/** Check the options. -EINVAL (usage). */
MUST_USE int net_options_check(const struct net_options *o, struct why *w);
/**
 * Open a bundle's source. Waiting for the network ends when interrupt_seen().
 * @conf  of system.conf, below the options; NULL: none
 * Everything but ret is borrowed for the life of the source.
 */
MUST_USE int source_any(const char *where, const struct net_options *o, const struct sysconf_net *conf,
			struct source *ret, struct why *w);

#endif
