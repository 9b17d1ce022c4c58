#include "bootstage/intel/lookup.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define NEAR_MAX 5u

/* Kinds that have names: the words of the indexes' condition (sql/0003-search.sql), or they are not used. */
#define NAMED "n.kind NOT IN (22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 36, 38, 39, 40, 43, 44)"
_Static_assert(NODE_ARTIFACT == 22 && NODE_EMAIL_MESSAGE == 27 && NODE_FILE == 28 && NODE_IPV4_ADDR == 29 &&
		       NODE_PROCESS == 34 && NODE_SOFTWARE == 35 && NODE_URL == 36 && NODE_WINDOWS_REGISTRY_KEY == 38 &&
		       NODE_HASH == 40 && NODE_MISP_ATTRIBUTE == 43 && NODE_MISP_OBJECT == 44,
	       "sql/0003-search.sql has numbers");

/* What is found by its own name; and nodes n that feeds know by the name of a, which is what is looked for first. */
#define BY_NAME  "FROM nodes n WHERE n.kind <> 48 AND " NAMED " AND "
#define BY_ALIAS "FROM (SELECT n.node_id, n.name FROM nodes n WHERE n.kind = 48 AND " NAMED " AND "
#define AND_WHOSE                                                                                                      \
	" OFFSET 0) a JOIN intel_edges e ON e.dst = a.node_id AND e.kind = 54 JOIN nodes n ON n.node_id = e.src WHERE "
_Static_assert(NODE_ALIAS == 48 && EDGE_KNOWN_AS == 54, "the statements have numbers");

#define COLUMNS "n.node_id, n.key, n.kind, n.name"

/* --- pure --- */

void lookup_like(const char *text, char ret[LOOKUP_PATTERN_MAX])
{
	size_t n = 0;

	for (; *text && n + 4 < LOOKUP_PATTERN_MAX; text++) {
		if (strchr("%_\\", *text))
			ret[n++] = '\\';
		ret[n++] = *text;
	}
	ret[n++] = '%';
	ret[n] = '\0';
}

/* One word in quotes; a quote and a backslash are written twice. */
static size_t put_word(const char *word, size_t length, char *out)
{
	size_t n = 0;

	out[n++] = '\'';
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '\'' || word[i] == '\\')
			out[n++] = word[i];
		out[n++] = word[i];
	}
	return n + (size_t)snprintf(out + n, 4, "':*");
}

/* Whether there is something in it that PostgreSQL takes for a word. */
static bool has_letters(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (isalnum((unsigned char)word[i]) || (unsigned char)word[i] >= 0x80)
			return true;
	return false;
}

void lookup_words(const char *text, char ret[LOOKUP_PATTERN_MAX])
{
	size_t n = 0;

	for (;;) {
		size_t length = strcspn(text += strspn(text, " \t"), " \t");

		if (length == 0 || n + 2 * length + 10 > LOOKUP_PATTERN_MAX)
			break;
		if (has_letters(text, length)) {
			if (n > 0)
				n += (size_t)snprintf(ret + n, 4, " & ");
			n += put_word(text, length, ret + n);
		}
		text += length;
	}
	ret[n] = '\0';
}

/* The key of a value, where it has the form of its kind. */
static void mean_value(struct observable o, char ret[OBSERVABLE_KEY_MAX])
{
	uint8_t clean[LOOKUP_TEXT_MAX + OBSERVABLE_ROOM];
	AUTO_FREE uint8_t *scratch = NULL;

	if (o.kind != NODE_TAG && o.kind != NODE_ALIAS && observable_clean(&o, clean))
		return;
	scratch = malloc(observable_key_room(o.value));
	if (scratch)
		observable_key(&o, scratch, ret);
}

