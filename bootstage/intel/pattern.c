#include "bootstage/intel/pattern.h"

#include <strings.h>

enum token_kind {
	TOKEN_END,
	TOKEN_BAD,
	TOKEN_WORD,   /* object type, name, keyword */
	TOKEN_STRING, /* 'text' */
	TOKEN_NUMBER,
	TOKEN_OTHER,   /* t'..', h'..', b'..' */
	TOKEN_COMPARE, /* = == != <> < > <= >= */
	TOKEN_MARK,    /* one of [ ] ( ) : . , * */
};

struct token {
	enum token_kind kind;
	struct bytes text; /* of a string what is between the quotes, escapes and all */
};

/* Where a comparison looks. */
struct path {
	struct bytes type;
	struct bytes step[PATTERN_STEPS_MAX];
	size_t n;
};

struct reader {
	struct bytes text;
	size_t at;
	struct token now;
	unsigned int depth;
	uint8_t *scratch;
	const struct pattern_sink *sink;
	struct why *w;
};

static bool is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t peek(const struct reader *r, size_t ahead)
{
	return bytes_has(r->text, r->at, ahead + 1) ? r->text.p[r->at + ahead] : 0;
}

static void skip_line(struct reader *r)
{
	while (r->at < r->text.n && r->text.p[r->at] != '\n')
		r->at++;
}

static void skip_comment(struct reader *r)
{
	for (r->at += 2; r->at < r->text.n; r->at++)
		if (r->text.p[r->at] == '*' && peek(r, 1) == '/') {
			r->at += 2;
			return;
		}
}

static void skip_blanks(struct reader *r)
{
	for (;;) {
		uint8_t c = peek(r, 0);

		if (r->at < r->text.n && (c == ' ' || (c >= '\t' && c <= '\r')))
			r->at++;
		else if (c == '/' && peek(r, 1) == '/')
			skip_line(r);
		else if (c == '/' && peek(r, 1) == '*')
			skip_comment(r);
		else
			return;
	}
}

/* At the opening quote: ' by the grammar, " by some who write patterns. */
static struct token token_string(struct reader *r, enum token_kind kind)
{
	uint8_t quote = peek(r, 0);
	size_t from = ++r->at;

	for (; r->at < r->text.n; r->at++) {
		uint8_t c = r->text.p[r->at];

		if (c == '\\')
			r->at++;
		else if (c == quote) {
			r->at++;
			return (struct token){ kind, bytes_of(r->text.p + from, r->at - 1 - from) };
		}
	}
	return (struct token){ .kind = TOKEN_BAD };
}

static struct token token_run(struct reader *r, enum token_kind kind, size_t n)
{
	struct token t = { kind, bytes_of(r->text.p + r->at, n) };

	r->at += n;
	return t;
}

static struct token token_word(struct reader *r)
{
	size_t n = 0;

	while (is_word(peek(r, n)))
		n++;
	if (n == 1 && strchr("thb", peek(r, 0)) && peek(r, 1) == '\'') {
		r->at++;
		return token_string(r, TOKEN_OTHER);
	}
	return token_run(r, TOKEN_WORD, n);
}

static struct token token_number(struct reader *r)
{
	size_t n = 1;

	while (is_digit(peek(r, n)) || (peek(r, n) == '.' && is_digit(peek(r, n + 1))))
		n++;
	return token_run(r, TOKEN_NUMBER, n);
}

static struct token token_compare(struct reader *r)
{
	uint8_t c = peek(r, 0), next = peek(r, 1);
	size_t n = next == '=' || (c == '<' && next == '>') ? 2 : 1;

	if (c == '!' && n == 1)
		return (struct token){ .kind = TOKEN_BAD };
	return token_run(r, TOKEN_COMPARE, n);
}

static struct token token_next(struct reader *r)
{
	uint8_t c;

	skip_blanks(r);
	if (r->at >= r->text.n)
		return (struct token){ .kind = TOKEN_END };
	c = peek(r, 0);
	if (c == '\'' || c == '"')
		return token_string(r, TOKEN_STRING);
	if (is_digit(c) || ((c == '-' || c == '+') && is_digit(peek(r, 1))))
		return token_number(r);
	if (is_word(c))
		return token_word(r);
	if (c && strchr("=!<>", c))
		return token_compare(r);
	if (c && strchr("[]():.,*", c))
		return token_run(r, TOKEN_MARK, 1);
	return (struct token){ .kind = TOKEN_BAD };
}

static void advance(struct reader *r)
{
	r->now = token_next(r);
}

static bool at_mark(const struct reader *r, char c)
{
	return r->now.kind == TOKEN_MARK && r->now.text.p[0] == (uint8_t)c;
}

static bool at_keyword(const struct reader *r, const char *word)
{
	return r->now.kind == TOKEN_WORD && r->now.text.n == strlen(word) &&
	       strncasecmp((const char *)r->now.text.p, word, r->now.text.n) == 0;
}

/* A token that has to be there. */
static int bad(const struct reader *r, const char *want)
{
	return fail(r->w, -EBADMSG, "pattern: %s expected before byte %zu", want, r->at);
}

