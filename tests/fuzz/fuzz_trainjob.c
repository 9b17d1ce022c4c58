/*
 * fuzz_trainjob - any bytes as a job file. What is taken keeps the promises that the runner is built on: absolute programs,
 * a plain folder, a cap of whole MiB, bounded times. What is refused has its reason and leaves ret alone.
 */
#include <stdlib.h>

#include "base/parse.h"
#include "bootstage/trainer/job.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct trainjob *j)
{
	must(strcmp(j->name, "x") == 0 && strcmp(j->file, "10-x.job") == 0);
	must(j->exec[0] == '/' && (!j->exec_seed[0] || j->exec_seed[0] == '/'));
	must(!j->folder[0] ||
	     (j->folder[0] == '/' && j->folder[1] && !strstr(j->folder, "//") && !strstr(j->folder, "/../")));
	must(j->cap_bytes >= TRAINJOB_CAP_UNIT && j->cap_bytes <= TRAINJOB_CAP_MAX &&
	     j->cap_bytes % TRAINJOB_CAP_UNIT == 0);
	must(j->order <= 9999 && j->class < CLASS_COUNT);
	must(j->timeout_seconds >= 1 && j->timeout_seconds <= TRAINJOB_LONGEST && j->stall_seconds <= TRAINJOB_LONGEST);
	must(!j->has_floor || (j->floor >= 0 && j->floor <= 1));
	must(!strpbrk(j->user, " :/") && j->n_environment <= TRAINJOB_ENV_MAX);
	for (size_t i = 0; i < j->n_environment; i++)
		must(strchr(j->environment[i], '=') > j->environment[i]);
	must(!j->description[0] || text_printable(bytes_str(j->description)));
}

static void try_text(struct bytes text)
{
	static struct trainjob j, before;
	struct why w = { 0 };

	memset(&j, 0x5a, sizeof(j));
	memcpy(&before, &j, sizeof(j));
	if (trainjob_parse(text, "10-x.job", "fuzz", &j, &w) == 0) {
		check(&j);
		return;
	}
	must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
	must(memcmp(&j, &before, sizeof(j)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char head[] = "[job]\nexec=/x\ncap=1M\n";
	char text[4096];

	try_text(bytes_of(data, n));
	if (n > sizeof(text) - sizeof(head))
		return 0;
	memcpy(text, head, sizeof(head) - 1); /* with the required keys in front, more is taken */
	if (n > 0)
		memcpy(text + sizeof(head) - 1, data, n);
	try_text(bytes_of(text, sizeof(head) - 1 + n));
	return 0;
}
