#include "updater/cmd_source.h"

#include "base/interrupt.h"
#include "base/parse.h"
#include "updater/source_http.h"

#define TIMEOUT_MAX_SECONDS 86400u

static bool cancelled(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

/* A number of an option; what is there already stays when it was not given. */
static int number(const char *name, const char *value, uint64_t min, uint64_t max, unsigned int *ret, struct why *w)
{
	uint64_t n = 0;

	if (!value)
		return 0;
	if (parse_u64(value, max, &n, NULL) || n < min)
		return misuse(w, -EINVAL, "%s: '%s' is no whole number from %llu to %llu", name, value,
			      (unsigned long long)min, (unsigned long long)max);
	*ret = (unsigned int)n;
	return 0;
}

static int rate(const char *value, uint64_t *ret, struct why *w)
{
	uint64_t n = 0;

	if (!value)
		return 0;
	if (parse_size(value, &n, NULL) || n > INT64_MAX)
		return misuse(w, -EINVAL, "--limit-rate: '%s' is no number of bytes per second", value);
	*ret = n;
	return 0;
}

/* "" as what was not given. */
static const char *given(const char *option, const char *conf)
{
	return option ? option : conf && conf[0] ? conf : NULL;
}

static int read_net(const struct net_options *o, const struct sysconf_net *conf, struct http_options *ret,
		    struct why *w)
{
	static const struct sysconf_net nothing;
	const struct sysconf_net *c = conf ? conf : &nothing;
	struct http_options h = {
		.proxy = given(o->proxy, c->proxy),
		.ca_file = given(o->ca_file, c->ca_file),
		.cert_file = given(o->client_cert, c->client_cert),
		.key_file = given(o->client_key, c->client_key),
		.limit_rate = c->limit_rate,
		.connections = c->connections,
		.timeout_seconds = c->timeout_seconds,
	};
	int r = rate(o->limit_rate, &h.limit_rate, w);

	r = r ? r : number("--connections", o->connections, 1, HTTP_CONNECTIONS_MAX, &h.connections, w);
	r = r ? r : number("--net-timeout", o->timeout, 1, TIMEOUT_MAX_SECONDS, &h.timeout_seconds, w);
	if (h.proxy && strcmp(h.proxy, "none") == 0)
		h.proxy = "";
	if (!r)
		*ret = h;
	return r;
}

int net_options_check(const struct net_options *o, struct why *w)
{
	struct http_options h;

	return read_net(o, NULL, &h, w);
}

int source_any(const char *where, const struct net_options *o, const struct sysconf_net *conf, struct source *ret,
	       struct why *w)
{
	struct source_http_options http = { .cancelled = cancelled };
	int r = read_net(o, conf, &http.net, w);

	if (r)
		return r;
	if (strcmp(where, "-") == 0)
		return source_stdin(ret, w);
	return http_is_url(where) ? source_http(where, &http, ret, w) : source_file(where, ret, w);
}
