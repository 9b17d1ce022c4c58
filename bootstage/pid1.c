#include "bootstage/pid1.h"

#include <errno.h>

#include "base/log.h"
#include "bootstage/early.h"
#include "bootstage/init.h"
#include "bootstage/initstages.h"
#include "bootstage/rootfs.h"

static struct init self; /* too large for a stack; there is one PID 1 */
static char **arguments; /* ours; the slot's init gets them */
static int mount_slot(struct boot *b, enum slot s, struct why *w)
{
	int r = init_mount(&self, s, ROOTFS_AT, w);

	if (r)
		return r;
	r = rootfs_volatile(ROOTFS_AT, b->conf.product, w);
	if (r)
		rootfs_unmount(ROOTFS_AT);
	return r;
}

static int go(struct boot *b, struct why *w)
{
	const char *data = b->conf.data[0] ? b->disk.data.device : NULL;
	int r;

	rootfs_data(ROOTFS_AT, b->conf.product, data, b->handover.data);
	watchdog_pet(&self.dog);
	b->left = true;
	r = rootfs_switch(ROOTFS_AT, w);
	if (r)
		return r;
	r = initstages_run(&self, w);
	if (r) {
		b->refused = true;
		return r;
	}
	boot_userspace(b);
	init_hand_over(&self);
	arguments[0] = self.path;
	(void)execv(self.path, arguments);
	return fail_errno(w, "its init %s", self.path);
}

static const struct boot_ops ops = { .mount = mount_slot, .go = go, .reboot = init_reboot };

_Noreturn void pid1_run(char **argv)
{
	struct why mounts = { 0 }, w = { 0 };
	int r;

	self.start_us = early_time_us();
	self.boot.ops = &ops;
	arguments = argv;
	r = early_mounts(&mounts);
	early_console();
	log_setup("tandem-init", LOG_INFO);
	log_kmsg();
	if (r)
		log_error("%s", mounts.text);
	if (init_look(&self, true, &w))
		init_give_up(&w);
	(void)boot_run(&self.boot);
	early_reboot(BOOT_PAUSE_SECONDS);
}
