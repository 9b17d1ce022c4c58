#include "bootstage/intel/stix.h"

#include "bootstage/intel/mispkind.h"
#include "bootstage/intel/pattern.h"

#define UUID_CHARS 36u
#define TYPE_MAX   250u /* characters of a type, STIX 2.1 section 3.1 */

/* An object that is being read. */
struct stix {
	const struct jsontext *t;
	struct gather *g;
	struct bytes id, type;
	enum node_kind kind;
};

static bool is(struct bytes b, const char *word)
{
	return bytes_equal(b, bytes_str(word));
}

static bool ends_in(struct bytes b, const char *tail)
{
	size_t n = strlen(tail);

	return b.n > n && memcmp(b.p + b.n - n, tail, n) == 0;
}

/* Without branches, which nobody could foretell in digits that are random; a feed has several ids in each object. */
static bool is_uuid(struct bytes u)
{
	static const char form[UUID_CHARS + 1] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	unsigned int odd = 0;

	if (u.n != UUID_CHARS)
		return false;
	for (size_t i = 0; i < UUID_CHARS; i++) {
		unsigned int c = u.p[i], hex = (c - '0' < 10) | ((c | 0x20) - 'a' < 6);

		odd |= form[i] == '-' ? c ^ '-' : hex ^ 1;
	}
	return odd == 0;
}

static bool is_type(struct bytes t)
{
	if (t.n == 0 || t.n > TYPE_MAX)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		uint8_t c = t.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		      c == '_'))
			return false;
	}
	return true;
}

static bool has_upper(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] >= 'A' && b.p[i] <= 'F')
			return true;
	return false;
}

/* Ids are compared as they are stored. */
static struct bytes lower_uuid(struct gather *g, struct bytes id)
{
	uint8_t *to;

	if (!has_upper(bytes_of(id.p + id.n - UUID_CHARS, UUID_CHARS)))
		return id;
	to = gather_room(g, id.n);
	if (!to)
		return bytes_of(NULL, 0);
	memcpy(to, id.p, id.n);
	for (size_t i = id.n - UUID_CHARS; i < id.n; i++)
		if (to[i] >= 'A' && to[i] <= 'F')
			to[i] = (uint8_t)(to[i] + 32);
	return bytes_of(to, id.n);
}

struct bytes stix_id(struct gather *g, struct bytes value)
{
	struct bytes s = gather_string(g, value);

	if (s.n <= UUID_CHARS + 2 || !is_uuid(bytes_of(s.p + s.n - UUID_CHARS, UUID_CHARS)) ||
	    memcmp(s.p + s.n - UUID_CHARS - 2, "--", 2) != 0 || !is_type(bytes_of(s.p, s.n - UUID_CHARS - 2)))
		return bytes_of(NULL, 0);
	return lower_uuid(g, s);
}

bool stix_is(const struct jsontext *t)
{
	struct bytes id = jsontext_get(t, "id");

	return jsontext_get(t, "type").n > 0 && jsontext_kind(id) == JSONTEXT_STRING && memmem(id.p, id.n, "--", 2);
}

static enum node_kind kind_of_id(struct bytes id)
{
	return node_kind_of(bytes_of(id.p, id.n - UUID_CHARS - 2));
}

static struct bytes text_of(struct stix *s, const char *member)
{
	return gather_string(s->g, jsontext_get(s->t, member));
}

/* TIME_NONE where there is none. -EBADMSG when it is no date. */
static int time_of(struct stix *s, const char *member, int64_t *ret_us, struct why *w)
{
	struct bytes value = jsontext_get(s->t, member);

	*ret_us = TIME_NONE;
	if (jsontext_kind(value) == JSONTEXT_NONE || jsontext_kind(value) == JSONTEXT_NULL)
		return 0;
	if (jsontext_time(gather_string(s->g, value), ret_us))
		return fail(w, -EBADMSG, "%s is no date", member);
	return 0;
}

