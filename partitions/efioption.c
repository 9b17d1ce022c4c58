#include "partitions/efioption.h"

#include <assert.h>

#include "base/bytes.h"
#include "partitions/sysconf.h"

#define LOAD_OPTION_ACTIVE 1u

/* Device path nodes: type and subtype, each a byte, and the node's size with these four bytes. */
#define NODE_HEAD_BYTES       4u
#define NODE_HARD_DRIVE       0x0104u /* type 4, subtype 1, as one little-endian number */
#define NODE_FILE             0x0404u
#define NODE_END              0xff7fu
#define NODE_HARD_DRIVE_BYTES 42u
#define HARD_DRIVE_GPT        2u
#define HARD_DRIVE_GUID       2u

#define DESCRIPTION_CHARS 9u /* "Tandem a", NUL */
static_assert(6 + 2 * DESCRIPTION_CHARS + NODE_HARD_DRIVE_BYTES + NODE_HEAD_BYTES + 2 * (SYSCONF_BOOT_FILE + 1) +
			      NODE_HEAD_BYTES <=
		      EFI_OPTION_MAX,
	      "room for the longest path");

static void put_node(struct efi_option *o, uint16_t kind, size_t size)
{
	put_le16(o->data + o->n, kind);
	put_le16(o->data + o->n + 2, (uint16_t)size);
	o->n += NODE_HEAD_BYTES;
}

/* ASCII in UTF-16, with its NUL. */
static void put_text(struct efi_option *o, const char *text)
{
	for (size_t i = 0; i <= strlen(text); i++, o->n += 2)
		put_le16(o->data + o->n, (uint8_t)text[i]);
}

static void put_hard_drive(struct efi_option *o, const struct efi_esp *esp)
{
	uint8_t *at = o->data + o->n + NODE_HEAD_BYTES;

	put_node(o, NODE_HARD_DRIVE, NODE_HARD_DRIVE_BYTES);
	put_le32(at, esp->number);
	put_le64(at + 4, esp->start_sectors);
	put_le64(at + 12, esp->size_sectors);
	memcpy(at + 20, esp->guid, sizeof(esp->guid));
	at[36] = HARD_DRIVE_GPT;
	at[37] = HARD_DRIVE_GUID;
	o->n += NODE_HARD_DRIVE_BYTES - NODE_HEAD_BYTES;
}

/* The path as firmware has it: from the root of the ESP, with backslashes. */
static int firmware_path(const char *path, char ret[SYSCONF_BOOT_FILE + 1], struct why *w)
{
	if (snprintf(ret, SYSCONF_BOOT_FILE + 1, "\\%s", path) > (int)SYSCONF_BOOT_FILE)
		return fail(w, -ENAMETOOLONG, "boot file %s: name too long", path);
	for (char *c = ret; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			return fail(w, -EINVAL, "boot file %s: only ASCII is supported", path);
		if (*c == '/')
			*c = '\\';
	}
	return 0;
}

int efi_option_make(enum slot slot, const struct efi_esp *esp, const char *path, struct efi_option *ret, struct why *w)
{
	char file[SYSCONF_BOOT_FILE + 1], description[DESCRIPTION_CHARS];
	struct efi_option o = { .n = 6 };
	size_t nodes;
	int r = firmware_path(path, file, w);

	if (r)
		return r;
	(void)snprintf(description, sizeof(description), "Tandem %s", slot_name(slot));
	put_text(&o, description);
	nodes = o.n;
	put_hard_drive(&o, esp);
	put_node(&o, NODE_FILE, NODE_HEAD_BYTES + 2 * (strlen(file) + 1));
	put_text(&o, file);
	put_node(&o, NODE_END, NODE_HEAD_BYTES);
	/* EFI_LOAD_OPTION: attributes, size of the path list, description, path list. */
	put_le32(o.data, LOAD_OPTION_ACTIVE);
	put_le16(o.data + 4, (uint16_t)(o.n - nodes));
	*ret = o;
	return 0;
}
