#include "bootstage/trainer/onnxscope.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

#define HEADS 16384u
#define NONE  UINT32_MAX

struct onnx_scope_entry {
	uint32_t slot;
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
static uint32_t slot_of(const char *name)
{
	struct hash h = hash_of(bytes_str(name));

	return (uint32_t)(h.b[0] | h.b[1] << 8) % HEADS;
}

static struct onnx_scope_entry *find(const struct onnx_scope *s, const char *name)
{
	if (!s->heads)
		return NULL;
	for (uint32_t i = s->heads[slot_of(name)]; i != NONE; i = s->at[i].next)
		if (strcmp(s->text + s->at[i].text, name) == 0)
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

		s->heads[e->slot] = e->next;
		s->text_n = e->text;
	}
	s->level--;
}

static int make_room(struct onnx_scope *s, size_t text)
{
	if (!s->heads) {
		s->heads = malloc(HEADS * sizeof(*s->heads));
		if (!s->heads)
			return -ENOMEM;
		memset(s->heads, 0xff, HEADS * sizeof(*s->heads));
	}
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
	struct onnx_scope_entry *e = find(s, name);
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
	s->at[s->n] =
		(struct onnx_scope_entry){ .slot = slot_of(name), .text = s->text_n, .level = s->level, .kinds = kind };
	s->at[s->n].next = s->heads[s->at[s->n].slot];
	s->heads[s->at[s->n].slot] = s->n;
	memcpy(s->text + s->text_n, name, text);
	s->text_n += text;
	s->n++;
	return 0;
}

bool onnx_scope_has(const struct onnx_scope *s, const char *name)
{
	return find(s, name) != NULL;
}
