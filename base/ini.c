#include "base/ini.h"

#include <fcntl.h>
#include <ini.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/parse.h"

#define KEYS_MAX    4096u
#define BLANKS      " \t\r\v\f"
#define SECTION_MAX 49u /* inih cuts longer names without a word */

struct reader {
	struct bytes text;
	size_t at;
	unsigned int line;
	const char *name;
	const struct ini_key *keys;
	size_t n_keys;
	bool others; /* sections and keys that are not in the table are passed over */
	void *into;
	struct hash *seen; /* hash of "section key" of every key met, to find repeats */
	size_t n_seen;
	int result;
	struct why *w;
};

static bool section_matches(const char *pattern, const char *section, const char **sub)
{
	size_t n = strlen(pattern);

	*sub = "";
	if (n == 0 || pattern[n - 1] != '*')
		return strcmp(pattern, section) == 0;
	*sub = section + n - 1;
	return strncmp(pattern, section, n - 1) == 0 && section[n - 1] != '\0';
}

static bool section_known(const struct reader *r, const char *section)
{
	const char *sub;

	for (size_t i = 0; i < r->n_keys; i++)
		if (section_matches(r->keys[i].section, section, &sub))
			return true;
	return false;
}

/* `line` is what follows '['. inih ignores what stands behind ']', and does not tell of sections without keys. */
static int check_section(struct reader *r, const char *line)
{
	size_t n = strcspn(line, "];"), blanks;
	const char *rest;
	char name[SECTION_MAX + 1];

	if (line[n] != ']')
		return misuse(r->w, -EBADMSG, "%s:%u: a section without ']'", r->name, r->line);
	blanks = strspn(line + n + 1, BLANKS);
	rest = line + n + 1 + blanks;
	if (*rest && (*rest != ';' || blanks == 0))
		return misuse(r->w, -EBADMSG, "%s:%u: '%s' behind the section", r->name, r->line, rest);
	if (n > SECTION_MAX)
		return misuse(r->w, -EBADMSG, "%s:%u: section name of %zu bytes, the limit is %u", r->name, r->line, n,
			      SECTION_MAX);
	memcpy(name, line, n);
	name[n] = '\0';
	if (!r->others && !section_known(r, name))
		return misuse(r->w, -EBADMSG, "%s:%u: unknown section [%s]", r->name, r->line, name);
	return 0;
}

/* inih forgives much; here a line that is no comment has one of two shapes. `line` starts and ends without blanks. */
static int check_line(struct reader *r, const char *line)
{
	size_t n = strcspn(line, "=:;");

	if (*line == '\0' || *line == ';' || *line == '#')
		return 0;
	if (*line == '[')
		return check_section(r, line + 1);
	if (line[n] != '=' || n == 0)
		return misuse(r->w, -EBADMSG, "%s:%u: neither a [section] nor key=value", r->name, r->line);
	return 0;
}

/* The next line of the borrowed text, without its end. */
static struct bytes cut_line(struct reader *r)
{
	const uint8_t *start = r->text.p + r->at, *end = memchr(start, '\n', r->text.n - r->at);
	size_t n = end ? (size_t)(end - start) : r->text.n - r->at;

	r->at += end ? n + 1 : n;
	r->line++;
	if (r->line == 1 && n >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0)
		return bytes_of(start + 3, n - 3);
	return bytes_of(start, n);
}

/* b holds no NUL. */
static struct bytes without_blanks(struct bytes b)
{
	while (b.n > 0 && strchr(BLANKS, b.p[b.n - 1]))
		b.n--;
	while (b.n > 0 && strchr(BLANKS, b.p[0]))
		b = bytes_of(b.p + 1, b.n - 1);
	return b;
}

/* inih's fgets(): hands out one checked line. Without blanks in front none continues the one above it. */
static char *next_line(char *out, int room, void *stream)
{
	struct reader *r = stream;
	struct bytes line;

	if (r->at == r->text.n || r->result)
		return NULL;
	line = cut_line(r);
	if (line.n > INI_LINE_MAX || line.n + 2 > (size_t)room) {
		r->result = misuse(r->w, -EBADMSG, "%s:%u: line of %zu bytes, the limit is %u", r->name, r->line,
				   line.n, INI_LINE_MAX);
		return NULL;
	}
	if (memchr(line.p, '\0', line.n)) {
		r->result = misuse(r->w, -EBADMSG, "%s:%u: a NUL byte", r->name, r->line);
		return NULL;
	}
	line = without_blanks(line);
	memcpy(out, line.p, line.n);
	out[line.n] = '\0';
	r->result = check_line(r, out);
	out[line.n] = '\n';
	out[line.n + 1] = '\0';
	return r->result ? NULL : out;
}