/* Hashes by their number of digits. */
static const char *hash_look(struct bytes value)
{
	static const struct {
		size_t digits;
		const char *name;
	} hashes[] = { { 32, "MD5" }, { 40, "SHA-1" }, { 64, "SHA-256" }, { 128, "SHA-512" } };

	for (size_t i = 0; i < value.n; i++)
		if (!isxdigit(value.p[i]))
			return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		if (hashes[i].digits == value.n)
			return hash_name(bytes_str(hashes[i].name));
	return NULL;
}

/* Types may be written without the "x-" that ours have. */
static enum node_kind kind_of_word(struct bytes word)
{
	char own[40];
	enum node_kind k = node_kind_of(word);

	if (k != NODE_OTHER || word.n > sizeof(own) - 3)
		return k;
	(void)snprintf(own, sizeof(own), "x-%.*s", (int)word.n, (const char *)word.p);
	return node_kind_of(bytes_str(own));
}

void lookup_mean(const char *text, struct lookup_meaning *ret)
{
	size_t n = strcspn(text, ":");
	struct bytes word = bytes_of(text, n), whole = bytes_str(text);
	struct observable o = { .value = whole };

	*ret = (struct lookup_meaning){ .name = text };
	if (text[n] == ':' && n > 0) {
		o.algorithm = hash_name(word);
		o.kind = o.algorithm ? NODE_HASH : kind_of_word(word);
	}
	if (o.kind != NODE_OTHER) {
		ret->name = text + n + 1;
		ret->kind = o.kind;
		o.value = bytes_str(ret->name);
	} else {
		o.kind = observable_look(whole);
	}
	if (!o.algorithm && (o.kind == NODE_HASH || o.kind == NODE_OTHER)) {
		o.algorithm = hash_look(o.value);
		o.kind = o.algorithm ? NODE_HASH : NODE_OTHER;
	}
	if (o.kind != NODE_OTHER && o.value.n > 0)
		mean_value(o, ret->key);
}

static int check_text(const char *text, struct why *w)
{
	struct bytes b = bytes_str(text);

	if (b.n == 0)
		return misuse(w, -EINVAL, "an empty name is nobody's");
	if (b.n > LOOKUP_TEXT_MAX)
		return misuse(w, -EINVAL, "a name of more than %u bytes", LOOKUP_TEXT_MAX);
	return text_printable(b) ? 0 : misuse(w, -EINVAL, "a name that is not UTF-8 without control characters");
}

/* --- act --- */

/* By key, by name, or by another name: what was revoked only where nothing else has it. */
#define OF_ONE_KIND "(n.kind = $4::smallint OR $4 = 0)"
#define IS_NAME     "lower(n.name) = lower($3)"
static const char exact_sql[] =
	"SELECT node_id, key, kind, name, min(rank) FROM ("
	"SELECT " COLUMNS ", 0 AS rank FROM nodes n WHERE n.key IN ($1, $2) UNION ALL "
	"SELECT " COLUMNS ", CASE WHEN n.revoked THEN 3 ELSE 1 END " BY_NAME IS_NAME " AND " OF_ONE_KIND " UNION ALL "
	"SELECT " COLUMNS ", CASE WHEN n.revoked THEN 4 ELSE 2 END " BY_ALIAS IS_NAME AND_WHOSE OF_ONE_KIND
	") f GROUP BY node_id, key, kind, name ORDER BY 5, 2 LIMIT $5::bigint";

static int exact(struct pg *p, const char *text, struct answers *ret, struct why *w)
{
	AUTO_PG_PARAMS a = { 0 };
	PGresult *rows = NULL;
	struct lookup_meaning m;
	int r;

	lookup_mean(text, &m);
	pg_param_text(&a, bytes_str(text));
	pg_param_text(&a, bytes_str(m.key));
	pg_param_text(&a, bytes_str(m.name));
	pg_param_i16(&a, (int16_t)m.kind);
	pg_param_i64(&a, NEAR_MAX + 1);
	r = pg_query(p, exact_sql, &a, &rows, w);
	return r ? r : answers_take(rows, NEAR_MAX, ret, w);
}

