#include "bootstage/trainer/trainload.h"

#include <fcntl.h>

#include "base/io.h"

static bool read_one(const struct trainplaces *p, const char *file, unsigned int *ret)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t n = 0;

	return trainplaces_below(p, file, path, NULL) == 0 && file_read(AT_FDCWD, path, 4096, &text, &n, NULL) == 0 &&
	       train_pressure_parse(text, ret, NULL) == 0;
}

void trainload_read(const struct trainplaces *p, struct train_load *ret)
{
	struct train_load l = { 0 };

	l.known = read_one(p, "/proc/pressure/cpu", &l.cpu) && read_one(p, "/proc/pressure/io", &l.io) &&
		  read_one(p, "/proc/pressure/memory", &l.memory);
	*ret = l;
}