static int pass_mark(struct reader *r, char c)
{
	if (!at_mark(r, c))
		return bad(r, (char[]){ c, 0 });
	advance(r);
	return 0;
}

static bool pass_keyword(struct reader *r, const char *word)
{
	if (!at_keyword(r, word))
		return false;
	advance(r);
	return true;
}

static bool is(struct bytes b, const char *word)
{
	return bytes_equal(b, bytes_str(word));
}

static bool is_ref(struct bytes b)
{
	return (b.n > 4 && memcmp(b.p + b.n - 4, "_ref", 4) == 0) ||
	       (b.n > 5 && memcmp(b.p + b.n - 5, "_refs", 5) == 0);
}

static bool is_mail_ref(struct bytes b)
{
	return is(b, "from_ref") || is(b, "sender_ref") || is(b, "to_refs") || is(b, "cc_refs") || is(b, "bcc_refs");
}

static enum node_kind kind_of_value(const struct path *p, struct bytes value)
{
	enum node_kind k = node_kind_of(p->type);

	if (p->n > 1)
		return is_mail_ref(p->step[p->n - 2]) ? NODE_EMAIL_ADDR : observable_look(value);
	return k == NODE_IPV4_ADDR || k == NODE_IPV6_ADDR || k == NODE_DOMAIN_NAME || k == NODE_URL ||
			       k == NODE_EMAIL_ADDR || k == NODE_MAC_ADDR
		       ? k
		       : NODE_OTHER;
}

static enum node_kind kind_of_name(const struct path *p)
{
	enum node_kind k = node_kind_of(p->type);

	if (p->n > 1)
		return is_ref(p->step[p->n - 2]) ? NODE_FILE : NODE_OTHER;
	if (k == NODE_PROCESS) /* of STIX 2.0 */
		return NODE_FILE;
	return k == NODE_FILE || k == NODE_MUTEX || k == NODE_SOFTWARE ? k : NODE_OTHER;
}

/* Paths of one step whose property is what the node's key is made of. */
static enum node_kind kind_of_property(const struct path *p, struct bytes last)
{
	static const struct {
		enum node_kind kind;
		const char *property;
	} known[] = {
		{ NODE_WINDOWS_REGISTRY_KEY, "key" },
		{ NODE_DIRECTORY, "path" },
		{ NODE_AUTONOMOUS_SYSTEM, "number" },
		{ NODE_X509_CERTIFICATE, "serial_number" },
	};

	if (p->n > 1)
		return is(p->step[p->n - 2], "parent_directory_ref") && is(last, "path") ? NODE_DIRECTORY : NODE_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (node_kind_of(p->type) == known[i].kind && is(last, known[i].property))
			return known[i].kind;
	return NODE_OTHER;
}

static struct observable observable_at(const struct path *p, struct bytes value)
{
	struct observable o = { .kind = NODE_OTHER, .value = value };
	struct bytes last = p->step[p->n - 1];

	if (p->n > 1 && is(p->step[p->n - 2], "hashes")) {
		o.algorithm = hash_name(last);
		o.kind = o.algorithm ? NODE_HASH : NODE_OTHER;
	} else if (is(last, "value")) {
		o.kind = kind_of_value(p, value);
	} else if (is(last, "name")) {
		o.kind = kind_of_name(p);
	} else {
		o.kind = kind_of_property(p, last);
	}
	return o;
}

/* A backslash stands for the byte behind it; \' and \\ are the two that the grammar has. */
static struct bytes unescape(struct reader *r, struct bytes s)
{
	uint8_t *to = r->scratch;
	size_t n = 0;

	if (!memchr(s.p, '\\', s.n))
		return s;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		to[n++] = s.p[i];
	}
	r->scratch += n;
	return bytes_of(to, n);
}

static int read_literal(struct reader *r, const struct path *p, bool named)
{
	struct token t = r->now;
	struct observable o;

	if (t.kind != TOKEN_STRING && t.kind != TOKEN_NUMBER && t.kind != TOKEN_OTHER && !at_keyword(r, "true") &&
	    !at_keyword(r, "false"))
		return bad(r, "a value");
	advance(r);
	if (!named || (t.kind != TOKEN_STRING && t.kind != TOKEN_NUMBER))
		return 0;
	o = observable_at(p, t.kind == TOKEN_STRING ? unescape(r, t.text) : t.text);
	return o.kind == NODE_OTHER ? 0 : r->sink->take(r->sink->arg, &o);
}

static int read_set(struct reader *r, const struct path *p, bool named)
{
	int e = pass_mark(r, '(');

	if (e == 0 && at_mark(r, ')')) { /* of nothing */
		advance(r);
		return 0;
	}
	while (e == 0) {
		e = read_literal(r, p, named);
		if (e == 0 && at_mark(r, ')')) {
			advance(r);
			return 0;
		}
		if (e == 0)
			e = pass_mark(r, ',');
	}
	return e;
}

