#include "updater/tree_units.h"

#include <stdio.h>
#include <time.h>

#include "base/proc.h"

#define STEP_MS      30000u  /* for it to take an order */
#define STOP_MS      300000u /* units have a TimeoutStopSec= of their own: 90 s by default */
#define STOP_SOON_MS 5000u
#define LAST_LOOK_MS 2000u /* at least, for a look that is begun */
#define POLL_MS      100u
#define WORDS        12u

/* --- what systemctl show prints --- */

/* Value of NAME= in the block of lines that ends at a blank line or at the end. */
static bool value_of(const char *block, const char *name, char *ret, size_t room)
{
	size_t n = strlen(name);

	ret[0] = '\0';
	for (const char *line = block; *line && *line != '\n'; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, n) != 0 || line[n] != '=')
			continue;
		(void)snprintf(ret, room, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
		return true;
	}
	return false;
}

static enum tree_unit_is judge(const char *load, const char *active, const char *sub, const char *restarts, bool job)
{
	if (strcmp(load, "loaded") != 0 || strcmp(active, "failed") == 0)
		return TREE_UNIT_ENDED;
	if (restarts[0] && strcmp(restarts, "0") != 0) /* it came and went since it was started */
		return TREE_UNIT_ENDED;
	if (strcmp(active, "active") == 0 || strcmp(active, "reloading") == 0)
		return TREE_UNIT_ACTIVE;
	if (strcmp(active, "activating") == 0)
		return strcmp(sub, "auto-restart") == 0 ? TREE_UNIT_ENDED : TREE_UNIT_STARTING;
	return job ? TREE_UNIT_STARTING : TREE_UNIT_ENDED;
}

static int parse_one(const char *block, struct tree_unit *ret, struct why *w)
{
	char load[24], active[24], sub[24], result[24], restarts[24], job[24];

	if (!value_of(block, "LoadState", load, sizeof(load)) ||
	    !value_of(block, "ActiveState", active, sizeof(active)))
		return fail(w, -EBADMSG, "systemctl show does not tell a unit's state");
	(void)value_of(block, "SubState", sub, sizeof(sub));
	(void)value_of(block, "Result", result, sizeof(result));
	(void)value_of(block, "NRestarts", restarts, sizeof(restarts));
	(void)value_of(block, "Job", job, sizeof(job));
	*ret = (struct tree_unit){ .is = judge(load, active, sub, restarts, job[0] && job[0] != '0') };
	ret->down = (strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0) && (!job[0] || job[0] == '0');
	if (strcmp(load, "loaded") != 0)
		(void)snprintf(ret->said, sizeof(ret->said), "%s", load);
	else if (ret->is == TREE_UNIT_ENDED && result[0])
		(void)snprintf(ret->said, sizeof(ret->said), "%s (%s)",
			       strcmp(active, "active") == 0 ? "ended and was started again" : active, result);
	else
		(void)snprintf(ret->said, sizeof(ret->said), "%s", active);
	return 0;
}

int tree_units_parse(const char *text, size_t n, struct tree_unit *ret, struct why *w)
{
	struct tree_unit units[SYSCONF_UNITS];
	const char *block = text + strspn(text, "\n");

	if (n > ARRAY_SIZE(units))
		return fail(w, -EINVAL, "more than %u units", SYSCONF_UNITS);
	for (size_t i = 0; i < n; i++) {
		const char *end = strstr(block, "\n\n");
		int r = parse_one(block, &units[i], w);

		if (r)
			return r;
		if (!end && i + 1 < n)
			return fail(w, -EBADMSG, "systemctl show tells of %zu units, not %zu", i + 1, n);
		block = end ? end + 1 + strspn(end + 1, "\n") : "";
	}
	memcpy(ret, units, n * sizeof(*ret));
	return 0;
}

/* --- systemctl --- */

/* "systemctl WORD OPTION... -- UNIT...". */
static void words_of(const struct sysconf_tree *conf, const char *const *before, const char *argv[])
{
	size_t n = 0;

	argv[n++] = "systemctl";
	for (; *before; before++)
		argv[n++] = *before;
	argv[n++] = "--";
	for (size_t i = 0; i < conf->n_units; i++)
		argv[n++] = conf->units[i];
	argv[n] = NULL;
}

