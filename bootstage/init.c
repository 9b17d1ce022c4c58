#include "bootstage/init.h"

#include <fcntl.h>

#include "base/io.h"
#include "base/log.h"
#include "bootstage/early.h"
#include "bootstage/modules.h"
#include "bootstage/rootfs.h"
#include "bootstage/survey.h"
#include "bootstage/uevent.h"

static void load_modules(struct init *i)
{
	uint64_t start = early_time_us();
	AUTO_FREE char *list = NULL;
	struct modules_result done;
	struct why w = { 0 };
	size_t n = 0;

	if (file_read(AT_FDCWD, MODULES_LIST, MODULES_LIST_MAX, &list, &n, &w)) {
		log_warn("no modules are loaded: %s", w.text);
		return;
	}
	modules_load(bytes_of(list, n), i->cmdline, module_finit, &done);
	i->modules_us = early_time_us() - start;
	log_info("modules loaded=%u present=%u failed=%u ms=%llu", done.loaded, done.present, done.failed,
		 (unsigned long long)i->modules_us / 1000);
}

static void arm_watchdog(struct init *i)
{
	struct handover *h = &i->boot.handover;
	struct why w = { 0 };

	i->dog.fd = -1;
	if (i->boot.conf.watchdog_seconds == 0)
		return;
	if (watchdog_arm("/dev", i->boot.conf.watchdog_seconds, &i->dog, &w)) {
		log_warn("no watchdog ends a boot that hangs: %s", w.text);
		return;
	}
	log_info("watchdog=%s seconds=%u", i->dog.device, i->dog.seconds);
	(void)snprintf(h->watchdog, sizeof(h->watchdog), "%s", i->dog.device);
}

int init_look(struct init *i, bool modules, struct why *w)
{
	struct why deaf = { 0 }, no_efi = { 0 };
	AUTO_FD uevents = -1;
	int r = early_cmdline(&i->cmdline, w);

	if (r)
		return r;
	early_settings(i->cmdline);
	i->boot.cmdline = i->cmdline;
	if (!cmdline_value(i->cmdline, "init", i->path, sizeof(i->path)))
		(void)snprintf(i->path, sizeof(i->path), "%s", ROOTFS_INIT);
	r = sysconf_load(NULL, &i->boot.conf, w);
	if (r)
		return r;
	/* Before the modules, so that no disk appears unheard. Deaf, one that is slow is found when the time is over. */
	if (uevent_open(&uevents, &deaf))
		log_warn("%s", deaf.text);
	if (modules)
		load_modules(i);
	arm_watchdog(i);
	if (early_efivarfs(&no_efi))
		log_info("no firmware variables: %s", no_efi.text);
	return survey(&i->boot, uevents, &i->waited_ms, w);
}

int init_mount(struct init *i, enum slot s, const char *at, struct why *w)
{
	const struct boot *b = &i->boot;
	const char *device = b->disk.root[s].device;
	int r;

	if (!device[0])
		return fail(w, -ENODATA, "%s has no partition with %s", b->disk.disk.device, b->conf.slots[s].root);
	r = rootfs_mount(device, at, w);
	if (r)
		return r;
	r = rootfs_check(at, i->path, w);
	if (!r)
		return 0;
	rootfs_unmount(at);
	return why_in(w, r, "%s", device);
}

void init_hand_over(struct init *i)
{
	struct handover *h = &i->boot.handover;
	struct why w = { 0 };

	boot_handover(&i->boot);
	h->start_us = i->start_us;
	h->handover_us = early_time_us();
	h->own_us = h->handover_us - h->start_us - i->modules_us - i->stages_us - i->waited_ms * 1000;
	log_note(
		"handover slot=%s root=%s role=%s init=%s data=\"%s\" own_us=%llu modules_us=%llu stages_us=%llu waited_ms=%llu",
		slot_name(h->slot), h->root, boot_role_name(h->role), i->path, h->data, (unsigned long long)h->own_us,
		(unsigned long long)i->modules_us, (unsigned long long)i->stages_us, (unsigned long long)i->waited_ms);
	if (handover_write("", h, log_text(), &w))
		log_error("the booted system will not know how it was started: %s", w.text);
}

_Noreturn void init_give_up(const struct why *w)
{
	log_error("this machine cannot be started: %s", w->text);
	if (w->next[0])
		log_error("next: %s", w->next);
	early_reboot(BOOT_PAUSE_SECONDS);
}

void init_reboot(struct boot *b, unsigned int pause_seconds)
{
	(void)b;
	early_reboot(pause_seconds);
}
