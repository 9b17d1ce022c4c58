/* fuzz_tree_record - any text as the journal of trees, with a good sum. What is taken is written and read the same. */
#include <stdlib.h>

#include "base/parse.h"
#include "updater/tree_record.h"

#define BODY_MAX 8000u

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void check(const struct tree_record *r)
{
	struct tree_record back;
	char *text = NULL;
	size_t n = 0;

	must((r->phase == TREE_IDLE) == (r->next.name[0] == '\0') && r->n_history <= TREE_HISTORY_MAX);
	for (size_t i = 0; i < r->n_history; i++)
		must(tree_name_valid(r->history[i]) && !strchr(r->history[i], '/'));
	must(!r->current.name[0] || tree_name_valid(r->current.name));
	if (tree_record_format(r, &text, &n, NULL))
		return; /* an outcome's text that would read as a comment */
	must(tree_record_parse(bytes_of(text, n), "f", &back, NULL) == 0);
	must(memcmp(&r->current, &back.current, sizeof(back.current)) == 0 && back.sequence == r->sequence);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[BODY_MAX + 128], hex[2 * HASH_BYTES + 1];
	struct tree_record r;
	struct hash sum;
	struct why w = { 0 };

	if (n > BODY_MAX)
		return 0;
	memcpy(text, data, n);
	sum = hash_of(bytes_of(data, n));
	n += (size_t)snprintf(text + n, 128, "# sum %s\n", format_hex(sum.b, sizeof(sum.b), hex));
	if (tree_record_parse(bytes_of(text, n), "f", &r, &w))
		must(w.text[0] != '\0');
	else
		check(&r);
	return 0;
}
