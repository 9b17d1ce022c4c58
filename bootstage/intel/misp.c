#include "bootstage/intel/misp.h"

#include <strings.h>

#include "bootstage/intel/jsontext.h"
#include "bootstage/intel/misp_inside.h"
#include "bootstage/intel/mispkind.h"
#include "bootstage/intel/stix.h"

#define SECOND_US   INT64_C(1000000)
#define SECONDS_MAX INT64_C(253402300799) /* the year 9999 */

static const struct bytes nothing;

static bool is(struct bytes b, const char *word)
{
	return bytes_equal(b, bytes_str(word));
}

static bool starts(struct bytes b, const char *with)
{
	size_t n = strlen(with);

	return b.n >= n && strncasecmp((const char *)b.p, with, n) == 0;
}

struct misp_walk misp_walk(struct bytes list)
{
	struct jsontext_walk i = jsontext_walk(list);
	bool alone = jsontext_kind(list) == JSONTEXT_OBJECT &&
		     (jsontext_find(list, "uuid").n > 0 || jsontext_find(list, "value").n > 0 ||
		      jsontext_find(list, "name").n > 0);

	return alone ? (struct misp_walk){ .one = list } : (struct misp_walk){ .p = i.p, .end = i.end };
}

bool misp_walk_next(struct misp_walk *i, struct bytes *ret)
{
	struct jsontext_walk rest = { i->p, i->end };
	bool more;

	if (i->one.n > 0) {
		*ret = i->one;
		i->one = nothing;
		return true;
	}
	more = jsontext_element(&rest, ret);
	i->p = rest.p;
	i->end = rest.end;
	return more;
}

struct bytes misp_text_of(struct gather *g, struct bytes object, const char *member)
{
	struct bytes value = jsontext_find(object, member);

	/* MISP writes numbers as strings, and some who write MISP write strings as numbers. */
	return jsontext_kind(value) == JSONTEXT_NUMBER ? value : gather_string(g, value);
}

static bool flag_of(struct gather *g, struct bytes object, const char *member)
{
	return jsontext_kind(jsontext_find(object, member)) == JSONTEXT_TRUE ||
	       is(misp_text_of(g, object, member), "1");
}

/* Seconds since 1970, as a number or a string. */
static int64_t seconds_us(struct gather *g, struct bytes object, const char *member)
{
	struct bytes s = misp_text_of(g, object, member);
	int64_t seconds = 0;

	if (s.n == 0 || jsontext_i64(s, &seconds) || seconds <= 0 || seconds > SECONDS_MAX)
		return TIME_NONE;
	return seconds * SECOND_US;
}

struct bytes misp_key_of(struct gather *g, enum node_kind k, struct bytes uuid)
{
	struct bytes id = gather_join(g,
				      (struct bytes[]){ bytes_str("\""), bytes_str(node_kind_name(k)), bytes_str("--"),
							uuid, bytes_str("\"") },
				      5);

	return uuid.n == 36 ? stix_id(g, id) : nothing;
}

struct bytes misp_key_made(struct gather *g, enum node_kind k, const struct bytes *part, size_t n)
{
	struct observable o = { .kind = k, .value = gather_join(g, part, n) };
	uint8_t *room = gather_room(g, observable_key_room(o.value));
	char *key = (char *)gather_room(g, OBSERVABLE_KEY_MAX);

	if (!room || !key)
		return nothing;
	observable_key(&o, room, key);
	return bytes_str(key);
}

static struct bytes parent_key(struct misp_parent p)
{
	return p.key ? bytes_str(p.key) : nothing;
}

static int add_to_parent(struct gather *g, struct misp_parent p, struct bytes key)
{
	return p.knows || !p.key || !p.key[0] ? 0 : gather_edge(g, EDGE_MEMBER, parent_key(p), key);
}

/* An attribute or an object: by its uuid, or by where it is and what it says. */
static struct bytes member_key(struct gather *g, enum node_kind k, struct bytes object, struct bytes parent)
{
	struct bytes uuid = misp_text_of(g, object, "uuid"), key = misp_key_of(g, k, uuid), bar = bytes_str("|");

	if (key.n > 0)
		return key;
	if (uuid.n > 0)
		return misp_key_made(g, k, (struct bytes[]){ uuid }, 1);
	return misp_key_made(g, k,
			     (struct bytes[]){ parent, bar, misp_text_of(g, object, "type"), bar,
					       misp_text_of(g, object, "object_relation"), bar,
					       misp_text_of(g, object, "value"), bar, misp_text_of(g, object, "name") },
			     9);
}

