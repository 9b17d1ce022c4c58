#include "bootstage/uevent.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/proc.h"

#define KERNEL_GROUP  1u
#define MESSAGE_MAX   8192u /* UEVENT_BUFFER_SIZE is 2048, and the path comes in front */
#define RECEIVE_BYTES (1 << 20)

/* The value of one KEY=VALUE field. False when it does not fit. */
static bool take(const char *field, const char *key, char *ret, size_t room)
{
	size_t n = strlen(key), len;

	if (strncmp(field, key, n) != 0 || field[n] != '=')
		return true;
	len = strlen(field + n + 1);
	if (len >= room)
		return false;
	memcpy(ret, field + n + 1, len + 1);
	return true;
}

bool uevent_parse(struct bytes m, struct uevent *ret)
{
	struct uevent e = { .action = "" };
	size_t at;

	if (m.n == 0 || m.p[m.n - 1] != '\0')
		return false;
	at = strlen((const char *)m.p) + 1;
	if (!strchr((const char *)m.p, '@'))
		return false;
	while (at < m.n) {
		const char *field = (const char *)m.p + at;

		if (!take(field, "ACTION", e.action, sizeof(e.action)) ||
		    !take(field, "SUBSYSTEM", e.subsystem, sizeof(e.subsystem)) ||
		    !take(field, "DEVNAME", e.device, sizeof(e.device)))
			return false;
		at += strlen(field) + 1;
	}
	if (!e.action[0] || !e.subsystem[0])
		return false;
	*ret = e;
	return true;
}

int uevent_open(int *ret_fd, struct why *w)
{
	const struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	const int room = RECEIVE_BYTES;
	AUTO_FD fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof(here)))
		return fail_errno(w, "device events cannot be heard");
	/* Without the privilege the default room stays; a lost message counts as an event. */
	IGNORE(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)));
	*ret_fd = MOVE_FD(fd);
	return 0;
}

/* Take every message that is there. Returns whether one was about a block device, or some were lost. */
static bool drain(int fd)
{
	char buf[MESSAGE_MAX];
	bool found = false;

	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_n = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_n);
		struct uevent e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return found || errno == ENOBUFS;
		if (from.nl_pid == 0 && uevent_parse(bytes_of(buf, (size_t)n), &e) && strcmp(e.subsystem, "block") == 0)
			found = true;
	}
}

bool uevent_wait_block(int fd, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;

	for (uint64_t now = now_ms(); now < end; now = now_ms()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t left = end - now;

		if (poll(&p, 1, left > 60000 ? 60000 : (int)left) > 0 && drain(fd))
			return true;
	}
	return false;
}
