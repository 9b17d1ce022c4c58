/*
 * The probe by HTTP. A file of its own, so that nothing else brings libcurl in.
 */
#include "base/net/probe.h"
#include "bootstage/health.h"

void health_url(const char *url, unsigned int timeout_ms, struct health_probe *ret)
{
	const struct probe_request p = { .url = url,
					 .timeout_ms = timeout_ms,
					 .agent = "tandem-stage/" TANDEM_VERSION };
	struct probe_answer answer;

	probe_url(&p, &answer);
	ret->passed = answer.passed;
	health_said(ret, answer.said);
}