/* An object's text without some members. Their commas go, too. */
static struct bytes text_without(struct gather *g, struct bytes object, const char *a, const char *b)
{
	struct jsontext_walk i = jsontext_walk(object);
	uint8_t *to = gather_room(g, object.n + 1), *at = to;
	struct jsontext_member m;

	if (!to)
		return nothing;
	*at++ = '{';
	while (jsontext_member(&i, &m)) {
		size_t n = (size_t)(m.value.p + m.value.n - m.key.p) + 1;

		if (jsontext_key_is(m.key, a) || (b && jsontext_key_is(m.key, b)))
			continue;
		if (at > to + 1)
			*at++ = ',';
		memcpy(at, m.key.p - 1, n);
		at += n;
	}
	*at++ = '}';
	return bytes_of(to, (size_t)(at - to));
}

/* Tags that are markings are hubs as those are; those of galaxies say what a galaxy would. */
static int add_tag(struct gather *g, struct bytes src, struct bytes name)
{
	enum edge_kind k = starts(name, "tlp:")           ? EDGE_MARKED
			   : starts(name, "misp-galaxy:") ? EDGE_CLUSTER
							  : EDGE_TAGGED;
	struct bytes key;
	int r = name.n > 0 ? gather_tag(g, name, &key) : 0;

	return r || name.n == 0 ? r : gather_edge(g, k, src, key);
}

int misp_add_tags(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "Tag"));
	struct bytes one;
	int r = 0;

	while (r == 0 && misp_walk_next(&i, &one))
		r = add_tag(g, src, misp_text_of(g, one, "name"));
	return r;
}

/*
 * A cluster's uuid is its own only where its collection's is there as well and is another one: older servers wrote that of
 * the collection. Its tag names it in any case.
 */
static struct bytes cluster_uuid(struct gather *g, struct bytes cluster)
{
	struct bytes uuid = misp_text_of(g, cluster, "uuid"), collection = misp_text_of(g, cluster, "collection_uuid");

	return collection.n == 0 || bytes_equal(uuid, collection) ? nothing : uuid;
}

static struct bytes galaxy_tag(struct gather *g, struct bytes type, struct bytes value)
{
	return gather_join(
		g, (struct bytes[]){ bytes_str("misp-galaxy:"), type, bytes_str("=\""), value, bytes_str("\"") }, 5);
}

static int add_synonyms(struct gather *g, struct bytes key, struct bytes value, struct bytes cluster)
{
	struct bytes meta = jsontext_find(cluster, "meta");

	return meta.n == 0 ? 0 : gather_aliases(g, key, value, jsontext_find(meta, "synonyms"));
}

static int add_cluster(struct gather *g, struct bytes src, struct bytes type, struct bytes cluster)
{
	struct bytes value = misp_text_of(g, cluster, "value"), tag = misp_text_of(g, cluster, "tag_name"), key;
	enum node_kind k = mispkind_galaxy(type);
	int r;

	key = misp_key_of(g, k, cluster_uuid(g, cluster));
	if (key.n == 0)
		return value.n == 0 && tag.n == 0 ? 0 : add_tag(g, src, tag.n > 0 ? tag : galaxy_tag(g, type, value));
	r = gather_node(g, k, key, value);
	r = r ? r : add_synonyms(g, key, value, cluster);
	return r ? r : gather_edge(g, EDGE_CLUSTER, src, key);
}

int misp_add_galaxies(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "Galaxy"));
	struct bytes galaxy, cluster;
	int r = 0;

	while (r == 0 && misp_walk_next(&i, &galaxy)) {
		struct misp_walk j = misp_walk(jsontext_find(galaxy, "GalaxyCluster"));

		while (r == 0 && misp_walk_next(&j, &cluster))
			r = add_cluster(g, src, misp_text_of(g, galaxy, "type"), cluster);
	}
	return r;
}

int misp_add_organisation(struct gather *g, struct bytes object, const char *member, struct bytes *ret)
{
	struct bytes organisation = jsontext_find(object, member);

	*ret = misp_key_of(g, NODE_IDENTITY, misp_text_of(g, organisation, "uuid"));
	return ret->n == 0 ? 0 : gather_node(g, NODE_IDENTITY, *ret, misp_text_of(g, organisation, "name"));
}

