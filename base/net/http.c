/*
 * A session: requests that are waiting, transfers that are under way, and the thread that moves both on.
 */
#include "base/net/http.h"

#include <signal.h>
#include <strings.h>
#include <sys/random.h>

#include "base/net/http_inside.h"
#include "base/proc.h"

#define PROGRESS_BYTES    1024u /* that an attempt has to move to count as one that got on */
#define ATTEMPTS_AT_FIRST 3u    /* with a server that never had a good answer */
#define IDLE_MS           1000

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_begun;

static void begin_curl(void)
{
	curl_begun = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool http_is_url(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

const char *http_name(const struct http *h)
{
	return h->name;
}

/* A URL without what is nobody else's business: user, password, and a query, which may be a token. */
static char *public_name(const char *url)
{
	CURLU *u = curl_url();
	char *text = NULL, *name = NULL;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_QUERY, NULL, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		name = strdup(text);
	curl_free(text);
	curl_url_cleanup(u);
	return name;
}

static void append(struct http_request **list, struct http_request *q)
{
	q->next = NULL;
	while (*list)
		list = &(*list)->next;
	*list = q;
}

/* A request is over, or waits for its next attempt. */
static void settle(struct http *h, struct http_request *q, struct attempt *a)
{
	uint64_t now = now_ms();
	uint32_t chance = 0;
	unsigned int tried;

	if (a->r == 0) {
		q->done(q->arg, 0, NULL);
		return;
	}
	if (a->moved_bytes >= PROGRESS_BYTES) {
		q->progress_ms = now;
		q->attempts = 0;
	}
	tried = ++q->attempts;
	if (a->again && now - q->progress_ms < h->o.timeout_seconds * 1000ull &&
	    (h->id.known || tried < ATTEMPTS_AT_FIRST)) {
		IGNORE(getrandom(&chance, sizeof(chance), 0) < 0);
		q->due_ms = now;
		if (!a->at_once || tried > 1)
			q->due_ms += backoff_ms(tried, chance) > a->wait_ms ? backoff_ms(tried, chance) : a->wait_ms;
		append(&h->waiting, q);
		return;
	}
	if (tried > 1)
		(void)why_in(&a->why, a->r, "tried %u times", tried);
	(void)why_in(&a->why, a->r, "%s", h->name);
	q->done(q->arg, a->r, &a->why);
}

/* A request that its owner wants back. */
static void forget(struct http *h, struct http_request *q)
{
	for (struct http_request **at = &h->waiting; *at; at = &(*at)->next) {
		if (*at == q) {
			*at = q->next;
			break;
		}
	}
	for (size_t i = 0; i < h->o.connections; i++)
		if (h->transfers[i].q == q)
			transfer_drop(&h->transfers[i]);
	(void)pthread_mutex_lock(&h->lock);
	h->forget = NULL;
	(void)pthread_cond_broadcast(&h->forgot);
	(void)pthread_mutex_unlock(&h->lock);
}

static void take_submitted(struct http *h)
{
	struct http_request *q, *unwanted;
	bool go_on;

	(void)pthread_mutex_lock(&h->lock);
	q = MOVE(h->submitted);
	unwanted = h->forget;
	go_on = h->go_on;
	h->go_on = false;
	(void)pthread_mutex_unlock(&h->lock);
	while (q) {
		struct http_request *next = q->next;

		q->progress_ms = now_ms();
		append(&h->waiting, q);
		q = next;
	}
	if (unwanted)
		forget(h, unwanted);
	for (size_t i = 0; go_on && i < h->o.connections; i++)
		if (h->transfers[i].q)
			(void)curl_easy_pause(h->transfers[i].easy, CURLPAUSE_CONT);
}

/*
 * Until one answer to several ranges was good, only one is asked for: a server that sends the whole file instead fills
 * all buffers on the way with it before it hears that nobody wants it.
 */
static bool is_held_back(const struct http *h, const struct http_request *q)
{
	if (q->n < 2 || h->several_good || h->facts.one_range)
		return false;
	for (size_t i = 0; i < h->o.connections; i++)
		if (h->transfers[i].q && h->transfers[i].asked_n > 1)
			return true;
	return false;
}

static struct http_request *take_due(struct http *h)
{
	uint64_t now = now_ms();

	for (struct http_request **at = &h->waiting; *at; at = &(*at)->next) {
		struct http_request *q = *at;

		if (q->due_ms <= now && !is_held_back(h, q)) {
			*at = q->next;
			return q;
		}
	}
	return NULL;
}

static void begin_due(struct http *h)
{
	for (size_t i = 0; i < h->o.connections && h->pace_ms <= now_ms(); i++) {
		struct transfer *t = &h->transfers[i];
		struct attempt a = { 0 };
		struct http_request *q;

		if (t->q)
			continue;
		q = take_due(h);
		if (!q)
			return;
		a.r = transfer_begin(t, q, &a.why);
		if (a.r)
			settle(h, q, &a);
	}
}

/* Whether something ended. */
static bool end_some(struct http *h)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		struct transfer *t = NULL;
		struct http_request *q;
		struct attempt a;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t))
			continue;
		q = t->q;
		a = transfer_end(t, m->data.result);
		settle(h, q, &a);
		any = true;
	}
	return any;
}

