/*
 * http - ranges of one file from a web server: several connections on a thread of their own, retries that go on at the
 * byte that was reached, and one file through the whole session. libcurl; http and https only.
 * No policy: what is asked for, in which order and where it goes is the caller's; so is all memory for content.
 * Trust:  the server and what is on the way are hostile. Every byte handed out has the place that its Content-Range
 *         says, which was asked for; whether the bytes are the right ones is the caller's to check.
 *
 * Promised: a byte of a request is handed out once, those of one range in ascending order, whatever has to be repeated.
 * A file that changes (ETag, Last-Modified, size) ends the session's requests with -EREMCHG.
 */
#ifndef BASE_NET_HTTP_H
#define BASE_NET_HTTP_H

#include "base/bytes.h"
#include "base/why.h"

#define HTTP_RANGES_MAX      128u /* of one request; Apache takes 200 by default, nginx 8 KiB of header */
#define HTTP_CONNECTIONS     4u
#define HTTP_CONNECTIONS_MAX 8u
#define HTTP_TIMEOUT_SECONDS 120u
#define HTTP_SIZE_UNKNOWN    UINT64_MAX
#define HTTP_REDIRECTS_MAX   5u
#define HTTP_FIELD_MAX       256u /* bytes of a field's value with its NUL; longer ones count as not given */

struct http_options {
	const char *proxy;                /* NULL: as the environment says; "": none */
	const char *ca_file;              /* PEM; NULL: the system's */
	const char *cert_file, *key_file; /* of the client, PEM; NULL: none */
	uint64_t limit_rate;              /* bytes per second; 0: none. With a limit there is one connection */
	unsigned int connections;         /* 0: HTTP_CONNECTIONS */
	unsigned int timeout_seconds;     /* without a byte, until it is given up; 0: HTTP_TIMEOUT_SECONDS */
	/*
	 * Further lines for the header of each request, borrowed: "Accept: ...", "Authorization: ...". Redirects to another
	 * host are then followed anew each time, and libcurl does not tell that host what authorizes.
	 */
	const char *const *fields;
	size_t n_fields;
	/*
	 * The file as it is known from before. When the server says that it still is that one, a request ends with 0, nothing
	 * is handed out, and `unchanged` is among the facts. NULL: not asked.
	 */
	const char *known_etag, *known_modified;
	const char *note; /* a field of answers that is kept among the facts; NULL: none */
};
#define HTTP_FIELDS_MAX 4u

struct http_range {
	uint64_t at, bytes;
};

enum http_took {
	HTTP_TOOK,   /* all of it */
	HTTP_LATER,  /* nothing now; offered again after http_continue(). Only where `n` is 0 */
	HTTP_ENOUGH, /* nothing any more: the request ends with -ECANCELED */
};

/* A request, of the caller's, who leaves it alone from http_submit() until done() was called, or http_forget() or http_close() returned. */
struct http_request {
	struct http_range want[HTTP_RANGES_MAX]; /* ascending, apart, none empty */
	size_t n;                                /* 0: the whole file from its beginning, without naming a range */
	/* Both are called by the session's thread. What lies behind the end of the file is not handed out. */
	enum http_took (*sink)(void *arg, uint64_t at, struct bytes data);
	void (*done)(void *arg, int r, const struct why *w);
	/*
	 * The server ignores ranges: from here on this is a request for the whole file. NULL: it ends with -EOPNOTSUPP. Called
	 * as the two above, and only where `n` is 1.
	 */
	void (*whole)(void *arg);
	void *arg;
	/* private from here */
	uint64_t got[HTTP_RANGES_MAX];
	uint64_t got_whole;
	unsigned int attempts; /* since the last progress */
	uint64_t progress_ms, due_ms;
	struct http_request *next;
};

struct http_facts {
	bool known;          /* there was a good answer */
	uint64_t size_bytes; /* HTTP_SIZE_UNKNOWN */
	bool one_range;      /* the server does not answer several ranges at once: the client asks for one at a time */
	uint64_t requests;   /* sent, with repeated and redirected ones */
	uint64_t received_bytes; /* bodies */
	uint64_t twice_bytes;    /* of these, bytes that had been received before */
	bool unchanged;
	char etag[HTTP_FIELD_MAX], modified[HTTP_FIELD_MAX], noted[HTTP_FIELD_MAX]; /* of a good answer; "" not given */
};

struct http;

/** Begin a session; nothing is sent yet. @url, @o borrowed. -EINVAL (usage) no http or https URL, files that are not there. */
MUST_USE int http_open(const char *url, const struct http_options *o, struct http **ret, struct why *w);
/** End it and everything that is under way; done() is not called any more. NULL is fine. */
void http_close(struct http *h);

/**
 * Ask. done() gets 0; -EOPNOTSUPP the server ignores ranges (n > 0); -EREMCHG;
 * -ENOENT, -EACCES by status; -EBADMSG an answer that does not fit what was asked, or a file that is shorter than it was;
 * -EPROTO TLS; -ELOOP redirects; -ETIMEDOUT, -ECONNREFUSED, -EIO when it was tried long enough.
 */
void http_submit(struct http *h, struct http_request *q);
/** After HTTP_LATER: offer again. */
void http_continue(struct http *h);

/** Give a request up: done() is not called after this, nor was it if it was not over. Not from a callback. */
void http_forget(struct http *h, struct http_request *q);

/** What is known by now. */
struct http_facts http_facts(struct http *h);
/** Whether a text is a URL that this takes. */
bool http_is_url(const char *text);
/** The URL without user and password, for people; borrowed from h. */
const char *http_name(const struct http *h);

#endif