static bool seen_before(struct reader *r, const char *section, const char *key)
{
	struct hasher h;
	struct hash id;

	hasher_init(&h);
	hasher_add(&h, bytes_of(section, strlen(section) + 1));
	hasher_add(&h, bytes_str(key));
	id = hasher_end(&h);
	for (size_t i = 0; i < r->n_seen; i++)
		if (hash_equal(&r->seen[i], &id))
			return true;
	r->seen[r->n_seen++] = id;
	return false;
}

static int take(struct reader *r, const char *section, const char *key, const char *value)
{
	const char *sub;
	int e;

	for (size_t i = 0; i < r->n_keys; i++) {
		const struct ini_key *k = &r->keys[i];

		if (!section_matches(k->section, section, &sub) || strcmp(k->key, key) != 0)
			continue;
		if (!k->many && r->n_seen == KEYS_MAX)
			return misuse(r->w, -E2BIG, "%s:%u: more than %u keys", r->name, r->line, KEYS_MAX);
		if (!k->many && seen_before(r, section, key))
			return misuse(r->w, -EBADMSG, "%s:%u: [%s] %s is given twice", r->name, r->line, section, key);
		e = k->set(r->into, sub, value, r->w);
		return e ? why_in(r->w, e, "%s:%u: [%s] %s", r->name, r->line, section, key) : 0;
	}
	if (r->others)
		return 0;
	if (*section == '\0')
		return misuse(r->w, -EBADMSG, "%s:%u: unknown key '%s' before the first [section]", r->name, r->line,
			      key);
	return misuse(r->w, -EBADMSG, "%s:%u: unknown key '%s' in [%s]", r->name, r->line, key, section);
}

static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct reader *r = user;

	if (!r->result)
		r->result = take(r, section, key, value ? value : "");
	return 1;
}

static int read_all(struct reader *r)
{
	AUTO_FREE struct hash *seen = calloc(KEYS_MAX, sizeof(*seen));
	int e;

	if (!seen)
		return fail(r->w, -ENOMEM, "%s: out of memory", r->name);
	if (r->text.n > INI_TEXT_MAX)
		return misuse(r->w, -E2BIG, "%s: %zu bytes, the limit is %u", r->name, r->text.n, INI_TEXT_MAX);
	r->seen = seen;
	e = ini_parse_stream(next_line, r, handle, r);
	if (r->result)
		return r->result;
	if (e < 0)
		return fail(r->w, -ENOMEM, "%s: out of memory", r->name);
	if (e > 0)
		return misuse(r->w, -EBADMSG, "%s:%d: cannot be understood", r->name, e);
	return 0;
}

int ini_read(struct bytes text, const char *name, const struct ini_key *keys, size_t n_keys, void *into, struct why *w)
{
	struct reader r = { .text = text, .name = name, .keys = keys, .n_keys = n_keys, .into = into, .w = w };

	return read_all(&r);
}

int ini_read_file(const char *path, const struct ini_key *keys, size_t n_keys, void *into, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, path, INI_TEXT_MAX, &text, &n, w);

	return r ? r : ini_read(bytes_of(text, n), path, keys, n_keys, into, w);
}

/* What ini_value_file() is after. */
struct value {
	char *ret;
	size_t room;
	bool given;
};

static int take_value(void *into, const char *sub, const char *value, struct why *w)
{
	struct value *v = into;
	size_t n = strlen(value);

	(void)sub;
	if (n >= v->room)
		return misuse(w, -E2BIG, "%zu bytes, the limit is %zu", n, v->room - 1);
	memcpy(v->ret, value, n + 1);
	v->given = true;
	return 0;
}

int ini_value_file(const char *path, const char *section, const char *key, char *ret, size_t room, struct why *w)
{
	AUTO_FREE char *text = NULL, *value = malloc(room);
	struct ini_key wanted = { .section = section, .key = key, .set = take_value };
	struct value v = { .ret = value, .room = room };
	struct reader r = { .name = path, .keys = &wanted, .n_keys = 1, .others = true, .into = &v, .w = w };
	int e;

	if (!value)
		return fail(w, -ENOMEM, "out of memory");
	e = file_read(AT_FDCWD, path, INI_TEXT_MAX, &text, &r.text.n, w);
	if (e)
		return e;
	r.text = bytes_of(text, r.text.n);
	e = read_all(&r);
	if (e)
		return e;
	if (!v.given)
		return misuse(w, -ENODATA, "%s: [%s] %s is missing", path, section, key);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

int ini_text(char *out, size_t room, const char *value, struct why *w)
{
	size_t n = strlen(value);

	if (n == 0)
		return misuse(w, -EBADMSG, "is empty");
	if (n >= room)
		return misuse(w, -EBADMSG, "%zu bytes, the limit is %zu", n, room - 1);
	if (!text_printable(bytes_of(value, n)))
		return misuse(w, -EBADMSG, "is not UTF-8 text, or has control characters");
	memcpy(out, value, n + 1);
	return 0;
}