static int until_due(const struct http *h)
{
	uint64_t now = now_ms(), wait = IDLE_MS;

	for (const struct http_request *q = h->waiting; q; q = q->next)
		if (q->due_ms > now && q->due_ms - now < wait)
			wait = q->due_ms - now;
	if (h->pace_ms > now && h->pace_ms - now < wait)
		wait = h->pace_ms - now;
	return (int)wait;
}

static bool stopped(struct http *h)
{
	bool stop;

	(void)pthread_mutex_lock(&h->lock);
	stop = h->stop;
	(void)pthread_mutex_unlock(&h->lock);
	return stop;
}

static void *run(void *arg)
{
	struct http *h = arg;
	int running = 0;

	while (!stopped(h)) {
		take_submitted(h);
		begin_due(h);
		(void)curl_multi_perform(h->multi, &running);
		if (!end_some(h))
			(void)curl_multi_poll(h->multi, NULL, 0, until_due(h), NULL);
	}
	return NULL;
}

/* Signals are the main thread's. */
static int begin_thread(struct http *h)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&h->thread, NULL, run, h);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int check_file(const char *what, const char *path, struct why *w)
{
	if (path && access(path, R_OK) < 0)
		return misuse(w, -errno, "%s: %s: %s", what, path, strerror(errno));
	return 0;
}

static int check(const char *url, const struct http_options *o, struct why *w)
{
	AUTO_FREE char *name = public_name(url);
	int r;

	if (!http_is_url(url) || !name)
		return misuse(w, -EINVAL, "'%s' is no http:// or https:// URL", name ? name : url);
	r = check_file("certificates of CAs", o->ca_file, w);
	r = r ? r : check_file("client certificate", o->cert_file, w);
	return r ? r : check_file("key of the client certificate", o->key_file, w);
}

static void free_session(struct http *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->transfers); i++) {
		struct transfer *t = &h->transfers[i];

		if (t->q)
			(void)curl_multi_remove_handle(h->multi, t->easy);
		curl_slist_free_all(t->fields);
		curl_easy_cleanup(t->easy);
	}
	(void)curl_multi_cleanup(h->multi);
	free(h->url);
	free(h->name);
	free(h->moved_url);
	(void)pthread_mutex_destroy(&h->lock);
	(void)pthread_cond_destroy(&h->forgot);
	free(h);
}

int http_open(const char *url, const struct http_options *o, struct http **ret, struct why *w)
{
	struct http *h;
	int r;

	(void)pthread_once(&curl_once, begin_curl);
	if (curl_begun != CURLE_OK)
		return fail(w, -ENOMEM, "libcurl: %s", curl_easy_strerror(curl_begun));
	r = check(url, o, w);
	if (r)
		return r;
	h = calloc(1, sizeof(*h));
	if (!h)
		return fail(w, -ENOMEM, "out of memory");
	h->o = *o;
	h->o.timeout_seconds = o->timeout_seconds ? o->timeout_seconds : HTTP_TIMEOUT_SECONDS;
	h->o.connections = o->limit_rate ? 1 : o->connections ? o->connections : HTTP_CONNECTIONS;
	if (h->o.connections > HTTP_CONNECTIONS_MAX)
		h->o.connections = HTTP_CONNECTIONS_MAX;
	h->facts.size_bytes = HTTP_SIZE_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(h->transfers); i++)
		h->transfers[i].h = h;
	(void)pthread_mutex_init(&h->lock, NULL);
	(void)pthread_cond_init(&h->forgot, NULL);
	h->url = strdup(url);
	h->name = public_name(url);
	h->multi = curl_multi_init();
	if (!h->url || !h->name || !h->multi || begin_thread(h)) {
		free_session(h);
		return fail(w, -ENOMEM, "out of memory");
	}
	*ret = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	(void)pthread_mutex_lock(&h->lock);
	h->stop = true;
	(void)pthread_mutex_unlock(&h->lock);
	(void)curl_multi_wakeup(h->multi);
	(void)pthread_join(h->thread, NULL);
	free_session(h);
}

void http_submit(struct http *h, struct http_request *q)
{
	memset(q->got, 0, sizeof(q->got));
	q->got_whole = 0;
	q->attempts = 0;
	q->due_ms = 0;
	(void)pthread_mutex_lock(&h->lock);
	append(&h->submitted, q);
	(void)pthread_mutex_unlock(&h->lock);
	(void)curl_multi_wakeup(h->multi);
}

void http_continue(struct http *h)
{
	(void)pthread_mutex_lock(&h->lock);
	h->go_on = true;
	(void)pthread_mutex_unlock(&h->lock);
	(void)curl_multi_wakeup(h->multi);
}

void http_forget(struct http *h, struct http_request *q)
{
	(void)pthread_mutex_lock(&h->lock);
	while (h->forget)
		(void)pthread_cond_wait(&h->forgot, &h->lock);
	h->forget = q;
	(void)curl_multi_wakeup(h->multi);
	while (h->forget == q)
		(void)pthread_cond_wait(&h->forgot, &h->lock);
	(void)pthread_mutex_unlock(&h->lock);
}

struct http_facts http_facts(struct http *h)
{
	struct http_facts f;

	(void)pthread_mutex_lock(&h->lock);
	f = h->facts;
	(void)pthread_mutex_unlock(&h->lock);
	return f;
}
