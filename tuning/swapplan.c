#include "tuning/swapplan.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/parse.h"

#define MIB (UINT64_C(1) << 20)

/* Every area lacks its first page, which is 64 KiB at most: an area of 16 GiB is meant to be 16 GiB of swap. */
#define SLACK MIB

const char *swap_outcome_name(enum swap_outcome outcome)
{
	static const char *const names[] = { "met", "make", "degraded", "refused" };

	return names[outcome];
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t missing_of(uint64_t want, uint64_t have)
{
	return want > have + SLACK ? want - have : 0;
}

static void PRINTF(2, 3) say(char out[160], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, 160, fmt, ap);
	va_end(ap);
}

/* What the policy demands of this machine (C1). */
static void demand(const struct facts *f, const struct tuneconf *c, enum profile profile, struct swapplan *p)
{
	char table[16], guarantee[16], ram[16], goal[16];

	if (c->swap_policy != SWAP_GUARANTEE)
		p->table_bytes = c->profile[profile].swap_bytes;
	if (c->swap_policy != SWAP_PROFILE)
		p->floor_bytes = larger(c->swap_guarantee_bytes, f->usable_ram_bytes);
	p->goal_bytes = larger(p->table_bytes, p->floor_bytes);
	(void)format_size(p->table_bytes, table);
	(void)format_size(c->swap_guarantee_bytes, guarantee);
	(void)format_size(f->usable_ram_bytes, ram);
	(void)format_size(p->goal_bytes, goal);
	if (c->swap_policy == SWAP_PROFILE)
		say(p->formula, "profile %s: %s", profile_name(profile), table);
	else if (c->swap_policy == SWAP_GUARANTEE)
		say(p->formula, "max(%s, %s RAM) = %s", guarantee, ram, goal);
	else
		say(p->formula, "max(profile %s %s, max(%s, %s RAM)) = %s", profile_name(profile), table, guarantee,
		    ram, goal);
}

/* What counts: toward the table, and toward the guarantee. */
struct supply {
	uint64_t table, floor;
};

/* Of the files at the configured place, whoever made them. */
static uint64_t file_bytes(const struct swapfiles *files, bool active)
{
	uint64_t n = 0;

	for (size_t i = 0; i < files->n; i++)
		if (files->at[i].valid && files->at[i].active == active)
			n += files->at[i].bytes;
	return n;
}

static uint64_t still_missing(const struct swapplan *p, const struct supply *s)
{
	return larger(missing_of(p->table_bytes, s->table), missing_of(p->floor_bytes, s->floor));
}

/* What is switched on. Without count_existing only files at the configured place do, unless everything meets the goal. */
static struct supply survey(const struct facts *f, const struct tuneconf *c, const struct swapfiles *files,
			    struct swapplan *p)
{
	struct supply all, own = { .table = file_bytes(files, true) };

	for (size_t i = 0; i < f->n_swaps; i++) {
		p->have_bytes += f->swaps[i].bytes;
		p->zram_bytes += f->swaps[i].zram ? f->swaps[i].bytes : 0;
	}
	all = (struct supply){ .table = p->have_bytes, .floor = p->have_bytes - p->zram_bytes };
	own.floor = own.table;
	return c->swap_count_existing || !still_missing(p, &all) ? all : own;
}

/* Switch on what is there, in order, as long as something is missing. */
static void activate(const struct swapfiles *files, struct swapplan *p, struct supply *s)
{
	for (size_t i = 0; i < files->n && still_missing(p, s); i++) {
		if (!files->at[i].valid || files->at[i].active)
			continue;
		p->activate[i] = true;
		p->activate_bytes += files->at[i].bytes;
		s->table += files->at[i].bytes;
		s->floor += files->at[i].bytes;
	}
	p->missing_bytes = (still_missing(p, s) + MIB - 1) / MIB * MIB;
}

/*
 * Half of what is free (C2). What files at the place take already is of that half, so that planning again after it was
 * made does not take half of the rest.
 */
static uint64_t half_of_free(const struct tuneconf *c, const struct swapfiles *files, const struct swapplan *p,
			     uint64_t free_bytes)
{
	uint64_t taken = file_bytes(files, true) + file_bytes(files, false), half = free_bytes / 2 + taken / 2, n;

	n = half > taken ? (half - taken) / MIB * MIB : 0;
	n = n < p->missing_bytes ? n : p->missing_bytes;
	return n < c->swap_smallest_bytes ? 0 : n;
}

/* The disk is too full for all that is missing. */
static void make_do(const struct tuneconf *c, const struct swapfiles *files, uint64_t free_bytes, struct supply *s,
		    struct swapplan *p)
{
	uint64_t half = half_of_free(c, files, p, free_bytes);
	char missing[16], reserve[16], left[16], part[16], floor[16];

	(void)format_size(p->missing_bytes, missing);
	(void)format_size(c->swap_reserve_bytes, reserve);
	(void)format_size(free_bytes, left);
	(void)format_size(half, part);
	(void)format_size(p->floor_bytes, floor);
	s->floor += half;
	if (missing_of(p->floor_bytes, s->floor)) {
		p->outcome = SWAP_REFUSED;
		if (!files->next[0])
			say(p->reason, "%s missing, and there is no place for a file: %s", missing, files->why);
		else
			say(p->reason, "%s and %s to spare are missing, %s is free, half of it is not enough for %s",
			    missing, reserve, left, floor);
		return;
	}
	p->outcome = SWAP_DEGRADED;
	p->create_bytes = half;
	if (!files->next[0])
		say(p->reason, "%s missing, and there is no place for a file: %s", missing, files->why);
	else if (half == p->missing_bytes)
		say(p->reason, "%s missing and made, but %s free: less than %s is left", missing, left, reserve);
	else if (half)
		say(p->reason, "%s missing with %s to spare, but %s free: half of that", missing, reserve, left);
	else
		say(p->reason, "%s missing, but %s free", missing, left);
}

void swapplan_make(const struct facts *f, const struct tuneconf *c, enum profile profile, const struct swapfiles *files,
		   uint64_t free_bytes, struct swapplan *ret)
{
	struct supply s;
	char missing[16], have[16];

	*ret = (struct swapplan){ .outcome = SWAP_MET };
	demand(f, c, profile, ret);
	s = survey(f, c, files, ret);
	activate(files, ret, &s);
	(void)format_size(ret->missing_bytes, missing);
	(void)format_size(ret->have_bytes, have);
	if (ret->missing_bytes == 0) {
		say(ret->reason, "%s",
		    ret->activate_bytes ? "a file that is there has to be switched on" : "enough is switched on");
	} else if (files->next[0] && free_bytes >= ret->missing_bytes &&
		   free_bytes - ret->missing_bytes >= c->swap_reserve_bytes) {
		ret->outcome = SWAP_MADE;
		ret->create_bytes = ret->missing_bytes;
		say(ret->reason, "%s switched on, %s missing", ret->have_bytes ? have : "nothing is", missing);
	} else {
		make_do(c, files, files->next[0] ? free_bytes : 0, &s, ret);
	}
}
