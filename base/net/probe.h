/*
 * probe - does a service answer? One GET request by HTTP, through libcurl.
 * Trust:  the answer's body is dropped unread; what libcurl says of it is made printable.
 *
 * For programs with one thread: libcurl's own state begins with the first call.
 */
#ifndef BASE_NET_PROBE_H
#define BASE_NET_PROBE_H

#include <stdbool.h>

#define PROBE_SAID_MAX 160u

struct probe_request {
	const char *url; /* http or https */
	unsigned int timeout_ms;
	const char *agent; /* name of the program, for the server's log */
	/* Asked about once a second while the answer is waited for; true ends the request. May be NULL. */
	bool (*stop)(void *arg);
	void *arg;
};

struct probe_answer {
	bool passed;               /* a status of 2xx */
	char said[PROBE_SAID_MAX]; /* one printable line: "HTTP status 200", or what went wrong */
};

/** Ask. Redirects are followed within the host and port they come from, five at most; proxies are not used. */
void probe_url(const struct probe_request *p, struct probe_answer *ret);

#endif
