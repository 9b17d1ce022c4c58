#include "bootstage/hook.h"

#include <fcntl.h>

#include "base/io.h"
#include "base/log.h"
#include "bootstage/early.h"
#include "bootstage/init.h"
#include "bootstage/rootfs.h"

#define PARAM_CONF "/conf/param.conf"
#define TRY_AT     HANDOVER_FOLDER "/root"

static struct init self; /* too large for a stack; there is one boot */

/* The builder's own scripts mount the root for good; here it is only tried, so that a bad slot is left in time. */
static int try_slot(struct boot *b, enum slot s, struct why *w)
{
	int r = init_mount(&self, s, TRY_AT, w);

	(void)b;
	if (!r)
		rootfs_unmount(TRY_AT);
	return r;
}

static int name_root(const char *device, struct why *w)
{
	AUTO_FD fd = open(PARAM_CONF, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	char line[DISK_NAME_MAX + 8];
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", PARAM_CONF);
	(void)snprintf(line, sizeof(line), "ROOT=%s\n", device);
	r = write_full(fd, line, strlen(line), PARAM_CONF, w);
	return r ? r : close_checked(&fd, PARAM_CONF, w);
}

static int go(struct boot *b, struct why *w)
{
	int r = name_root(b->disk.root[b->plan.slot].device, w);

	if (r)
		return r;
	(void)snprintf(b->handover.data, sizeof(b->handover.data), "left to the booted system");
	init_hand_over(&self);
	return 0;
}

static const struct boot_ops ops = { .mount = try_slot, .go = go, .reboot = init_reboot };

int hook_run(void)
{
	struct why w = { 0 };

	self.start_us = early_time_us();
	self.boot.ops = &ops;
	log_setup("tandem-init", LOG_INFO);
	log_kmsg();
	/* Without a decision the builder's scripts would mount what root= says, uncounted, or end in a shell nobody sees. */
	if (init_look(&self, false, &w))
		init_give_up(&w);
	return boot_run(&self.boot) == BOOT_STARTED ? EXIT_DONE : EXIT_FAILED;
}
