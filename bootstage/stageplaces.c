#include "bootstage/stageplaces.h"

#include "partitions/handover.h"

static int join(const char *front, const char *back, char ret[PATH_MAX], struct why *w)
{
	if (snprintf(ret, PATH_MAX, "%s%s", front, back) >= PATH_MAX)
		return fail(w, -ENAMETOOLONG, "%s%s: name too long", front, back);
	return 0;
}

int stageplaces_below(const struct stageplaces *p, const char *path, char ret[PATH_MAX], struct why *w)
{
	return join(p->root ? p->root : "", path, ret, w);
}

int stageplaces_results(const struct stageplaces *p, char ret[PATH_MAX], struct why *w)
{
	return p->state ? join(p->state, "/stages", ret, w) : stageplaces_below(p, HANDOVER_FOLDER "/stages", ret, w);
}

int stageplan_load(const struct stageplaces *p, struct stageplan *ret, struct why *w)
{
	char usual[2][PATH_MAX];
	const char *folders[] = { usual[0], usual[1] };
	AUTO_STAGEPLAN plan = { 0 };
	int r = stageplaces_below(p, STAGES_FOLDER, usual[0], w);

	r = r ? r : stageplaces_below(p, STAGES_OVERRIDE, usual[1], w);
	if (!r)
		r = p->stages ? stages_load(&p->stages, 1, &plan.stages, w)
			      : stages_load(folders, ARRAY_SIZE(folders), &plan.stages, w);
	r = r ? r : stageorder_make(&plan.stages, &plan.order, w);
	if (r)
		return r;
	*ret = plan;
	plan = (struct stageplan){ 0 }; /* NOLINT(clang-analyzer-deadcode.DeadStores): AUTO_STAGEPLAN reads it */
	return 0;
}

void stageplan_free(struct stageplan *p)
{
	stages_free(&p->stages);
}
