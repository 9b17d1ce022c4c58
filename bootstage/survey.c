#include "bootstage/survey.h"

#include "base/log.h"
#include "base/parse.h"
#include "bootstage/diskwait.h"

#define WAIT_MAX_SECONDS 3600u

/* tandem.wait=SECONDS on the kernel command line, for a machine whose disk is slow. */
static unsigned int wait_ms(const char *cmdline)
{
	uint64_t seconds = DISKWAIT_SECONDS;
	char value[8];

	if (cmdline_value(cmdline, "tandem.wait", value, sizeof(value)) &&
	    parse_u64(value, WAIT_MAX_SECONDS, &seconds, NULL))
		log_warn("tandem.wait=%s is not a number of seconds up to %u", value, WAIT_MAX_SECONDS);
	return (unsigned int)seconds * 1000u;
}

static int find_disk(struct boot *b, int uevents, uint64_t *ret_waited_ms, struct why *w)
{
	char uuid[37];
	struct why none = { 0 };
	bool known = efi_loader_partuuid(uuid, &none) == 0;
	struct diskwait_real real = { .conf = &b->conf, .esp_partuuid = known ? uuid : NULL, .uevents = uevents };
	int r = diskwait(&diskwait_real, &real, wait_ms(b->cmdline), &b->disk, ret_waited_ms, w);

	if (r)
		return r;
	log_info("disk=%s esp=%s loader=%s state=%s a=%s b=%s data=%s home=%d waited_ms=%llu", b->disk.disk.device,
		 b->disk.esp.partuuid, known ? uuid : none.text, b->disk.state.device, b->disk.root[SLOT_A].device,
		 b->disk.root[SLOT_B].device, b->disk.data.device, b->disk.at_home, (unsigned long long)*ret_waited_ms);
	return 0;
}

static int open_state(struct boot *b, struct why *w)
{
	struct why read_only = { 0 };

	if (blk_open(b->disk.state.device, BLK_WRITE, &b->state, &read_only) == 0)
		return 0;
	log_error("the boot record cannot be written: %s", read_only.text);
	return blk_open(b->disk.state.device, BLK_READ, &b->state, w);
}

static void read_record(struct boot *b)
{
	char *text = b->handover.record;
	const size_t room = sizeof(b->handover.record);
	struct why w = { 0 };
	int r = open_state(b, &w);

	r = r ? r : bootstore_read(&b->store, &b->state, &b->machine.rec, &w);
	b->has_record = r == 0;
	b->machine.store = &b->store;
	if (r) {
		log_error("the boot record is lost: %s", w.text);
		(void)snprintf(text, room, "%.199s", w.text);
	} else if (b->store.damage[0][0] || b->store.damage[1][0]) {
		log_warn("boot record: %s%s", b->store.damage[0], b->store.damage[1]);
		(void)snprintf(text, room, "valid; %.150s", b->store.damage[b->store.damage[0][0] ? 0 : 1]);
	} else {
		(void)snprintf(text, room, "valid");
	}
}

/* The boot variables, and whether the firmware says that it started another slot than the command line. */
static int open_firmware(struct boot *b, struct why *w)
{
	struct efi_esp esp;
	struct efi_view view;
	enum slot current;
	int r = efi_store_open(&b->efi, w);

	r = r ? r : disk_part_esp(&b->disk.disk, &b->disk.esp, &esp, w);
	for (enum slot s = SLOT_A; s <= SLOT_B && !r; s++)
		r = efi_option_make(s, &esp, b->conf.slots[s].boot_file, &b->machine.want[s], w);
	r = r ? r : efivars_observe(&b->efi, b->machine.want, &view, w);
	if (r)
		return r;
	b->machine.efi = &b->efi;
	b->handover.boot_current = view.current;
	current = efi_view_current(&view);
	b->facts.disagree = current != SLOT_NONE && b->facts.running != SLOT_NONE && current != b->facts.running;
	log_info("firmware current=%04x slot=%s next=%04x a=%04x b=%04x", view.current, slot_name(current), view.next,
		 view.entry[SLOT_A], view.entry[SLOT_B]);
	return 0;
}

int survey(struct boot *b, int uevents, uint64_t *ret_waited_ms, struct why *w)
{
	struct why no_firmware = { 0 };
	int r = find_disk(b, uevents, ret_waited_ms, w);

	if (r)
		return r;
	b->machine.conf = &b->conf;
	b->handover.boot_current = EFI_NONE;
	b->facts = (struct boot_facts){ .mode = b->conf.mode, .running = SLOT_NONE };
	read_record(b);
	if (b->conf.mode != MODE_BOOTNEXT)
		return 0;
	b->facts.running = cmdline_slot(b->cmdline);
	if (open_firmware(b, &no_firmware))
		log_warn("no boot variables: %s", no_firmware.text);
	return 0;
}
