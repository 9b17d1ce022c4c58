/* Apart from verdict.c, since base/json.h and jansson.h have names in common. */
#include <jansson.h>

#include "bootstage/verdict.h"

static bool text_of(const json_t *o, const char *key, char *out, size_t room)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) >= room)
		return false;
	(void)snprintf(out, room, "%s", s);
	return true;
}

static bool count_of(const json_t *o, const char *key, uint64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

static bool words_of(const json_t *o, struct verdict *v)
{
	char word[16];
	bool found = false;

	if (!text_of(o, "verdict", word, sizeof(word)))
		return false;
	for (enum verdict_result r = VERDICT_HEALTHY; r <= VERDICT_UNDONE && !found; r++) {
		v->result = r;
		found = strcmp(word, verdict_result_name(r)) == 0;
	}
	if (!found || !text_of(o, "slot", word, sizeof(word)))
		return false;
	v->slot = strcmp(word, "a") == 0 ? SLOT_A : strcmp(word, "b") == 0 ? SLOT_B : SLOT_NONE;
	if (!text_of(o, "role", word, sizeof(word)))
		return false;
	for (enum boot_role r = ROLE_COMMITTED; r <= ROLE_UNKNOWN; r++) {
		v->role = r;
		if (strcmp(word, boot_role_name(r)) == 0)
			return true;
	}
	return false;
}

static bool probe_of(const json_t *o, struct verdict *v)
{
	uint64_t tries = 0;
	bool good = text_of(o, "kind", v->probes[v->n].kind, sizeof(v->probes[0].kind)) &&
		    text_of(o, "what", v->probes[v->n].what, sizeof(v->probes[0].what)) &&
		    text_of(o, "said", v->probes[v->n].said, sizeof(v->probes[0].said)) && count_of(o, "tries", &tries);

	v->probes[v->n].passed = json_is_true(json_object_get(o, "passed"));
	v->probes[v->n++].tries = (unsigned int)tries;
	return good;
}

static bool take(const json_t *o, struct verdict *v)
{
	const json_t *probes = json_object_get(o, "probes"), *seconds = json_object_get(o, "seconds");
	double s = json_number_value(seconds);
	uint64_t rounds = 0;

	if (!words_of(o, v) || !text_of(o, "note", v->note, sizeof(v->note)) || !count_of(o, "rounds", &rounds) ||
	    !count_of(o, "start_us", &v->start_us) || !count_of(o, "probed_us", &v->probed_us) ||
	    !count_of(o, "end_us", &v->end_us) || !json_is_number(seconds) || s < 0 || s > 1e9 ||
	    !json_is_array(probes) || json_array_size(probes) > SYSCONF_PROBES)
		return false;
	v->ms = (uint64_t)(s * 1000 + 0.5);
	v->rounds = (unsigned int)rounds;
	v->healthy = json_is_true(json_object_get(o, "healthy"));
	v->rebooting = json_is_true(json_object_get(o, "rebooting"));
	for (size_t i = 0; i < json_array_size(probes); i++)
		if (!probe_of(json_array_get(probes, i), v))
			return false;
	return true;
}

int verdict_parse(struct bytes text, const char *name, struct verdict *ret, struct why *w)
{
	AUTO_FREE struct verdict *v = calloc(1, sizeof(*v)); /* too large for a stack */
	json_error_t error = { 0 };
	json_t *o =
		text.n <= VERDICT_MAX ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error) : NULL;
	bool good = o && v && take(o, v);

	json_decref(o);
	if (!v)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	if (!good)
		return fail(w, -EBADMSG, "%s: not a verdict%s%.100s", name, error.text[0] ? ": " : "", error.text);
	*ret = *v;
	return 0;
}
