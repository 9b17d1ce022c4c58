/* What the verbs begin with. */
#include "bootstage/trainer/cmd.h"

int cmd_load(struct trainplaces *places, struct trainconf *conf, struct trainjobs *jobs, struct why *w)
{
	int r = trainplaces_open(places, w);

	r = r ? r : trainconf_load(places->root, conf, w);
	return r ? r : trainjobs_load(places->root, places->sys.product, jobs, w);
}
