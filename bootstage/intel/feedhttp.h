/*
 * feedhttp - a file of a web server as a stream: in blocks, each asked for by its range, so that a connection that breaks
 * goes on at its byte; from beginning to end where the server has no ranges.
 * Layer:  bootstage/intel. Act. Memory is two blocks.
 * Trust:  base/net/http.h.
 */
#ifndef BOOTSTAGE_INTEL_FEEDHTTP_H
#define BOOTSTAGE_INTEL_FEEDHTTP_H

#include "base/net/http.h"

#define FEEDHTTP_BLOCK (2u << 20)

struct feedhttp;

/**
 * Begin. @url, @o borrowed until feedhttp_close(); see http_open().
 * @ranges  whether they are tried; a page of TAXII is what the server makes for this one request
 */
MUST_USE int feedhttp_open(const char *url, const struct http_options *o, bool ranges, struct feedhttp **ret,
			   struct why *w);
void feedhttp_close(struct feedhttp *f);
/** Whether a read would not wait. */
bool feedhttp_ready(struct feedhttp *f);
/** Wait until it would not. -ECANCELED by stop(). */
MUST_USE int feedhttp_wait(struct feedhttp *f, bool (*stop)(void), struct why *w);
/** Some bytes; 0 at the end, at once where the server says that nothing has changed. -ECANCELED by stop(); as http_submit(). */
MUST_USE int feedhttp_read(struct feedhttp *f, void *buf, size_t room, bool (*stop)(void), size_t *ret_n,
			   struct why *w);
struct http_facts feedhttp_facts(struct feedhttp *f);

#endif
