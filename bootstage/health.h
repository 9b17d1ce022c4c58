/*
 * health - is this system healthy? The probes of system.conf, tried in rounds until all pass in one, or time is up.
 * Layer:  bootstage. health_run() decides and waits; how a probe is tried and what time it is come in as functions.
 * Source: docs/formats/system.conf.md, section [health].
 */
#ifndef BOOTSTAGE_HEALTH_H
#define BOOTSTAGE_HEALTH_H

#include "partitions/sysconf.h"

#define HEALTH_SAID_MAX     160u
#define HEALTH_PAUSE_MS     500u /* between the first two rounds; doubled up to the next */
#define HEALTH_PAUSE_MAX_MS 2000u
#define HEALTH_STEP_MAX_MS  10000u /* one look at a unit, one request; commands get all the time that is left */

struct health_probe {
	bool passed; /* in the last round */
	unsigned int tries;
	char said[HEALTH_SAID_MAX]; /* one printable line: what it said, or what went wrong */
};

struct health {
	bool passed; /* every probe, in one round; so does a list without probes */
	unsigned int rounds;
	uint64_t ms; /* from the start to the last answer */
	size_t n;
	struct health_probe probes[SYSCONF_PROBES]; /* as in the configuration */
};

struct health_ops {
	/* Try one probe within timeout_ms (never 0); sets passed and said. */
	void (*probe)(void *with, const struct sysconf_probe *p, unsigned int timeout_ms, struct health_probe *ret);
	uint64_t (*now_ms)(void *with);
	void (*pause)(void *with, unsigned int ms);
};

/**
 * Try all probes, round after round, until they pass or `deadline_ms` of ops->now_ms is reached. At least one round is
 * made, whatever the time; in it a probe that comes too late gets a moment all the same.
 */
void health_run(const struct sysconf *conf, const struct health_ops *ops, void *with, uint64_t deadline_ms,
		struct health *ret);

/** The first probe that did not pass; NULL when all did. */
const struct sysconf_probe *health_culprit(const struct sysconf *conf, const struct health *h,
					   const struct health_probe **ret);

/** "unit ssh.service: failed" for the record of a failed trial; out is cut at its size. Returns out. */
char *health_reason(const struct sysconf *conf, const struct health *h, char *out, size_t room);

/** "unit", "command", "url". */
const char *health_kind_name(const struct sysconf_probe *p);

/** The real ones: systemctl, a program, an HTTP request (health_url.c). `with` is not used. */
extern const struct health_ops health_real;

/**
 * One GET request: passed with a status of 2xx. Redirects are followed within the host they come from.
 * Trust: the answer's body is dropped unread.
 */
void health_url(const char *url, unsigned int timeout_ms, struct health_probe *ret);

/** Split at blanks, without a shell: argv gets pointers into `text`, which is changed. Returns the count, at most max. */
size_t health_split(char *text, const char **argv, size_t max);

/** Copy what a program said as one printable line: the last one that is not blank. */
void health_said(struct health_probe *p, const char *text);

#endif
