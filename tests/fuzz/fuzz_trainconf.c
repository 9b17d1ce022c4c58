/*
 * fuzz_trainconf - any bytes as trainer.conf. What is taken keeps the promises that the trainer is built on, and gives an answer
 * for any moment; what is refused has its reason and leaves ret alone.
 */
#include <stdlib.h>

#include "bootstage/trainer/trainconf.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct trainconf *c)
{
	static const int64_t moments[] = { 0, 1795219200000000, -1, INT64_MAX / 2 };
	static const struct train_load busy = { .known = true, .cpu = 5000 };

	must(c->prune_at >= 1 && c->prune_at <= 100 && c->keep_last >= 1);
	must(c->quota <= CAP_SCAN && (!c->disk[0] || c->disk[0] == '/'));
	must(c->sched.n_times <= TRAINSCHED_MAX && c->sched.n_quiet <= TRAINSCHED_MAX);
	for (size_t i = 0; i < c->sched.n_times; i++)
		must(c->sched.times[i].days && c->sched.times[i].hours && c->sched.times[i].minutes &&
		     c->sched.times[i].hours < 1u << 24 && c->sched.times[i].minutes < 1ull << 60);
	for (size_t i = 0; i < c->sched.n_quiet; i++)
		must(c->sched.quiet[i].days && c->sched.quiet[i].from_minute < 1440 &&
		     c->sched.quiet[i].to_minute <= 1440);
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		must(trainsched_due(&c->sched, moments[i], false, moments[i] + 600000000, &busy) <= TRAIN_LOADED);
	/* Every time comes within a week, but for an hour that a change of clocks leaves out. */
	must(c->sched.n_times == 0 || trainsched_next(&c->sched, 1795219200) > 1795219200);
}

static void try_text(struct bytes text)
{
	static struct trainconf below, c, before;
	struct why w = { 0 };

	trainconf_defaults(&below);
	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	if (trainconf_parse(text, "fuzz", &below, &c, &w) == 0) {
		check(&c);
		return;
	}
	must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
	must(memcmp(&c, &before, sizeof(c)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char head[] = "[trainer]\n";
	char text[4096];

	try_text(bytes_of(data, n));
	if (n > sizeof(text) - sizeof(head))
		return 0;
	memcpy(text, head, sizeof(head) - 1);
	if (n > 0)
		memcpy(text + sizeof(head) - 1, data, n);
	try_text(bytes_of(text, sizeof(head) - 1 + n));
	return 0;
}
