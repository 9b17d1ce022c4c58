#include "bootstage/stagelog.h"

#include <fcntl.h>

#include "base/io.h"

/* For a log of one line per event: what could move a cursor, or is no ASCII, is shown as '?'. */
static void end_line(struct stagelog *l, void (*line)(void *arg, const char *text), void *arg)
{
	for (size_t i = 0; i < l->n_line; i++)
		if ((unsigned char)l->line[i] < 0x20 || (unsigned char)l->line[i] > 0x7e)
			l->line[i] = l->line[i] == '\t' ? ' ' : '?';
	l->line[l->n_line] = '\0';
	if (l->n_line > 0) {
		memcpy(l->last, l->line, l->n_line + 1);
		if (l->every || l->bytes <= STAGELOG_MAX)
			line(arg, l->line);
	}
	l->n_line = 0;
}

static void split(struct stagelog *l, const char *p, size_t n, void (*line)(void *arg, const char *text), void *arg)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' || l->n_line == STAGELOG_LINE - 1)
			end_line(l, line, arg);
		if (p[i] != '\n' && p[i] != '\r')
			l->line[l->n_line++] = p[i];
	}
}

static void keep(struct stagelog *l, const char *p, size_t n)
{
	while (n > 0) {
		bool first = l->bytes < STAGELOG_HALF;
		size_t at = (size_t)(l->bytes % STAGELOG_HALF), part = STAGELOG_HALF - at < n ? STAGELOG_HALF - at : n;

		memcpy((first ? l->head : l->tail) + at, p, part);
		l->bytes += part;
		p += part;
		n -= part;
	}
}

void stagelog_add(struct stagelog *l, const char *p, size_t n, void (*line)(void *arg, const char *text), void *arg)
{
	keep(l, p, n);
	split(l, p, n, line, arg);
}

void stagelog_end(struct stagelog *l, void (*line)(void *arg, const char *text), void *arg)
{
	end_line(l, line, arg);
}

char *stagelog_text(const struct stagelog *l, size_t *ret_n)
{
	size_t head = l->bytes < STAGELOG_HALF ? (size_t)l->bytes : STAGELOG_HALF;
	uint64_t rest = l->bytes - head;
	size_t from = rest > STAGELOG_HALF ? (size_t)(rest % STAGELOG_HALF) : 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_n);

	if (!f)
		return NULL;
	(void)fwrite(l->head, 1, head, f);
	if (rest > STAGELOG_HALF)
		(void)fprintf(f, "\n[... %llu bytes left out ...]\n", (unsigned long long)(rest - STAGELOG_HALF));
	(void)fwrite(l->tail + from, 1, rest > STAGELOG_HALF ? STAGELOG_HALF - from : (size_t)rest, f);
	(void)fwrite(l->tail, 1, from, f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

int stagelog_save(const char *path, const struct stagelog *l, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	text = stagelog_text(l, &n);
	return text ? file_replace(AT_FDCWD, path, text, n, 0644, w) : fail(w, -ENOMEM, "%s: out of memory", path);
}

int stagelog_write(const struct stageplaces *p, const char *name, const struct stagelog *l, struct why *w)
{
	char folder[PATH_MAX], path[PATH_MAX + 80];
	int r = stageplaces_results(p, folder, w);

	if (r)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s.log", folder, name);
	return stagelog_save(path, l, w);
}
