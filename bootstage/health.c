#include "bootstage/health.h"

#include <time.h>

#include "base/proc.h"

#define LAST_CHANCE_MS 1000u /* for a probe that the deadline left no time for, in the only round */
#define COMMAND_WORDS  32u

const char *health_kind_name(const struct sysconf_probe *p)
{
	static const char *const words[] = { [PROBE_UNIT] = "unit", [PROBE_COMMAND] = "command", [PROBE_URL] = "url" };

	return words[p->kind];
}

void health_said(struct health_probe *p, const char *text)
{
	const char *line = text, *last = "";
	size_t n;

	for (; *line; line += n + strspn(line + n, "\n")) {
		n = strcspn(line, "\n");
		if (strspn(line, " \t\r") < n)
			last = line;
	}
	n = strcspn(last, "\n");
	if (n >= HEALTH_SAID_MAX)
		n = HEALTH_SAID_MAX - 1;
	memcpy(p->said, last, n);
	p->said[n] = '\0';
	for (char *c = p->said; *c; c++) /* it goes to terminals, and into the record, which is ASCII */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

size_t health_split(char *text, const char **argv, size_t max)
{
	size_t n = 0;

	for (char *p = text + strspn(text, " \t"); *p && n < max; p += strspn(p, " \t")) {
		argv[n++] = p;
		p += strcspn(p, " \t");
		if (*p)
			*p++ = '\0';
	}
	return n;
}

/* One round. Returns whether every probe passed in it. */
static bool round_of(const struct sysconf *conf, const struct health_ops *ops, void *with, uint64_t deadline_ms,
		     struct health *h)
{
	bool all = true;

	for (size_t i = 0; i < conf->n_probes; i++) {
		struct health_probe *p = &h->probes[i];
		uint64_t now = ops->now_ms(with), left = now < deadline_ms ? deadline_ms - now : 0;

		if (left == 0 && p->tries > 0)
			return false; /* what the round before said still stands */
		p->tries++;
		ops->probe(with, &conf->probes[i], left > 0 ? (unsigned int)left : LAST_CHANCE_MS, p);
		all = all && p->passed;
	}
	return all;
}

void health_run(const struct sysconf *conf, const struct health_ops *ops, void *with, uint64_t deadline_ms,
		struct health *ret)
{
	uint64_t start = ops->now_ms(with), now;
	unsigned int pause = HEALTH_PAUSE_MS;

	*ret = (struct health){ .n = conf->n_probes };
	for (;;) {
		ret->rounds++;
		ret->passed = round_of(conf, ops, with, deadline_ms, ret);
		now = ops->now_ms(with);
		ret->ms = now - start;
		if (ret->passed || now >= deadline_ms)
			return;
		ops->pause(with, pause < deadline_ms - now ? pause : (unsigned int)(deadline_ms - now));
		pause = 2 * pause < HEALTH_PAUSE_MAX_MS ? 2 * pause : HEALTH_PAUSE_MAX_MS;
	}
}

const struct sysconf_probe *health_culprit(const struct sysconf *conf, const struct health *h,
					   const struct health_probe **ret)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->probes[i].passed)
			continue;
		*ret = &h->probes[i];
		return &conf->probes[i];
	}
	return NULL;
}

char *health_reason(const struct sysconf *conf, const struct health *h, char *out, size_t room)
{
	const struct health_probe *said = NULL;
	const struct sysconf_probe *p = health_culprit(conf, h, &said);

	if (p)
		(void)snprintf(out, room, "%s %s: %s", health_kind_name(p), p->what, said->said);
	else
		(void)snprintf(out, room, "all probes passed");
	return out;
}

static unsigned int at_most(unsigned int ms, unsigned int limit)
{
	return ms < limit ? ms : limit;
}

static void probe_unit(const char *unit, unsigned int timeout_ms, struct health_probe *ret)
{
	const char *const argv[] = { "systemctl", "is-active", unit, NULL };
	struct proc_result res;
	struct why w = { 0 };

	ret->passed = false;
	if (proc_run(argv, at_most(timeout_ms, HEALTH_STEP_MAX_MS), &res, &w)) {
		health_said(ret, w.text);
		return;
	}
	ret->passed = res.exit_code == 0;
	health_said(ret, res.timed_out ? "systemctl does not answer" : res.output);
}

static void probe_command(const char *command, unsigned int timeout_ms, struct health_probe *ret)
{
	const char *argv[COMMAND_WORDS + 1] = { NULL };
	char words[SYSCONF_TEXT], text[HEALTH_SAID_MAX + 40];
	struct proc_result res;
	struct why w = { 0 };

	ret->passed = false;
	(void)snprintf(words, sizeof(words), "%s", command);
	(void)health_split(words, argv, COMMAND_WORDS);
	if (proc_run(argv, timeout_ms, &res, &w)) {
		health_said(ret, w.text);
		return;
	}
	ret->passed = res.exit_code == 0;
	health_said(ret, res.output);
	if (ret->passed)
		return;
	if (res.timed_out)
		(void)snprintf(text, sizeof(text), "not done after %u ms: %s", timeout_ms, ret->said);
	else if (res.signal)
		(void)snprintf(text, sizeof(text), "ended by signal %d: %s", res.signal, ret->said);
	else
		(void)snprintf(text, sizeof(text), "exit code %d: %s", res.exit_code, ret->said);
	health_said(ret, text);
}

static void real_probe(void *with, const struct sysconf_probe *p, unsigned int timeout_ms, struct health_probe *ret)
{
	(void)with;
	switch (p->kind) {
	case PROBE_UNIT:
		probe_unit(p->what, timeout_ms, ret);
		break;
	case PROBE_COMMAND:
		probe_command(p->what, timeout_ms, ret);
		break;
	case PROBE_URL:
		health_url(p->what, at_most(timeout_ms, HEALTH_STEP_MAX_MS), ret);
		break;
	}
}

static uint64_t real_now(void *with)
{
	(void)with;
	return now_ms();
}

static void real_pause(void *with, unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)with;
	(void)nanosleep(&t, NULL);
}

const struct health_ops health_real = { .probe = real_probe, .now_ms = real_now, .pause = real_pause };
