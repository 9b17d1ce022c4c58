#include "bootstage/intel/feedconf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/net/http.h"
#include "base/parse.h"
#include "bootstage/intel/jsontext.h"
#include "bootstage/intel/taxii.h"

#define INTERVAL_S  86400u
#define TIMEOUT_S   3600u
#define STALL_S     60u
#define MAX_BYTES   (64ull << 30)
#define PAGE        1000u
#define TEN_YEARS_S (10ull * 366 * 86400)

const char *feed_kind_name(enum feed_kind k)
{
	static const char *const names[] = {
		[FEED_FILE] = "file", [FEED_HTTP] = "http", [FEED_MISP] = "misp", [FEED_TAXII] = "taxii"
	};

	return names[k];
}

int duration_parse(const char *text, uint64_t *ret_s, struct why *w)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char number[24];
	size_t n = strlen(text);
	uint64_t v = 0, seconds = 1;

	for (size_t i = 0; n > 1 && i < ARRAY_SIZE(units); i++) {
		if (text[n - 1] != units[i].unit)
			continue;
		seconds = units[i].seconds;
		n--;
		break;
	}
	(void)snprintf(number, sizeof(number), "%.*s", (int)n, text);
	if (n >= sizeof(number) || parse_u64(number, TEN_YEARS_S, &v, NULL) || v == 0 || v > TEN_YEARS_S / seconds)
		return misuse(w, -EINVAL, "'%s' is no time like 30s, 5m, 2h or 7d", text);
	*ret_s = v * seconds;
	return 0;
}

int feedconf_name(const char *file, char ret[FEEDCONF_NAME], struct why *w)
{
	const char *p = file + strspn(file, "0123456789");
	size_t n;

	p = p > file && *p == '-' ? p + 1 : file;
	n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-_");
	if (n == 0 || n >= FEEDCONF_NAME || strcmp(p + n, ".feed") != 0)
		return misuse(w, -EBADMSG, "%s: no name like 10-attack.feed, of a-z, 0-9, - and _", file);
	(void)snprintf(ret, FEEDCONF_NAME, "%.*s", (int)n, p);
	return 0;
}

/* --- keys --- */

struct reading {
	struct feedconf f;
	enum feed_kind type; /* FEED_FILE: by the source */
};

static int set_source(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;

	(void)sub;
	if (value[0] != '/' && !http_is_url(value))
		return misuse(w, -EBADMSG, "'%s' is neither a whole path nor an http:// or https:// URL", value);
	return ini_text(r->f.source, sizeof(r->f.source), value, w);
}

static int set_type(void *into, const char *sub, const char *value, struct why *w)
{
	static const struct {
		const char *name;
		enum feed_kind kind;
	} types[] = { { "auto", FEED_FILE }, { "misp", FEED_MISP }, { "taxii", FEED_TAXII } };

	(void)sub;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(value, types[i].name) != 0)
			continue;
		((struct reading *)into)->type = types[i].kind;
		return 0;
	}
	return misuse(w, -EBADMSG, "'%s' is none of auto, misp and taxii", value);
}

static int set_enabled(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_bool(value, &((struct reading *)into)->f.enabled, w);
}

static int set_max_size(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_size(value, &((struct reading *)into)->f.max_bytes, w);
}

static int set_page(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	uint64_t n = 0;
	int e = parse_u64(value, 100000, &n, w);

	(void)sub;
	if (e || n == 0)
		return misuse(w, -EBADMSG, "1 to 100000 objects in a page");
	r->f.page = n;
	return 0;
}

#define SET_DURATION(field)                                                                                            \
	static int set_##field(void *into, const char *sub, const char *value, struct why *w)                          \
	{                                                                                                              \
		(void)sub;                                                                                             \
		return duration_parse(value, &((struct reading *)into)->f.field, w);                                   \
	}
SET_DURATION(interval_s)
SET_DURATION(timeout_s)
SET_DURATION(stall_s)

#define SET_TEXT(field)                                                                                                \
	static int set_##field(void *into, const char *sub, const char *value, struct why *w)                          \
	{                                                                                                              \
		struct reading *r = into;                                                                              \
		(void)sub;                                                                                             \
		return ini_text(r->f.field, sizeof(r->f.field), value, w);                                             \
	}
SET_TEXT(ca_file)
SET_TEXT(cert_file)
SET_TEXT(key_file)
SET_TEXT(proxy)
SET_TEXT(authorization_file)

