#include "updater/tree_record.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/ini.h"
#include "base/parse.h"
#include "updater/semver.h"

#define FIRST_LINE "# tandem tree journal "
#define FORMAT     "1"
#define LAST_LINE  "# sum "
#define SUM_BYTES  (sizeof(LAST_LINE) - 1 + 2 * (size_t)HASH_BYTES + 1)
#define ID_HEX     16u

static const char *const phases[] = { "idle", "unpacking", "staged", "switching", "trial", "returning" };
static const char *const results[] = { "none", "committed", "failed" };
static const char *const reasons[] = { "none", "unit", "health", "interrupted", "cut", "error" };

const char *tree_phase_name(enum tree_phase p)
{
	return phases[p];
}

const char *tree_result_name(enum tree_result r)
{
	return results[r];
}

const char *tree_reason_name(enum tree_reason r)
{
	return reasons[r];
}

/* --- names --- */

void tree_name(const char *version, const struct hash *id, char ret[TREE_NAME_MAX])
{
	char hex[2 * HASH_BYTES + 1];

	(void)snprintf(ret, TREE_NAME_MAX, "%.*s-%.*s", (int)MANIFEST_NAME_MAX - 1, version, (int)ID_HEX,
		       format_hex(id->b, sizeof(id->b), hex));
}

void tree_name_version(const char *name, char ret[MANIFEST_NAME_MAX])
{
	size_t n = strlen(name);

	n = n > ID_HEX + 1 ? n - ID_HEX - 1 : 0;
	(void)snprintf(ret, MANIFEST_NAME_MAX, "%.*s", (int)n, name);
}

bool tree_name_valid(const char *name)
{
	size_t n = strlen(name);
	char version[MANIFEST_NAME_MAX];
	struct semver v;

	if (n < ID_HEX + 2 || n >= TREE_NAME_MAX || name[n - ID_HEX - 1] != '-' || n - ID_HEX - 1 >= sizeof(version))
		return false;
	if (strspn(name + n - ID_HEX, "0123456789abcdef") != ID_HEX)
		return false;
	tree_name_version(name, version);
	return semver_parse(version, &v, NULL) == 0;
}

/* --- history --- */

void tree_history_drop(struct tree_record *r, const char *name)
{
	for (size_t i = 0; i < r->n_history; i++) {
		if (strcmp(r->history[i], name) != 0)
			continue;
		r->n_history--;
		memmove(r->history[i], r->history[i + 1], (r->n_history - i) * sizeof(r->history[0]));
		return;
	}
}

void tree_history_add(struct tree_record *r, const char *name)
{
	char copy[TREE_NAME_MAX] = ""; /* it may be one of the history's */

	(void)snprintf(copy, sizeof(copy), "%s", name);
	tree_history_drop(r, copy);
	if (r->n_history == TREE_HISTORY_MAX)
		memmove(r->history[0], r->history[1], --r->n_history * sizeof(r->history[0]));
	memcpy(r->history[r->n_history++], copy, sizeof(copy));
}

void tree_outcome_set(struct tree_outcome *o, enum tree_result result, enum tree_reason reason, const char *text)
{
	o->result = result;
	o->reason = reason;
	(void)snprintf(o->text, sizeof(o->text), "%s", text + strspn(text, " "));
	for (char *c = o->text; *c; c++)
		if (*c < 0x20 || *c > 0x7e || *c == ';')
			*c = '?';
	for (size_t n = strlen(o->text); n > 0 && o->text[n - 1] == ' '; n--)
		o->text[n - 1] = '\0';
}

/* --- reading --- */

static int find_word(const char *value, const char *const *words, size_t n, unsigned int *ret, struct why *w)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], value) == 0) {
			*ret = (unsigned int)i;
			return 0;
		}
	}
	return fail(w, -EBADMSG, "'%.40s' is no such word", value);
}

