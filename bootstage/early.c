#include "bootstage/early.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "partitions/handover.h"

#define CMDLINE_MAX (64u << 10)
#define SETTING_MAX 64u
#define EFIVARFS    "/sys/firmware/efi/efivars"
#define PANIC       "/proc/sys/kernel/panic"
#define DEVKMSG     "/proc/sys/kernel/printk_devkmsg"

static int mount_one(const char *type, const char *at, unsigned long flags, const char *options, struct why *w)
{
	if (mkdir(at, 0755) && errno != EEXIST)
		return fail_errno(w, "%s", at);
	if (mount(type, at, type, flags, options) && errno != EBUSY)
		return fail_errno(w, "%s on %s", type, at);
	return 0;
}

int early_mounts(struct why *w)
{
	const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int dev = mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755", w);
	int proc = mount_one("proc", "/proc", safe, NULL, w);
	int sys = mount_one("sysfs", "/sys", safe, NULL, w);
	int run = mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", w);

	return dev ? dev : proc ? proc : sys ? sys : run;
}

void early_console(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is fd, since those below it are open. NOLINTNEXTLINE(android-cloexec-open): inherited */
		if (open("/dev/console", O_RDWR | O_NOCTTY) < 0 && open("/dev/null", O_RDWR) < 0)
			return;
	}
}

static void set(const char *path, const char *value)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_warn("setting=%s value=%s error=\"%s\"", path, value, strerror(errno));
}

void early_settings(const char *cmdline)
{
	AUTO_FREE char *panic = NULL;
	char value[16], seconds[16];

	if (!cmdline_value(cmdline, "printk.devkmsg", value, sizeof(value)))
		set(DEVKMSG, "on\n"); /* without the newline it is refused (kernel/printk/printk.c) */
	if (cmdline_value(cmdline, "panic", value, sizeof(value)) ||
	    file_read(AT_FDCWD, PANIC, SETTING_MAX, &panic, NULL, NULL) || strcmp(panic, "0\n") != 0)
		return;
	(void)snprintf(seconds, sizeof(seconds), "%u\n", EARLY_PANIC_SECONDS);
	set(PANIC, seconds);
}

int early_efivarfs(struct why *w)
{
	if (access("/sys/firmware/efi", F_OK))
		return fail(w, -ENODATA, "not started by UEFI");
	if (mount("efivarfs", EFIVARFS, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) && errno != EBUSY)
		return fail_errno(w, "efivarfs on %s", EFIVARFS);
	return 0;
}

int early_cmdline(char **ret, struct why *w)
{
	return file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX, ret, NULL, w);
}

uint64_t early_time_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

_Noreturn void early_reboot(unsigned int pause_seconds)
{
	if (pause_seconds > 0) {
		log_error("rebooting in %u s", pause_seconds);
		(void)sleep(pause_seconds);
	} else {
		log_note("rebooting");
	}
	sync();
	(void)reboot(RB_AUTOBOOT);
	/* Not possible for PID 1 with all its rights; the watchdog, where there is one, ends this. */
	log_error("reboot: %s", strerror(errno));
	for (;;)
		(void)pause();
}
