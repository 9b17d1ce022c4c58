/* The kernel's device events (bootstage/uevent.h). */
#include "bootstage/uevent.h"

#include <sys/socket.h>

#include "base/proc.h"
#include "tests/support.h"

#define MESSAGE(text) bytes_of(text, sizeof(text)) /* with the last NUL */

static const char added[] =
	"add@/devices/pci0/virtio1/block/vda/vda2\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=block\0"
	"MAJOR=254\0DEVNAME=vda2\0DEVTYPE=partition\0PARTN=2\0SEQNUM=1234";

static void a_message_of_the_kernel_is_understood(void **state)
{
	struct uevent e = { .action = "" };

	(void)state;
	assert_true(uevent_parse(MESSAGE(added), &e));
	assert_string_equal(e.action, "add");
	assert_string_equal(e.subsystem, "block");
	assert_string_equal(e.device, "vda2");
}

static void every_prefix_is_refused_or_understood_in_part(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(added); n++) {
		struct uevent e = { .action = "unset" };
		char *copy = malloc(n + 1); /* so that a read past the end is seen by the sanitizer */
		bool ok;

		assert_non_null(copy);
		memcpy(copy, added, n);
		ok = uevent_parse(bytes_of(copy, n), &e);
		assert_int_equal(ok ? strcmp(e.action, "add") : strcmp(e.action, "unset"), 0);
		free(copy);
	}
}

static void what_is_not_the_kernels_format_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} bad[] = {
		{ "", 0 },
		{ "libudev\0\xfe\xed\xca\xfe ACTION=add\0SUBSYSTEM=block", 40 },
		{ "no at sign\0ACTION=add\0SUBSYSTEM=block", 38 },
		{ "add@/x\0SUBSYSTEM=block", 23 },
		{ "add@/x\0ACTION=add", 18 },
		{ "add@/x\0ACTION=a-word-that-is-far-too-long\0SUBSYSTEM=block", 58 },
		{ "add@/x", 6 }, /* no NUL at the end */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct uevent e = { .device = "kept" };

		assert_false(uevent_parse(bytes_of(bad[i].text, bad[i].n), &e));
		assert_string_equal(e.device, "kept");
	}
}

static void a_socket_can_be_opened_and_waiting_ends_in_time(void **state)
{
	struct why w = { 0 };
	uint64_t start = now_ms();
	int fd = -1;

	(void)state;
	if (uevent_open(&fd, &w)) {
		assert_non_null(strstr(w.text, "device events"));
		skip(); /* a sandbox without netlink */
	}
	IGNORE(uevent_wait_block(fd, 30)); /* a device may really come just now */
	assert_in_range(now_ms() - start, 0, 60000);
	assert_int_equal(close(fd), 0);
}

/* A pair of sockets stands for the kernel: the sender has no netlink address, which reads as the kernel's, 0. */
static void only_block_devices_wake(void **state)
{
	static const char net[] = "add@/devices/net/eth0\0ACTION=add\0SUBSYSTEM=net\0INTERFACE=eth0";
	static const char junk[] = "junk";
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(send(fds[1], net, sizeof(net), 0), sizeof(net));
	assert_int_equal(send(fds[1], junk, sizeof(junk), 0), sizeof(junk));
	assert_false(uevent_wait_block(fds[0], 20));
	assert_int_equal(send(fds[1], net, sizeof(net), 0), sizeof(net));
	assert_int_equal(send(fds[1], added, sizeof(added), 0), sizeof(added));
	assert_int_equal(send(fds[1], net, sizeof(net), 0), sizeof(net));
	assert_true(uevent_wait_block(fds[0], 5000));
	assert_false(uevent_wait_block(fds[0], 10)); /* all were taken */
	assert_int_equal(close(fds[0]) | close(fds[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_of_the_kernel_is_understood),
		cmocka_unit_test(every_prefix_is_refused_or_understood_in_part),
		cmocka_unit_test(what_is_not_the_kernels_format_is_refused),
		cmocka_unit_test(a_socket_can_be_opened_and_waiting_ends_in_time),
		cmocka_unit_test(only_block_devices_wake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
