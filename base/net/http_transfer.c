/*
 * One attempt at a request: what is asked, what the answer's header has to say, where the body's bytes go.
 */
#include <inttypes.h>

#include "base/net/http_inside.h"
#include "base/proc.h"

#define STALLED_SECONDS 30u
#define CONNECT_SECONDS 15L
#define BUFFER_BYTES    65536L
#define WORDS_MAX       262144u /* bytes about a failure */

static uint64_t range_end(const struct http_range *r)
{
	return r->at + r->bytes;
}

/* How many bytes range i has in this file. */
static uint64_t range_bytes(const struct http *h, const struct http_request *q, size_t i)
{
	uint64_t size = h->id.known ? h->id.size_bytes : HTTP_SIZE_UNKNOWN, at = q->want[i].at;

	if (size == HTTP_SIZE_UNKNOWN || range_end(&q->want[i]) <= size)
		return q->want[i].bytes;
	return at < size ? size - at : 0;
}

bool http_complete(const struct http *h, const struct http_request *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->got[i] < range_bytes(h, q, i))
			return false;
	return true;
}

/* End it here and now, for this reason. Returns what curl's callbacks return for that. */
static size_t end_with(struct transfer *t, int r)
{
	t->r = r;
	return 0;
}

static size_t end_at_once(struct transfer *t)
{
	t->again = t->at_once = true;
	return end_with(t, -EIO);
}

/*
 * Bytes that belong at `at`: to each range what it is still without. Parts begin at a byte that a range waits for
 * (check_part), but may run on over a gap that was not asked for into the next one.
 */
static enum http_took hand_out(struct transfer *t, uint64_t at, struct bytes data)
{
	struct http_request *q = t->q;
	uint64_t end = at + data.n;

	for (size_t i = 0; i < q->n && q->want[i].at < end; i++) {
		uint64_t next = q->want[i].at + q->got[i], to = range_end(&q->want[i]);
		enum http_took took;

		to = to < end ? to : end;
		if (at > next || next >= to)
			continue;
		took = q->sink(q->arg, next, bytes_of(data.p + (next - at), (size_t)(to - next)));
		if (took != HTTP_TOOK)
			return HTTP_ENOUGH;
		q->got[i] += to - next;
		t->moved_bytes += to - next;
	}
	return HTTP_TOOK;
}

/* Of a whole file: what went by before an attempt failed comes again, and is passed over. */
static enum http_took hand_on(struct transfer *t, struct bytes data)
{
	struct http_request *q = t->q;
	uint64_t had = t->at < q->got_whole ? q->got_whole - t->at : 0;
	size_t skip = had < data.n ? (size_t)had : data.n;
	enum http_took took = HTTP_TOOK;

	if (skip < data.n)
		took = q->sink(q->arg, t->at + skip, bytes_of(data.p + skip, data.n - skip));
	if (took != HTTP_TOOK)
		return took;
	t->at += data.n;
	t->moved_bytes += data.n - skip;
	q->got_whole += data.n - skip;
	(void)pthread_mutex_lock(&t->h->lock);
	t->h->facts.twice_bytes += skip;
	(void)pthread_mutex_unlock(&t->h->lock);
	return HTTP_TOOK;
}

/* A part begins where something is waited for, and does not go beyond what was asked. */
static int check_part(const struct transfer *t, const struct byterange *part, struct why *w)
{
	const struct http_request *q = t->q;

	for (size_t i = 0; i < q->n; i++)
		if (part->at == q->want[i].at + q->got[i] && q->got[i] < q->want[i].bytes &&
		    part->at + part->bytes <= t->asked_end)
			return 0;
	return fail(w, -EBADMSG, "the server sends bytes %" PRIu64 " to %" PRIu64 ", which were not asked for",
		    part->at, part->at + part->bytes - 1);
}

static int judge_partial(struct transfer *t)
{
	struct answer *a = &t->answer;
	int r;

	if (t->asked_n > 0 && multipart_is(bytes_str(a->type))) {
		t->several = t->h->several_good = true;
		return multipart_begin(bytes_str(a->type), &t->parts, &t->why);
	}
	if (t->asked_n == 0 || a->bad_range || !a->has_range || a->range.bytes == 0)
		return fail(&t->why, -EBADMSG, "the server sends a part without a usable Content-Range");
	r = check_part(t, &a->range, &t->why);
	t->at = a->range.at;
	return r;
}