static int set_added_after(void *into, const char *sub, const char *value, struct why *w)
{
	struct reading *r = into;
	int64_t us;

	(void)sub;
	if (jsontext_time(bytes_str(value), &us) || strlen(value) >= TAXII_DATE_MAX)
		return misuse(w, -EBADMSG, "'%s' is no time like 2026-01-01T00:00:00Z", value);
	return ini_text(r->f.added_after, sizeof(r->f.added_after), value, w);
}

static const struct ini_key keys[] = {
	{ "feed", "source", set_source, false },       { "feed", "type", set_type, false },
	{ "feed", "enabled", set_enabled, false },     { "feed", "interval", set_interval_s, false },
	{ "feed", "timeout", set_timeout_s, false },   { "feed", "stall", set_stall_s, false },
	{ "feed", "max-size", set_max_size, false },   { "http", "ca-file", set_ca_file, false },
	{ "http", "cert-file", set_cert_file, false }, { "http", "key-file", set_key_file, false },
	{ "http", "proxy", set_proxy, false },         { "http", "authorization-file", set_authorization_file, false },
	{ "taxii", "page", set_page, false },          { "taxii", "added-after", set_added_after, false },
};

static int settle(struct reading *r, const char *file, struct why *w)
{
	bool url = http_is_url(r->f.source);

	if (!r->f.source[0])
		return misuse(w, -EBADMSG, "%s: [feed] source is missing", file);
	if (r->type == FEED_TAXII && !url)
		return misuse(w, -EBADMSG, "%s: a TAXII collection is a URL", file);
	if (r->type == FEED_MISP && !url)
		return misuse(w, -EBADMSG, "%s: type=misp is for a URL; a folder needs none", file);
	r->f.kind = r->type != FEED_FILE ? r->type : url ? FEED_HTTP : FEED_FILE;
	return 0;
}

int feedconf_parse(struct bytes text, const char *file, struct feedconf *ret, struct why *w)
{
	struct reading r = { .f = { .enabled = true,
				    .interval_s = INTERVAL_S,
				    .timeout_s = TIMEOUT_S,
				    .stall_s = STALL_S,
				    .max_bytes = MAX_BYTES,
				    .page = PAGE } };
	int e;

	*ret = (struct feedconf){ 0 };
	e = feedconf_name(file, r.f.name, w);
	if (e)
		return e;
	memcpy(ret->name, r.f.name, sizeof(ret->name));
	e = ini_read(text, file, keys, ARRAY_SIZE(keys), &r, w);
	e = e ? e : settle(&r, file, w);
	if (!e)
		*ret = r.f;
	return e;
}

/* --- a folder --- */

void feedconfs_free(struct feedconfs *f)
{
	free(f->at);
	*f = (struct feedconfs){ 0 };
}

static int is_feed(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && e->d_name[0] != '.' && strcmp(e->d_name + n - 5, ".feed") == 0;
}

static void read_one(const char *folder, const char *file, struct feedconfs *f)
{
	struct feedconf *c = &f->at[f->n++];
	char path[FEEDCONF_TEXT + 300];
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	r = file_read(AT_FDCWD, path, INI_TEXT_MAX, &text, &n, &w);
	r = r ? r : feedconf_parse(bytes_of(text, n), file, c, &w);
	if (!c->name[0])
		(void)snprintf(c->name, sizeof(c->name), "%.63s", file);
	for (size_t i = 0; !r && i + 1 < f->n; i++)
		if (strcmp(f->at[i].name, c->name) == 0)
			r = misuse(&w, -EBADMSG, "%s: there is another feed '%s'", file, c->name);
	if (r)
		c->bad = w;
}

int feedconf_load(const char *folder, struct feedconfs *ret, struct why *w)
{
	struct dirent **names = NULL;
	struct feedconfs f = { 0 };
	int n = scandir(folder, &names, is_feed, alphasort);

	if (n < 0 && errno == ENOENT) {
		*ret = f;
		return 0;
	}
	if (n < 0)
		return fail_errno(w, "%s", folder);
	f.at = calloc((size_t)n + 1, sizeof(*f.at));
	for (int i = 0; i < n; i++) {
		if (f.at && f.n < FEEDCONF_FEEDS)
			read_one(folder, names[i]->d_name, &f);
		free(names[i]);
	}
	free(names);
	if (!f.at)
		return fail(w, -ENOMEM, "out of memory");
	*ret = f;
	return (unsigned int)n > FEEDCONF_FEEDS ? fail(w, -E2BIG, "%s: more than %u feeds", folder, FEEDCONF_FEEDS) : 0;
}