int lookup_node(struct pg *p, const char *text, struct answers *ret, struct answers *ret_near, struct why *w)
{
	AUTO_ANSWERS found = { 0 };
	size_t same = 0;
	int r = check_text(text, w);

	r = r ? r : exact(p, text, &found, w);
	if (r)
		return r;
	while (same < found.n && found.at[same].depth == found.at[0].depth)
		same++;
	if (same == 1) {
		found.n = 1;
		*ret = found;
		found = (struct answers){ 0 };
		return 0;
	}
	if (same == 0) {
		r = lookup_search(p, text, 0, NEAR_MAX, ret_near, w);
		return r ? r : fail(w, -ENODATA, "no node has the key or the name '%.200s'", text);
	}
	*ret_near = found;
	found = (struct answers){ 0 };
	r = fail(w, -ENOTUNIQ, "several nodes have the name '%.200s'", text);
	return why_next(w, r, "ask by key");
}

/* Each arm is one index's; a node that several find counts where it is best. */
#define OF_KIND "(n.kind = ANY ($3::smallint[]) OR $3 IS NULL)"
#define BEGINS  "lower(n.name) LIKE lower($1)"
#define WORDS   "to_tsvector('simple', n.name) @@ to_tsquery('simple', $2)"
static const char search_sql[] =
	"SELECT node_id, key, kind, name, 0, alias FROM ("
	"SELECT DISTINCT ON (node_id) node_id, key, kind, name, rank, alias FROM ("
	"(SELECT " COLUMNS ", 0 AS rank, NULL AS alias FROM nodes n WHERE n.key = $5 AND " OF_KIND ") UNION ALL "
	"(SELECT " COLUMNS ", 1, NULL FROM nodes n WHERE n.key LIKE $1 AND " OF_KIND
	" ORDER BY n.key LIMIT $4::bigint) UNION ALL "
	"(SELECT " COLUMNS ", 2, NULL " BY_NAME BEGINS " AND " OF_KIND
	" ORDER BY lower(n.name) USING ~<~ LIMIT $4) UNION ALL "
	"(SELECT " COLUMNS ", 3, a.name " BY_ALIAS BEGINS AND_WHOSE OF_KIND
	" ORDER BY lower(a.name) USING ~<~ LIMIT $4) UNION ALL "
	"(SELECT " COLUMNS ", 4, NULL " BY_NAME WORDS " AND " OF_KIND " LIMIT $4) UNION ALL "
	"(SELECT " COLUMNS ", 5, a.name " BY_ALIAS WORDS AND_WHOSE OF_KIND " LIMIT $4)"
	") f ORDER BY node_id, rank, alias) b ORDER BY rank, octet_length(name), name, key LIMIT $4";

static void take_aliases(struct answers *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->at[i].alias = pg_get_text(a->held, (int)i, 5);
}

int lookup_search(struct pg *p, const char *text, kind_bits kinds, uint32_t limit, struct answers *ret, struct why *w)
{
	const struct relquery q = { .nodes = kinds };
	char like[LOOKUP_PATTERN_MAX], words[LOOKUP_PATTERN_MAX];
	AUTO_PG_PARAMS a = { 0 };
	PGresult *rows = NULL;
	struct lookup_meaning m;
	int r = check_text(text, w);

	if (r)
		return r;
	lookup_mean(text, &m);
	lookup_like(text, like);
	lookup_words(text, words);
	pg_param_text(&a, bytes_str(like));
	pg_param_text(&a, bytes_str(words));
	relquery_nodes_param(&q, &a);
	pg_param_i64(&a, (int64_t)limit + 1);
	pg_param_text(&a, bytes_str(m.key));
	r = pg_query(p, search_sql, &a, &rows, w);
	r = r ? r : answers_take(rows, limit, ret, w);
	if (!r)
		take_aliases(ret);
	return r;
}