/* The whole file, where a range was asked for. */
static int judge_whole(struct transfer *t)
{
	if (!t->q->whole || t->q->got[0] > 0)
		return fail(&t->why, -EOPNOTSUPP, "the server ignores ranges");
	t->q->n = t->asked_n = 0;
	t->q->whole(t->q->arg);
	return 0;
}

static void note_facts(struct transfer *t)
{
	struct http_facts *f = &t->h->facts;
	const struct answer *a = &t->answer;

	_Static_assert(sizeof(f->etag) == sizeof(a->etag), "fields are as long here as there");
	(void)pthread_mutex_lock(&t->h->lock);
	f->known = t->h->id.known;
	f->size_bytes = t->h->id.size_bytes;
	f->unchanged = a->status == 304;
	if (!f->unchanged) {
		memcpy(f->etag, a->etag, sizeof(f->etag));
		memcpy(f->modified, a->modified, sizeof(f->modified));
		memcpy(f->noted, a->noted, sizeof(f->noted));
	}
	(void)pthread_mutex_unlock(&t->h->lock);
}

/* Look at the header of a good answer. Returns whether its body is wanted. */
static bool judge(struct transfer *t)
{
	struct answer *a = &t->answer;
	int r = identity_check(&t->h->id, a, &t->why);

	note_facts(t);
	if (!r && a->encoded)
		r = fail(&t->why, -EBADMSG, "the server sends it with a Content-Encoding");
	if (!r && a->status == 206)
		r = judge_partial(t);
	if (!r && a->status == 200 && t->asked_n > 1) {
		t->h->facts.one_range = true; /* only this thread changes it */
		return end_at_once(t) != 0;
	}
	if (!r && a->status == 200 && t->asked_n == 1)
		r = judge_whole(t);
	t->judged = true;
	return r == 0 || end_with(t, r) != 0;
}

static enum http_took take_parts(struct transfer *t, struct bytes in)
{
	struct bytes data;
	uint64_t at = 0;
	int r;

	while ((r = multipart_next(&t->parts, &in, &at, &data, &t->why)) == MULTIPART_BYTES) {
		if (at == t->parts.part.at)
			r = check_part(t, &t->parts.part, &t->why);
		if (r < 0)
			break;
		if (hand_out(t, at, data) != HTTP_TOOK)
			return HTTP_ENOUGH;
	}
	if (r < 0)
		t->r = r;
	return r < 0 ? HTTP_ENOUGH : HTTP_TOOK;
}

static enum http_took take_run(struct transfer *t, struct bytes in)
{
	uint64_t left = t->answer.range.at + t->answer.range.bytes - t->at;
	size_t n = left < in.n ? (size_t)left : in.n;
	enum http_took took = hand_out(t, t->at, bytes_of(in.p, n));

	t->at += n;
	return took;
}

/* What a server says about a failure: to its end, so that the connection can be used again, unless it has none. */
static size_t pass_words(struct transfer *t, size_t n)
{
	t->received_bytes += n;
	if (t->received_bytes <= WORDS_MAX)
		return n;
	return end_with(t, answer_status(&t->answer, &t->again, &t->why));
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct bytes in = bytes_of(data, size * n);
	enum http_took took;

	if (t->answer.status != 200 && t->answer.status != 206)
		return pass_words(t, in.n);
	if (!t->judged && !judge(t))
		return 0;
	if (t->asked_n == 0)
		took = hand_on(t, in);
	else
		took = t->several ? take_parts(t, in) : take_run(t, in);
	if (took == HTTP_LATER)
		return CURL_WRITEFUNC_PAUSE;
	t->received_bytes += in.n;
	(void)pthread_mutex_lock(&t->h->lock);
	t->h->facts.received_bytes += in.n;
	(void)pthread_mutex_unlock(&t->h->lock);
	if (took == HTTP_ENOUGH && !t->r)
		return end_with(t, fail(&t->why, -ECANCELED, "not wanted any more"));
	return took == HTTP_ENOUGH ? 0 : in.n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	answer_line(&t->answer, bytes_of(data, size * n));
	return size * n;
}