/* "[0]", "[*]": which element does not matter. */
static int read_index(struct reader *r)
{
	advance(r);
	if (r->now.kind != TOKEN_NUMBER && !at_mark(r, '*'))
		return bad(r, "a number or *");
	advance(r);
	return pass_mark(r, ']');
}

static int read_step(struct reader *r, struct path *p)
{
	if (r->now.kind != TOKEN_WORD && r->now.kind != TOKEN_STRING)
		return bad(r, "a property");
	if (p->n == PATTERN_STEPS_MAX)
		return fail(r->w, -E2BIG, "pattern: a path of more than %u names", PATTERN_STEPS_MAX);
	p->step[p->n++] = r->now.text;
	advance(r);
	while (at_mark(r, '['))
		if (read_index(r))
			return -EBADMSG;
	return 0;
}

static int read_path(struct reader *r, struct path *p)
{
	int e;

	if (r->now.kind != TOKEN_WORD)
		return bad(r, "an object path");
	*p = (struct path){ .type = r->now.text };
	advance(r);
	e = pass_mark(r, ':');
	if (e == 0)
		e = read_step(r, p);
	while (e == 0 && at_mark(r, '.')) {
		advance(r);
		e = read_step(r, p);
	}
	return e;
}

static int read_comparison(struct reader *r, const struct path *p)
{
	bool named = !pass_keyword(r, "NOT");

	if (r->now.kind == TOKEN_COMPARE) {
		named = named && (is(r->now.text, "=") || is(r->now.text, "=="));
		advance(r);
		return read_literal(r, p, named);
	}
	if (pass_keyword(r, "IN"))
		return read_set(r, p, named);
	if (pass_keyword(r, "LIKE") || pass_keyword(r, "MATCHES") || pass_keyword(r, "ISSUBSET") ||
	    pass_keyword(r, "ISSUPERSET"))
		return read_literal(r, p, false);
	return bad(r, "an operator");
}

static int read_comparisons(struct reader *r);
static int read_observations(struct reader *r);

static int read_nested(struct reader *r, int (*inside)(struct reader *), char end)
{
	int e;

	if (r->depth == PATTERN_DEPTH_MAX)
		return fail(r->w, -E2BIG, "pattern: more than %u parentheses within each other", PATTERN_DEPTH_MAX);
	r->depth++;
	advance(r);
	e = inside(r);
	r->depth--;
	return e ? e : pass_mark(r, end);
}

static int read_test(struct reader *r)
{
	bool negated = pass_keyword(r, "NOT");
	struct path p;
	int e;

	if (pass_keyword(r, "EXISTS"))
		return read_path(r, &p);
	if (negated)
		return bad(r, "EXISTS");
	if (at_mark(r, '('))
		return read_nested(r, read_comparisons, ')');
	e = read_path(r, &p);
	return e ? e : read_comparison(r, &p);
}

static int read_comparisons(struct reader *r)
{
	int e;

	do {
		e = read_test(r);
	} while (e == 0 && (pass_keyword(r, "AND") || pass_keyword(r, "OR")));
	return e;
}

/* What follows the word, which is a number or a time. */
static int read_bound(struct reader *r, enum token_kind kind, const char *unit)
{
	if (r->now.kind != kind &&
	    !(kind == TOKEN_OTHER && r->now.kind == TOKEN_STRING)) /* STIX 2.0 has strings there */
		return bad(r, "a bound");
	advance(r);
	return !unit || pass_keyword(r, unit) ? 0 : bad(r, unit);
}

static int read_qualifiers(struct reader *r)
{
	int e = 0;

	while (e == 0) {
		if (pass_keyword(r, "START")) {
			e = read_bound(r, TOKEN_OTHER, "STOP");
			if (e == 0)
				e = read_bound(r, TOKEN_OTHER, NULL);
		} else if (pass_keyword(r, "WITHIN")) {
			e = read_bound(r, TOKEN_NUMBER, "SECONDS");
		} else if (pass_keyword(r, "REPEATS")) {
			e = read_bound(r, TOKEN_NUMBER, "TIMES");
		} else {
			return 0;
		}
	}
	return e;
}

static int read_observation(struct reader *r)
{
	int e;

	if (at_mark(r, '('))
		e = read_nested(r, read_observations, ')');
	else if (at_mark(r, '['))
		e = read_nested(r, read_comparisons, ']');
	else
		e = bad(r, "[ or (");
	return e ? e : read_qualifiers(r);
}

static int read_observations(struct reader *r)
{
	int e;

	do {
		e = read_observation(r);
	} while (e == 0 && (pass_keyword(r, "AND") || pass_keyword(r, "OR") || pass_keyword(r, "FOLLOWEDBY")));
	return e;
}

int pattern_read(struct bytes text, uint8_t *scratch, const struct pattern_sink *sink, struct why *w)
{
	struct reader r = { .text = text, .scratch = scratch, .sink = sink, .w = w };
	int e;

	advance(&r);
	e = read_observations(&r);
	return e == 0 && r.now.kind != TOKEN_END ? bad(&r, "the end") : e;
}
