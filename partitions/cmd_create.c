/*
 * tandem-disk create
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/parse.h"
#include "base/progress.h"
#include "partitions/bootstate.h"
#include "partitions/cmd.h"
#include "partitions/diskmake.h"

#define USAGE                                                                                                          \
	"tandem-disk create -o DISK [--config FILE] [--size SIZE] [--seed TEXT] [--force] [--put NAME=FILE ...] "      \
	"[--slot SLOT=VERSION ...] [--json] [--progress HOW]"
#define HELP                                                                                                           \
	"Partition a disk or an image file as layout.conf says, make the filesystems and put contents in. An image\n"  \
	"file needs no root and appears under its name only when it is whole. A device that is in use is never\n"      \
	"written; one that holds something known only with --force."

struct create {
	const char *output, *config, *size, *seed, *progress;
	struct args_list puts, slots;
	bool force, json, show_layout;
};

#define PUT_TARGET_MAX 256u /* a partition name and a path in the ESP: LAYOUT_NAME_BYTES, fsmake_path_check() */

/* Contents as --put gave them; the words that `at` points to are in `room`. */
struct contents {
	struct diskmake_put at[ARGS_LIST_MAX];
	char room[ARGS_LIST_MAX][PUT_TARGET_MAX];
	size_t n;
};

/* "NAME=FILE" or "NAME:/PATH=FILE". */
static int parse_put(const char *word, struct contents *into, struct why *w)
{
	char *room = into->room[into->n];
	size_t n = strcspn(word, "=");
	char *colon;

	if (word[n] != '=' || n == 0 || !word[n + 1])
		return misuse(w, -EINVAL, "--put %s: write NAME=FILE, or NAME:/PATH=FILE", word);
	if (n >= PUT_TARGET_MAX)
		return misuse(w, -E2BIG, "--put %.40s...: too long", word);
	memcpy(room, word, n);
	room[n] = '\0';
	colon = strchr(room, ':');
	if (colon)
		*colon = '\0';
	into->at[into->n++] =
		(struct diskmake_put){ .part = room, .path = colon ? colon + 1 : NULL, .file = word + n + 1 };
	return 0;
}

/* "VERSION[,IMAGE-ID[,EPOCH]]", after the "a=" of --slot. */
static int parse_slot_info(const char *text, struct slot_info *ret, struct why *w)
{
	size_t version = strcspn(text, ",");
	const char *id = text[version] ? text + version + 1 : NULL;
	const char *epoch = id ? strchr(id, ',') : NULL;
	char hex[2 * HASH_BYTES + 1] = "";
	struct slot_info s = { .state = STATE_GOOD };
	size_t n;
	int r = 0;

	if (version == 0 || version >= sizeof(s.version))
		return misuse(w, -EINVAL, "a version has 1 to %zu characters", sizeof(s.version) - 1);
	for (size_t i = 0; i < version; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return misuse(w, -EINVAL, "a version has no blanks and only ASCII characters");
	memcpy(s.version, text, version);
	n = id ? strcspn(id, ",") : 0;
	if (id && n != sizeof(hex) - 1)
		return misuse(w, -EINVAL, "an image id has %zu hex digits", sizeof(hex) - 1);
	if (id) {
		memcpy(hex, id, n);
		r = parse_hex(hex, s.image_id.b, HASH_BYTES, w);
	}
	if (!r && epoch)
		r = parse_u64(epoch + 1, UINT64_MAX, &s.epoch, w);
	if (!r)
		*ret = s;
	return r;
}

/* The slots of --slot, the first of which is committed. */
static int parse_slots(const struct args_list *words, struct bootrec *ret, struct why *w)
{
	struct slot_info info[2] = { { .state = STATE_EMPTY }, { .state = STATE_EMPTY } };
	enum slot first = SLOT_NONE;

	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->at[i];
		enum slot s = word[0] == 'a' ? SLOT_A : word[0] == 'b' ? SLOT_B : SLOT_NONE;
		int r;

		if (s == SLOT_NONE || word[1] != '=')
			return misuse(w, -EINVAL, "--slot %s: write a=VERSION or b=VERSION", word);
		if (info[s].state != STATE_EMPTY)
			return misuse(w, -EINVAL, "--slot %s: the slot is given twice", word);
		r = parse_slot_info(word + 2, &info[s], w);
		if (r)
			return why_in(w, r, "--slot %s", word);
		first = first == SLOT_NONE ? s : first;
	}
	*ret = boot_first(first, &info[first], &info[slot_other(first)]);
	return 0;
}

/* What does not fit, as a table. */
static void report_room(const struct layout *l, const struct diskmake *m)
{
	struct layout_plan p = layout_wish(l, m->size_bytes, m->sector_bytes);
	char size[16], end[16], usable[16];

	(void)fprintf(stderr, "%-20s  %10s  %10s\n", "PARTITION", "SIZE", "ENDS AT");
	for (size_t i = 0; i < l->n; i++) {
		uint64_t to = p.at[i].start_bytes + p.at[i].size_bytes;

		(void)fprintf(stderr, "%-20s  %10s  %10s%s\n", l->part[i].name, format_size(p.at[i].size_bytes, size),
			      format_size(to, end), to > p.usable_bytes ? "  does not fit" : "");
	}
	(void)fprintf(stderr, "%-20s  %10s  %10s\n", "usable", "", format_size(p.usable_bytes, usable));
}

