#include "base/net/probe.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/proc.h"

#define REDIRECTS_MAX 5

/* What one call is about. */
struct request {
	const struct probe_request *p;
	CURL *curl;
	uint64_t end_ms;
	char reason[CURL_ERROR_SIZE];
	struct probe_answer *ret;
};

static size_t drop(char *data, size_t size, size_t n, void *with)
{
	(void)data, (void)with;
	return size * n;
}

/* One part of a URL, to be ended with curl_free(); NULL when it has none. */
static char *url_part(const char *url, CURLUPart part)
{
	CURLU *u = curl_url();
	char *value = NULL;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, part, &value, CURLU_DEFAULT_PORT) != CURLUE_OK)
		value = NULL;
	curl_url_cleanup(u);
	return value;
}

static bool same_part(const char *a, const char *b, CURLUPart part)
{
	char *x = url_part(a, part), *y = url_part(b, part);
	bool same = x && y && strcasecmp(x, y) == 0;

	curl_free(x);
	curl_free(y);
	return same;
}

/* Host and port: another port of the same host is another service. */
static bool same_place(const char *a, const char *b)
{
	return same_part(a, b, CURLUPART_HOST) && same_part(a, b, CURLUPART_PORT);
}

static void say(struct probe_answer *a, const char *text)
{
	size_t n = strcspn(text, "\r\n");

	if (n >= sizeof(a->said))
		n = sizeof(a->said) - 1;
	for (size_t i = 0; i < n; i++)
		a->said[i] = text[i];
	a->said[n] = '\0';
	for (char *c = a->said; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static int look_up(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct probe_request *p = arg;

	(void)a, (void)b, (void)c, (void)d;
	return p->stop && p->stop(p->arg);
}

static CURLcode prepare(struct request *q)
{
	CURL *c = q->curl;
	CURLcode r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");

	r = r ? r : curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	r = r ? r : curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* The service itself is meant, whatever proxies the environment names. */
	r = r ? r : curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	r = r ? r : curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	r = r ? r : curl_easy_setopt(c, CURLOPT_USERAGENT, q->p->agent);
	r = r ? r : curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	r = r ? r : curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_up);
	r = r ? r : curl_easy_setopt(c, CURLOPT_XFERINFODATA, q->p);
	return r ? r : curl_easy_setopt(c, CURLOPT_ERRORBUFFER, q->reason);
}

/* One request. Returns the status, or -1 with the reason in ret. */
static long get(struct request *q, const char *url)
{
	uint64_t now = now_ms();
	long status = -1, left = now < q->end_ms ? (long)(q->end_ms - now) : 1;
	CURLcode r = curl_easy_setopt(q->curl, CURLOPT_URL, url);

	r = r ? r : curl_easy_setopt(q->curl, CURLOPT_TIMEOUT_MS, left);
	r = r ? r : curl_easy_perform(q->curl);
	r = r ? r : curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, &status);
	if (r == CURLE_OK)
		return status;
	say(q->ret, q->reason[0] ? q->reason : curl_easy_strerror(r));
	return -1;
}

static void ask(struct request *q)
{
	char at[2048], text[64], *next;
	long status;

	(void)snprintf(at, sizeof(at), "%s", q->p->url);
	for (int i = 0;; i++) {
		status = get(q, at);
		if (status < 0)
			return;
		next = NULL;
		if (status < 300 || status > 399 || curl_easy_getinfo(q->curl, CURLINFO_REDIRECT_URL, &next) || !next)
			break;
		if (!same_place(q->p->url, next)) {
			say(q->ret, "redirects to another host or port");
			return;
		}
		if (i == REDIRECTS_MAX || snprintf(at, sizeof(at), "%s", next) >= (int)sizeof(at)) {
			say(q->ret, "redirects without end");
			return;
		}
	}
	(void)snprintf(text, sizeof(text), "HTTP status %ld", status);
	say(q->ret, text);
	q->ret->passed = status >= 200 && status <= 299;
}

void probe_url(const struct probe_request *p, struct probe_answer *ret)
{
	struct request q = { .p = p, .end_ms = now_ms() + p->timeout_ms, .ret = ret };
	static bool begun; /* libcurl's own state */

	*ret = (struct probe_answer){ .said = "libcurl cannot be used" };
	if (!begun && curl_global_init(CURL_GLOBAL_DEFAULT))
		return;
	begun = true;
	q.curl = curl_easy_init();
	if (q.curl && prepare(&q) == CURLE_OK)
		ask(&q);
	curl_easy_cleanup(q.curl);
}
