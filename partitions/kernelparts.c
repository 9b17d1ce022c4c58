#include "partitions/kernelparts.h"

#include <linux/blkpg.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/proc.h"

#define SECTOR 512u /* what /sys counts in */

static int blkpg(int fd, int op, unsigned int number, uint64_t start_bytes, uint64_t size_bytes)
{
	struct blkpg_partition p = { .pno = (int)number,
				     .start = (long long)start_bytes,
				     .length = (long long)size_bytes };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(p), .data = &p };

	return ioctl(fd, BLKPG, &arg) ? -errno : 0;
}

int kernelparts_drop(const struct sysblock *s, int fd, const char *disk, struct why *w)
{
	CLEANUP(sysblock_names_done) struct sysblock_names names = { 0 };
	int r = sysblock_partitions(s, disk, &names, w);

	for (size_t i = 0; !r && i < names.n; i++) {
		r = blkpg(fd, BLKPG_DEL_PARTITION, sysblock_partition(s, names.at[i]), 0, 0);
		if (r == -ENXIO) /* went away while we looked */
			r = 0;
		if (r)
			return fail(w, r, "%s: the kernel does not let go of this partition: %s", names.at[i],
				    strerror(-r));
	}
	return r;
}

bool kernelparts_find(const struct sysblock *s, const char *disk, unsigned int number, struct kernelparts_one *ret)
{
	CLEANUP(sysblock_names_done) struct sysblock_names names = { 0 };
	struct kernelparts_one one = { 0 };

	if (sysblock_partitions(s, disk, &names, NULL))
		return false;
	for (size_t i = 0; i < names.n; i++) {
		if (sysblock_partition(s, names.at[i]) != number ||
		    sysblock_u64(s, names.at[i], "start", &one.start_bytes, NULL) ||
		    sysblock_u64(s, names.at[i], "size", &one.size_bytes, NULL) ||
		    sysblock_devno(s, names.at[i], &one.dev, NULL) || sysblock_node(s, names.at[i], one.node, NULL))
			continue;
		memcpy(one.name, names.at[i], sizeof(one.name));
		one.start_bytes *= SECTOR;
		one.size_bytes *= SECTOR;
		*ret = one;
		return true;
	}
	return false;
}

/* Make room for a partition at its place: nothing there, or the same one with its size set. */
static int change_known(int fd, const struct kernelparts_one *has, const struct gpt_part *p)
{
	if (has->start_bytes != p->start_bytes)
		return blkpg(fd, BLKPG_DEL_PARTITION, p->number, 0, 0);
	if (has->size_bytes != p->size_bytes)
		return blkpg(fd, BLKPG_RESIZE_PARTITION, p->number, p->start_bytes, p->size_bytes);
	return 0;
}

static int set_one(const struct sysblock *s, int fd, const char *disk, const struct gpt_part *p, struct why *w)
{
	struct kernelparts_one has;
	int r;

	if (kernelparts_find(s, disk, p->number, &has)) {
		r = change_known(fd, &has, p);
		if (r)
			return fail(w, r, "%s: the kernel cannot change this partition: %s", has.name, strerror(-r));
		if (has.start_bytes == p->start_bytes)
			return 0;
	}
	r = blkpg(fd, BLKPG_ADD_PARTITION, p->number, p->start_bytes, p->size_bytes);
	return r ? fail(w, r, "%s: the kernel does not take partition %u: %s", disk, p->number, strerror(-r)) : 0;
}

/* Whether the node of a partition is there and is the right device. */
static bool node_there(const struct sysblock *s, const char *disk, unsigned int number)
{
	struct kernelparts_one has;
	struct stat st;

	return kernelparts_find(s, disk, number, &has) && stat(has.node, &st) == 0 && S_ISBLK(st.st_mode) &&
	       st.st_rdev == has.dev;
}

/* Sleep until something happens in the watched folder or the time is over. */
static void wait_for_change(int inotify, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = inotify, .events = POLLIN };
	uint64_t now = now_ms();
	char events[4096];

	if (now < deadline_ms && poll(&p, 1, (int)(deadline_ms - now)) > 0)
		IGNORE(read(inotify, events, sizeof(events)));
}

int kernelparts_set(const struct sysblock *s, int fd, const char *disk, const struct gpt_table *t,
		    unsigned int timeout_ms, struct why *w)
{
	uint64_t deadline = now_ms() + timeout_ms;
	AUTO_FD inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r = 0;

	if (inotify < 0 || inotify_add_watch(inotify, s->dev, IN_CREATE | IN_MOVED_TO | IN_ATTRIB) < 0)
		return fail_errno(w, "%s: inotify", s->dev);
	for (size_t i = 0; !r && i < t->n; i++)
		r = set_one(s, fd, disk, &t->parts[i], w);
	for (size_t i = 0; !r && i < t->n; i++) {
		while (!node_there(s, disk, t->parts[i].number) && now_ms() < deadline)
			wait_for_change(inotify, deadline);
		if (!node_there(s, disk, t->parts[i].number))
			r = fail(w, -ETIMEDOUT, "%s: no device node for partition %u after %u ms", disk,
				 t->parts[i].number, timeout_ms);
	}
	return r;
}

void kernelparts_settle(void)
{
	const char *argv[] = { "udevadm", "settle", "--timeout=30", NULL };
	struct proc_result res;

	if (access("/run/udev/control", F_OK) == 0)
		IGNORE(proc_run(argv, 40000, &res, NULL));
}
