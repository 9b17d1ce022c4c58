#include "bootstage/intel/feedstate.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/parse.h"

#define RETRY_S 300u /* after the first failure; doubles up to the interval */
#define TEXT    4096u

static const char *const results[] = {
	[FEED_NEVER] = "never", [FEED_LOADED] = "loaded", [FEED_UNCHANGED] = "unchanged", [FEED_FAILED] = "failed"
};

const char *feed_result_name(enum feed_result r)
{
	return results[r];
}

static int set_result(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		if (strcmp(results[i], value) == 0) {
			((struct feedstate *)into)->result = (enum feed_result)i;
			return 0;
		}
	}
	return fail(w, -EBADMSG, "no result");
}

#define NUMBER(field)                                                                                                  \
	static int set_##field(void *into, const char *sub, const char *value, struct why *w)                          \
	{                                                                                                              \
		(void)sub;                                                                                             \
		return parse_u64(value, INT64_MAX, &((struct feedstate *)into)->field, w);                             \
	}
NUMBER(began_s)
NUMBER(ended_s)
NUMBER(loaded_s)
NUMBER(failures)
NUMBER(busy_ms)
NUMBER(bytes)
NUMBER(records)
NUMBER(dropped)

#define TEXT_KEY(field)                                                                                                \
	static int set_##field(void *into, const char *sub, const char *value, struct why *w)                          \
	{                                                                                                              \
		struct feedstate *s = into;                                                                            \
		(void)sub;                                                                                             \
		return ini_text(s->field, sizeof(s->field), value, w);                                                 \
	}
TEXT_KEY(reason)
TEXT_KEY(source)
TEXT_KEY(etag)
TEXT_KEY(modified)
TEXT_KEY(stamp)
TEXT_KEY(checksum)
TEXT_KEY(added_after)

static const struct ini_key keys[] = {
	{ "run", "result", set_result, false },         { "run", "began", set_began_s, false },
	{ "run", "ended", set_ended_s, false },         { "run", "loaded", set_loaded_s, false },
	{ "run", "failures", set_failures, false },     { "run", "busy-ms", set_busy_ms, false },
	{ "run", "bytes", set_bytes, false },           { "run", "records", set_records, false },
	{ "run", "dropped", set_dropped, false },       { "run", "reason", set_reason, false },
	{ "version", "source", set_source, false },     { "version", "etag", set_etag, false },
	{ "version", "modified", set_modified, false }, { "version", "stamp", set_stamp, false },
	{ "version", "checksum", set_checksum, false }, { "version", "added-after", set_added_after, false },
};

/* What cannot be a value of our file (" ;", blanks at an end, too long) is left out: then it is not known. */
static size_t put(char *out, size_t room, const char *key, const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || strlen(key) + 1 + n > INI_LINE_MAX || !text_printable(bytes_str(value)) || strchr(value, '\t') ||
	    strstr(value, " ;") || value[0] == ' ' || value[n - 1] == ' ' || value[0] == ';')
		return 0;
	return (size_t)snprintf(out, room, "%s=%s\n", key, value);
}

size_t feedstate_format(const struct feedstate *s, char *out, size_t room)
{
	size_t n = (size_t)snprintf(out, room,
				    "[run]\nresult=%s\nbegan=%" PRIu64 "\nended=%" PRIu64 "\nloaded=%" PRIu64
				    "\nfailures=%" PRIu64 "\nbusy-ms=%" PRIu64 "\nbytes=%" PRIu64 "\nrecords=%" PRIu64
				    "\ndropped=%" PRIu64 "\n",
				    results[s->result], s->began_s, s->ended_s, s->loaded_s, s->failures, s->busy_ms,
				    s->bytes, s->records, s->dropped);

	n += put(out + n, room - n, "reason", s->reason);
	n += (size_t)snprintf(out + n, room - n, "[version]\n");
	n += put(out + n, room - n, "source", s->source);
	n += put(out + n, room - n, "etag", s->etag);
	n += put(out + n, room - n, "modified", s->modified);
	n += put(out + n, room - n, "stamp", s->stamp);
	n += put(out + n, room - n, "checksum", s->checksum);
	n += put(out + n, room - n, "added-after", s->added_after);
	return n;
}

int feedstate_parse(struct bytes text, const char *name, struct feedstate *ret, struct why *w)
{
	struct feedstate s = { 0 };
	int r = ini_read(text, name, keys, ARRAY_SIZE(keys), &s, w);

	if (!r)
		*ret = s;
	return r;
}

static void path_of(const char *folder, const struct feedconf *f, char *out, size_t room)
{
	(void)snprintf(out, room, "%s/%s.state", folder, f->name);
}

void feedstate_read(const char *folder, const struct feedconf *f, struct feedstate *ret)
{
	char path[512];
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	*ret = (struct feedstate){ 0 };
	path_of(folder, f, path, sizeof(path));
	if (file_read(AT_FDCWD, path, TEXT, &text, &n, NULL) || feedstate_parse(bytes_of(text, n), path, ret, NULL))
		return;
	if (strcmp(ret->source, f->source) != 0) { /* another feed by now */
		ret->etag[0] = ret->modified[0] = ret->stamp[0] = ret->checksum[0] = ret->added_after[0] = '\0';
		ret->ended_s = ret->busy_ms = ret->failures = 0;
	}
}

int feedstate_write(const char *folder, const struct feedconf *f, const struct feedstate *s, struct why *w)
{
	char path[512], text[TEXT];
	size_t n = feedstate_format(s, text, sizeof(text));

	path_of(folder, f, path, sizeof(path));
	return file_replace(AT_FDCWD, path, text, n, 0644, w);
}

uint64_t feedstate_due(const struct feedconf *f, const struct feedstate *s, uint64_t now_s)
{
	uint64_t wait = RETRY_S;

	if (s->ended_s == 0 || s->ended_s > now_s)
		return 0;
	if (s->result != FEED_FAILED)
		return s->ended_s + f->interval_s;
	for (uint64_t i = 1; i < s->failures && wait < f->interval_s; i++)
		wait *= 2;
	return s->ended_s + (wait < f->interval_s ? wait : f->interval_s);
}
