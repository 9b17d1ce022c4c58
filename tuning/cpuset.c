#include "tuning/cpuset.h"

#include <assert.h>
#include <string.h>

#define WORD_BITS (8u * (unsigned int)sizeof(unsigned long))

void cpuset_free(struct cpuset *s)
{
	free(s->words);
	*s = (struct cpuset){ 0 };
}

static int grow(struct cpuset *s, size_t n_words)
{
	unsigned long *words;

	if (n_words <= s->n_words)
		return 0;
	words = realloc(s->words, n_words * sizeof(*words));
	if (!words)
		return -ENOMEM;
	memset(words + s->n_words, 0, (n_words - s->n_words) * sizeof(*words));
	*s = (struct cpuset){ .words = words, .n_words = n_words };
	return 0;
}

int cpuset_add(struct cpuset *s, unsigned int cpu)
{
	int r = grow(s, cpu / WORD_BITS + 1);

	if (!r)
		s->words[cpu / WORD_BITS] |= 1ul << cpu % WORD_BITS;
	return r;
}

bool cpuset_has(const struct cpuset *s, unsigned int cpu)
{
	return cpu / WORD_BITS < s->n_words && (s->words[cpu / WORD_BITS] >> cpu % WORD_BITS & 1);
}

unsigned int cpuset_next(const struct cpuset *s, unsigned int from)
{
	for (size_t i = from / WORD_BITS; i < s->n_words; i++) {
		unsigned long word = s->words[i];

		if (i == from / WORD_BITS)
			word &= ~0ul << from % WORD_BITS;
		if (word)
			return (unsigned int)i * WORD_BITS + (unsigned int)__builtin_ctzl(word);
	}
	return CPUSET_CPUS_MAX;
}

size_t cpuset_count(const struct cpuset *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_words; i++)
		n += (size_t)__builtin_popcountl(s->words[i]);
	return n;
}

int cpuset_copy(const struct cpuset *s, struct cpuset *ret)
{
	int r = grow(ret, s->n_words);

	if (!r && s->n_words)
		memcpy(ret->words, s->words, s->n_words * sizeof(*s->words));
	return r;
}

void cpuset_and(struct cpuset *s, const struct cpuset *with)
{
	for (size_t i = 0; i < s->n_words; i++)
		s->words[i] &= i < with->n_words ? with->words[i] : 0;
}

void cpuset_minus(struct cpuset *s, const struct cpuset *what)
{
	for (size_t i = 0; i < s->n_words && i < what->n_words; i++)
		s->words[i] &= ~what->words[i];
}

/* Whole words at a time, so that a hostile list of wide ranges costs no more than its length. */
static int add_range(struct cpuset *s, unsigned int first, unsigned int last)
{
	int r = grow(s, last / WORD_BITS + 1);

	assert(r || s->words);
	for (unsigned int cpu = first; !r && cpu <= last;) {
		if (cpu % WORD_BITS == 0 && last - cpu >= WORD_BITS - 1) {
			s->words[cpu / WORD_BITS] = ~0ul;
			cpu += WORD_BITS;
		} else {
			s->words[cpu / WORD_BITS] |= 1ul << cpu % WORD_BITS;
			cpu++;
		}
	}
	return r;
}

/* How much of the text at p a reason quotes: up to the end of its line. */
static int quoted(const char *p)
{
	size_t n = strcspn(p, "\n");

	return n < 40 ? (int)n : 40;
}

/* One number at *at, which is moved behind it. */
static int take_number(const char **at, unsigned int *ret, struct why *w)
{
	const char *p = *at;
	unsigned int v = 0;

	if (*p < '0' || *p > '9')
		return fail(w, -EBADMSG, "'%.*s' where a CPU number is wanted", quoted(p), p);
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (unsigned int)(*p - '0');
		if (v >= CPUSET_CPUS_MAX)
			return fail(w, -E2BIG, "CPU number '%.*s' over the limit of %u", quoted(*at), *at,
				    CPUSET_CPUS_MAX - 1);
	}
	*at = p;
	*ret = v;
	return 0;
}

/* One "a" or "a-b" at *at. */
static int take_range(const char **at, struct cpuset *into, struct why *w)
{
	unsigned int first = 0, last;
	int r = take_number(at, &first, w);

	if (r)
		return r;
	last = first;
	if (**at == '-') {
		(*at)++;
		r = take_number(at, &last, w);
		if (r)
			return r;
	}
	if (last < first)
		return fail(w, -EBADMSG, "range %u-%u runs backwards", first, last);
	return add_range(into, first, last) ? fail(w, -ENOMEM, "out of memory") : 0;
}

int cpuset_parse(const char *text, struct cpuset *ret, struct why *w)
{
	AUTO_CPUSET s = { 0 };
	const char *at = text, *end = text + strlen(text);

	while (end > text && strchr(" \t\n", end[-1]))
		end--;
	while (at < end) {
		int r = take_range(&at, &s, w);

		if (r)
			return r;
		if (at == end)
			break;
		if (*at != ',')
			return fail(w, -EBADMSG, "'%.*s' where ',' or the end is wanted", quoted(at), at);
		at++;
		if (at == end)
			return fail(w, -EBADMSG, "',' at the end");
	}
	*ret = s;
	s = (struct cpuset){ 0 };
	return 0;
}

char *cpuset_format(const struct cpuset *s)
{
	/* The longest form of n members is n times five digits and a comma. */
	size_t room = cpuset_count(s) * 6 + 1, n = 0;
	char *out = malloc(room);

	if (!out)
		return NULL;
	out[0] = '\0';
	for (CPUSET_EACH(first, s)) {
		unsigned int last = first;

		while (cpuset_has(s, last + 1))
			last++;
		n += (size_t)snprintf(out + n, room - n, last > first ? "%s%u-%u" : "%s%u", n ? "," : "", first, last);
		first = last;
	}
	return out;
}
