#include "bootstage/intel/taxii.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~:", c));
}

/* "&key=value" with all but letters and digits escaped; nothing for an empty value. */
static int add(char *url, const char *key, const char *value, struct why *w)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = strlen(url);

	if (!value[0])
		return 0;
	n += (size_t)snprintf(url + n, TAXII_URL_MAX - n, "%c%s=", strchr(url, '?') ? '&' : '?', key);
	for (const char *c = value; *c && n + 4 < TAXII_URL_MAX; c++) {
		if (is_plain(*c)) {
			url[n++] = *c;
			continue;
		}
		url[n++] = '%';
		url[n++] = hex[(uint8_t)*c >> 4];
		url[n++] = hex[(uint8_t)*c & 15];
	}
	if (n + 4 >= TAXII_URL_MAX)
		return fail(w, -E2BIG, "the URL of a page is too long");
	url[n] = '\0';
	return 0;
}

int taxii_url(const char *collection, const char *added_after, const char *next, uint64_t limit,
	      char ret[TAXII_URL_MAX], struct why *w)
{
	size_t n = strcspn(collection, "?#");
	bool objects;
	char number[24];
	int r;

	while (n > 0 && collection[n - 1] == '/')
		n--;
	objects = n > 8 && memcmp(collection + n - 8, "/objects", 8) == 0;
	if (n + 16 > TAXII_URL_MAX)
		return fail(w, -E2BIG, "the URL of a collection is too long");
	(void)snprintf(ret, TAXII_URL_MAX, "%.*s%s/", (int)n, collection, objects ? "" : "/objects");
	(void)snprintf(number, sizeof(number), "%" PRIu64, limit);
	r = add(ret, "limit", number, w);
	r = r ? r : add(ret, "added_after", added_after, w);
	return r ? r : add(ret, "next", next, w);
}

static bool word_is(const struct taxii_scan *s, const char *word)
{
	return !s->too_long && strlen(word) == s->word_n && memcmp(s->word, word, s->word_n) == 0;
}

/* A key or a value of the outermost object is complete. */
static void word_end(struct taxii_scan *s, bool string)
{
	if (!s->is_value) {
		s->key = word_is(s, "more") ? TAXII_KEY_MORE : word_is(s, "next") ? TAXII_KEY_NEXT : TAXII_KEY_OTHER;
	} else if (s->key == TAXII_KEY_MORE && !string) {
		s->more = word_is(s, "true");
	} else if (s->key == TAXII_KEY_NEXT && string && !s->too_long) {
		memcpy(s->next, s->word, s->word_n);
		s->next[s->word_n] = '\0';
	}
	s->word_n = 0;
	s->too_long = false;
}

/* Escapes are for what may not stand in a URL as it is: a server that uses them in "next" is not understood. */
static void word_add(struct taxii_scan *s, uint8_t c)
{
	if (s->word_n + 1 >= sizeof(s->word) || c == '\\' || c < 0x20)
		s->too_long = true;
	else
		s->word[s->word_n++] = (char)c;
}

static void in_string(struct taxii_scan *s, uint8_t c)
{
	if (c == '"' && !s->escape) {
		s->in_string = false;
		if (s->depth == 1)
			word_end(s, true);
		return;
	}
	if (s->depth == 1)
		word_add(s, c);
	s->escape = c == '\\' && !s->escape;
}

static void outside(struct taxii_scan *s, uint8_t c)
{
	switch (c) {
	case '"':
		s->in_string = true;
		s->word_n = 0;
		s->too_long = s->escape = false;
		break;
	case '{':
	case '[':
		s->depth++;
		break;
	case '}':
	case ']':
	case ',':
		if (s->depth == 1 && s->word_n)
			word_end(s, false);
		s->is_value = s->depth == 1 && c == ',' ? false : s->is_value;
		s->depth -= c != ',' && s->depth > 0;
		break;
	case ':':
		s->is_value = s->depth == 1 ? true : s->is_value;
		break;
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		break;
	default:
		if (s->depth == 1)
			word_add(s, c);
	}
}

void taxii_scan(struct taxii_scan *s, struct bytes in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (s->in_string)
			in_string(s, in.p[i]);
		else
			outside(s, in.p[i]);
	}
}

static void date_set(char to[TAXII_DATE_MAX], const char *date)
{
	(void)snprintf(to, TAXII_DATE_MAX, "%s", date);
}

void taxii_go_on(struct taxii_way *way, const struct taxii_scan *page, const char *last)
{
	if (!last[0] || strlen(last) >= TAXII_DATE_MAX)
		last = way->last;
	if (!page->more)
		date_set(way->read, last);
	else if (strcmp(way->last, last) != 0)
		date_set(way->read, way->last);
	way->is = !page->more ? TAXII_END : TAXII_MORE;
	if (page->more && page->next[0] && strcmp(page->next, way->next) != 0)
		(void)snprintf(way->next, sizeof(way->next), "%s", page->next);
	else if (page->more && !page->next[0] && strcmp(last, way->from) != 0) {
		date_set(way->from, last);
		way->next[0] = '\0';
	} else if (page->more)
		way->is = TAXII_LOST;
	if (last != way->last)
		date_set(way->last, last);
}
