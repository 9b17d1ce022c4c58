#include "updater/cmd_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "partitions/mounts.h"
#include "updater/decryptfile.h"

/* O_EXCL refuses a device in use as well, but cannot say by whom. */
static int refuse_if_used(const char *device, struct why *w)
{
	CLEANUP(mounts_done) struct mounts uses = { 0 };
	char text[512];
	struct stat st;
	int r;

	if (stat(device, &st))
		return fail_errno(w, "%s", device);
	r = mounts_of_device(&mounts_real, st.st_rdev, &uses, w);
	if (r || uses.n == 0)
		return r;
	(void)refuse(w, -EBUSY, "%s", mounts_describe(&uses.at[0], device, text));
	return why_next(w, -EBUSY, "unmount it; a slot in use is never written");
}

static int open_slot(void *arg, enum slot s, struct blk **ret, struct why *w)
{
	struct appliance *a = arg;
	const char *device = a->m.disk.root[s].device;
	int r;

	if (!device[0])
		return fail(w, -ENODATA, "slot %s has no partition on %s (%s)", slot_name(s), a->m.disk.disk.device,
			    a->m.conf.slots[s].root);
	r = refuse_if_used(device, w);
	r = r ? r : blk_open(device, BLK_WRITE_EXCLUSIVE, &a->slot, w);
	if (r == -EBUSY && w)
		w->exit = EXIT_REFUSED;
	if (!r)
		*ret = &a->slot;
	return r;
}

/* It is mounted, or should be; that is no hindrance to reading. */
static int open_base(void *arg, struct blk **ret, struct why *w)
{
	struct appliance *a = arg;
	const char *device;
	int r;

	if (a->m.running.slot == SLOT_NONE)
		return fail(w, -ENODATA, "which slot runs is not known");
	device = a->m.disk.root[a->m.running.slot].device;
	if (!device[0])
		return fail(w, -ENODATA, "slot %s has no partition", slot_name(a->m.running.slot));
	r = a->base.ops ? 0 : blk_open(device, BLK_READ, &a->base, w);
	if (!r)
		*ret = &a->base;
	return r;
}

static int unlock(void *arg, struct bundle *b, struct why *w)
{
	return appliance_unlock(arg, b, w);
}

static int open_esp(void *arg, struct why *w)
{
	return machine_esp(&((struct appliance *)arg)->m, w);
}

int appliance_open(const char *conf_path, enum machine_mode mode, struct appliance **ret, struct why *w)
{
	struct appliance *a = calloc(1, sizeof(*a));
	int r;

	*ret = a;
	if (!a)
		return fail(w, -ENOMEM, "out of memory");
	r = machine_open(conf_path, mode, MACHINE_PATIENCE_MS, &a->m, w);
	if (r)
		return r;
	a->parts = (struct install_parts){
		.boot = &a->m.boot,
		.has_record = a->m.has_record,
		.record_why = a->m.record_why.text,
		.efi_why = a->m.efi_why.text,
		.key_why = &a->key_why,
		.running = &a->m.running,
		.state = &a->m.state,
		.efi_free_bytes = UINT64_MAX,
		.sector_bytes = a->m.disk.disk.sector_bytes,
		.slot_offset = { a->m.disk.root[SLOT_A].start_bytes, a->m.disk.root[SLOT_B].start_bytes },
		.open_slot = open_slot,
		.open_base = open_base,
		.unlock = unlock,
		.open_esp = open_esp,
		.arg = a,
	};
	IGNORE(efi_store_room(&a->parts.efi_free_bytes, NULL)); /* stays unknown */
	return 0;
}

int appliance_trust(struct appliance *a, struct why *w)
{
	if (a->m.conf.host)
		return trustseat_open_file(&a->m.conf, TRUSTSEAT_HOST_FILE, TRUSTSEAT_READ, &a->seat, w);
	return trustseat_open(&a->m.conf, &a->m, &a->seat, w);
}

int appliance_trust_keeps(struct appliance *a, struct why *w)
{
	if (!a->m.conf.host)
		return 0;
	trustseat_done(&a->seat);
	return trustseat_open_file(&a->m.conf, TRUSTSEAT_HOST_FILE, TRUSTSEAT_WRITE, &a->seat, w);
}

int appliance_unlock(struct appliance *a, struct bundle *b, struct why *w)
{
	AUTO_DECRYPT struct decrypt_keys keys = { 0 };
	const struct sysconf *c = &a->m.conf;
	int r = 0;

	if (b->unlocked)
		return 0;
	for (size_t i = 0; !r && i < c->n_decrypt_keys; i++)
		r = decrypt_keys_load(&keys, c->decrypt_keys[i], w);
	r = r ? r : bundle_unlock(b, &keys, w);
	if (r == -ENOKEY && keys.n == 0)
		return why_next(w, r, "name this device's secret key in system.conf: [encryption] key=FILE");
	if (r == -ENOKEY || r == -EKEYREJECTED)
		return why_next(w, r, "use a bundle that is encrypted for this device, too");
	return r;
}

int appliance_close(struct appliance *a, int r, struct why *w)
{
	if (!a)
		return r;
	trustseat_done(&a->seat);
	if (a->slot.ops && blk_close(&a->slot, r ? NULL : w) && !r)
		r = -EIO;
	if (a->base.ops)
		IGNORE(blk_close(&a->base, NULL)); /* it was only read */
	if (machine_close(&a->m, r ? NULL : w) && !r)
		r = -EIO;
	free(a);
	return r;
}

int slot_parse(const char *s, enum slot *ret, struct why *w)
{
	for (enum slot k = SLOT_A; k <= SLOT_B; k++) {
		if (strcmp(s, slot_name(k)) == 0) {
			*ret = k;
			return 0;
		}
	}
	return misuse(w, -EINVAL, "'%s' is no slot: want a or b", s);
}