/* By whom it was seen, and when; false positives and expiries are no sightings. */
static int add_sightings(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "Sighting"));
	struct bytes one;
	int r = 0;

	while (r == 0 && misp_walk_next(&i, &one)) {
		struct edge e = { .kind = EDGE_SIGHTED, .src = src };
		struct bytes type = misp_text_of(g, one, "type");

		e.first_us = e.last_us = seconds_us(g, one, "date_sighting");
		if (type.n > 0 && !is(type, "0"))
			continue;
		r = misp_add_organisation(g, one, "Organisation", &e.dst);
		if (r == 0 && e.dst.n > 0)
			r = gather_edge_between(g, &e);
	}
	return r;
}

/* "filename|sha256": the file has the hash in its key, so that it is the one that producers of STIX name. */
static int add_file(struct gather *g, struct bytes src, const struct observable o[2])
{
	struct bytes file;
	int r = gather_file(g, src, EDGE_PATTERN, o[0].value, &o[1], &file);

	if (r == 0)
		r = gather_observable(g, src, EDGE_PATTERN, &o[1]);
	return r || file.n == 0 ? r : gather_observable(g, file, EDGE_HASHED_AS, &o[1]);
}

static int add_resolved(struct gather *g, struct bytes src, const struct observable o[2])
{
	struct bytes domain, address;
	int r = gather_value(g, &o[0], &domain);

	if (r == 0 && domain.n > 0)
		r = gather_edge(g, EDGE_PATTERN, src, domain);
	if (r == 0)
		r = gather_value(g, &o[1], &address);
	if (r == 0 && address.n > 0)
		r = gather_edge(g, EDGE_PATTERN, src, address);
	return r || domain.n == 0 || address.n == 0 ? r : gather_edge(g, EDGE_RESOLVES_TO, domain, address);
}

static int add_observables(struct gather *g, struct bytes src, struct bytes type, struct bytes value)
{
	struct observable o[MISPKIND_VALUES_MAX];
	size_t n = mispkind_observables(type, value, o);
	int r = 0;

	if (n == 2 && o[0].kind == NODE_FILE && o[1].kind == NODE_HASH)
		return add_file(g, src, o);
	if (n == 2 && o[0].kind == NODE_DOMAIN_NAME)
		return add_resolved(g, src, o);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = gather_observable(g, src, EDGE_PATTERN, &o[i]);
	return r;
}

int misp_end(int r, struct why *w)
{
	if (r == -E2BIG)
		return fail(w, r, "more than %u nodes or edges", GATHER_MAX);
	return r ? fail(w, r, "no memory for a record") : 0;
}

void misp_begin(struct gather *g, struct bytes object, struct bytes key, struct record *ret)
{
	*ret = (struct record){ .key = key, .is_node = true };
	ret->modified_us = seconds_us(g, object, "timestamp");
	ret->revoked = flag_of(g, object, "deleted");
}

bool misp_is_attribute(struct bytes object)
{
	return jsontext_find(object, "uuid").n > 0 && jsontext_find(object, "type").n > 0 &&
	       jsontext_find(object, "value").n > 0 && jsontext_find(object, "category").n > 0;
}

bool misp_is_event(struct bytes object)
{
	return jsontext_find(object, "info").n > 0 && jsontext_find(object, "date").n > 0 &&
	       jsontext_find(object, "EventTag").n == 0;
}

bool misp_is_manifest(struct bytes object)
{
	struct jsontext_walk i = jsontext_walk(object);
	struct jsontext_member m;

	return jsontext_kind(object) == JSONTEXT_OBJECT && jsontext_member(&i, &m) && m.key.n == 36 &&
	       m.key.p[8] == '-' && jsontext_find(m.value, "info").n > 0;
}

int misp_attribute(struct bytes object, struct misp_parent parent, struct gather *g, struct record *ret, struct why *w)
{
	struct bytes type = misp_text_of(g, object, "type"), value = misp_text_of(g, object, "value");
	struct bytes key = member_key(g, NODE_MISP_ATTRIBUTE, object, parent_key(parent));
	bool attached = jsontext_find(object, "data").n > 0;
	int r;

	if (type.n == 0 || value.n == 0)
		return fail(w, -EBADMSG, "an attribute without %s", type.n == 0 ? "type" : "value");
	misp_begin(g, object, key, ret);
	r = gather_node(g, NODE_MISP_ATTRIBUTE, key, value);
	if (r == 0)
		r = add_to_parent(g, parent, key);
	if (r == 0 && !ret->revoked) {
		r = add_observables(g, key, type, value);
		r = r ? r : misp_add_tags(g, key, object);
		r = r ? r : misp_add_galaxies(g, key, object);
		r = r ? r : add_sightings(g, key, object);
	}
	gather_record(g, attached ? text_without(g, object, "data", NULL) : object, false, ret);
	return misp_end(r, w);
}