static bool stop(void *arg)
{
	(void)arg;
	return interrupt_seen();
}

static void step(void *arg, uint64_t done, uint64_t of_all)
{
	progress_step(arg, done, of_all);
}

/* Each step is named where a person is watching. */
static void note(void *arg, const char *doing)
{
	struct progress *p = arg;

	progress_end(p);
	if (p->style == PROGRESS_BAR)
		(void)fprintf(p->to, "%s\n", doing);
}

static int show_result(const char *path, bool json, struct why *w)
{
	CLEANUP(diskinspect_done) struct diskinspect d = { 0 };
	int r = diskinspect_read(path, &d, w);

	return r ? r : print_inspect(&d, json, w);
}

static int make(const struct create *c, const struct diskmake_request *asked, struct why *w)
{
	AUTO_FREE struct diskmake *m = calloc(1, sizeof(*m));
	enum progress_style style = PROGRESS_NONE;
	struct progress progress;
	struct diskcopy_watch watch = { .stop = stop, .step = step, .arg = &progress };
	struct diskmake_request want = *asked;
	int r = progress_style_parse(c->progress, &style, w);

	if (r)
		return r;
	if (!m)
		return fail(w, -ENOMEM, "out of memory");
	r = diskmake_plan(&want, m, w);
	if (r == -ENOSPC)
		report_room(want.layout, m);
	if (r)
		return r;
	if (m->esp_tight)
		(void)fprintf(stderr, "tandem-disk: warning: the ESP has less than four times the largest boot file; "
				      "an update may find no room\n");
	interrupt_catch();
	(void)signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error to report, not a death */
	progress = progress_begin("write", style);
	want.watch = &watch;
	want.note = note;
	want.note_arg = &progress;
	r = diskmake_run(m, w);
	progress_end(&progress);
	return r || style == PROGRESS_JSON ? r : show_result(m->target, c->json, w);
}

static int create(const struct create *c, struct why *w)
{
	struct diskmake_request want = { .target = c->output, .seed = c->seed, .force = c->force };
	AUTO_FREE struct contents *puts = calloc(1, sizeof(*puts));
	const char *defaults = layout_default_text();
	struct layout layout;
	struct bootrec record;
	int r = c->config ? layout_read_file(c->config, &layout, w)
			  : layout_parse(bytes_str(defaults), "default layout", &layout, w);

	if (!r && !puts)
		r = fail(w, -ENOMEM, "out of memory");
	if (!r && c->size)
		r = parse_size(c->size, &want.size_bytes, w);
	for (size_t i = 0; !r && i < c->puts.n; i++)
		r = parse_put(c->puts.at[i], puts, w);
	if (!r && c->slots.n > 0) {
		r = parse_slots(&c->slots, &record, w);
		want.record = &record;
	}
	if (r)
		return r;
	want.layout = &layout;
	want.puts = puts->at;
	want.n_puts = puts->n;
	return make(c, &want, w);
}

int cmd_create(int argc, char **argv)
{
	struct create c = { 0 };
	const struct opt opts[] = {
		{ .name = "output", .letter = 'o', .arg = "DISK", .help = "device or image file", .value = &c.output },
		{ .name = "config", .arg = "FILE", .help = "layout.conf; a default if not given", .value = &c.config },
		{ .name = "size", .arg = "SIZE", .help = "of an image file, such as 4G", .value = &c.size },
		{ .name = "put",
		  .arg = "NAME=FILE",
		  .help = "image into a partition, or NAME:/PATH=FILE: file into its vfat; may be repeated",
		  .list = &c.puts },
		{ .name = "slot",
		  .arg = "a=VERSION[,ID[,EPOCH]]",
		  .help = "slot that holds a good image; the first one is committed",
		  .list = &c.slots },
		{ .name = "seed",
		  .arg = "TEXT",
		  .help = "same text, same disk: for builds to repeat",
		  .value = &c.seed },
		{ .name = "force", .help = "over what is known; never over what is in use", .flag = &c.force },
		{ .name = "show-layout", .help = "print the default layout and do nothing", .flag = &c.show_layout },
		{ .name = "json", .help = "print the result as 'inspect --json' does", .flag = &c.json },
		{ .name = "progress", .arg = "HOW", .help = "bar, json or none", .value = &c.progress },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	if (c.show_layout)
		return printf("%s", layout_default_text()) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (!c.output) {
		(void)misuse(&w, -EINVAL, "which disk? give -o DISK");
		return why_report(&w, "tandem-disk create");
	}
	r = create(&c, &w);
	return r ? why_report(&w, "tandem-disk create") : EXIT_DONE;
}