/* Write down the ranges that are to be asked for: all that have something left, or the first of them. */
static void choose_ranges(struct transfer *t)
{
	struct http_request *q = t->q;
	size_t n = 0;

	t->asked_text[0] = '\0';
	for (size_t i = 0; i < q->n; i++) {
		if (q->got[i] >= range_bytes(t->h, q, i) || (t->asked_n > 0 && t->h->facts.one_range))
			continue;
		n += (size_t)snprintf(t->asked_text + n, sizeof(t->asked_text) - n, "%s%" PRIu64 "-%" PRIu64,
				      n ? "," : "", q->want[i].at + q->got[i], range_end(&q->want[i]) - 1);
		t->asked_end = range_end(&q->want[i]);
		t->asked_n++;
	}
}

static CURLcode add_field(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->fields, line);

	if (!more)
		return CURLE_OUT_OF_MEMORY;
	t->fields = more;
	return CURLE_OK;
}

/* Whether it is still the file that the caller has: asked until there was an answer. */
static CURLcode add_known(struct transfer *t)
{
	const struct http_options *o = &t->h->o;
	char field[ANSWER_FIELD_MAX + 32];
	CURLcode r = CURLE_OK;

	if (o->known_etag && o->known_etag[0]) {
		(void)snprintf(field, sizeof(field), "If-None-Match: %s", o->known_etag);
		r = add_field(t, field);
	} else if (o->known_modified && o->known_modified[0]) {
		(void)snprintf(field, sizeof(field), "If-Modified-Since: %s", o->known_modified);
		r = add_field(t, field);
	}
	return r;
}

static CURLcode set_place(struct transfer *t)
{
	struct http *h = t->h;
	bool tls = strncasecmp(h->url, "https", 5) == 0;
	const char *condition = identity_condition(&h->id);
	char field[ANSWER_FIELD_MAX + 16];
	CURLcode r;

	r = curl_easy_setopt(t->easy, CURLOPT_URL, h->moved_url ? h->moved_url : h->url);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* Nobody on the way may take TLS away. */
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 1L);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
	if (t->asked_n > 0)
		r = r ? r : curl_easy_setopt(t->easy, CURLOPT_RANGE, t->asked_text);
	if (t->asked_n > 0 && condition) {
		(void)snprintf(field, sizeof(field), "If-Range: %s", condition);
		r = r ? r : add_field(t, field);
	}
	if (!h->id.known)
		r = r ? r : add_known(t);
	for (size_t i = 0; i < h->o.n_fields; i++)
		r = r ? r : add_field(t, h->o.fields[i]);
	return t->fields && !r ? curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields) : r;
}

static CURLcode set_manner(struct transfer *t)
{
	const struct http_options *o = &t->h->o;
	long stalled = o->timeout_seconds < STALLED_SECONDS ? (long)o->timeout_seconds : (long)STALLED_SECONDS;
	CURLcode r = curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);

	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "tandem/" TANDEM_VERSION);
	/* Several connections are several streams to the network only as long as each has its own. */
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	r = r ? r
	      : curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT,
				 stalled < CONNECT_SECONDS ? stalled : CONNECT_SECONDS);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, stalled);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)o->limit_rate);
	if (o->proxy)
		r = r ? r : curl_easy_setopt(t->easy, CURLOPT_PROXY, o->proxy);
	if (o->ca_file)
		r = r ? r : curl_easy_setopt(t->easy, CURLOPT_CAINFO, o->ca_file);
	if (o->cert_file)
		r = r ? r : curl_easy_setopt(t->easy, CURLOPT_SSLCERT, o->cert_file);
	if (o->key_file)
		r = r ? r : curl_easy_setopt(t->easy, CURLOPT_SSLKEY, o->key_file);
	return r;
}

static CURLcode set_callbacks(struct transfer *t)
{
	CURLcode r = curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->reason);

	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	r = r ? r : curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	return r ? r : curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

void transfer_drop(struct transfer *t)
{
	(void)curl_multi_remove_handle(t->h->multi, t->easy);
	curl_slist_free_all(t->fields);
	t->fields = NULL;
	t->q = NULL;
}