/* What an embedded reference means, by its name. */
static enum edge_kind kind_of_ref(struct bytes name)
{
	static const struct {
		const char *name;
		enum edge_kind kind;
	} known[] = {
		{ "object_marking_refs", EDGE_MARKED }, { "marking_ref", EDGE_MARKED },
		{ "object_refs", EDGE_MEMBER },         { "sighting_of_ref", EDGE_SIGHTED },
		{ "where_sighted_refs", EDGE_SIGHTED }, { "resolves_to_refs", EDGE_RESOLVES_TO },
		{ "belongs_to_refs", EDGE_BELONGS_TO }, { "belongs_to_ref", EDGE_BELONGS_TO },
		{ "contains_refs", EDGE_CONTAINS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (is(name, known[i].name))
			return known[i].kind;
	return ends_in(name, "_by_ref") ? EDGE_CREATED_BY
					: EDGE_REFERENCE; /* x_mitre_modified_by_ref is as much of a hub */
}

static int add_ref(struct stix *s, enum edge_kind k, struct bytes value)
{
	struct bytes dst = stix_id(s->g, value);

	/* A reference into its own observed-data ("0", STIX 2.0) is no id; nor is what is wrong. */
	return dst.n > 0 ? gather_edge(s->g, k, s->id, dst) : 0;
}

static int add_refs_inside(struct stix *s, struct bytes value);

/* To outside of STIX; and a collection's table of contents, which would relate everything in a feed to everything. */
static bool leads_out(struct bytes name)
{
	return is(name, "external_references") || is(name, "x_mitre_contents");
}

static int add_refs_of(struct stix *s, const struct jsontext_member *m)
{
	struct jsontext_walk i = jsontext_walk(m->value);
	uint8_t buf[128];
	struct bytes name, one;
	int r = 0;

	if (jsontext_key(m->key, buf, sizeof(buf), &name))
		return 0;
	if (ends_in(name, "_ref"))
		return add_ref(s, kind_of_ref(name), m->value);
	if (!ends_in(name, "_refs"))
		return leads_out(name) ? 0 : add_refs_inside(s, m->value);
	while (r == 0 && jsontext_element(&i, &one))
		r = add_ref(s, kind_of_ref(name), one);
	return r;
}

/* As deep as jsontext_check() lets texts be. */
static int add_refs_inside(struct stix *s, struct bytes value)
{
	enum jsontext_kind k = jsontext_kind(value);
	struct jsontext_walk i = jsontext_walk(value);
	struct jsontext_member m;
	struct bytes one;
	int r = 0;

	while (k == JSONTEXT_OBJECT && r == 0 && jsontext_member(&i, &m))
		r = add_refs_of(s, &m);
	while (k == JSONTEXT_ARRAY && r == 0 && jsontext_element(&i, &one))
		r = add_refs_inside(s, one);
	return r;
}

static int add_refs(struct stix *s)
{
	int r = 0;

	if (s->t->more)
		return add_refs_inside(s, s->t->text);
	for (size_t i = 0; r == 0 && i < s->t->n; i++)
		r = add_refs_of(s, &s->t->at[i]);
	return r;
}

static int take_named(void *arg, const struct observable *o)
{
	struct stix *s = arg;

	return gather_observable(s->g, s->id, EDGE_PATTERN, o);
}

/* Patterns of other languages (snort, yara, sigma) are text; so is what is no pattern. */
static int add_pattern(struct stix *s)
{
	struct bytes language = jsontext_get(s->t, "pattern_type"), pattern = text_of(s, "pattern");
	uint8_t *scratch;
	int r;

	if (pattern.n == 0 || (language.n > 0 && !jsontext_string_is(language, "stix")))
		return 0;
	scratch = gather_room(s->g, pattern.n);
	if (!scratch)
		return -ENOMEM;
	r = pattern_read(pattern, scratch, &(struct pattern_sink){ take_named, s }, NULL);
	return r == -ENOMEM ? r : 0;
}

/* The hashes of a file, best first for its id (STIX 2.1 section 2.9). */
static size_t hash_rank(const char *algorithm)
{
	static const char *const order[] = { "MD5", "SHA-1", "SHA-256", "SHA-512" };
	size_t i = 0;

	while (i < ARRAY_SIZE(order) && strcmp(order[i], algorithm) != 0)
		i++;
	return i;
}

static struct observable hash_of(struct stix *s, const struct jsontext_member *m)
{
	uint8_t buf[64];
	struct bytes name;
	struct observable o = { .kind = NODE_HASH };

	if (jsontext_key(m->key, buf, sizeof(buf), &name) == 0)
		o.algorithm = hash_name(name);
	o.value = gather_string(s->g, m->value);
	return o;
}

/* Edges from src to the hashes in an object's `hashes`; the one that its id is made of. */
static int add_hashes(struct stix *s, struct bytes src, struct bytes hashes, struct observable *ret_best)
{
	struct jsontext_walk i = jsontext_walk(hashes);
	struct jsontext_member m;
	int r = 0;

	while (jsontext_kind(hashes) == JSONTEXT_OBJECT && r == 0 && jsontext_member(&i, &m)) {
		struct observable o = hash_of(s, &m);

		if (!o.algorithm)
			continue;
		if (!ret_best->algorithm || hash_rank(o.algorithm) < hash_rank(ret_best->algorithm))
			*ret_best = o;
		if (src.n > 0)
			r = gather_observable(s->g, src, EDGE_HASHED_AS, &o);
	}
	return r;
}

/* The property that is all that makes an observable what it is. */
static const char *property_of(enum node_kind k)
{
	switch ((int)k) { /* int: the rest are made of more */
	case NODE_IPV4_ADDR:
	case NODE_IPV6_ADDR:
	case NODE_DOMAIN_NAME:
	case NODE_URL:
	case NODE_EMAIL_ADDR:
	case NODE_MAC_ADDR:
		return "value";
	case NODE_FILE:
	case NODE_MUTEX:
	case NODE_SOFTWARE:
	case NODE_VULNERABILITY:
		return "name";
	case NODE_DIRECTORY:
		return "path";
	case NODE_WINDOWS_REGISTRY_KEY:
		return "key";
	case NODE_AUTONOMOUS_SYSTEM:
		return "number";
	case NODE_X509_CERTIFICATE:
		return "serial_number";
	default:
		return NULL;
	}
}

/* Whether other properties count as well, so that the one alone is another thing. */
static bool has_more(enum node_kind k, struct bytes object)
{
	static const struct {
		enum node_kind kind;
		const char *property;
	} more[] = {
		{ NODE_FILE, "parent_directory_ref" },
		{ NODE_FILE, "extensions" },
		{ NODE_SOFTWARE, "cpe" },
		{ NODE_SOFTWARE, "swid" },
		{ NODE_SOFTWARE, "vendor" },
		{ NODE_SOFTWARE, "version" },
		{ NODE_X509_CERTIFICATE, "hashes" },
		{ NODE_WINDOWS_REGISTRY_KEY, "values" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (more[i].kind == k && jsontext_find(object, more[i].property).n > 0)
			return true;
	return false;
}

/* A file in a STIX object whose key its hash and name make; ret_key->n is 0 when something else does. */
static int add_file(struct stix *s, enum edge_kind k, struct bytes src, struct bytes object, struct bytes *ret_key)
{
	struct observable best = { .kind = NODE_HASH };
	int r = add_hashes(s, bytes_of(NULL, 0), jsontext_find(object, "hashes"), &best);

	*ret_key = bytes_of(NULL, 0);
	if (r || !best.algorithm || has_more(NODE_FILE, object))
		return r;
	return gather_file(s->g, src, k, gather_string(s->g, jsontext_find(object, "name")), &best, ret_key);
}

/* An observable under the key that everybody would give it, and an edge to that, unless it is src. */
static int add_value(struct stix *s, enum edge_kind k, struct bytes src, struct bytes object, enum node_kind kind)
{
	const char *property = property_of(kind);
	struct bytes value = property ? jsontext_find(object, property) : bytes_of(NULL, 0);

	if (value.n == 0 || has_more(kind, object) || jsontext_find(object, "hashes").n > 0)
		return 0;
	if (jsontext_kind(value) == JSONTEXT_STRING)
		value = gather_string(s->g, value);
	return gather_observable(s->g, src, k, &(struct observable){ .kind = kind, .value = value });
}

/* A cyber-observable object of its own. */
static int add_self(struct stix *s)
{
	struct observable best = { .kind = NODE_HASH };
	struct bytes hashes = jsontext_get(s->t, "hashes"), key;
	int r = add_hashes(s, s->id, hashes, &best);

	if (r == 0 && s->kind == NODE_FILE)
		r = add_file(s, EDGE_SAME_AS, s->id, s->t->text, &key);
	return r ? r : add_value(s, EDGE_SAME_AS, s->id, s->t->text, s->kind);
}

/* One of STIX 2.0's observables, which have no ids and live in observed-data. */
static int add_observed(struct stix *s, struct bytes object)
{
	struct observable best = { .kind = NODE_HASH };
	enum node_kind k = node_kind_of(gather_string(s->g, jsontext_find(object, "type")));
	struct bytes key = bytes_of(NULL, 0);
	int r = k == NODE_FILE ? add_file(s, EDGE_MEMBER, s->id, object, &key) : 0;

	if (r == 0 && k != NODE_VULNERABILITY)
		r = add_value(s, EDGE_MEMBER, s->id, object, k);
	return r ? r : add_hashes(s, key.n > 0 ? key : s->id, jsontext_find(object, "hashes"), &best);
}

static int add_observed_all(struct stix *s)
{
	struct bytes objects = jsontext_get(s->t, "objects"), one;
	struct jsontext_walk i = jsontext_walk(objects);
	int r = 0;

	while (jsontext_kind(objects) == JSONTEXT_OBJECT && r == 0 && jsontext_element(&i, &one))
		r = add_observed(s, one);
	return r;
}

/* The id that ATT&CK has for an object, "S0266". */
static struct bytes attack_id(struct stix *s)
{
	struct jsontext_walk i = jsontext_walk(jsontext_get(s->t, "external_references"));
	struct bytes one;

	while (jsontext_element(&i, &one)) {
		struct bytes source = gather_string(s->g, jsontext_find(one, "source_name"));

		if (is(source, "mitre-attack") || is(source, "mitre-mobile-attack") || is(source, "mitre-ics-attack"))
			return gather_string(s->g, jsontext_find(one, "external_id"));
	}
	return bytes_of(NULL, 0);
}

/*
 * MISP knows the objects of ATT&CK by the same UUID as values of galaxies, and by tags such as
 * misp-galaxy:mitre-malware="TrickBot - S0266": one thing under three keys.
 */
static int add_galaxy_names(struct stix *s, struct bytes name)
{
	const char *galaxy = mispkind_attack_galaxy(s->kind);
	struct bytes number = galaxy ? attack_id(s) : bytes_of(NULL, 0), cluster, tag, tag_name;
	int r;

	if (number.n == 0 || name.n == 0)
		return 0;
	cluster = gather_join(
		s->g,
		(struct bytes[]){ bytes_str("x-misp-cluster--"), bytes_of(s->id.p + s->id.n - UUID_CHARS, UUID_CHARS) },
		2);
	tag_name = gather_join(s->g,
			       (struct bytes[]){ bytes_str("misp-galaxy:"), bytes_str(galaxy), bytes_str("=\""), name,
						 bytes_str(" - "), number, bytes_str("\"") },
			       7);
	if (cluster.n == 0 || tag_name.n == 0)
		return -ENOMEM;
	r = gather_node(s->g, NODE_MISP_CLUSTER, cluster,
			bytes_of(NULL, 0)); /* a name is asked for: let it be one node's */
	if (r == 0)
		r = gather_edge(s->g, EDGE_SAME_AS, s->id, cluster);
	if (r == 0)
		r = gather_tag(s->g, tag_name, &tag);
	return r ? r : gather_edge(s->g, EDGE_SAME_AS, s->id, tag);
}

/* What people would call it. */
static struct bytes name_of(struct stix *s)
{
	static const char *const members[] = { "name",          "value",          "path",          "key",
					       "subject",       "product",        "account_login", "user_id",
					       "serial_number", "command_line",   "abstract",      "opinion",
					       "pattern",       "definition_type" };
	struct bytes number = jsontext_get(s->t, "number");

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct bytes text = text_of(s, members[i]);

		if (text.n > 0)
			return text;
	}
	return jsontext_kind(number) == JSONTEXT_NUMBER ? number : bytes_of(NULL, 0);
}

static int add_node(struct stix *s, struct record *ret, struct why *w)
{
	struct bytes name = name_of(s);
	int r = gather_node(s->g, s->kind, s->id, name);

	if (r)
		return fail(w, r, "%s", r == -E2BIG ? "the id is too long" : "no memory");
	ret->is_node = true;
	if (s->kind == NODE_INDICATOR)
		r = add_pattern(s);
	else if (s->kind == NODE_OBSERVED_DATA)
		r = add_observed_all(s);
	else
		r = add_self(s);
	if (r == 0)
		r = add_refs(s);
	r = r ? r : gather_aliases(s->g, s->id, name, jsontext_get(s->t, "aliases"));
	r = r ? r : gather_aliases(s->g, s->id, name, jsontext_get(s->t, "x_mitre_aliases"));
	return r ? r : add_galaxy_names(s, name);
}

/* When something was seen: on the edges that say so. */
static int read_sighting(struct stix *s, struct record *ret, struct why *w)
{
	int64_t first, last;
	int r = time_of(s, "first_seen", &first, w);

	if (r == 0)
		r = time_of(s, "last_seen", &last, w);
	if (r == 0 && stix_id(s->g, jsontext_get(s->t, "sighting_of_ref")).n == 0)
		r = fail(w, -EBADMSG, "sighting_of_ref is no id");
	if (r == 0)
		r = add_node(s, ret, w);
	for (size_t i = 0; r == 0 && i < s->g->n_edges; i++)
		if (s->g->edges[i].kind == EDGE_SIGHTED) {
			s->g->edges[i].first_us = first;
			s->g->edges[i].last_us = last;
		}
	return r;
}

/* A relationship is its edge, and no node: what it is marked with, and by whom, is in its text. */
static int read_relationship(struct stix *s, struct why *w)
{
	struct bytes type = text_of(s, "relationship_type");
	struct edge e = { .kind = edge_kind_of(type) };
	int r;

	e.src = stix_id(s->g, jsontext_get(s->t, "source_ref"));
	e.dst = stix_id(s->g, jsontext_get(s->t, "target_ref"));
	if (type.n == 0)
		return fail(w, -EBADMSG, "a relationship without relationship_type");
	if (e.src.n == 0 || e.dst.n == 0)
		return fail(w, -EBADMSG, "%s is no id", e.src.n == 0 ? "source_ref" : "target_ref");
	r = time_of(s, "start_time", &e.first_us, w);
	if (r == 0)
		r = time_of(s, "stop_time", &e.last_us, w);
	return r ? r : gather_edge_between(s->g, &e);
}

static int read_common(struct stix *s, struct record *ret, struct why *w)
{
	int64_t created;
	int r = time_of(s, "created", &created, w);

	s->type = text_of(s, "type");
	s->id = stix_id(s->g, jsontext_get(s->t, "id"));
	if (s->type.n == 0)
		return fail(w, -EBADMSG, "an object without a type");
	if (is(s->type, "bundle"))
		return fail(w, -EBADMSG, "a bundle is no object of one");
	if (s->id.n == 0)
		return fail(w, -EBADMSG, "the id is not TYPE--UUID");
	if (s->id.n != s->type.n + 2 + UUID_CHARS || memcmp(s->id.p, s->type.p, s->type.n) != 0)
		return fail(w, -EBADMSG, "the id is not one of its type");
	if (r == 0)
		r = time_of(s, "modified", &ret->modified_us, w);
	if (ret->modified_us == TIME_NONE)
		ret->modified_us = created;
	ret->revoked = jsontext_kind(jsontext_get(s->t, "revoked")) == JSONTEXT_TRUE;
	return r;
}

int stix_record(const struct jsontext *t, struct gather *g, struct record *ret, struct why *w)
{
	struct stix s = { .t = t, .g = g };
	int r;

	*ret = (struct record){ .modified_us = TIME_NONE };
	r = read_common(&s, ret, w);
	if (r)
		return r;
	s.kind = kind_of_id(s.id);
	ret->key = s.id;
	if (is(s.type, "relationship"))
		r = read_relationship(&s, w);
	else if (s.kind == NODE_SIGHTING)
		r = read_sighting(&s, ret, w);
	else
		r = add_node(&s, ret, w);
	gather_record(g, t->text, false, ret);
	return r == -E2BIG ? fail(w, r, "more than %u nodes or edges", GATHER_MAX) : r;
}
