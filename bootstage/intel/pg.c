#include "bootstage/intel/pg.h"

#include <poll.h>
#include <string.h>

#include "base/parse.h"
#include "base/proc.h"

#define CONNECT_S    5u
#define STATEMENT_MS 30000u
#define GRACE_MS     5000u /* for an answer to arrive after the server's own limit */
#define CHUNK        (256u << 10)

/* --- failures --- */

/* By the whole SQLSTATE or its class, the first row that fits. */
static const struct {
	const char *state;
	int code;
} codes[] = {
	{ "53300", -EAGAIN },    { "57P03", -EAGAIN },  { "53100", -ENOSPC },  { "53", -ENOMEM },
	{ "57014", -ETIMEDOUT }, { "57P", -ENOTCONN },  { "08", -ENOTCONN },   { "55P03", -EBUSY },
	{ "55006", -EBUSY },     { "40", -EDEADLK },    { "22", -EBADMSG },    { "23", -EBADMSG },
	{ "54", -EBADMSG },      { "3D000", -ENODATA }, { "42P01", -ENODATA }, { "28", -EACCES },
	{ "42501", -EACCES },    { "25006", -EROFS },   { "XX001", -EUCLEAN }, { "XX002", -EUCLEAN },
};

static int code_of(const char *sqlstate)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (strncmp(sqlstate, codes[i].state, strlen(codes[i].state)) == 0)
			return codes[i].code;
	return -EIO;
}

/* One line of what the server says, in whole characters: feeds have their words in it. */
static void one_line(const char *text, char *out, size_t room)
{
	struct bytes line = bytes_of(text, strcspn(text, "\n"));
	size_t at = 0;

	for (size_t i = 0, n; i < line.n && at + 4 < room; i += n ? n : 1) {
		n = utf8_length(bytes_of(line.p + i, line.n - i));
		if (n == 0 || line.p[i] < 0x20 || line.p[i] == 0x7f)
			out[at++] = n ? ' ' : '?';
		else
			for (size_t k = 0; k < n; k++)
				out[at++] = text[i + k];
	}
	out[at] = '\0';
}

static int fail_result(struct pg *p, const PGresult *r, struct why *w)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
	char line[200], more[120];

	(void)snprintf(p->sqlstate, sizeof(p->sqlstate), "%s", state ? state : "");
	one_line(message ? message : PQerrorMessage(p->conn), line, sizeof(line));
	one_line(detail ? detail : "", more, sizeof(more));
	if (!state)
		return fail(w, PQstatus(p->conn) == CONNECTION_BAD ? -ENOTCONN : -EIO, "PostgreSQL: %s", line);
	p->dead = p->dead || code_of(state) == -ENOTCONN; /* libpq sees it at the next read */
	return fail(w, code_of(state), "PostgreSQL: %s%s%s (%s)", line, more[0] ? ": " : "", more, state);
}

/* No result at all. */
static int fail_conn(struct pg *p, struct why *w)
{
	char line[200];

	p->sqlstate[0] = '\0';
	one_line(PQerrorMessage(p->conn), line, sizeof(line));
	return fail(w, -ENOTCONN, "PostgreSQL: %s", line[0] ? line : "the connection is gone");
}

static int fail_silent(struct pg *p, struct why *w)
{
	p->sqlstate[0] = '\0';
	p->dead = true;
	return fail(w, -ETIMEDOUT, "PostgreSQL: no answer for %u s", (p->timeout_ms + GRACE_MS) / 1000);
}

/* --- connecting --- */

/* "FATAL:  53300: sorry, too many clients already": what libpq says while there is no result yet, VERBOSE. */
static int fail_connect(PGconn *c, struct why *w)
{
	const char *text = PQerrorMessage(c), *at = strstr(text, "FATAL:  ");
	char line[300], state[6] = "";

	if (at && strlen(at) > 15 && at[13] == ':') {
		memcpy(state, at + 8, 5);
		at += 15;
	}
	one_line(at && state[0] ? at : text, line, sizeof(line));
	if (state[0])
		return fail(w, code_of(state), "PostgreSQL: %s (%s)", line, state);
	return fail(w, -ENOTCONN, "PostgreSQL: %s", line);
}

