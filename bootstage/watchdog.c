#include "bootstage/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>

static int open_first(const char *dev, struct watchdog *dog, struct why *w)
{
	static const char *const names[] = { "watchdog0", "watchdog" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(dog->device, sizeof(dog->device), "%s/%s", dev, names[i]);
		dog->fd = open(dog->device, O_WRONLY | O_CLOEXEC);
		if (dog->fd >= 0)
			return 0;
		if (errno != ENOENT && errno != ENODEV && errno != ENXIO)
			return fail_errno(w, "%s", dog->device);
	}
	return fail(w, -ENODEV, "no watchdog (%s/watchdog0 is not there)", dev);
}

int watchdog_arm(const char *dev, unsigned int seconds, struct watchdog *ret, struct why *w)
{
	struct watchdog dog = { .fd = -1 };
	int timeout = (int)seconds;
	int r = open_first(dev, &dog, w);

	if (r)
		return r;
	/* Opening it has armed it. Drivers round the time to what they can do, and report that. */
	if (ioctl(dog.fd, WDIOC_SETTIMEOUT, &timeout) && ioctl(dog.fd, WDIOC_GETTIMEOUT, &timeout))
		timeout = 0;
	dog.seconds = (unsigned int)timeout;
	*ret = dog;
	return 0;
}

void watchdog_pet(const struct watchdog *dog)
{
	/* A driver without the call has another way to be petted, which is any write. */
	if (dog->fd >= 0 && ioctl(dog->fd, WDIOC_KEEPALIVE, 0))
		IGNORE(write(dog->fd, "\0", 1));
}
