#include "bootstage/diskwait.h"

#include "base/proc.h"
#include "bootstage/uevent.h"

/* The kernel makes the nodes a moment after libblkid can read the table. */
static bool has_nodes(const struct bootdisk *d, struct why *w)
{
	const struct disk_part *parts[] = { &d->esp, &d->state, &d->data, &d->root[SLOT_A], &d->root[SLOT_B] };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i]->number == 0 || (parts[i]->device[0] && access(parts[i]->device, F_OK) == 0))
			continue;
		(void)fail(w, -ENODATA, "%s: partition %u has no device node", d->disk.device, parts[i]->number);
		return false;
	}
	return true;
}

int diskwait(const struct diskwait_ops *ops, void *with, unsigned int timeout_ms, struct bootdisk *ret,
	     uint64_t *ret_waited_ms, struct why *w)
{
	uint64_t end = ops->now_ms() + timeout_ms, grace = 0;

	*ret_waited_ms = 0;
	for (;;) {
		struct why last = { 0 };
		int r = ops->find(with, ret, &last);
		bool found = !r && has_nodes(ret, &last);
		uint64_t now = ops->now_ms(), until = end;

		if (found && ret->at_home)
			return 0;
		if (found || r == -ENOTUNIQ) {
			grace = grace ? grace : now + 1000ull * DISKWAIT_GRACE_SECONDS;
			until = grace < end ? grace : end;
		}
		if (now >= until) {
			if (!found && w)
				*w = last;
			return found ? 0 : last.code;
		}
		IGNORE(ops->wait(with,
				 (unsigned int)(until - now))); /* either way the next search says what is there */
		*ret_waited_ms += ops->now_ms() - now;
	}
}

static int real_find(void *with, struct bootdisk *ret, struct why *w)
{
	const struct diskwait_real *r = with;

	return bootdisk_find(r->conf, r->esp_partuuid, ret, w);
}

static bool real_wait(void *with, unsigned int timeout_ms)
{
	const struct diskwait_real *r = with;

	return uevent_wait_block(r->uevents, timeout_ms);
}

const struct diskwait_ops diskwait_real = { .find = real_find, .wait = real_wait, .now_ms = now_ms };
