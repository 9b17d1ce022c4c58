/*
 * fuzz_trainjournal - any bytes as a journal of trainings. What is taken is written again byte for byte; numbers grow; what comes
 * of it is a state that the next step can be decided from. What is refused has its reason.
 */
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/parse.h"
#include "bootstage/trainer/trainsequence.h"

static struct bytes file;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int do_read(void *arg, char **ret, size_t *ret_n, struct why *w)
{
	(void)arg;
	(void)w;
	*ret = malloc(file.n + 1);
	must(*ret);
	if (file.n > 0)
		memcpy(*ret, file.p, file.n);
	*ret_n = file.n;
	return 0;
}

static const struct trainjournal_file from_memory = { .read = do_read };

static void check_state(const struct trainjournal *j)
{
	static struct train_state s;
	static struct trainjob one = { .name = "core" };
	const struct trainjobs jobs = { .at = &one, .n = 1 };

	trainstate_read(j, &s);
	must(s.n <= TRAINJOBS_MAX);
	for (size_t i = 0; i < s.n; i++)
		must(s.at[i].event < TRAIN_EVENTS && s.at[i].job[0]);
	must(trainsequence_next(&jobs, &s, 0).step <= TRAINSEQUENCE_END);
}

static void try_file(void)
{
	struct trainjournal j;
	struct why w = { 0 };
	size_t at = 0;
	int r = trainjournal_open(&j, &from_memory, NULL, &w);

	if (r) {
		must(r == -EPROTONOSUPPORT && w.text[0]);
		return;
	}
	must(j.bytes + j.lost_bytes == file.n);
	for (size_t i = 0; i < j.n; i++) {
		uint8_t buf[TRAINRECORD_MAX];
		size_t n = train_record_write(&j.at[i], buf);

		must(at + n <= j.bytes && memcmp(buf, file.p + at, n) == 0);
		at += n;
		must(i == 0 || j.at[i].sequence > j.at[i - 1].sequence);
		must(!j.at[i].text[0] || text_printable(bytes_str(j.at[i].text)));
		if (i < 64)
			(void)trainjournal_keeps(&j, i);
	}
	must(at == j.bytes);
	check_state(&j);
	trainjournal_close(&j);
}

/* The same with right sums, or nearly nothing gets past them. */
static void mend(uint8_t *p, size_t n)
{
	size_t at = 0;

	while (n - at > 8) {
		size_t length = p[at] | (size_t)p[at + 1] << 8;

		if (length == 0 || length > TRAINRECORD_MAX - 8 || length > n - at - 8)
			return;
		p[at + 2] = p[at + 3] = 0;
		put_le32(p + at + 4, crc32c(crc32c(0, bytes_of(p + at, 4)), bytes_of(p + at + 8, length)));
		at += 8 + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n + 1);

	must(copy);
	file = bytes_of(data, n);
	try_file();
	if (n > 0)
		memcpy(copy, data, n);
	mend(copy, n);
	file = bytes_of(copy, n);
	try_file();
	free(copy);
	return 0;
}
