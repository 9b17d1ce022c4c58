/*
 * fuzz_ini - any bytes as a configuration file. What is taken must come out the same when it is written down again and
 * read a second time: so no key changes its section, no value its text, and nothing is taken that cannot be written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini.h"

#define TEXT_MAX (64u << 10)

/* What was read, written down again. */
struct copy {
	char *text;
	size_t n, room;
};

static void add(struct copy *c, const char *section, const char *sub, const char *key, const char *value)
{
	int n = snprintf(c->text + c->n, c->room - c->n, "[%s%s]\n%s=%s\n", section, sub, key, value);

	if (n < 0 || (size_t)n >= c->room - c->n)
		abort();
	c->n += (size_t)n;
}

static int set_name(void *into, const char *sub, const char *value, struct why *w)
{
	(void)w;
	add(into, "system", sub, "name", value);
	return 0;
}

static int set_slot(void *into, const char *sub, const char *value, struct why *w)
{
	add(into, "slot.", sub, "root", value);
	return *value == '-' ? misuse(w, -EINVAL, "'%s' starts with a dash", value) : 0;
}

static int set_unit(void *into, const char *sub, const char *value, struct why *w)
{
	(void)w;
	add(into, "health", sub, "unit", value);
	return 0;
}

static const struct ini_key keys[] = {
	{ "system", "name", set_name, false },
	{ "slot.*", "root", set_slot, false },
	{ "health", "unit", set_unit, true },
};

static int read_into(struct bytes text, struct copy *c, struct why *w)
{
	/* Each taken line has at least "root=" of its own and may repeat a section name of 49 bytes. */
	c->room = text.n * 16 + 64;
	c->text = malloc(c->room);
	if (!c->text)
		abort();
	c->text[0] = '\0';
	return ini_read(text, "fuzz", keys, ARRAY_SIZE(keys), c, w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct copy first = { 0 }, second = { 0 };
	struct why w = { 0 };
	int r;

	if (n > TEXT_MAX)
		return 0;
	r = read_into(bytes_of(data, n), &first, &w);
	if ((r != 0) != (w.text[0] != '\0') || (r != 0 && w.exit != EXIT_USAGE))
		abort(); /* every refusal has its reason */
	if (r == 0) {
		if (read_into(bytes_of(first.text, first.n), &second, &w))
			abort();
		if (strcmp(first.text, second.text) != 0)
			abort();
	}
	free(first.text);
	free(second.text);
	return 0;
}
