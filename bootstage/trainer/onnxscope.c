#include "bootstage/trainer/onnxscope.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

#define HEADS_FIRST 1024u
#define NONE        UINT32_MAX

struct onnx_scope_entry {
	uint32_t hash;
	uint32_t next; /* of the same slot, older */
	size_t text;
	unsigned int level;
	unsigned int kinds;
};

void onnx_scope_done(struct onnx_scope *s)
{
	free(s->at);
	free(s->heads);
	free(s->text);
	*s = (struct onnx_scope){ 0 };
}

/* Names come from outside: a digest, so that nobody can make them collide. */
static uint32_t hash_name(const char *name)
{
	struct hash h = hash_of(bytes_str(name));
	uint32_t v = 0;

	IGNORE(bytes_le32(bytes_of(h.b, sizeof(h.b)), 0, &v));
	return v;
}

static uint32_t *head(const struct onnx_scope *s, uint32_t hash)
{
	return &s->heads[hash & (s->n_heads - 1)];
}

static struct onnx_scope_entry *find(const struct onnx_scope *s, const char *name, uint32_t hash)
{
	if (!s->heads)
		return NULL;
	for (uint32_t i = *head(s, hash); i != NONE; i = s->at[i].next)
		if (s->at[i].hash == hash && strcmp(s->text + s->at[i].text, name) == 0)
			return &s->at[i];
	return NULL;
}

void onnx_scope_enter(struct onnx_scope *s)
{
	s->level++;
}

void onnx_scope_leave(struct onnx_scope *s)
{
	while (s->n > 0 && s->at[s->n - 1].level == s->level) {
		const struct onnx_scope_entry *e = &s->at[--s->n];

		*head(s, e->hash) = e->next;
		s->text_n = e->text;
	}
	s->level--;
}

/* The newest entry of a slot is its first one: leaving a graph takes them off from there. */
static void chain(struct onnx_scope *s, uint32_t i)
{
	uint32_t *first = head(s, s->at[i].hash);

	s->at[i].next = *first;
	*first = i;
}

static int more_heads(struct onnx_scope *s)
{
	uint32_t n = s->heads ? 2 * s->n_heads : HEADS_FIRST;
	uint32_t *heads = malloc(n * sizeof(*heads));

	if (!heads)
		return -ENOMEM;
	memset(heads, 0xff, n * sizeof(*heads));
	free(s->heads);
	s->heads = heads;
	s->n_heads = n;
	for (uint32_t i = 0; i < s->n; i++)
		chain(s, i);
	return 0;
}

static int make_room(struct onnx_scope *s, size_t text)
{
	int r = s->n >= s->n_heads ? more_heads(s) : 0;

	if (r)
		return r;
	if (s->n == s->room) {
		uint32_t room = s->room ? 2 * s->room : 64;
		struct onnx_scope_entry *more = reallocarray(s->at, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->at = more;
		s->room = room;
	}
	if (s->text_room - s->text_n < text) {
		size_t room = 2 * (s->text_room + text);
		char *more = realloc(s->text, room);

		if (!more)
			return -ENOMEM;
		s->text = more;
		s->text_room = room;
	}
	return 0;
}

static bool may_join(unsigned int kinds, enum onnx_value kind)
{
	return kinds != ONNX_RESULT && kind != ONNX_RESULT && !(kinds & kind);
}

int onnx_scope_add(struct onnx_scope *s, const char *name, enum onnx_value kind, struct why *w)
{
	uint32_t hash = hash_name(name);
	struct onnx_scope_entry *e = find(s, name, hash);
	size_t text = strlen(name) + 1;
	int r;

	if (e && e->level == s->level) {
		if (!may_join(e->kinds, kind))
			return fail(w, -EBADMSG, "the value '%.60s' is there twice", name);
		e->kinds |= kind;
		return 0;
	}
	if (s->n == ONNX_VALUES_MAX || s->text_n + text > ONNX_TEXT_MAX)
		return fail(w, -E2BIG, "more values than %u", ONNX_VALUES_MAX);
	r = make_room(s, text);
	if (r)
		return fail(w, r, "no memory for the names of values");
	s->at[s->n] = (struct onnx_scope_entry){ .hash = hash, .text = s->text_n, .level = s->level, .kinds = kind };
	chain(s, s->n);
	memcpy(s->text + s->text_n, name, text);
	s->text_n += text;
	s->n++;
	return 0;
}

bool onnx_scope_has(const struct onnx_scope *s, const char *name)
{
	return find(s, name, hash_name(name)) != NULL;
}
