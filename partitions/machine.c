#include "partitions/machine.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"

#define LOCK_STEP_MS 50u

static int busy(struct why *w)
{
	(void)fail(w, -EWOULDBLOCK, "another install, commit or rollback is going on (%s is locked)", MACHINE_LOCK);
	return why_next(w, -EWOULDBLOCK, "wait until it is done; 'tandem status' shows how far it is");
}

static int take_lock(struct machine *m, unsigned int wait_ms, struct why *w)
{
	uint64_t end = now_ms() + wait_ms;
	int r = dir_make(HANDOVER_FOLDER, 0755, w);

	if (r)
		return r;
	m->lock = open(MACHINE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock < 0)
		return fail_errno(w, "%s", MACHINE_LOCK);
	while (flock(m->lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return fail_errno(w, "%s", MACHINE_LOCK);
		if (interrupt_seen())
			return fail(w, -ECANCELED, "interrupted");
		if (now_ms() >= end)
			return busy(w);
		sleep_ms(LOCK_STEP_MS);
	}
	return 0;
}

/* The device that is mounted at /, as the kernel says it, by its number: names in mount tables can be anything. */
static void root_device(char ret[DISK_NAME_MAX])
{
	char name[SYSBLOCK_NAME_BYTES], node[SYSBLOCK_NODE_BYTES];
	struct stat st;

	ret[0] = '\0';
	if (stat("/", &st) || sysblock_name(&sysblock_real, st.st_dev, name, NULL) ||
	    sysblock_node(&sysblock_real, name, node, NULL) || strlen(node) >= DISK_NAME_MAX)
		return;
	memcpy(ret, node, strlen(node) + 1);
}

/* In order: what tandem-init found; what the boot loader says; the disk that / is on. */
static int find_disk(struct machine *m, const char *root, struct why *w)
{
	char uuid[37], disk[DISK_NAME_MAX];

	if (m->handed_over)
		return bootdisk_on(&m->conf, m->handover.disk,
				   m->handover.esp_partuuid[0] ? m->handover.esp_partuuid : NULL, &m->disk, w);
	if (efi_loader_partuuid(uuid, NULL) == 0)
		return bootdisk_find(&m->conf, uuid, &m->disk, w);
	if (root[0] && disk_of_part(root, disk, NULL) == 0)
		return bootdisk_on(&m->conf, disk, NULL, &m->disk, w);
	(void)fail(w, -ENODATA, "the boot disk is not known: no %s, no LoaderDevicePartUUID, and / is on no disk",
		   HANDOVER_PATH);
	return why_next(w, -ENODATA, "this command works on an appliance that Tandem started");
}

static void open_efi(struct machine *m)
{
	struct efi_esp esp;
	int r;

	if (m->conf.mode != MODE_BOOTNEXT)
		return;
	r = efi_store_open(&m->efi, &m->efi_why);
	r = r ? r : disk_part_esp(&m->disk.disk, &m->disk.esp, &esp, &m->efi_why);
	for (enum slot s = SLOT_A; s <= SLOT_B && !r; s++)
		r = efi_option_make(s, &esp, m->conf.slots[s].boot_file, &m->boot.want[s], &m->efi_why);
	r = r ? r : efivars_observe(&m->efi, m->boot.want, &m->efi_view, &m->efi_why);
	if (!r)
		m->boot.efi = &m->efi;
}

static void find_running(struct machine *m, const char *root)
{
	AUTO_FREE char *cmdline = NULL;

	m->running = (struct running){ .root = SLOT_NONE, .cmdline = SLOT_NONE, .firmware = SLOT_NONE };
	if (file_read(AT_FDCWD, "/proc/cmdline", 1u << 16, &cmdline, NULL, NULL) == 0)
		m->running.cmdline = cmdline_slot(cmdline);
	for (enum slot s = SLOT_A; s <= SLOT_B; s++)
		if (root[0] && strcmp(root, m->disk.root[s].device) == 0)
			m->running.root = s;
	if (m->boot.efi)
		m->running.firmware = efi_view_current(&m->efi_view);
	IGNORE(running_agree(&m->running, m->conf.mode)); /* the result is in running.slot */
}

static void read_boot_id(uint8_t ret[16])
{
	AUTO_FREE char *text = NULL;
	char hex[33];
	size_t n = 0;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, NULL, NULL))
		return;
	for (const char *c = text; *c && n < 32; c++)
		if (*c != '-' && *c != '\n')
			hex[n++] = *c;
	hex[n] = '\0';
	IGNORE(parse_hex(hex, ret, 16, NULL)); /* stays zero: unknown */
}

static int need_node(const struct machine *m, const struct disk_part *p, struct why *w)
{
	if (!p->device[0])
		return fail(w, -ENODEV, "%s: the kernel has no device for partition %u (%s)", m->disk.disk.device,
			    p->number, p->name);
	return 0;
}

static int open_record(struct machine *m, enum machine_mode mode, struct why *w)
{
	int r = need_node(m, &m->disk.state, w);

	r = r ? r : blk_open(m->disk.state.device, mode == MACHINE_READ ? BLK_READ : BLK_WRITE, &m->state, w);

	if (r)
		return r;
	r = bootstore_read(&m->store, &m->state, &m->boot.rec, &m->record_why);
	m->has_record = r == 0;
	m->boot.store = &m->store;
	return r == -ENODATA || r == -EPROTONOSUPPORT ? 0 : r ? fail(w, r, "%s", m->record_why.text) : 0;
}

int machine_open(const char *conf_path, enum machine_mode mode, unsigned int wait_ms, struct machine *ret,
		 struct why *w)
{
	char root[DISK_NAME_MAX];
	struct why none = { 0 };
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->lock = -1;
	r = sysconf_load(conf_path, &ret->conf, w);
	if (r)
		return r;
	if (ret->conf.host) {
		(void)refuse(w, -EOPNOTSUPP, "%s says mode=host: this machine has no slots and no boot record",
			     conf_path ? conf_path : SYSCONF_PATH);
		return why_next(w, -EOPNOTSUPP, "'tandem status' shows what it has: the product's tree");
	}
	if (geteuid() != 0) {
		(void)fail(w, -EPERM, "must be run as root: the slots and the boot record are raw partitions");
		return why_next(w, -EPERM, "run it with sudo, or as root");
	}
	r = mode == MACHINE_WRITE ? take_lock(ret, wait_ms, w) : 0;
	if (r)
		return r;
	ret->boot.conf = &ret->conf;
	ret->handed_over = handover_read("", &ret->handover, &none) == 0;
	if (!ret->handed_over && none.code != -ENOENT)
		return fail(w, none.code, "%s", none.text);
	root_device(root);
	r = find_disk(ret, root, w);
	r = r ? r : open_record(ret, mode, w);
	if (r)
		return r;
	open_efi(ret);
	find_running(ret, root);
	read_boot_id(ret->boot.boot_id);
	return 0;
}

int machine_esp(struct machine *m, struct why *w)
{
	int r = m->boot.esp ? 0 : need_node(m, &m->disk.esp, w);

	if (!r && !m->boot.esp)
		r = esp_open(m->disk.esp.device, &m->esp, w);
	if (!r)
		m->boot.esp = &m->esp;
	return r;
}

void machine_unlock(struct machine *m)
{
	if (m->lock >= 0)
		(void)close(MOVE_FD(m->lock));
}

int machine_close(struct machine *m, struct why *w)
{
	int r = esp_close(&m->esp, w), s = 0;

	if (m->state.ops)
		s = blk_close(&m->state, w);
	m->boot.esp = NULL;
	machine_unlock(m);
	return r ? r : s;
}
