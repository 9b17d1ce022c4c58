#include "tests/feedkit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int give(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct feedkit *k = arg;
	size_t n = k->piece_bytes && k->piece_bytes < room ? k->piece_bytes : room;

	(void)w;
	if (k->file) {
		*ret_n = fread(buf, 1, n, k->file);
		return 0;
	}
	n = n < k->feed.n ? n : k->feed.n;
	if (n > 0)
		memcpy(buf, k->feed.p, n);
	k->feed = bytes_of(k->feed.p + n, k->feed.n - n);
	*ret_n = n;
	return 0;
}

static void put_time(FILE *to, int64_t us)
{
	if (us != TIME_NONE)
		(void)fprintf(to, " @%" PRId64, us);
}

static int take(void *arg, const struct record *r, struct why *w)
{
	struct feedkit *k = arg;

	(void)w;
	(void)fprintf(k->to, "R %.*s%s", (int)r->key.n, (const char *)r->key.p, r->revoked ? " revoked" : "");
	put_time(k->to, r->modified_us);
	(void)fprintf(k->to, "\nT %.*s\n", (int)r->text.n, (const char *)r->text.p);
	for (size_t i = 0; i < r->n_nodes; i++)
		(void)fprintf(k->to, "N %s %.*s %.*s\n", node_kind_name(r->nodes[i].kind), (int)r->nodes[i].key.n,
			      (const char *)r->nodes[i].key.p, (int)r->nodes[i].name.n,
			      (const char *)r->nodes[i].name.p);
	for (size_t i = 0; i < r->n_edges; i++) {
		const struct edge *e = &r->edges[i];

		(void)fprintf(k->to, "%s %s %.*s %.*s", r->is_node ? "E" : "L", edge_kind_name(e->kind), (int)e->src.n,
			      (const char *)e->src.p, (int)e->dst.n, (const char *)e->dst.p);
		put_time(k->to, e->first_us);
		(void)fputc('\n', k->to);
	}
	return k->sink_result;
}

static void warn(void *arg, const char *text)
{
	struct feedkit *k = arg;
	size_t n = strlen(k->warnings);

	(void)snprintf(k->warnings + n, sizeof(k->warnings) - n, "%s\n", text);
}

static void read_it(struct feedkit *k)
{
	struct feed_options o = { .record_max_bytes = k->record_max_bytes, .warn = warn, .arg = k };
	struct record_sink sink = { take, k };

	k->to = open_memstream(&k->text, &k->n);
	if (!k->to)
		abort();
	(void)fputc('\n', k->to);
	k->result = feedread_stream((struct carve_source){ give, k }, "t", &o, &sink, &k->stats, &k->why);
	if (fclose(k->to))
		abort();
}

void feedkit_read(struct feedkit *k, struct bytes feed)
{
	k->feed = feed;
	read_it(k);
}

void feedkit_read_file(struct feedkit *k, const char *path)
{
	size_t n = strlen(path);
	char command[600];

	(void)snprintf(command, sizeof(command), n > 3 && strcmp(path + n - 3, ".xz") == 0 ? "xz -dc '%s'" : "cat '%s'",
		       path);
	k->file = popen(command, "r");
	if (!k->file)
		abort();
	read_it(k);
	if (pclose(k->file) != 0)
		(void)fprintf(stderr, "# %s failed\n", command);
	k->file = NULL;
}

void feedkit_free(struct feedkit *k)
{
	free(k->text);
	k->text = NULL;
}

bool feedkit_has(const struct feedkit *k, const char *line)
{
	char text[1200];

	(void)snprintf(text, sizeof(text), "\n%s\n", line);
	return strstr(k->text, text);
}

const char *feedkit_line(const struct feedkit *k, const char *after, const char *with)
{
	const char *p = after ? after : k->text, *end = k->text + k->n;
	size_t n = strlen(with);

	/* Line by line: strstr() of ASan looks at all of the text each time. */
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		if ((size_t)(end - p) >= n && memcmp(p, with, n) == 0)
			return p;
	}
	return NULL;
}

size_t feedkit_count(const struct feedkit *k, const char *with)
{
	size_t n = 0;

	for (const char *p = NULL; (p = feedkit_line(k, p, with));)
		n++;
	return n;
}