static int copy_release(char ret[TREE_NAME_MAX], const char *value, struct why *w)
{
	if (!tree_name_valid(value))
		return fail(w, -EBADMSG, "'%.100s' is no name of a tree", value);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

static int set_sequence(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_u64(value, UINT64_MAX, &((struct tree_record *)into)->sequence, w);
}

static int set_phase(void *into, const char *sub, const char *value, struct why *w)
{
	unsigned int word = 0;
	int r = find_word(value, phases, ARRAY_SIZE(phases), &word, w);

	(void)sub;
	((struct tree_record *)into)->phase = (enum tree_phase)word;
	return r;
}

static int set_floor(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_u64(value, UINT64_MAX, &((struct tree_record *)into)->epoch_floor, w);
}

static int add_history(void *into, const char *sub, const char *value, struct why *w)
{
	struct tree_record *rec = into;

	(void)sub;
	if (rec->n_history == TREE_HISTORY_MAX)
		return fail(w, -EBADMSG, "more than %u", TREE_HISTORY_MAX);
	for (size_t i = 0; i < rec->n_history; i++)
		if (strcmp(rec->history[i], value) == 0)
			return fail(w, -EBADMSG, "'%.100s' is given twice", value);
	return copy_release(rec->history[rec->n_history++], value, w);
}

static int find_release(struct tree_record *rec, const char *sub, struct tree_release **ret, struct why *w)
{
	*ret = strcmp(sub, "current") == 0    ? &rec->current
	       : strcmp(sub, "previous") == 0 ? &rec->previous
	       : strcmp(sub, "next") == 0     ? &rec->next
					      : NULL;
	return *ret ? 0 : fail(w, -EBADMSG, "'%.40s' is neither current, previous nor next", sub);
}

static int set_name(void *into, const char *sub, const char *value, struct why *w)
{
	struct tree_release *t = NULL;
	int r = find_release(into, sub, &t, w);

	return r ? r : copy_release(t->name, value, w);
}

static int set_epoch(void *into, const char *sub, const char *value, struct why *w)
{
	struct tree_release *t = NULL;
	int r = find_release(into, sub, &t, w);

	return r ? r : parse_u64(value, UINT64_MAX, &t->epoch, w);
}

static int set_id(void *into, const char *sub, const char *value, struct why *w)
{
	struct tree_release *t = NULL;
	int r = find_release(into, sub, &t, w);

	return r ? r : parse_hex(value, t->id.b, sizeof(t->id.b), w);
}

static int set_result(void *into, const char *sub, const char *value, struct why *w)
{
	unsigned int word = 0;
	int r = find_word(value, results, ARRAY_SIZE(results), &word, w);

	(void)sub;
	((struct tree_record *)into)->outcome.result = (enum tree_result)word;
	return r;
}

static int set_reason(void *into, const char *sub, const char *value, struct why *w)
{
	unsigned int word = 0;
	int r = find_word(value, reasons, ARRAY_SIZE(reasons), &word, w);

	(void)sub;
	((struct tree_record *)into)->outcome.reason = (enum tree_reason)word;
	return r;
}

static int set_from(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return copy_release(((struct tree_record *)into)->outcome.from, value, w);
}

static int set_to(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return copy_release(((struct tree_record *)into)->outcome.to, value, w);
}

static int set_text(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return ini_text(((struct tree_record *)into)->outcome.text, TREE_TEXT_MAX, value, w);
}

static const struct ini_key keys[] = {
	{ .section = "journal", .key = "sequence", .set = set_sequence },
	{ .section = "journal", .key = "phase", .set = set_phase },
	{ .section = "journal", .key = "epoch-floor", .set = set_floor },
	{ .section = "journal", .key = "tree", .set = add_history, .many = true },
	{ .section = "tree.*", .key = "name", .set = set_name },
	{ .section = "tree.*", .key = "epoch", .set = set_epoch },
	{ .section = "tree.*", .key = "id", .set = set_id },
	{ .section = "outcome", .key = "result", .set = set_result },
	{ .section = "outcome", .key = "reason", .set = set_reason },
	{ .section = "outcome", .key = "from", .set = set_from },
	{ .section = "outcome", .key = "to", .set = set_to },
	{ .section = "outcome", .key = "text", .set = set_text },
};

/* The last line is the hash of all before it. */
static int check_sum(struct bytes text, const char *name, struct bytes *ret_body, struct why *w)
{
	struct hash sum;
	char hex[2 * HASH_BYTES + 1];
	const char *last;
	size_t n;

	if (text.n > TREE_RECORD_MAX)
		return fail(w, -E2BIG, "%s: over %u bytes", name, TREE_RECORD_MAX);
	if (text.n < SUM_BYTES || text.p[text.n - 1] != '\n')
		return fail(w, -EBADMSG, "%s: does not end in a sum", name);
	n = text.n - SUM_BYTES;
	last = (const char *)text.p + n;
	sum = hash_of(bytes_of(text.p, n));
	(void)format_hex(sum.b, sizeof(sum.b), hex);
	if (memcmp(last, LAST_LINE, sizeof(LAST_LINE) - 1) != 0 ||
	    memcmp(last + sizeof(LAST_LINE) - 1, hex, 2 * (size_t)HASH_BYTES) != 0)
		return fail(w, -EBADMSG, "%s: damaged: its sum does not match", name);
	*ret_body = bytes_of(text.p, n);
	return 0;
}

static int check_first_line(struct bytes body, const char *name, struct why *w)
{
	static const char want[] = FIRST_LINE FORMAT "\n";

	if (body.n < sizeof(want) - 1 || memcmp(body.p, FIRST_LINE, sizeof(FIRST_LINE) - 1) != 0)
		return fail(w, -EBADMSG, "%s: is no journal of trees", name);
	if (memcmp(body.p, want, sizeof(want) - 1) != 0)
		return fail(w, -EPROTONOSUPPORT, "%s: was written by a newer version", name);
	return 0;
}

/* What the name says of the id has to be so; without a name there is nothing else. */
static int check_release(const struct tree_release *t, const char *which, const char *name, struct why *w)
{
	char want[TREE_NAME_MAX], version[MANIFEST_NAME_MAX];

	if (!t->name[0]) {
		if (t->epoch || !bytes_all_zero(bytes_of(t->id.b, sizeof(t->id.b))))
			return fail(w, -EBADMSG, "%s: [tree.%s] has no name", name, which);
		return 0;
	}
	tree_name_version(t->name, version);
	tree_name(version, &t->id, want);
	if (strcmp(want, t->name) != 0)
		return fail(w, -EBADMSG, "%s: [tree.%s] name and id do not match", name, which);
	return 0;
}

static int check_record(const struct tree_record *rec, const char *name, struct why *w)
{
	int r = check_release(&rec->current, "current", name, w);

	r = r ? r : check_release(&rec->previous, "previous", name, w);
	r = r ? r : check_release(&rec->next, "next", name, w);
	if (!r && (rec->phase == TREE_IDLE) != (rec->next.name[0] == '\0'))
		r = fail(w, -EBADMSG, "%s: phase %s %s a next tree", name, tree_phase_name(rec->phase),
			 rec->phase == TREE_IDLE ? "with" : "without");
	if (!r && rec->sequence == 0)
		r = fail(w, -EBADMSG, "%s: has no sequence number", name);
	return r;
}

int tree_record_parse(struct bytes text, const char *name, struct tree_record *ret, struct why *w)
{
	struct tree_record rec = { 0 };
	struct bytes body = { 0 };
	int r = check_sum(text, name, &body, w);

	r = r ? r : check_first_line(body, name, w);
	if (!r) {
		r = ini_read(body, name, keys, ARRAY_SIZE(keys), &rec, w);
		if (r && w && w->exit == EXIT_USAGE) /* the INI reader's answer to a user's file, which this is not */
			w->exit = EXIT_FAILED;
	}
	r = r ? r : check_record(&rec, name, w);
	if (!r)
		*ret = rec;
	return r;
}

/* --- writing --- */

static void write_release(FILE *to, const char *which, const struct tree_release *t)
{
	char hex[2 * HASH_BYTES + 1];

	if (t->name[0])
		(void)fprintf(to, "\n[tree.%s]\nname=%s\nepoch=%" PRIu64 "\nid=%s\n", which, t->name, t->epoch,
			      format_hex(t->id.b, sizeof(t->id.b), hex));
}

static void write_outcome(FILE *to, const struct tree_outcome *o)
{
	if (o->result == TREE_NEVER)
		return;
	(void)fprintf(to, "\n[outcome]\nresult=%s\nreason=%s\n", tree_result_name(o->result),
		      tree_reason_name(o->reason));
	if (o->from[0])
		(void)fprintf(to, "from=%s\n", o->from);
	if (o->to[0])
		(void)fprintf(to, "to=%s\n", o->to);
	if (o->text[0])
		(void)fprintf(to, "text=%s\n", o->text);
}

static void write_body(FILE *to, const struct tree_record *rec)
{
	(void)fprintf(to, FIRST_LINE FORMAT "\n[journal]\nsequence=%" PRIu64 "\nphase=%s\nepoch-floor=%" PRIu64 "\n",
		      rec->sequence, tree_phase_name(rec->phase), rec->epoch_floor);
	for (size_t i = 0; i < rec->n_history; i++)
		(void)fprintf(to, "tree=%s\n", rec->history[i]);
	write_release(to, "current", &rec->current);
	write_release(to, "previous", &rec->previous);
	write_release(to, "next", &rec->next);
	write_outcome(to, &rec->outcome);
}

int tree_record_format(const struct tree_record *rec, char **ret, size_t *ret_n, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct tree_record back;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	char hex[2 * HASH_BYTES + 1];
	struct hash sum;
	bool failed;
	int r;

	if (!to)
		return fail(w, -ENOMEM, "out of memory");
	write_body(to, rec);
	if (fflush(to) == 0) {
		sum = hash_of(bytes_of(text, n));
		(void)fprintf(to, LAST_LINE "%s\n", format_hex(sum.b, sizeof(sum.b), hex));
	}
	failed = ferror(to) != 0;
	if (fclose(to) || failed)
		return fail(w, -ENOMEM, "out of memory");
	r = tree_record_parse(bytes_of(text, n), "journal", &back, w);
	if (r)
		return why_in(w, -EINVAL, "the journal cannot be written");
	*ret = MOVE(text);
	*ret_n = n;
	return 0;
}
