#include "updater/recipe.h"

#include <libgen.h>
#include <limits.h>

#include "base/ini.h"
#include "base/parse.h"

struct reader {
	struct recipe recipe;
	uint64_t chunk_bytes, group_bytes;
	bool has_kind[MANIFEST_PAYLOADS_MAX];
	char folder[PATH_MAX]; /* of the configuration, for relative names */
};

/* Lengths are checked here, meaning by the manifest that is made of it. */
static int copy_text(const char *value, char *ret, size_t room, struct why *w)
{
	if (*value == '\0')
		return misuse(w, -EBADMSG, "is empty");
	if (strlen(value) >= room)
		return misuse(w, -EBADMSG, "over %zu bytes", room - 1);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

static int set_compatible(void *into, const char *sub, const char *value, struct why *w)
{
	struct manifest *m = &((struct reader *)into)->recipe.manifest;

	(void)sub;
	return copy_text(value, m->compatible, sizeof(m->compatible), w);
}

static int set_version(void *into, const char *sub, const char *value, struct why *w)
{
	struct manifest *m = &((struct reader *)into)->recipe.manifest;

	(void)sub;
	return copy_text(value, m->version, sizeof(m->version), w);
}

static int set_description(void *into, const char *sub, const char *value, struct why *w)
{
	struct manifest *m = &((struct reader *)into)->recipe.manifest;

	(void)sub;
	return copy_text(value, m->description, sizeof(m->description), w);
}

static int set_epoch(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_u64(value, UINT64_MAX, &((struct reader *)into)->recipe.manifest.epoch, w);
}

static int parse_bytes(const char *value, uint64_t *ret, struct why *w)
{
	uint64_t n = 0;
	int e = parse_size(value, &n, w);

	if (e)
		return e;
	if (n == 0 || n > CHUNK_BYTES_MAX || n % CHUNK_ALIGN)
		return misuse(w, -EBADMSG, "'%s' is not a multiple of %u up to %u", value, CHUNK_ALIGN,
			      CHUNK_BYTES_MAX);
	*ret = n;
	return 0;
}

static int set_chunk_size(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_bytes(value, &((struct reader *)into)->chunk_bytes, w);
}

static int set_group_size(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_bytes(value, &((struct reader *)into)->group_bytes, w);
}

static int set_index(void *into, const char *sub, const char *value, struct why *w)
{
	bool index = true;
	int e = parse_bool(value, &index, w);

	(void)sub;
	((struct reader *)into)->recipe.no_index = !index;
	return e;
}

static int set_level(void *into, const char *sub, const char *value, struct why *w)
{
	uint64_t n = 0;
	int e = parse_u64(value, 22, &n, w);

	(void)sub;
	if (e)
		return e;
	if (n == 0)
		return misuse(w, -EBADMSG, "'%s' is not between 1 and 22", value);
	((struct reader *)into)->recipe.level = (int)n;
	return 0;
}

/* Index of the payload that a section is about; made when it is new. */
static int payload_of(struct reader *r, const char *name, size_t *ret, struct why *w)
{
	struct manifest *m = &r->recipe.manifest;
	size_t i;
	int e;

	for (i = 0; i < m->n_payloads; i++)
		if (strcmp(m->payloads[i].name, name) == 0)
			break;
	if (i == MANIFEST_PAYLOADS_MAX)
		return misuse(w, -E2BIG, "more than %u payloads", MANIFEST_PAYLOADS_MAX);
	if (i == m->n_payloads) {
		e = copy_text(name, m->payloads[i].name, sizeof(m->payloads[i].name), w);
		if (e)
			return e;
		m->n_payloads++;
	}
	*ret = i;
	return 0;
}

static int set_kind(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;
	size_t i = 0;
	int e = payload_of(r, sub, &i, w);

	if (e)
		return e;
	for (enum payload_kind kind = PAYLOAD_IMAGE; kind <= PAYLOAD_TREE; kind++) {
		if (strcmp(value, payload_kind_name(kind)) != 0)
			continue;
		r->recipe.manifest.payloads[i].kind = kind;
		r->has_kind[i] = true;
		return 0;
	}
	return misuse(w, -EBADMSG, "'%s' is neither image, file nor tree", value);
}

static int set_slot(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;
	size_t i = 0;
	int e = payload_of(r, sub, &i, w);

	if (e)
		return e;
	if (strcmp(value, "a") != 0 && strcmp(value, "b") != 0)
		return misuse(w, -EBADMSG, "'%s' is neither a nor b", value);
	r->recipe.manifest.payloads[i].slot = value[0];
	return 0;
}

static int set_file(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;
	char path[PATH_MAX];
	size_t i = 0;
	int e = payload_of(r, sub, &i, w);

	if (e)
		return e;
	if (snprintf(path, sizeof(path), "%s%s%s", value[0] == '/' ? "" : r->folder, value[0] == '/' ? "" : "/",
		     value) >= (int)sizeof(path))
		return misuse(w, -ENAMETOOLONG, "name too long");
	r->recipe.files[i] = strdup(path);
	return r->recipe.files[i] ? 0 : fail(w, -ENOMEM, "out of memory");
}

static int set_name(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;
	size_t i = 0;
	int e = payload_of(r, sub, &i, w);

	return e ? e : copy_text(value, r->recipe.manifest.payloads[i].file_name, MANIFEST_NAME_MAX, w);
}

static const struct ini_key keys[] = {
	{ .section = "bundle", .key = "compatible", .set = set_compatible },
	{ .section = "bundle", .key = "version", .set = set_version },
	{ .section = "bundle", .key = "description", .set = set_description },
	{ .section = "bundle", .key = "epoch", .set = set_epoch },
	{ .section = "bundle", .key = "chunk-size", .set = set_chunk_size },
	{ .section = "bundle", .key = "group-size", .set = set_group_size },
	{ .section = "bundle", .key = "index", .set = set_index },
	{ .section = "bundle", .key = "level", .set = set_level },
	{ .section = "payload.*", .key = "kind", .set = set_kind },
	{ .section = "payload.*", .key = "slot", .set = set_slot },
	{ .section = "payload.*", .key = "file", .set = set_file },
	{ .section = "payload.*", .key = "name", .set = set_name },
};

static int check(struct reader *r, struct why *w)
{
	struct manifest *m = &r->recipe.manifest;

	if (!m->compatible[0] || !m->version[0])
		return misuse(w, -EBADMSG, "[bundle] lacks %s", m->compatible[0] ? "version" : "compatible");
	if (m->n_payloads == 0)
		return misuse(w, -EBADMSG, "no [payload.NAME]");
	if (r->group_bytes < r->chunk_bytes)
		return misuse(w, -EBADMSG, "[bundle] group-size is less than chunk-size");
	for (size_t i = 0; i < m->n_payloads; i++) {
		if (!r->has_kind[i] || !r->recipe.files[i])
			return misuse(w, -EBADMSG, "[payload.%s] lacks %s", m->payloads[i].name,
				      r->has_kind[i] ? "file" : "kind");
		m->payloads[i].chunk_bytes = (uint32_t)r->chunk_bytes;
		m->payloads[i].group_bytes = (uint32_t)r->group_bytes;
	}
	return 0;
}

int recipe_read(const char *path, struct recipe *ret, struct why *w)
{
	struct reader r = { .recipe.level = RECIPE_LEVEL,
			    .chunk_bytes = RECIPE_CHUNK_BYTES,
			    .group_bytes = RECIPE_GROUP_BYTES };
	char copy[PATH_MAX];
	int e;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return misuse(w, -ENAMETOOLONG, "%s: name too long", path);
	(void)snprintf(r.folder, sizeof(r.folder), "%s", dirname(copy));
	r.recipe.manifest.payloads = calloc(MANIFEST_PAYLOADS_MAX, sizeof(*r.recipe.manifest.payloads));
	if (!r.recipe.manifest.payloads)
		return fail(w, -ENOMEM, "out of memory");
	e = ini_read_file(path, keys, ARRAY_SIZE(keys), &r, w);
	if (!e) {
		e = check(&r, w);
		e = e ? why_in(w, e, "%s", path) : 0;
	}
	if (e) {
		recipe_done(&r.recipe);
		return e;
	}
	*ret = r.recipe;
	return 0;
}

void recipe_done(struct recipe *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->files); i++)
		free(r->files[i]);
	manifest_done(&r->manifest);
	*r = (struct recipe){ 0 };
}
