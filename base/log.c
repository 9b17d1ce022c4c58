#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEEP_BYTES 16384u

static struct {
	const char *program;
	enum log_level level;
	int kmsg;
	bool full; /* a line did not fit; none after it is kept, so that there is no gap */
	size_t n;
	char kept[KEEP_BYTES];
} self = { .program = "tandem", .level = LOG_INFO, .kmsg = -1 };

void log_setup(const char *program, enum log_level level)
{
	self.program = program;
	self.level = level;
}

void log_kmsg(void)
{
	if (self.kmsg < 0)
		self.kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

static void keep(const char *line, size_t n)
{
	self.full = self.full || self.n + n + 1 > sizeof(self.kept);
	if (self.full)
		return; /* the first lines explain a boot; later ones are in the journal as well */
	memcpy(self.kept + self.n, line, n);
	self.n += n;
	self.kept[self.n] = '\0';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[700], line[800];
	struct timespec t = { 0 };
	va_list ap;
	int n;

	if (level > self.level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	n = snprintf(line, sizeof(line), "%lld.%03ld %s\n", (long long)t.tv_sec, t.tv_nsec / 1000000, text);
	if (n > 0)
		keep(line, (size_t)n);
	if (self.kmsg >= 0) {
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", (int)level, self.program, text);
		if (n > 0 && write(self.kmsg, line, (size_t)n) < 0)
			return;
	} else {
		(void)fprintf(stderr, "%s: %s\n", self.program, text);
	}
}

const char *log_text(void)
{
	return self.kept;
}