#define BEFORE(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int must(const struct sysconf_tree *conf, const char *const *before, unsigned int ms, struct why *w)
{
	const char *argv[WORDS + SYSCONF_UNITS];

	words_of(conf, before, argv);
	return proc_must(argv, ms, w);
}

static int show(const struct sysconf_tree *conf, const char *properties, unsigned int limit_ms, struct proc_result *ret,
		struct why *w)
{
	const char *argv[WORDS + SYSCONF_UNITS];
	int r;

	words_of(conf, BEFORE("show", properties), argv);
	r = proc_run(argv, limit_ms, ret, w);
	if (!r && ret->exit_code)
		r = fail(w, ret->timed_out ? -ETIMEDOUT : -EIO, "systemctl show: %s",
			 ret->timed_out ? "does not answer" : ret->output);
	return r;
}

int tree_units_look(const struct sysconf_tree *conf, unsigned int limit_ms, struct tree_unit *ret, struct why *w)
{
	struct proc_result res;
	int r;

	if (conf->n_units == 0)
		return 0;
	r = show(conf, "--property=LoadState,ActiveState,SubState,Result,NRestarts,Job", limit_ms, &res, w);
	return r ? r : tree_units_parse(res.output, conf->n_units, ret, w);
}

int tree_units_stop(const struct sysconf_tree *conf, struct why *w)
{
	return conf->n_units ? must(conf, BEFORE("stop"), STOP_MS, w) : 0;
}

static bool all_down(const struct sysconf_tree *conf, unsigned int limit_ms)
{
	struct tree_unit units[SYSCONF_UNITS];

	if (tree_units_look(conf, limit_ms, units, NULL))
		return false;
	for (size_t i = 0; i < conf->n_units; i++)
		if (!units[i].down)
			return false;
	return true;
}

static bool wait_down(const struct sysconf_tree *conf, unsigned int ms)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000l };
	uint64_t now = now_ms(), end = now + ms;

	for (;; now = now_ms()) {
		uint64_t left = now < end ? end - now : 0;

		if (all_down(conf, left > LAST_LOOK_MS ? (unsigned int)left : LAST_LOOK_MS))
			return true;
		if (now_ms() >= end)
			return false;
		(void)nanosleep(&pause, NULL);
	}
}

int tree_units_stop_soon(const struct sysconf_tree *conf, struct why *w)
{
	int r;

	if (conf->n_units == 0)
		return 0;
	r = must(conf, BEFORE("stop", "--no-block"), STEP_MS, w);
	if (r || wait_down(conf, STOP_SOON_MS))
		return r;
	IGNORE(must(conf, BEFORE("kill", "--kill-who=all", "--signal=SIGKILL"), STEP_MS, NULL)); /* seen by the next */
	return wait_down(conf, STOP_SOON_MS) ? 0 : fail(w, -ETIMEDOUT, "the units do not end, even when killed");
}

/* Some unit failed, or was started again by its Restart=: its counters would stand in the way of the next start. */
static bool has_failed(const char *shown)
{
	for (const char *at = shown; (at = strstr(at, "NRestarts=")); at += strlen("NRestarts="))
		if (strncmp(at, "NRestarts=0\n", 12) != 0)
			return true;
	return strstr(shown, "ActiveState=failed") != NULL;
}

/* What stands in the way of a start, out of it. That it could not be looked at does not keep the start from being tried. */
static void make_way(const struct sysconf_tree *conf)
{
	struct proc_result res;
	int r = show(conf, "--property=NeedDaemonReload,ActiveState,NRestarts", TREE_UNITS_LOOK_MS, &res, NULL);

	if (r || has_failed(res.output))
		IGNORE(must(conf, BEFORE("reset-failed"), STEP_MS, NULL));
	if (r || strstr(res.output, "NeedDaemonReload=yes"))
		IGNORE(proc_must((const char *const[]){ "systemctl", "daemon-reload", NULL }, 3 * STEP_MS, NULL));
}

/* As few calls as can be: on the way back each of them counts. */
int tree_units_start(const struct sysconf_tree *conf, struct why *w)
{
	int r;

	if (conf->n_units == 0)
		return 0;
	make_way(conf);
	r = must(conf, BEFORE("start", "--no-block"), STEP_MS, NULL);
	return r ? must(conf, BEFORE("start", "--no-block"), STEP_MS, w) : 0; /* once more: it is the product */
}
