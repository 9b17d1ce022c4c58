#define BASE_WHY_C
#include "base/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int PRINTF(4, 0) record(struct why *w, int code, enum exit_code exit, const char *fmt, va_list ap)
{
	if (!w || w->code)
		return code;
	w->code = code;
	w->exit = exit;
	(void)vsnprintf(w->text, sizeof(w->text), fmt, ap);
	return code;
}

int fail(struct why *w, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(w, code, EXIT_FAILED, fmt, ap);
	va_end(ap);
	return code;
}

int refuse(struct why *w, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(w, code, EXIT_REFUSED, fmt, ap);
	va_end(ap);
	return code;
}

int misuse(struct why *w, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(w, code, EXIT_USAGE, fmt, ap);
	va_end(ap);
	return code;
}

int fail_errno(struct why *w, const char *fmt, ...)
{
	int code = errno ? -errno : -EIO;
	char text[sizeof(w->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(w, code, "%s: %s", text, strerror(-code));
}

int why_in(struct why *w, int code, const char *fmt, ...)
{
	char context[sizeof(w->text)], whole[sizeof(w->text)];
	va_list ap;

	if (!w)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	if (!w->code)
		return fail(w, code, "%s: %s", context, strerror(-code));
	/* Truncation only loses the tail of a text that is over 400 bytes. */
	if (snprintf(whole, sizeof(whole), "%s: %s", context, w->text) > 0)
		memcpy(w->text, whole, sizeof(whole));
	return code;
}

int why_next(struct why *w, int code, const char *fmt, ...)
{
	va_list ap;

	if (!w || w->next[0])
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(w->next, sizeof(w->next), fmt, ap);
	va_end(ap);
	return code;
}

int why_report(const struct why *w, const char *program)
{
	(void)fprintf(stderr, "%s: %s\n", program, w->text[0] ? w->text : "failed");
	if (w->next[0])
		(void)fprintf(stderr, "%s: next: %s\n", program, w->next);
	return w->exit ? (int)w->exit : EXIT_FAILED;
}
