#include "base/progress.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/proc.h"

#define BAR_EVERY_MS  100u
#define JSON_EVERY_MS 500u
#define BAR_WIDTH     30u

int progress_style_parse(const char *value, enum progress_style *ret, struct why *w)
{
	static const char *const words[] = {
		[PROGRESS_NONE] = "none", [PROGRESS_BAR] = "bar", [PROGRESS_JSON] = "json"
	};

	if (!value) {
		*ret = isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_NONE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i], value) == 0) {
			*ret = (enum progress_style)i;
			return 0;
		}
	}
	return misuse(w, -EINVAL, "--progress=%s: want bar, json or none", value);
}

struct progress progress_begin(const char *what, enum progress_style style)
{
	return (struct progress){
		.to = style == PROGRESS_JSON ? stdout : stderr, .what = what, .style = style, .begun_ms = now_ms()
	};
}

/* "12 s" or "3:25". */
static void format_seconds(uint64_t seconds, char out[24])
{
	if (seconds < 60)
		(void)snprintf(out, 24, "%u s", (unsigned int)seconds);
	else
		(void)snprintf(out, 24, "%llu:%02u", (unsigned long long)(seconds / 60), (unsigned int)(seconds % 60));
}

char *progress_format(const char *what, uint64_t done_bytes, uint64_t total_bytes, uint64_t elapsed_ms,
		      unsigned int columns, char out[PROGRESS_LINE_MAX])
{
	/* double: bytes times milliseconds may not fit an integer, and three digits are enough here */
	double part = total_bytes ? (double)done_bytes / (double)total_bytes : 1;
	double rate = elapsed_ms ? (double)done_bytes * 1000 / (double)elapsed_ms : 0;
	char bar[BAR_WIDTH + 1], size[16], speed[16], left[24] = "";
	size_t filled;
	int n;

	part = part > 1 ? 1 : part;
	filled = (size_t)(part * BAR_WIDTH);
	memset(bar, '#', filled);
	memset(bar + filled, '.', BAR_WIDTH - filled);
	bar[BAR_WIDTH] = '\0';
	if (rate > 0 && done_bytes < total_bytes)
		format_seconds((uint64_t)((double)(total_bytes - done_bytes) / rate + 0.5), left);
	n = snprintf(out, PROGRESS_LINE_MAX, "%s [%s] %3u%%  %s  %s/s%s%s", what, bar, (unsigned int)(part * 100),
		     format_size(done_bytes, size), format_size((uint64_t)rate, speed), left[0] ? "  left " : "", left);
	if (n > 0 && (unsigned int)n > columns && columns < PROGRESS_LINE_MAX)
		out[columns] = '\0';
	return out;
}

static unsigned int columns_of(FILE *to)
{
	struct winsize size;

	return ioctl(fileno(to), TIOCGWINSZ, &size) || size.ws_col < 20 ? 79 : size.ws_col - 1u;
}

static void show_json(const struct progress *p, uint64_t done, uint64_t total, uint64_t elapsed)
{
	struct json j = { .to = p->to, .line = true };

	json_object(&j, NULL);
	json_string(&j, "event", "progress");
	json_string(&j, "what", p->what);
	json_u64(&j, "done_bytes", done);
	json_u64(&j, "total_bytes", total);
	json_u64(&j, "elapsed_ms", elapsed);
	json_end(&j);
	(void)!json_finish(&j, NULL); /* a reader that went away is no reason to stop the work */
}

void progress_step(struct progress *p, uint64_t done_bytes, uint64_t total_bytes)
{
	uint64_t now = now_ms(), every = p->style == PROGRESS_JSON ? JSON_EVERY_MS : BAR_EVERY_MS;
	char line[PROGRESS_LINE_MAX];

	if (p->style == PROGRESS_NONE || (p->shown && done_bytes < total_bytes && now - p->shown_ms < every))
		return;
	p->shown = true;
	p->shown_ms = now;
	if (p->style == PROGRESS_JSON) {
		show_json(p, done_bytes, total_bytes, now - p->begun_ms);
		return;
	}
	(void)fprintf(p->to, "\r\033[K%s",
		      progress_format(p->what, done_bytes, total_bytes, now - p->begun_ms, columns_of(p->to), line));
	(void)fflush(p->to);
}

void progress_end(struct progress *p)
{
	if (p->style == PROGRESS_BAR && p->shown) {
		(void)fprintf(p->to, "\r\033[K");
		(void)fflush(p->to);
	}
	p->shown = false;
}
