#include "updater/result.h"

static const char *failure_name(const struct why *w)
{
	if (w->code == -ECANCELED)
		return "interrupted";
	return w->exit == EXIT_NOTHING ? "nothing" : w->exit == EXIT_REFUSED ? "refused" : "failed";
}

void result_json(struct json *j, const char *done, const struct why *failed)
{
	json_string(j, "result", failed ? failure_name(failed) : done);
	json_string(j, "error", failed ? failed->text : NULL);
	json_text(j, "next", failed ? failed->next : NULL);
}