/* What an object's reference leads to: an attribute or another object of its event. */
static struct bytes referenced(struct gather *g, struct bytes reference)
{
	struct bytes uuid = misp_text_of(g, reference, "referenced_uuid"), key;
	bool attribute = is(misp_text_of(g, reference, "referenced_type"), "0") ||
			 jsontext_kind(jsontext_find(reference, "Attribute")) == JSONTEXT_OBJECT;
	enum node_kind k = attribute ? NODE_MISP_ATTRIBUTE : NODE_MISP_OBJECT;

	key = misp_key_of(g, k, uuid);
	return key.n > 0 || uuid.n == 0 ? key : misp_key_made(g, k, &uuid, 1);
}

static int add_references(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "ObjectReference"));
	struct bytes one;
	int r = 0;

	while (r == 0 && misp_walk_next(&i, &one)) {
		struct bytes dst = referenced(g, one);

		if (dst.n > 0 && !flag_of(g, one, "deleted"))
			r = gather_edge(g, edge_kind_of(misp_text_of(g, one, "relationship_type")), src, dst);
	}
	return r;
}

static int add_members(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "Attribute"));
	struct bytes one;
	int r = 0;

	while (r == 0 && misp_walk_next(&i, &one))
		if (jsontext_kind(one) == JSONTEXT_OBJECT)
			r = gather_edge(g, EDGE_MEMBER, src, member_key(g, NODE_MISP_ATTRIBUTE, one, src));
	return r;
}

int misp_object(struct bytes object, struct misp_parent parent, struct gather *g, struct record *ret, struct why *w)
{
	struct bytes name = misp_text_of(g, object, "name"),
		     key = member_key(g, NODE_MISP_OBJECT, object, parent_key(parent));
	int r;

	if (name.n == 0)
		return fail(w, -EBADMSG, "an object without name");
	misp_begin(g, object, key, ret);
	r = gather_node(g, NODE_MISP_OBJECT, key, name);
	if (r == 0)
		r = add_to_parent(g, parent, key);
	if (r == 0 && !ret->revoked) {
		r = add_members(g, key, object);
		r = r ? r : add_references(g, key, object);
	}
	gather_record(g, text_without(g, object, "Attribute", NULL), true, ret);
	return misp_end(r, w);
}

static int add_related(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "related"));
	struct bytes one;
	int r = 0;

	while (r == 0 && misp_walk_next(&i, &one)) {
		struct bytes dst = misp_key_of(g, NODE_MISP_CLUSTER, misp_text_of(g, one, "dest-uuid"));
		enum edge_kind k = edge_kind_of(misp_text_of(g, one, "type"));

		if (dst.n > 0)
			r = gather_edge(g, k == EDGE_OTHER ? EDGE_RELATED_TO : k, src, dst);
	}
	return r;
}

/* A link between galaxies says a UUID and no type, an old event a tag and no UUID: the value is there under these as well. */
static int add_other_keys(struct gather *g, struct bytes key, struct bytes type, struct bytes uuid, struct bytes value)
{
	struct bytes cluster = misp_key_of(g, NODE_MISP_CLUSTER, uuid), tag;
	int r = 0;

	if (!bytes_equal(cluster, key)) {
		r = gather_node(g, NODE_MISP_CLUSTER, cluster, nothing); /* a name is asked for: let it be one node's */
		r = r ? r : gather_edge(g, EDGE_SAME_AS, key, cluster);
	}
	if (r || type.n == 0)
		return r;
	r = gather_tag(g, galaxy_tag(g, type, value), &tag);
	return r ? r : gather_edge(g, EDGE_SAME_AS, key, tag);
}

int misp_cluster(struct bytes object, struct bytes type, struct gather *g, struct record *ret, struct why *w)
{
	struct bytes uuid = misp_text_of(g, object, "uuid"), value = misp_text_of(g, object, "value");
	enum node_kind k = mispkind_galaxy(type);
	struct bytes key = misp_key_of(g, k, uuid);
	int r;

	if (key.n == 0 || value.n == 0)
		return fail(w, -EBADMSG, "a galaxy's value without %s", value.n == 0 ? "value" : "uuid");
	misp_begin(g, object, key, ret);
	ret->revoked = jsontext_kind(jsontext_find(object, "revoked")) == JSONTEXT_TRUE;
	r = gather_node(g, k, key, value);
	r = r ? r : add_other_keys(g, key, type, uuid, value);
	r = r ? r : add_synonyms(g, key, value, object);
	r = r ? r : add_related(g, key, object);
	gather_record(g, object, false, ret);
	return misp_end(r, w);
}
