#include "bootstage/trainer/places.h"

#include <sys/stat.h>
#include <unistd.h>

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

int trainplaces_own(const struct trainplaces *p, struct why *w)
{
	char path[PATH_MAX], name[64 + sizeof(p->sys.product)];
	struct stat st;
	int r;

	(void)snprintf(name, sizeof(name), "/var/lib/%s/trainer", p->sys.product);
	r = trainplaces_below(p, name, path, w);
	if (r)
		return r;
	if (lstat(path, &st))
		return errno == ENOENT ? 0 : fail_errno(w, "%s", path);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	(void)refuse(w, -EPERM, "%s: has to be a folder that only user %u can write to", path, geteuid());
	return why_next(w, -EPERM, "see who made it, then move it away or set its owner and mode");
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
