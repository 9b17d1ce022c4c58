#include "bootstage/stageplot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

/* In pixels, where nothing else is said. */
#define WIDTH       1120
#define LEFT        230 /* of the chart */
#define RIGHT       (WIDTH - 24)
#define TOP         112 /* of the first lane */
#define LANE        26
#define BAR         16
#define GROUP_GAP   8
#define BOTTOM      34
#define CHARACTER   6.9 /* a wide font's average at 12 */
#define NAME_MAX_CH 27  /* characters of a name that fit on the left */
#define TICKS       11  /* at most */
#define THINNEST    2.0

static const struct {
	const char *name, *colour;
} kinds[PLOT_KINDS] = {
	[PLOT_KERNEL] = { "kernel", "#8a94a6" },        [PLOT_INIT] = { "tandem-init", "#2f6db5" },
	[PLOT_INITRAMFS] = { "initramfs", "#2a9d8f" },  [PLOT_SYSTEM] = { "system start", "#b9c3d0" },
	[PLOT_EARLY] = { "early", "#5aa645" },          [PLOT_POST] = { "post", "#d9a520" },
	[PLOT_HEALTH] = { "health probes", "#8e63b5" }, [PLOT_VERDICT] = { "verdict", "#d9722e" },
	[PLOT_COMMITTED] = { "committed", "#a5673f" },
};

/* What the lanes have in common. */
struct chart {
	FILE *to;
	uint64_t span_us;
	uint64_t step_us;
	int height;
	bool has[PLOT_KINDS];
	bool failed, not_run;
};

/* Length of the character at the front of s, 0 when it is none that can be shown. */
static size_t character(const char *s, size_t n)
{
	size_t length = utf8_length(bytes_of(s, n));

	if (length == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f))
		return 0;
	if (length == 3 && memcmp(s, "\xef\xbf", 2) == 0 && (unsigned char)s[2] >= 0xbe)
		return 0; /* U+FFFE and U+FFFF */
	return length;
}

