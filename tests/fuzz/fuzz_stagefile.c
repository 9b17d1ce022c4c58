/*
 * fuzz_stagefile - any bytes as a stage file. What is taken keeps the promises that the runner is built on: an absolute
 * program or a unit, names that are file names, bounded counts and times. What is refused has its reason and leaves ret
 * alone.
 */
#include <stdlib.h>

#include "base/parse.h"
#include "bootstage/stagefile.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct stage *s)
{
	must(stage_name_valid(s->name) && strcmp(s->name, "x") == 0);
	must(!s->exec[0] != !s->unit[0]);
	must(s->exec[0] ? s->exec[0] == '/' : s->unit[0] != '-' && !strpbrk(s->unit, " \t/"));
	must(s->unit[0] ? s->phase != IN_INITRAMFS : s->phase <= IN_COMMITTED);
	must(s->timeout_seconds >= 1 && s->timeout_seconds <= STAGE_LONGEST);
	must(s->on_failure <= FAIL_BOOT && !(s->required && s->on_failure == FAIL_IGNORE));
	must(s->class < CLASS_COUNT);
	must(s->n_after <= STAGE_AFTER_MAX && s->n_environment <= STAGE_ENV_MAX);
	for (size_t i = 0; i < s->n_after; i++)
		must(stage_name_valid(s->after[i]) && strcmp(s->after[i], "x") != 0);
	for (size_t i = 0; i < s->n_environment; i++)
		must(strchr(s->environment[i], '=') > s->environment[i]);
	must(!s->description[0] || text_printable(bytes_str(s->description)));
}

static void try_text(struct bytes text)
{
	static struct stage s, before;
	struct why w = { 0 };

	memset(&s, 0x5a, sizeof(s));
	memcpy(&before, &s, sizeof(s));
	if (stagefile_parse(text, "10-x.stage", "fuzz", &s, &w) == 0) {
		check(&s);
		return;
	}
	must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
	must(memcmp(&s, &before, sizeof(s)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char head[] = "[stage]\nphase=early\nexec=/x\n";
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
