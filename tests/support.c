#include "tests/support.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

static char folder[PATH_MAX];

static int drop(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	(void)remove(path);
	return 0;
}

static void drop_all(void)
{
	(void)nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

const char *scratch(void)
{
	const char *tmp = getenv("TMPDIR");

	if (folder[0])
		return folder;
	(void)snprintf(folder, sizeof(folder), "%s/tandem-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder))
		fail_msg("no scratch folder: %s", folder);
	(void)atexit(drop_all);
	return folder;
}

const char *scratch_path(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	if (snprintf(path, PATH_MAX, "%s/%s", scratch(), name) >= PATH_MAX)
		fail_msg("name too long");
	return path;
}

void scratch_put(const char *name, const char *text)
{
	char above[PATH_MAX];
	struct why w = { 0 };

	(void)snprintf(above, sizeof(above), "%s", scratch_path(name));
	*strrchr(above, '/') = '\0';
	assert_ok(dir_make(above, 0755, &w), w);
	assert_ok(file_replace(AT_FDCWD, scratch_path(name), text, strlen(text), 0644, &w), w);
}
