/*
 * source_http - a bundle on a web server: what was announced is fetched ahead in few requests over several connections;
 * what nobody announced when it is read.
 * Layer:  updater; act. Memory is bounded by SOURCE_HTTP_BYTES whatever the bundle's size.
 * Trust:  as base/net/http.h.
 *
 * A server that ignores ranges is read once from the beginning to the end: what lies before the byte that is wanted is
 * passed over, the last MiB of it at least is kept. A read of what was before that begins again at the beginning, at
 * most SOURCE_HTTP_RESTARTS times; then it is -ESPIPE.
 */
#ifndef UPDATER_SOURCE_HTTP_H
#define UPDATER_SOURCE_HTTP_H

#include <stdbool.h>

#include "base/net/http.h"
#include "updater/source.h"

#define SOURCE_HTTP_BYTES    (6u << 20) /* buffers here and in libcurl */
#define SOURCE_HTTP_RESTARTS 2u

struct source_http_options {
	struct http_options net;
	bool (*cancelled)(void *arg); /* asked ten times a second while a read waits; NULL: never */
	void *arg;
};

/**
 * Open: asks for the first bytes, and so for the size.
 * @url  borrowed
 * Returns 0; what http_submit() says; -ECANCELED.
 */
MUST_USE int source_http(const char *url, const struct source_http_options *o, struct source *ret, struct why *w);

#endif
