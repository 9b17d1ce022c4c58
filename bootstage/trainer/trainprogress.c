#include <jansson.h>
#include <math.h>

#include "bootstage/trainer/trainprogress.h"

static bool count(const json_t *o, const char *key, uint64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

bool trainprogress_parse(const char *line, struct train_progress *ret)
{
	struct train_progress p = { 0 };
	const json_t *checkpoint, *loss;
	json_t *o;

	if (line[0] != '{')
		return false;
	o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	if (!o || !count(o, "step", &p.step)) {
		json_decref(o);
		return false;
	}
	if (!count(o, "of", &p.of) || p.of < p.step)
		p.of = 0;
	loss = json_object_get(o, "loss");
	p.loss = json_number_value(loss);
	p.has_loss = json_is_number(loss) && isfinite(p.loss);
	checkpoint = json_object_get(o, "checkpoint");
	p.checkpoint = checkpoint && !json_is_false(checkpoint) && !json_is_null(checkpoint);
	json_decref(o);
	*ret = p;
	return true;
}
