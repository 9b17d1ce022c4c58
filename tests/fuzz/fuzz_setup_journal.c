/*
 * fuzz_setup_journal - any bytes as a journal of tandem setup. What is taken is written and read again as the same, and
 * holds nothing that leads out of where it says.
 */
#include <stdlib.h>

#include "updater/setup_journal.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct setup_journal *j)
{
	AUTO_SETUP_JOURNAL again = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++) {
		bool path = j->at[i].made >= MADE_FOLDER && j->at[i].made <= MADE_LINK;

		must(!path || (j->at[i].name[0] == '/' && j->at[i].name[1] && !strstr(j->at[i].name, "/../")));
		must(j->at[i].name[0] && !strpbrk(j->at[i].name, " \n"));
	}
	must(setup_journal_format(j, &text, &n, NULL) == 0);
	must(setup_journal_parse(bytes_of(text, n), "again", &again, NULL) == 0);
	must(again.n == j->n && (j->n == 0 || memcmp(again.at, j->at, j->n * sizeof(*j->at)) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_SETUP_JOURNAL j = { 0 };
	struct why w = { 0 };

	if (setup_journal_parse(bytes_of(data, n), "fuzz", &j, &w) == 0)
		check(&j);
	else
		must(w.code != 0 && w.text[0]);
	return 0;
}
