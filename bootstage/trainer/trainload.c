#include "bootstage/trainer/trainload.h"

#include <fcntl.h>

#include "base/io.h"

static bool read_one(const char *path, unsigned int *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	return file_read(AT_FDCWD, path, 4096, &text, &n, NULL) == 0 && train_pressure_parse(text, ret, NULL) == 0;
}

void trainload_read(struct train_load *ret)
{
	struct train_load l = { 0 };

	l.known = read_one("/proc/pressure/cpu", &l.cpu) && read_one("/proc/pressure/io", &l.io) &&
		  read_one("/proc/pressure/memory", &l.memory);
	*ret = l;
}
