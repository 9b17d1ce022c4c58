/*
 * fuzz_intelconf - any bytes as intel.conf. What is taken keeps the promises that commands, settings and days are built on;
 * what is refused has its reason and leaves ret alone.
 */
#include <stdlib.h>

#include "base/parse.h"
#include "bootstage/intel/clusterconf.h"
#include "bootstage/intel/intelconf.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_path(const char *path)
{
	must(!path[0] || (path[0] == '/' && path[1] && !strpbrk(path, "'\"\\ \t\n;$`,") && !strstr(path, "//")));
	must(strlen(path) < INTELCONF_PATH);
}

static void check(const struct intelconf *c)
{
	char text[CLUSTERCONF_TEXT];
	struct machine m = { .profile = PROFILE_SMALL };

	check_path(c->folder);
	check_path(c->socket);
	check_path(c->programs);
	must(c->user[0] && text_printable(bytes_str(c->user)) && text_printable(bytes_str(c->connect)));
	must(c->ahead_days >= 2 && c->ahead_days <= AHEAD_DAYS_MAX && c->keep_days <= KEEP_DAYS_MAX);
	must(c->start_timeout_s > 0 && c->connect_timeout_s > 0 && c->statement_timeout_s > 0);
	must(c->n_servers >= 1 && c->n_servers <= INTELCONF_SERVERS);
	if (clusterconf_settings(&m, c->socket, text, NULL) == 0)
		must(strlen(text) + 1 < sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct intelconf c, before;
	struct why w = { 0 };

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	if (intelconf_parse(bytes_of(data, n), "fuzz", &c, &w)) {
		must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
		must(memcmp(&c, &before, sizeof(c)) == 0);
		return 0;
	}
	check(&c);
	return 0;
}