int transfer_begin(struct transfer *t, struct http_request *q, struct why *w)
{
	struct http *h = t->h;
	CURL *easy = t->easy ? t->easy : curl_easy_init();
	CURLcode r;

	if (!easy)
		return fail(w, -ENOMEM, "out of memory");
	curl_easy_reset(easy);
	*t = (struct transfer){ .h = h, .easy = easy, .q = q, .begun_ms = now_ms(), .answer.note = h->o.note };
	choose_ranges(t);
	r = set_place(t);
	r = r ? r : set_manner(t);
	r = r ? r : set_callbacks(t);
	if (r == CURLE_OK && curl_multi_add_handle(h->multi, easy) == CURLM_OK) {
		(void)pthread_mutex_lock(&h->lock);
		h->facts.requests++;
		(void)pthread_mutex_unlock(&h->lock);
		return 0;
	}
	transfer_drop(t);
	return fail(w, -ENOMEM, "libcurl: %s", r ? curl_easy_strerror(r) : "cannot begin");
}

/* What a failure of libcurl means, and whether it may pass. */
static int curl_failure(const struct transfer *t, CURLcode code, bool *ret_again, struct why *w)
{
	const char *text = t->reason[0] ? t->reason : curl_easy_strerror(code);

	*ret_again = true;
	switch ((int)code) {
	case CURLE_TOO_MANY_REDIRECTS:
		*ret_again = false;
		return fail(w, -ELOOP, "redirects without end (%u were followed)", HTTP_REDIRECTS_MAX);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fail(w, -EHOSTUNREACH, "%s", text);
	case CURLE_COULDNT_CONNECT:
		return fail(w, -ECONNREFUSED, "%s", text);
	case CURLE_OPERATION_TIMEDOUT:
		return fail(w, -ETIMEDOUT, "%s", text);
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_SSL_CONNECT_ERROR:
		return fail(w, -EIO, "%s", text);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		*ret_again = false;
		return fail(w, -EPROTO, "%s", text);
	default:
		*ret_again = false;
		return fail(w, -EIO, "%s", text);
	}
}

/* The answer came to its end. */
static void judge_end(struct transfer *t, struct attempt *a)
{
	struct http *h = t->h;

	a->r = answer_status(&t->answer, &a->again, &a->why);
	a->wait_ms = t->answer.retry_after_s * 1000;
	if (a->r && h->moved_url && !a->again) {
		/* Where redirects lead may be good for a while only. */
		free(MOVE(h->moved_url));
		a->again = true;
	}
	if (t->answer.status == 304) {
		note_facts(t);
		if (h->id.known || !(h->o.known_etag || h->o.known_modified))
			a->r = fail(&a->why, -EBADMSG,
				    "the server answers with HTTP status 304, which nobody asked for");
		return;
	}
	if (a->r || t->asked_n == 0)
		return;
	if (!http_complete(h, t->q)) {
		if (t->asked_n > 1 && !(t->several && t->parts.state != PART_CLOSED))
			h->facts.one_range = true;
		a->again = true;
		a->at_once = t->moved_bytes > 0;
		a->r = fail(&a->why, -EIO, "the server sends less than was asked for");
	}
}

/* Go straight to where a redirect led, from now on. */
static void note_place(struct transfer *t)
{
	char *url = NULL;

	if (t->h->moved_url || t->h->o.n_fields ||
	    curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || !url)
		return;
	if (strcmp(url, t->h->url) != 0)
		t->h->moved_url = strdup(url);
}

struct attempt transfer_end(struct transfer *t, CURLcode code)
{
	struct attempt a = { 0 };
	long redirects = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_COUNT, &redirects);
	if (code == CURLE_OK && !t->judged && (t->answer.status == 200 || t->answer.status == 206))
		(void)judge(t); /* a body without a byte */
	if (t->r) {
		a = (struct attempt){ .r = t->r, .again = t->again, .at_once = t->at_once, .why = t->why };
	} else if (code != CURLE_OK) {
		a.r = curl_failure(t, code, &a.again, &a.why);
		if (t->q->n > 0 && http_complete(t->h, t->q))
			a = (struct attempt){ 0 }; /* what was asked for is there all the same */
	} else {
		judge_end(t, &a);
	}
	if (t->judged && redirects > 0 && !t->r)
		note_place(t);
	a.moved_bytes = t->moved_bytes;
	/* libcurl's own limit does not hold for what comes within a moment: so the next request waits for its turn. */
	if (t->h->o.limit_rate)
		t->h->pace_ms = t->begun_ms + t->received_bytes * 1000 / t->h->o.limit_rate;
	(void)pthread_mutex_lock(&t->h->lock);
	t->h->facts.requests += redirects > 0 ? (uint64_t)redirects : 0;
	(void)pthread_mutex_unlock(&t->h->lock);
	transfer_drop(t);
	return a;
}
