#include "bootstage/stageresult.h"

#include <fcntl.h>

#include "base/io.h"
#include "base/json.h"

static const char *const end_words[] = { "passed", "failed", "timeout", "killed", "missing", "skipped", "cancelled" };

const char *stage_end_name(enum stage_end e)
{
	return (size_t)e < ARRAY_SIZE(end_words) ? end_words[e] : "?";
}

bool stage_end_named(const char *word, enum stage_end *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(end_words); i++) {
		if (strcmp(end_words[i], word) == 0) {
			*ret = (enum stage_end)i;
			return true;
		}
	}
	return false;
}

void stageresult_json(struct json *j, const char *key, const struct stage_result *r)
{
	json_object(j, key);
	json_string(j, "name", r->name);
	json_string(j, "phase", stage_phase_name(r->phase));
	json_string(j, "result", stage_end_name(r->end));
	json_i64(j, "exit_code", r->exit_code);
	json_i64(j, "signal", r->signal);
	json_u64(j, "start_us", r->start_us);
	json_u64(j, "end_us", r->end_us);
	json_string(j, "reason", r->reason);
	json_string(j, "health", r->required ? "required" : "optional");
	json_string(j, "on_failure", stage_failure_name(r->on_failure));
	json_string(j, "class", class_name(r->class));
	json_string(j, "cgroup", r->cgroup);
	json_u64(j, "peak_memory_bytes", r->peak_memory_bytes);
	json_u64(j, "cpu_us", r->cpu_us);
	json_u64(j, "output_bytes", r->output_bytes);
	json_end(j);
}

void stageresult_print(FILE *to, const struct stage_result *r)
{
	(void)fprintf(to, "%-9s  %-20s %-9s %10.1f ms%s%s\n", stage_phase_name(r->phase), r->name,
		      stage_end_name(r->end), (double)(r->end_us - r->start_us) / 1000.0, r->reason[0] ? "  " : "",
		      r->reason);
}

/* --- files --- */

static int path_of(const struct stageplaces *p, const char *name, char ret[PATH_MAX], struct why *w)
{
	char folder[PATH_MAX];
	int r = stageplaces_results(p, folder, w);

	if (!r && snprintf(ret, PATH_MAX, "%s/%s.json", folder, name) >= PATH_MAX)
		r = fail(w, -ENAMETOOLONG, "%s: name too long", folder);
	return r;
}

int stageresult_write(const struct stageplaces *p, const struct stage_result *r, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct json j = { .to = f };
	int e = f ? path_of(p, r->name, path, w) : fail(w, -ENOMEM, "out of memory");

	if (!e) {
		stageresult_json(&j, NULL, r);
		e = json_finish(&j, w);
	}
	if (f && fclose(f) && !e)
		e = fail(w, -ENOMEM, "out of memory");
	return e ? e : file_replace(AT_FDCWD, path, text, n, 0644, w);
}

int stageresult_read(const struct stageplaces *p, const char *name, struct stage_result *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	struct stage_result r;
	size_t n = 0;
	int e = path_of(p, name, path, w);

	e = e ? e : file_read(AT_FDCWD, path, STAGERESULT_MAX, &text, &n, w);
	e = e ? e : stageresult_parse(bytes_of(text, n), path, &r, w);
	if (!e && strcmp(r.name, name) != 0)
		e = fail(w, -EBADMSG, "%s: of another stage, '%s'", path, r.name);
	if (!e)
		*ret = r;
	return e;
}

void stageresults_read(const struct stageplaces *p, const struct stages *s, struct stage_results *ret)
{
	ret->have = 0;
	for (size_t i = 0; i < s->n; i++)
		if (stageresult_read(p, s->at[i].name, &ret->at[i], NULL) == 0)
			ret->have |= STAGE_BIT(i);
}
