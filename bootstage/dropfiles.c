#include "bootstage/dropfiles.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/ini.h"
#include "base/io.h"

static int by_file(const void *a, const void *b)
{
	return strcmp(((const struct dropfile *)a)->file, ((const struct dropfile *)b)->file);
}

static int note(const struct dropfiles *d, struct dropfile *found, size_t *n, const char *folder, const char *file,
		struct why *w)
{
	size_t i = 0;

	while (i < *n && strcmp(found[i].file, file) != 0)
		i++;
	if (i == d->max)
		return misuse(w, -E2BIG, "%s: more than %zu %s", folder, d->max, d->what);
	(void)snprintf(found[i].file, sizeof(found[i].file), "%s", file);
	found[i].folder = folder;
	*n += i == *n;
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), end = strlen(suffix);

	return n > end && strcmp(name + n - end, suffix) == 0;
}

static int look(const struct dropfiles *d, const char *folder, struct dropfile *found, size_t *n, struct why *w)
{
	AUTO_DIR *dir = opendir(folder);
	const struct dirent *e;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : fail_errno(w, "%s", folder);
	errno = 0;
	while (!r && (e = readdir(dir))) {
		if (e->d_name[0] != '.' && ends_in(e->d_name, d->suffix))
			r = note(d, found, n, folder, e->d_name, w);
		errno = 0;
	}
	return r ? r : errno ? fail_errno(w, "%s", folder) : 0;
}

int dropfiles_find(const struct dropfiles *d, const char *const *folders, size_t n_folders, struct dropfile *ret,
		   struct why *w)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; !r && i < n_folders; i++)
		r = look(d, folders[i], ret, &n, w);
	if (r)
		return r;
	qsort(ret, n, sizeof(*ret), by_file);
	return (int)n;
}

static bool masked(const char *path)
{
	struct stat here, null;

	return stat(path, &here) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(here.st_mode) &&
	       here.st_rdev == null.st_rdev;
}

int dropfiles_read(const struct dropfile *f, char **ret, size_t *ret_n, char ret_path[PATH_MAX], struct why *w)
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s", f->folder, f->file) >= PATH_MAX)
		return fail(w, -ENAMETOOLONG, "%s/%s: name too long", f->folder, f->file);
	if (masked(ret_path)) {
		*ret = NULL;
		return 0;
	}
	return file_read(AT_FDCWD, ret_path, INI_TEXT_MAX, ret, ret_n, w);
}

bool dropfile_name_valid(const char *name, size_t room)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n < room && !name[n] && isalnum((unsigned char)name[0]);
}

bool dropfile_name(const char *file, const char *suffix, char *ret, size_t room)
{
	size_t n = strlen(file), end = strlen(suffix);
	bool shape = n > 3 + end && isdigit((unsigned char)file[0]) && isdigit((unsigned char)file[1]) &&
		     file[2] == '-' && ends_in(file, suffix);

	if (!shape || n - 3 - end >= room)
		return false;
	(void)snprintf(ret, room, "%.*s", (int)(n - 3 - end), file + 3);
	return dropfile_name_valid(ret, room);
}
