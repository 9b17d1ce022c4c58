#include "base/reboot.h"

#include "base/proc.h"

#define TIMEOUT_MS 30000u

int reboot_orderly(struct why *w)
{
	static const char *const systemd[] = { "systemctl", "--no-block", "reboot", NULL };
	static const char *const other[] = { "reboot", NULL };
	/* sd_booted(3) looks for this folder as well. */
	int r = proc_must(access("/run/systemd/system", F_OK) == 0 ? systemd : other, TIMEOUT_MS, w);

	return r ? why_next(w, r, "reboot by hand") : 0;
}
