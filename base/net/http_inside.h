/*
 * The inside of base/net/http.h: a session with its thread (http.c), and one attempt at a request (http_transfer.c).
 */
#ifndef BASE_NET_HTTP_INSIDE_H
#define BASE_NET_HTTP_INSIDE_H

#include <curl/curl.h>
#include <pthread.h>

#include "base/net/answer.h"
#include "base/net/http.h"

#define HTTP_RANGE_TEXT (HTTP_RANGES_MAX * 42u) /* "18446744073709551615-18446744073709551615," */

/* One attempt at a request. Only the session's thread touches it. */
struct transfer {
	struct http *h;
	CURL *easy;
	struct http_request *q; /* NULL: free */
	struct curl_slist *fields;
	char asked_text[HTTP_RANGE_TEXT];
	char reason[CURL_ERROR_SIZE];
	size_t asked_n;     /* ranges that this attempt asks for; 0: the whole file */
	uint64_t asked_end; /* where the last of them ends */
	struct answer answer;
	bool judged;  /* the answer's header was found good */
	bool several; /* its body has parts */
	struct multipart parts;
	uint64_t at;          /* of the next byte of a body without parts */
	uint64_t moved_bytes; /* that were handed out */
	uint64_t begun_ms, received_bytes;
	/* What ended it early: */
	int r;
	bool again;   /* it may be tried again */
	bool at_once; /* without waiting */
	struct why why;
};

struct http {
	struct http_options o;
	char *url, *name;
	char *moved_url; /* where redirects led; NULL: nowhere yet. The thread's, as are the next ones */
	CURLM *multi;
	struct transfer transfers[HTTP_CONNECTIONS_MAX];
	struct http_request *waiting;
	uint64_t pace_ms; /* with a limit of the rate: when the next request may begin */
	struct identity id;
	bool several_good; /* the server answers several ranges at once */
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t forgot;
	struct http_request *submitted, *forget;
	bool go_on, stop;
	struct http_facts facts;
};

/* The outcome of an attempt. */
struct attempt {
	int r; /* 0: the request is complete */
	bool again, at_once;
	uint64_t moved_bytes;
	unsigned int wait_ms; /* the server's wish */
	struct why why;
};

/** Begin an attempt at q on a free transfer. */
MUST_USE int transfer_begin(struct transfer *t, struct http_request *q, struct why *w);
/** The attempt is over, as curl says. The transfer is free afterwards. */
struct attempt transfer_end(struct transfer *t, CURLcode code);
/** Give it up. */
void transfer_drop(struct transfer *t);
/** Whether nothing of its ranges is missing. */
bool http_complete(const struct http *h, const struct http_request *q);

#endif
