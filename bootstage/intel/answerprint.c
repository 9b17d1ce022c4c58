#include "bootstage/intel/answerprint.h"

#include "base/parse.h"

#define NAME_SHOWN 60u

/* At most so many bytes of it, whole characters. */
static void put_text(FILE *to, struct bytes b, size_t most)
{
	size_t at = 0;

	while (at < b.n) {
		struct bytes rest = bytes_of(b.p + at, b.n - at);
		size_t n = utf8_length(rest);
		struct bytes one = bytes_of(rest.p, n ? n : 1);

		if (at + one.n > most) {
			(void)fputs("...", to);
			break;
		}
		if (n > 0 && one.p[0] != '\t' && text_printable(one))
			(void)fwrite(one.p, 1, one.n, to);
		else
			(void)fputc('?', to);
		at += one.n;
	}
}

void answer_print(FILE *to, const struct answer *a)
{
	(void)fprintf(to, "%-20s  ", node_kind_name(a->kind));
	put_text(to, a->key, GRAPH_KEY_MAX);
	(void)fputs("  ", to);
	put_text(to, a->name, NAME_SHOWN);
	if (a->alias.n > 0) {
		(void)fputs("; also ", to);
		put_text(to, a->alias, NAME_SHOWN);
	}
	(void)fputc('\n', to);
}

void answer_print_path(FILE *to, const struct answer *a)
{
	(void)fputs("     ", to);
	put_text(to, a->near, GRAPH_KEY_MAX);
	(void)fprintf(to, a->forward ? " -[%s]-> " : " <-[%s]- ", edge_kind_name(a->via));
	put_text(to, a->key, GRAPH_KEY_MAX);
	(void)fputc('\n', to);
}

void answer_json(struct json *j, const char *key, const struct answer *a)
{
	json_object(j, key);
	json_string(j, "key", (const char *)a->key.p);
	json_string(j, "kind", node_kind_name(a->kind));
	json_text(j, "name", (const char *)a->name.p);
	if (a->alias.n > 0)
		json_text(j, "alias", (const char *)a->alias.p);
	if (a->depth > 0)
		json_u64(j, "depth", a->depth);
	if (a->near.n > 0) {
		json_object(j, "via");
		json_string(j, "from", (const char *)a->near.p);
		json_string(j, "kind", edge_kind_name(a->via));
		json_bool(j, "forward", a->forward);
		json_end(j);
	}
	json_end(j);
}

void answers_json_silent(struct json *j, const struct answers *a)
{
	json_array(j, "silent");
	for (unsigned int i = 0; i < RELATED_SERVERS_MAX; i++)
		if (a->silent >> i & 1)
			json_u64(j, NULL, i);
	json_end(j);
}
