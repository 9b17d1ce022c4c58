#include "bootstage/intel/intelconf.h"

#include <fcntl.h>
#include <string.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/parse.h"

#define TIMEOUT_MAX_S 86400u

/* They become parts of commands and settings. */
static int set_path(char out[INTELCONF_PATH], const char *value, struct why *w)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
	size_t n = strlen(value);

	if (value[0] != '/')
		return misuse(w, -EBADMSG, "'%s' is no absolute path", value);
	if (value[strspn(value, set)])
		return misuse(w, -EBADMSG, "'%s': letters, digits, '.', '_', '+' and '-' only", value);
	if (n == 1 || value[n - 1] == '/' || strstr(value, "//") || strstr(value, "/../") ||
	    (n > 2 && strcmp(value + n - 3, "/..") == 0))
		return misuse(w, -EBADMSG, "'%s': no '/' at the end, no '//' and no '..'", value);
	return ini_text(out, INTELCONF_PATH, value, w);
}

static int set_number(unsigned int *ret, const char *value, unsigned int min, unsigned int max, struct why *w)
{
	struct why cause = { 0 };
	uint64_t n = 0;

	if (parse_u64(value, max, &n, &cause))
		return misuse(w, -EBADMSG, "%s", cause.text);
	if (n < min)
		return misuse(w, -EBADMSG, "%s is less than %u", value, min);
	*ret = (unsigned int)n;
	return 0;
}

static int set_trust(bool *ret, const char *value, struct why *w)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "trust") != 0)
		return misuse(w, -EBADMSG, "'%s': auto or trust", value);
	*ret = value[0] == 't';
	return 0;
}

#define SETTER(name, call)                                                                                             \
	static int name(void *into, const char *sub, const char *value, struct why *w)                                 \
	{                                                                                                              \
		struct intelconf *c = into;                                                                            \
                                                                                                                       \
		(void)sub;                                                                                             \
		return call;                                                                                           \
	}

/* "1" of [server.1]: one more than the sections before it, or the same. */
static int server_of(struct intelconf *c, const char *sub, struct intelserver **ret, struct why *w)
{
	uint64_t n = 0;

	if (parse_u64(sub, INTELCONF_SERVERS - 1, &n, NULL) || n == 0 || n > c->n_servers)
		return misuse(w, -EBADMSG, "servers are numbered 1 to %u, in their order", INTELCONF_SERVERS - 1);
	if (n == c->n_servers)
		c->n_servers++;
	*ret = &c->servers[n];
	return 0;
}

static int set_server(void *into, const char *sub, const char *value, struct why *w)
{
	struct intelserver *s = NULL;
	int r = server_of(into, sub, &s, w);

	return r ? r : ini_text(s->connect, sizeof(s->connect), value, w);
}

static int set_server_peer(void *into, const char *sub, const char *value, struct why *w)
{
	struct intelserver *s = NULL;
	int r = server_of(into, sub, &s, w);

	return r ? r : ini_text(s->peer, sizeof(s->peer), value, w);
}

SETTER(set_connect, ini_text(c->connect, sizeof(c->connect), value, w))
SETTER(set_peer, ini_text(c->servers[0].peer, sizeof(c->servers[0].peer), value, w))
SETTER(set_folder, set_path(c->folder, value, w))
SETTER(set_socket, set_path(c->socket, value, w))
SETTER(set_user, ini_text(c->user, sizeof(c->user), value, w))
SETTER(set_programs, set_path(c->programs, value, w))
SETTER(set_start_timeout, set_number(&c->start_timeout_s, value, 1, TIMEOUT_MAX_S, w))
SETTER(set_connect_timeout, set_number(&c->connect_timeout_s, value, 1, TIMEOUT_MAX_S, w))
SETTER(set_statement_timeout, set_number(&c->statement_timeout_s, value, 1, TIMEOUT_MAX_S, w))
SETTER(set_clock, set_trust(&c->trust_clock, value, w))
SETTER(set_ahead, set_number(&c->ahead_days, value, 2, AHEAD_DAYS_MAX, w))
SETTER(set_keep, set_number(&c->keep_days, value, 0, KEEP_DAYS_MAX, w))

static const struct ini_key keys[] = {
	{ "database", "connect", set_connect, false },
	{ "database", "peer", set_peer, false },
	{ "database", "folder", set_folder, false },
	{ "database", "socket", set_socket, false },
	{ "database", "user", set_user, false },
	{ "database", "programs", set_programs, false },
	{ "database", "start-timeout", set_start_timeout, false },
	{ "database", "connect-timeout", set_connect_timeout, false },
	{ "database", "statement-timeout", set_statement_timeout, false },
	{ "telemetry", "clock", set_clock, false },
	{ "server.*", "connect", set_server, false },
	{ "server.*", "peer", set_server_peer, false },
	{ "telemetry", "ahead", set_ahead, false },
	{ "telemetry", "keep", set_keep, false },
};

void intelconf_defaults(struct intelconf *ret)
{
	*ret = (struct intelconf){
		.user = "postgres",
		.start_timeout_s = 60,
		.connect_timeout_s = 5,
		.statement_timeout_s = 30,
		.n_servers = 1,
		.ahead_days = 7,
		.keep_days = 30,
	};
}

static int check_servers(const struct intelconf *c, const char *name, struct why *w)
{
	for (unsigned int i = 1; i < c->n_servers; i++)
		if (!c->servers[i].connect[0])
			return misuse(w, -EBADMSG, "%s: [server.%u] without connect", name, i);
	return 0;
}

int intelconf_parse(struct bytes text, const char *name, struct intelconf *ret, struct why *w)
{
	struct intelconf c;
	int r;

	intelconf_defaults(&c);
	r = ini_read(text, name, keys, ARRAY_SIZE(keys), &c, w);
	r = r ? r : check_servers(&c, name, w);
	if (!r)
		*ret = c;
	return r;
}

int intelconf_read(const char *path, struct intelconf *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, path, INI_TEXT_MAX, &text, &n, w);

	return r ? r : intelconf_parse(bytes_of(text, n), path, ret, w);
}
