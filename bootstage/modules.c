#include "bootstage/modules.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "base/log.h"

bool modules_next(struct bytes *rest, char ret[MODULE_PATH_MAX])
{
	while (rest->n > 0) {
		const uint8_t *line = rest->p, *end = memchr(line, '\n', rest->n);
		size_t n = end ? (size_t)(end - line) : rest->n, step = end ? n + 1 : n;

		*rest = bytes_of(rest->p + step, rest->n - step);
		if (n == 0 || n >= MODULE_PATH_MAX || line[0] == '#' || memchr(line, '\0', n))
			continue;
		memcpy(ret, line, n);
		ret[n] = '\0';
		return true;
	}
	return false;
}

/* '-' and '_' are the same in names. */
static char plain(char c)
{
	if (c == '-')
		return '_';
	return c;
}

void module_name(const char *path, char ret[MODULE_NAME_MAX])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = 0;

	for (; base[n] && base[n] != '.' && n + 1 < MODULE_NAME_MAX; n++)
		ret[n] = plain(base[n]);
	ret[n] = '\0';
}

/* Whether the word starts with "NAME." */
static bool is_for(const char *word, size_t n, const char *name)
{
	size_t i = 0;

	while (name[i] && i < n && plain(word[i]) == name[i])
		i++;
	return !name[i] && i + 1 < n && word[i] == '.' && word[i + 1] != '=';
}

const char *module_parameters(const char *cmdline, const char *name, char ret[MODULE_PARAMETERS_MAX])
{
	size_t at = 0;

	for (const char *p = cmdline + strspn(cmdline, " \t\n"); *p;) {
		size_t n = strcspn(p, " \t\n"), skip = strlen(name) + 1;

		if (is_for(p, n, name) && n - skip + 2 <= MODULE_PARAMETERS_MAX - at) {
			if (at > 0)
				ret[at++] = ' ';
			memcpy(ret + at, p + skip, n - skip);
			at += n - skip;
		}
		p += n;
		p += strspn(p, " \t\n");
	}
	ret[at] = '\0';
	return ret;
}

int module_finit(int fd, const char *parameters)
{
	return syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
}

static int load_one(const char *path, const char *cmdline, module_loader *load)
{
	char name[MODULE_NAME_MAX], parameters[MODULE_PARAMETERS_MAX];
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	module_name(path, name);
	return load(fd, module_parameters(cmdline, name, parameters));
}

void modules_load(struct bytes list, const char *cmdline, module_loader *load, struct modules_result *ret)
{
	char path[MODULE_PATH_MAX];

	*ret = (struct modules_result){ 0 };
	while (modules_next(&list, path)) {
		int r = load_one(path, cmdline, load);

		if (r == 0) {
			ret->loaded++;
		} else if (r == -EEXIST) {
			ret->present++;
		} else {
			ret->failed++;
			log_warn("module=%s error=\"%s\"", path, strerror(-r));
		}
	}
}