/* At most `most` characters as XML text; what is cut off becomes an ellipsis, what cannot be shown a question mark. */
static void put_text(FILE *to, const char *text, size_t most)
{
	static const struct {
		char c;
		const char *text;
	} special[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" } };
	size_t n = strlen(text), length;

	for (size_t i = 0, shown = 0; i < n; i += length ? length : 1, shown++) {
		const char *as = NULL;

		length = character(text + i, n - i);
		if (shown + 1 == most && i + (length ? length : 1) < n) {
			(void)fputs("\xe2\x80\xa6", to);
			return;
		}
		for (size_t k = 0; k < ARRAY_SIZE(special); k++)
			if (text[i] == special[k].c)
				as = special[k].text;
		if (as)
			(void)fputs(as, to);
		else
			(void)fprintf(to, "%.*s", length ? (int)length : 1, length ? text + i : "?");
	}
}

static size_t characters(const char *text)
{
	size_t n = strlen(text), shown = 0, length;

	for (size_t i = 0; i < n; i += length ? length : 1, shown++)
		length = character(text + i, n - i);
	return shown;
}

char *stageplot_duration(uint64_t us, char out[24])
{
	double ms = (double)us / 1e3;

	if (us < 9950)
		(void)snprintf(out, 24, "%.1f ms", ms);
	else if (us < 999500)
		(void)snprintf(out, 24, "%.0f ms", ms);
	else if (us < 9995000)
		(void)snprintf(out, 24, "%.2f s", ms / 1e3);
	else if (us < 99950000)
		(void)snprintf(out, 24, "%.1f s", ms / 1e3);
	else
		(void)snprintf(out, 24, "%" PRIu64 " min %02" PRIu64 " s", (us + 500000) / 60000000,
			       (us + 500000) / 1000000 % 60);
	return out;
}

static double x_of(const struct chart *c, uint64_t us)
{
	return LEFT + (double)us / (double)c->span_us * (RIGHT - LEFT);
}

/* 1, 2 or 5 times a power of ten, so that there are TICKS at most. */
static uint64_t step_for(uint64_t span_us)
{
	static const unsigned int factors[] = { 1, 2, 5 };
	uint64_t ten = 100;

	for (;; ten *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
			if (span_us / (ten * factors[i]) < TICKS || ten > UINT64_MAX / 100)
				return ten * factors[i];
}

/* One unit for the whole axis, as many decimals as the step has. */
static void put_tick(const struct chart *c, uint64_t us)
{
	if (c->step_us < 1000)
		(void)fprintf(c->to, "%.1f ms", (double)us / 1e3);
	else if (c->span_us < 1500000)
		(void)fprintf(c->to, "%" PRIu64 " ms", us / 1000);
	else
		(void)fprintf(c->to, "%.*f s",
			      c->step_us < 100000    ? 2
			      : c->step_us < 1000000 ? 1
						     : 0,
			      (double)us / 1e6);
}

static void put_axis(const struct chart *c)
{
	int bottom = c->height - BOTTOM;

	for (uint64_t us = 0; us <= c->span_us; us += c->step_us) {
		double x = x_of(c, us);

		(void)fprintf(c->to, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x, TOP - 8, bottom);
		for (int end = 0; end < 2; end++) {
			(void)fprintf(c->to, "<text class=\"tick\" x=\"%.1f\" y=\"%d\">", x,
				      end ? bottom + 16 : TOP - 14);
			put_tick(c, us);
			(void)fputs("</text>", c->to);
		}
		(void)fputc('\n', c->to);
	}
}

static void put_diamond(FILE *to, double x, double y)
{
	(void)fprintf(to, "<path class=\"skip\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\"/>", x, y - 6);
}

static void put_cross(FILE *to, double x, double y)
{
	(void)fprintf(to, "<circle class=\"cross\" cx=\"%.1f\" cy=\"%.1f\" r=\"8\"/>", x, y);
	(void)fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fl7 7m0 -7l-7 7\"/>", x - 3.5, y - 3.5);
}

/* Returns where the next entry goes. */
static double put_entry(FILE *to, double x, const char *fill, const char *name)
{
	if (fill)
		(void)fprintf(to, "<rect x=\"%.1f\" y=\"66\" width=\"14\" height=\"12\" rx=\"2\" fill=\"%s\"/>", x,
			      fill);
	(void)fprintf(to, "<text x=\"%.1f\" y=\"76\">", x + 19);
	put_text(to, name, SIZE_MAX);
	(void)fputs("</text>\n", to);
	return x + 19 + (double)characters(name) * CHARACTER + 16;
}

static void put_legend(const struct chart *c)
{
	double x = 24;

	for (enum plot_kind k = 0; k < PLOT_KINDS; k++)
		if (c->has[k])
			x = put_entry(c->to, x, kinds[k].colour, kinds[k].name);
	if (c->failed) {
		put_cross(c->to, x + 7, 72);
		x = put_entry(c->to, x, NULL, "failed");
	}
	if (c->not_run) {
		put_diamond(c->to, x + 7, 72);
		(void)put_entry(c->to, x, NULL, "not run");
	}
}

/* What a label on a bar stands on. */
static void put_plate(FILE *to, double middle, double y, double wide)
{
	(void)fprintf(
		to,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"#fff\" rx=\"3\" fill-opacity=\".9\"/>",
		middle - wide / 2 - 5, y - BAR / 2.0, wide + 10, BAR);
}

/*
 * A duration and what there is to say: behind the bar, before it or on it, where it fits first, else where there is most
 * room, cut to that.
 */
static void put_label(const struct chart *c, const struct plot_item *i, double x0, double x1, double y)
{
	static const char *const anchors[] = { "start", "end", "middle" };
	const double room[] = { RIGHT - x1, x0 - LEFT, x1 - x0 - 24 }, at[] = { x1, x0, (x0 + x1) / 2 };
	bool not_run = i->mark == PLOT_NOT_RUN;
	char duration[24], text[200];
	size_t where = 0, fits;

	(void)snprintf(text, sizeof(text), "%s%s%s",
		       not_run ? "" : stageplot_duration(i->end_us - i->start_us, duration),
		       !not_run && i->note[0] ? ": " : "", i->note);
	while (where < 3 && room[where] < (double)characters(text) * CHARACTER)
		where++;
	if (where == 3)
		where = room[0] >= room[1] && room[0] >= room[2] ? 0 : room[1] >= room[2] ? 1 : 2;
	fits = room[where] > 8 * CHARACTER ? (size_t)(room[where] / CHARACTER) : 8;
	if (where == 2)
		put_plate(c->to, at[2], y, (double)characters(text) * CHARACTER);
	(void)fprintf(c->to, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
		      i->mark == PLOT_FAILED ? "bad" : "time", at[where], y + 4, anchors[where]);
	put_text(c->to, text, fits);
	(void)fputs("</text>", c->to);
}

static void put_bar(const struct chart *c, const struct plot_item *i, double y)
{
	double x0 = x_of(c, i->start_us), wide = x_of(c, i->end_us) - x0;
	double top = y - BAR / 2.0, x1;

	wide = wide < THINNEST ? THINNEST : wide;
	x1 = x0 + wide;
	(void)fprintf(c->to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"%d\" fill=\"%s\"%s/>", x0,
		      top, wide, BAR, wide < 6 ? 0 : 3, kinds[i->kind].colour,
		      i->mark == PLOT_RUNNING ? " fill-opacity=\".35\"" : "");
	if (i->mark == PLOT_FAILED) {
		(void)fprintf(c->to,
			      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"url(#stripes)\"/>", x0,
			      top, wide, BAR);
		put_cross(c->to, x1 + 4, y);
		x1 += 12;
	}
	if (i->mark == PLOT_RUNNING)
		(void)fprintf(c->to, "<path class=\"open\" d=\"M%.1f %.1fv%dm4 -%dl5 %dl-5 %d\"/>", x1, top, BAR, BAR,
			      BAR / 2, BAR / 2);
	put_label(c, i, x0 - 7, x1 + (i->mark == PLOT_RUNNING ? 15 : 7), y);
}

static void put_lane(const struct chart *c, const struct plot_item *i, uint64_t at_us, double y)
{
	char duration[24];

	(void)fputs("<g><title>", c->to);
	put_text(c->to, i->name, SIZE_MAX);
	if (i->mark != PLOT_NOT_RUN)
		(void)fprintf(c->to, ": %.3f s to %.3f s, %s", (double)i->start_us / 1e6, (double)i->end_us / 1e6,
			      stageplot_duration(i->end_us - i->start_us, duration));
	if (i->note[0])
		(void)fputs("; ", c->to);
	put_text(c->to, i->note, SIZE_MAX);
	(void)fprintf(c->to, "</title><text class=\"name\" x=\"%d\" y=\"%.1f\">", LEFT - 12, y + 4);
	put_text(c->to, i->name, NAME_MAX_CH);
	(void)fputs("</text>", c->to);
	if (i->mark == PLOT_NOT_RUN) {
		double x = x_of(c, at_us);

		put_diamond(c->to, x, y);
		put_label(c, i, x - 12, x + 12, y);
	} else {
		put_bar(c, i, y);
	}
	(void)fputs("</g>\n", c->to);
}

/* What did not run is shown where the boot had come to by then. */
static void put_lanes(const struct chart *c, const struct plot *p)
{
	uint64_t at_us = 0;
	double y = TOP + LANE / 2.0;

	for (size_t i = 0; i < p->n; i++) {
		const struct plot_item *item = &p->items[i];

		if (i > 0 && item->kind != p->items[i - 1].kind)
			y += GROUP_GAP;
		if (item->mark != PLOT_NOT_RUN && item->kind != PLOT_SYSTEM && item->end_us > at_us)
			at_us = item->end_us;
		put_lane(c, item, at_us, y);
		y += LANE;
	}
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What did not run comes last of its kind. */
static int by_lane(const void *a, const void *b)
{
	const struct plot_item *x = a, *y = b;
	int r = compare(x->kind, y->kind);

	r = r ? r : compare(x->mark == PLOT_NOT_RUN, y->mark == PLOT_NOT_RUN);
	r = r ? r : compare(x->start_us, y->start_us);
	return r ? r : strcmp(x->name, y->name);
}

static struct chart lay_out(struct plot *p, FILE *to)
{
	struct chart c = { .to = to, .span_us = 1000, .height = TOP + BOTTOM };

	for (size_t i = 0; i < p->n; i++) {
		struct plot_item *item = &p->items[i];

		if (item->end_us < item->start_us)
			item->end_us = item->start_us;
		if (item->mark != PLOT_NOT_RUN && item->end_us > c.span_us)
			c.span_us = item->end_us;
		c.has[item->kind] = true;
		c.failed |= item->mark == PLOT_FAILED;
		c.not_run |= item->mark == PLOT_NOT_RUN;
	}
	if (p->n > 0)
		qsort(p->items, p->n, sizeof(*p->items), by_lane);
	for (size_t i = 0; i < p->n; i++)
		c.height += LANE + (i > 0 && p->items[i].kind != p->items[i - 1].kind ? GROUP_GAP : 0);
	c.span_us += c.span_us / 16; /* room for the last label */
	c.step_us = step_for(c.span_us);
	return c;
}

static const char style[] =
	"<style>\n"
	"text{font:12px 'DejaVu Sans',Verdana,Arial,sans-serif;fill:#1d2733}\n"
	".title{font-size:20px;font-weight:bold}\n"
	".detail{fill:#56616f}\n"
	".name{text-anchor:end}\n"
	".time{fill:#56616f}\n"
	".bad{fill:#b3141d;font-weight:bold}\n"
	".title.bad{fill:#b3141d}\n"
	".tick{text-anchor:middle;font-size:11px;fill:#7b8694}\n"
	".grid{stroke:#e4e8ed;fill:none}\n"
	".cross{fill:#c9242b;stroke:#fff;stroke-width:1.5}\n"
	".mark{stroke:#fff;stroke-width:2;fill:none;stroke-linecap:round}\n"
	".skip{fill:#fff;stroke:#7b8694;stroke-width:1.5;stroke-dasharray:3 2}\n"
	".open{stroke:#7b8694;stroke-width:1.5;fill:none}\n"
	"</style>\n"
	"<defs><pattern id=\"stripes\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" "
	"patternTransform=\"rotate(45)\"><rect width=\"4\" height=\"8\" fill=\"#c9242b\"/></pattern></defs>\n";

int stageplot_write(struct plot *p, FILE *to, struct why *w)
{
	struct chart c = lay_out(p, to);

	(void)fprintf(to,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		      "role=\"img\">\n<title>",
		      WIDTH, c.height, WIDTH, c.height);
	put_text(to, p->title, SIZE_MAX);
	(void)fprintf(to, "</title>\n%s<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", style, WIDTH, c.height);
	(void)fprintf(to, "<text class=\"title%s\" x=\"24\" y=\"32\">", p->failed ? " bad" : "");
	put_text(to, p->title, 80);
	(void)fputs("</text>\n<text class=\"detail\" x=\"24\" y=\"52\">", to);
	put_text(to, p->detail, 150);
	(void)fputs("</text>\n", to);
	put_legend(&c);
	put_axis(&c);
	put_lanes(&c, p);
	(void)fputs("</svg>\n", to);
	return fflush(to) || ferror(to) ? fail(w, -EIO, "the picture cannot be written") : 0;
}