/* Wait for the socket; 0: it is ready, -ETIMEDOUT. */
static int wait_socket(PGconn *c, short events, uint64_t deadline_ms)
{
	struct pollfd f = { .fd = PQsocket(c), .events = events };

	for (;;) {
		uint64_t now = now_ms();
		int left = deadline_ms == 0 ? -1 : deadline_ms <= now ? 0 : (int)(deadline_ms - now), n;

		if (f.fd < 0)
			return -ENOTCONN;
		n = poll(&f, 1, left);
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int connect_wait(PGconn *c, unsigned int timeout_s, struct why *w)
{
	uint64_t deadline = now_ms() + 1000ull * timeout_s;
	PostgresPollingStatusType s = PGRES_POLLING_WRITING;

	while (s != PGRES_POLLING_OK) {
		if (s == PGRES_POLLING_FAILED)
			return fail_connect(c, w);
		if (wait_socket(c, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
			return fail(w, -ENOTCONN, "PostgreSQL: no connection within %u s", timeout_s);
		s = PQconnectPoll(c);
	}
	return 0;
}

static void quiet(void *arg, const PGresult *r)
{
	(void)arg;
	(void)r;
}

/* JIT costs more than short queries take. GMT is UTC that PostgreSQL knows without a database of time zones. */
static int session_setup(struct pg *p, struct why *w)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		       "SET timezone = 'GMT'; SET datestyle = 'ISO'; SET jit = off; SET statement_timeout = %u",
		       p->timeout_ms);
	return pg_run(p, sql, w);
}

int pg_open(const struct pg_options *o, struct pg *ret, struct why *w)
{
	/* What comes later takes the place of what was said before: the string, but for the encoding. */
	const char *const keys[] = { "fallback_application_name", "keepalives_idle",
				     "tcp_user_timeout",          "dbname",
				     "client_encoding",           NULL };
	const char *const values[] = { o->name ? o->name : "tandem-intel", "30",   "30000",
				       o->conninfo ? o->conninfo : "",     "UTF8", NULL };
	AUTO_PG p = { .timeout_ms = o->statement_timeout_ms ? o->statement_timeout_ms : STATEMENT_MS };
	int r;

	p.conn = PQconnectStartParams(keys, values, 1);
	if (!p.conn)
		return fail(w, -ENOMEM, "PostgreSQL: out of memory");
	if (PQstatus(p.conn) == CONNECTION_BAD)
		return fail_connect(p.conn, w);
	(void)PQsetErrorVerbosity(p.conn, PQERRORS_VERBOSE);
	(void)PQsetNoticeReceiver(p.conn, quiet, NULL);
	r = connect_wait(p.conn, o->connect_timeout_s ? o->connect_timeout_s : CONNECT_S, w);
	if (r)
		return r;
	if (PQsetnonblocking(p.conn, 1))
		return fail_conn(&p, w);
	r = session_setup(&p, w);
	if (r)
		return r;
	*ret = p;
	p.conn = NULL;
	return 0;
}

void pg_close(struct pg *p)
{
	PQfinish(p->conn);
	p->conn = NULL;
}

bool pg_alive(const struct pg *p)
{
	return p->conn && !p->dead && PQstatus(p->conn) == CONNECTION_OK;
}

int pg_set_timeout(struct pg *p, unsigned int statement_timeout_ms, struct why *w)
{
	char sql[60];
	int r;

	(void)snprintf(sql, sizeof(sql), "SET statement_timeout = %u", statement_timeout_ms);
	r = pg_run(p, sql, w);
	if (!r)
		p->timeout_ms = statement_timeout_ms;
	return r;
}

/* --- queries --- */

/* Until when an answer is waited for; 0: for ever. */
static uint64_t deadline_of(const struct pg *p)
{
	return p->timeout_ms ? now_ms() + p->timeout_ms + GRACE_MS : 0;
}

/* Until all that was put is with the kernel. Reads as well: both ends could wait for each other. */
static int flush_out(struct pg *p, uint64_t deadline, struct why *w)
{
	int left;

	while ((left = PQflush(p->conn)) > 0) {
		if (wait_socket(p->conn, POLLIN | POLLOUT, deadline))
			return fail_silent(p, w);
		if (!PQconsumeInput(p->conn))
			return fail_conn(p, w);
	}
	return left < 0 ? fail_conn(p, w) : 0;
}

/* The next result, NULL after the last one. */
static int next_result(struct pg *p, uint64_t deadline, PGresult **ret, struct why *w)
{
	int r = flush_out(p, deadline, w);

	while (!r && PQisBusy(p->conn)) {
		if (wait_socket(p->conn, POLLIN, deadline))
			return fail_silent(p, w);
		if (!PQconsumeInput(p->conn))
			return fail_conn(p, w);
	}
	if (!r)
		*ret = PQgetResult(p->conn);
	return r;
}

static bool is_good(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);

	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_EMPTY_QUERY;
}

/* All results: the first failure counts, the last rows are handed out. */
static int gather(struct pg *p, PGresult **ret, struct why *w)
{
	uint64_t deadline = deadline_of(p);
	AUTO_PG_RESULT *last = NULL;
	int bad = 0;

	for (;;) {
		PGresult *one = NULL;
		int r = next_result(p, deadline, &one, w);

		if (r)
			return r;
		if (!one)
			break;
		if (!bad && !is_good(one))
			bad = fail_result(p, one, w);
		PQclear(last);
		last = one;
		if (PQresultStatus(one) == PGRES_COPY_IN || PQstatus(p->conn) == CONNECTION_BAD)
			break;
	}
	if (!bad && ret)
		*ret = MOVE(last);
	return bad;
}

int pg_run(struct pg *p, const char *sql, struct why *w)
{
	return PQsendQuery(p->conn, sql) ? gather(p, NULL, w) : fail_conn(p, w);
}

static const struct pg_params no_params;

int pg_query(struct pg *p, const char *sql, const struct pg_params *params, PGresult **ret, struct why *w)
{
	const struct pg_params *a = params ? params : &no_params;

	if (a->no_memory)
		return fail(w, -ENOMEM, "out of memory for parameters");
	if (!PQsendQueryParams(p->conn, sql, a->n, a->types, a->values, a->lengths, a->formats, 1))
		return fail_conn(p, w);
	return gather(p, ret, w);
}

int pg_prepare(struct pg *p, const char *name, const char *sql, struct why *w)
{
	return PQsendPrepare(p->conn, name, sql, 0, NULL) ? gather(p, NULL, w) : fail_conn(p, w);
}

int pg_query_begin(struct pg *p, const char *name, const struct pg_params *params, struct why *w)
{
	const struct pg_params *a = params ? params : &no_params;

	if (a->no_memory)
		return fail(w, -ENOMEM, "out of memory for parameters");
	if (!PQsendQueryPrepared(p->conn, name, a->n, a->values, a->lengths, a->formats, 1))
		return fail_conn(p, w);
	return flush_out(p, deadline_of(p), w);
}

int pg_query_end(struct pg *p, PGresult **ret, struct why *w)
{
	return gather(p, ret, w);
}

int pg_query_prepared(struct pg *p, const char *name, const struct pg_params *params, PGresult **ret, struct why *w)
{
	int r = pg_query_begin(p, name, params, w);

	return r ? r : pg_query_end(p, ret, w);
}

int pg_result_code(struct pg *p, const PGresult *r, struct why *w)
{
	if (!r)
		return fail_conn(p, w);
	return is_good(r) || PQresultStatus(r) == PGRES_COPY_IN ? 0 : fail_result(p, r, w);
}

uint64_t pg_rows_done(const PGresult *r)
{
	/* libpq does not change it. */
	const char *n = r ? PQcmdTuples((PGresult *)(uintptr_t)r) : "";

	return strtoull(n, NULL, 10);
}

/* --- COPY --- */

static int copy_put(struct pg *p, const void *data, size_t n, struct why *w)
{
	const char *at = data;

	while (n > 0) {
		int part = n < CHUNK ? (int)n : (int)CHUNK, r = PQputCopyData(p->conn, at, part);

		if (r < 0)
			return fail_conn(p, w);
		if (r == 0)
			return fail(w, -ENOMEM, "out of memory for rows");
		at += part;
		n -= (size_t)part;
		r = flush_out(p, deadline_of(p), w); /* or libpq would keep it all in memory */
		if (r)
			return r;
	}
	return 0;
}

int pg_copy_begin(struct pg *p, const char *sql, struct why *w)
{
	static const uint8_t head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	AUTO_PG_RESULT *res = NULL;
	int r = PQsendQuery(p->conn, sql) ? next_result(p, deadline_of(p), &res, w) : fail_conn(p, w);

	if (r)
		return r;
	if (PQresultStatus(res) == PGRES_COPY_IN)
		return copy_put(p, head, sizeof(head), w);
	r = is_good(res) ? fail(w, -EINVAL, "PostgreSQL: this is no COPY FROM STDIN: %.60s", sql)
			 : fail_result(p, res, w);
	(void)gather(p, NULL, NULL);
	return r;
}

int pg_copy_send(struct pg *p, const struct pg_rows *r, size_t first, size_t n, struct why *w)
{
	size_t from, to;

	if (r->no_memory)
		return fail(w, -ENOMEM, "out of memory for rows");
	if (n == 0)
		return 0;
	from = r->at[first];
	to = first + n < r->n_rows ? r->at[first + n] : r->n;
	return copy_put(p, r->p + from, to - from, w);
}

int pg_copy_end(struct pg *p, uint64_t *ret_rows, struct why *w)
{
	AUTO_PG_RESULT *res = NULL;
	int r = copy_put(p, "\377\377", 2, w), sent;

	if (r)
		return r;
	while ((sent = PQputCopyEnd(p->conn, NULL)) == 0)
		if (wait_socket(p->conn, POLLOUT, deadline_of(p)))
			return fail_silent(p, w);
	if (sent < 0)
		return fail_conn(p, w);
	r = gather(p, &res, w);
	if (!r && ret_rows)
		*ret_rows = pg_rows_done(res);
	return r;
}

void pg_copy_give_up(struct pg *p)
{
	if (PQputCopyEnd(p->conn, "given up") > 0)
		(void)gather(p, NULL, NULL);
}

int pg_copy(struct pg *p, const char *sql, const struct pg_rows *rows, size_t first, size_t n, struct why *w)
{
	int r;

	if (rows->no_memory)
		return fail(w, -ENOMEM, "out of memory for rows");
	r = pg_copy_begin(p, sql, w);
	r = r ? r : pg_copy_send(p, rows, first, n, w);
	return r ? r : pg_copy_end(p, NULL, w);
}
