/*
 * The inside of updater/source_http.h: fetches by range (source_http.c), and the stream of a server that ignores ranges
 * (source_http_stream.c).
 */
#ifndef UPDATER_SOURCE_HTTP_INSIDE_H
#define UPDATER_SOURCE_HTTP_INSIDE_H

#include <pthread.h>

#include "updater/fetchlist.h"
#include "updater/source_http.h"
#include "updater/window.h"

#define FETCH_BYTES (1u << 20)
#define FETCHES     (STREAM_WINDOW_BYTES / FETCH_BYTES)

struct web;

enum fetch_state { FETCH_FREE, FETCH_FLYING, FETCH_DONE };

/* One request, and what it brought. */
struct fetch {
	struct web *web;
	enum fetch_state state;
	struct http_request q;
	uint64_t had[HTTP_RANGES_MAX]; /* of each range, from its front */
	uint8_t *buf;                  /* the ranges one after the other */
	uint64_t bytes, used_bytes;    /* of all ranges; that were read */
	uint64_t number;               /* ascending in the order of asking */
	int r;
	struct why why;
};

struct web_stream {
	struct window win;
	struct http_request q;
	bool on;     /* the server ignores ranges */
	bool moving; /* it is being begun */
	bool ended;
	uint64_t wanted; /* nothing before it is waited for */
	unsigned int restarts;
	int r;
	struct why why;
};

struct web {
	struct source_http_options o;
	struct http *http;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	uint8_t *memory; /* STREAM_WINDOW_BYTES: the fetches', or the stream's */
	struct fetch fetches[FETCHES];
	struct fetchlist list;
	uint64_t asked, read_number; /* numbers of the last fetch, and of the last that was read of */
	bool announced;              /* somebody said what will be read: nothing is guessed any more */
	uint64_t next, guess_bytes;  /* where the last read ended that nobody announced; how far ahead was guessed */
	uint64_t twice_bytes;        /* that a restart of the stream fetches again */
	struct web_stream stream;
};

/** Wait for a change, with the lock held. -ECANCELED. */
MUST_USE int web_wait(struct web *web, struct why *w);

/** The server ignores ranges: from now on by stream. With the lock held. */
void web_stream_begin(struct web *web);
/** As that, when the answer to the first request of all is the stream. By the session's thread, as what belongs to it. */
void web_stream_take_over(struct web *web);
enum http_took web_stream_bytes(struct web *web, struct bytes data);
void web_stream_done(struct web *web, int r, const struct why *w);
/** As source_read(), with the lock held. */
MUST_USE int web_stream_read(struct web *web, uint8_t *buf, size_t n, uint64_t off, struct why *w);

#endif
