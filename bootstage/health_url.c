/*
 * The probe by HTTP, through libcurl. A file of its own, so that nothing else brings libcurl in.
 */
#include <curl/curl.h>
#include <strings.h>

#include "base/proc.h"
#include "bootstage/health.h"

#define REDIRECTS_MAX 5

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

static CURLcode prepare(CURL *c, char *reason)
{
	CURLcode r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");

	r = r ? r : curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	r = r ? r : curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* The service itself is meant, whatever proxies the environment names. */
	r = r ? r : curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	r = r ? r : curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	r = r ? r : curl_easy_setopt(c, CURLOPT_USERAGENT, "tandem-stage/" TANDEM_VERSION);
	return r ? r : curl_easy_setopt(c, CURLOPT_ERRORBUFFER, reason);
}

/* One request. Returns the status, or -1 with the reason in ret. */
static long request(CURL *c, const char *url, uint64_t end_ms, const char *reason, struct health_probe *ret)
{
	uint64_t now = now_ms();
	long status = -1, left = now < end_ms ? (long)(end_ms - now) : 1;
	CURLcode r = curl_easy_setopt(c, CURLOPT_URL, url);

	r = r ? r : curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left);
	r = r ? r : curl_easy_perform(c);
	r = r ? r : curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (r == CURLE_OK)
		return status;
	health_said(ret, reason[0] ? reason : curl_easy_strerror(r));
	return -1;
}

static void ask(CURL *c, const char *url, uint64_t end_ms, const char *reason, struct health_probe *ret)
{
	char at[2048], text[64], *next;
	long status;

	(void)snprintf(at, sizeof(at), "%s", url);
	for (int i = 0;; i++) {
		status = request(c, at, end_ms, reason, ret);
		if (status < 0)
			return;
		next = NULL;
		if (status < 300 || status > 399 || curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &next) || !next)
			break;
		if (!same_place(url, next)) {
			health_said(ret, "redirects to another host or port");
			return;
		}
		if (i == REDIRECTS_MAX || snprintf(at, sizeof(at), "%s", next) >= (int)sizeof(at)) {
			health_said(ret, "redirects without end");
			return;
		}
	}
	(void)snprintf(text, sizeof(text), "HTTP status %ld", status);
	health_said(ret, text);
	ret->passed = status >= 200 && status <= 299;
}

void health_url(const char *url, unsigned int timeout_ms, struct health_probe *ret)
{
	static bool begun; /* libcurl's own state; this program has one thread */
	char reason[CURL_ERROR_SIZE] = "";
	CURL *c;

	ret->passed = false;
	if (!begun && curl_global_init(CURL_GLOBAL_DEFAULT)) {
		health_said(ret, "libcurl cannot be used");
		return;
	}
	begun = true;
	c = curl_easy_init();
	if (!c || prepare(c, reason))
		health_said(ret, "libcurl cannot be used");
	else
		ask(c, url, now_ms() + timeout_ms, reason, ret);
	curl_easy_cleanup(c);
}
