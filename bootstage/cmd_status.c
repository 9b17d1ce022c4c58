/*
 * tandem-stage status
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/args.h"
#include "base/io.h"
#include "bootstage/cmd.h"
#include "bootstage/verdict.h"

static void boot_print(const struct handover *h)
{
	(void)printf("boot: slot %s (%s), %s\n", slot_name(h->slot), boot_role_name(h->role), h->note);
	(void)printf("  root      %s on %s\n", h->root, h->disk);
	(void)printf("  record    %s\n", h->record);
	(void)printf("  data      %s\n", h->data);
	(void)printf("  watchdog  %s\n", h->watchdog[0] ? h->watchdog : "none: nothing ends a boot that hangs");
	(void)printf("  boot variables written: %" PRIu32 "\n", h->efi_writes);
	(void)printf("  init ran from %.3f s to %.3f s, %.1f ms of it its own work\n", (double)h->start_us / 1e6,
		     (double)h->handover_us / 1e6, (double)h->own_us / 1e3);
}

static int print_json(const struct handover *h, const char *verdict, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	handover_json(&j, "boot", h);
	if (verdict)
		json_raw(&j, "verdict", verdict);
	else
		json_null(&j, "verdict");
	json_end(&j);
	return json_finish(&j, w);
}

static int print_text(const struct handover *h, const char *verdict, struct why *w)
{
	if (h)
		boot_print(h);
	else
		(void)printf("boot: not started by tandem-init\n");
	(void)printf("%s", verdict ? verdict : "verdict: none yet\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmd_status(int argc, char **argv)
{
	bool as_json = false;
	const struct opt opts[] = { { .name = "json", .help = "print JSON", .flag = &as_json } };
	AUTO_FREE char *verdict = NULL;
	struct why w = { 0 };
	struct handover h;
	struct args args;
	bool handed_over;
	int r = args_parse("tandem-stage status [--json]", "Show how this boot was decided, and its verdict.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = handover_read("", &h, &w);
	handed_over = r == 0;
	if (r == 0 || r == -ENOENT) {
		w = (struct why){ 0 };
		r = file_read(AT_FDCWD, as_json ? VERDICT_JSON : VERDICT_TEXT, VERDICT_MAX, &verdict, NULL, &w);
	}
	if (r && r != -ENOENT)
		return why_report(&w, "tandem-stage");
	w = (struct why){ 0 };
	r = as_json ? print_json(handed_over ? &h : NULL, verdict, &w)
		    : print_text(handed_over ? &h : NULL, verdict, &w);
	return r ? why_report(&w, "tandem-stage") : handed_over || verdict ? EXIT_DONE : EXIT_NOTHING;
}
