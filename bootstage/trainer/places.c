#include "bootstage/trainer/places.h"

int trainplaces_below(const struct trainplaces *p, const char *path, char ret[PATH_MAX], struct why *w)
{
	if (snprintf(ret, PATH_MAX, "%s%s", p->root ? p->root : "", path) >= PATH_MAX)
		return fail(w, -ENAMETOOLONG, "%s%s: name too long", p->root, path);
	return 0;
}

int trainplaces_open(struct trainplaces *p, struct why *w)
{
	char path[PATH_MAX];
	int r = p->conf ? 0 : trainplaces_below(p, SYSCONF_PATH, path, w);

	return r ? r : sysconf_load(p->conf ? p->conf : path, &p->sys, w);
}

int trainplaces_state(const struct trainplaces *p, const char *name, char ret[PATH_MAX], struct why *w)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "/var/lib/%s/trainer/%s", p->sys.product, name) >= (int)sizeof(path))
		return fail(w, -ENAMETOOLONG, "%s: name too long", name);
	return trainplaces_below(p, path, ret, w);
}

int trainplaces_folder(const struct trainplaces *p, const struct trainjob *j, char ret[PATH_MAX], struct why *w)
{
	return trainplaces_below(p, j->folder, ret, w);
}
