/* Apart from stageresult.c, since base/json.h and jansson.h have names in common. */
#include <jansson.h>

#include "bootstage/stageresult.h"

static bool text_of(const json_t *o, const char *key, char *out, size_t room)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) >= room)
		return false;
	(void)snprintf(out, room, "%s", s);
	return true;
}

static bool number_of(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	*ret = json_is_integer(v) ? json_integer_value(v) : 0;
	return json_is_integer(v) && *ret >= min && *ret <= max;
}

static bool count_of(const json_t *o, const char *key, uint64_t *ret)
{
	int64_t v = 0;
	bool good = number_of(o, key, 0, INT64_MAX, &v);

	*ret = (uint64_t)v;
	return good;
}

static bool words_of(const json_t *o, struct stage_result *r)
{
	char word[32];

	if (!text_of(o, "phase", word, sizeof(word)) || !stage_phase_named(word, &r->phase) ||
	    !text_of(o, "on_failure", word, sizeof(word)) || !stage_failure_named(word, &r->on_failure) ||
	    !text_of(o, "class", word, sizeof(word)) || class_find(word, &r->class, NULL) ||
	    !text_of(o, "health", word, sizeof(word)))
		return false;
	r->required = strcmp(word, "optional") != 0;
	return text_of(o, "result", word, sizeof(word)) && stage_end_named(word, &r->end);
}

static bool take(const json_t *o, struct stage_result *r)
{
	int64_t code = 0, sig = 0;
	bool good = text_of(o, "name", r->name, sizeof(r->name)) && stage_name_valid(r->name) && words_of(o, r) &&
		    text_of(o, "reason", r->reason, sizeof(r->reason)) &&
		    text_of(o, "cgroup", r->cgroup, sizeof(r->cgroup)) && number_of(o, "exit_code", -1, 255, &code) &&
		    number_of(o, "signal", 0, 255, &sig) && count_of(o, "start_us", &r->start_us) &&
		    count_of(o, "end_us", &r->end_us) && count_of(o, "peak_memory_bytes", &r->peak_memory_bytes) &&
		    count_of(o, "cpu_us", &r->cpu_us) && count_of(o, "output_bytes", &r->output_bytes) &&
		    r->start_us <= r->end_us;

	r->exit_code = (int)code;
	r->signal = (int)sig;
	return good;
}

int stageresult_parse(struct bytes text, const char *name, struct stage_result *ret, struct why *w)
{
	struct stage_result r = { 0 };
	json_error_t error = { 0 };
	json_t *o = text.n <= STAGERESULT_MAX ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error)
					      : NULL;
	bool good = o && take(o, &r);

	json_decref(o);
	if (!good)
		return fail(w, -EBADMSG, "%s: not the result of a stage%s%.100s", name, error.text[0] ? ": " : "",
			    error.text);
	*ret = r;
	return 0;
}
