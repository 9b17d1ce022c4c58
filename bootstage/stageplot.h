/*
 * stageplot - a boot as a picture: one lane for each thing that took time, drawn as SVG.
 * Layer:  bootstage; format. Pure: what is drawn comes in, text goes out.
 * Trust:  names and notes are shown as text whatever is in them; the picture has no scripts and refers to nothing outside.
 */
#ifndef BOOTSTAGE_STAGEPLOT_H
#define BOOTSTAGE_STAGEPLOT_H

#include <stdint.h>
#include <stdio.h>

#include "base/why.h"

/* What a lane is about, in the order of the lanes; each has a colour. */
enum plot_kind {
	PLOT_KERNEL,
	PLOT_INIT,
	PLOT_INITRAMFS,
	PLOT_SYSTEM,
	PLOT_EARLY,
	PLOT_POST,
	PLOT_HEALTH,
	PLOT_VERDICT,
	PLOT_COMMITTED,
	PLOT_KINDS,
};

enum plot_mark {
	PLOT_PASSED,
	PLOT_FAILED,  /* striped, with a cross */
	PLOT_NOT_RUN, /* an empty diamond; times do not count */
	PLOT_RUNNING, /* open at its end */
};

struct plot_item {
	enum plot_kind kind;
	enum plot_mark mark;
	char name[80];             /* cut in the picture when too long, whole where the mouse rests */
	char note[160];            /* behind the duration: why it failed */
	uint64_t start_us, end_us; /* since the kernel started */
};

struct plot {
	char title[160];
	char detail[240];        /* a line below */
	bool failed;             /* so is the title */
	struct plot_item *items; /* drawn by kind, start and name */
	size_t n;
};

/** Draw. The items are put in order. Returns 0; -EIO when the text could not be written. */
MUST_USE int stageplot_write(struct plot *p, FILE *to, struct why *w);

/** "3.4 ms", "340 ms", "1.23 s", "12.3 s", "2 min 05 s". Returns out. */
char *stageplot_duration(uint64_t us, char out[24]);

#endif
