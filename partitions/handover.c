#include "partitions/handover.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/json.h"
#include "base/parse.h"

/* INI values must stay on one line, below the reader's limit, and may not start a comment. */
static void line(FILE *f, const char *key, const char *value)
{
	(void)fprintf(f, "%s=", key);
	for (size_t i = 0; value[i] && i < 170; i++)
		(void)fputc(value[i] < 0x20 || value[i] > 0x7e || value[i] == ';' ? '.' : value[i], f);
	(void)fputc('\n', f);
}

/* A path that is too long comes out empty, which no call takes. */
static const char *below(const char *root, const char *path, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s%s", root, path) >= PATH_MAX)
		out[0] = '\0';
	return out;
}

int handover_write(const char *root, const struct handover *h, const char *log, struct why *w)
{
	char path[PATH_MAX];
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int r;

	if (!f)
		return fail(w, -ENOMEM, "%s: out of memory", HANDOVER_PATH);
	(void)fprintf(f, "[boot]\n");
	line(f, "slot", slot_name(h->slot));
	line(f, "role", boot_role_name(h->role));
	line(f, "mode", boot_mode_name(h->mode));
	line(f, "note", h->note);
	line(f, "disk", h->disk);
	line(f, "esp-partuuid", h->esp_partuuid);
	line(f, "root", h->root);
	line(f, "record", h->record);
	line(f, "watchdog", h->watchdog);
	line(f, "data", h->data);
	(void)fprintf(f,
		      "boot-current=%u\nefi-writes=%u\nstart-us=%" PRIu64 "\nhandover-us=%" PRIu64 "\nown-us=%" PRIu64
		      "\n",
		      h->boot_current, h->efi_writes, h->start_us, h->handover_us, h->own_us);
	if (fclose(f))
		return fail(w, -ENOMEM, "%s: out of memory", HANDOVER_PATH);
	r = dir_make(below(root, HANDOVER_FOLDER, path), 0755, w);
	r = r ? r : file_replace(AT_FDCWD, below(root, HANDOVER_PATH, path), text, n, 0644, w);
	return r ? r : file_replace(AT_FDCWD, below(root, HANDOVER_LOG, path), log, strlen(log), 0644, w);
}

static int set_slot(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		if (strcmp(value, slot_name(s)) == 0) {
			((struct handover *)into)->slot = s;
			return 0;
		}
	}
	return misuse(w, -EBADMSG, "'%s' is no slot", value);
}

static int set_role(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	for (enum boot_role r = ROLE_COMMITTED; r <= ROLE_UNKNOWN; r++) {
		if (strcmp(value, boot_role_name(r)) == 0) {
			((struct handover *)into)->role = r;
			return 0;
		}
	}
	return misuse(w, -EBADMSG, "'%s' is no role", value);
}

static int set_mode(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	for (enum boot_mode m = MODE_BOOTNEXT; m <= MODE_CHOOSER; m++) {
		if (strcmp(value, boot_mode_name(m)) == 0) {
			((struct handover *)into)->mode = m;
			return 0;
		}
	}
	return misuse(w, -EBADMSG, "'%s' is no mode", value);
}

#define TEXT_KEY(field)                                                                                                \
	static int set_##field(void *into, const char *sub, const char *value, struct why *w)                          \
	{                                                                                                              \
		struct handover *h = into;                                                                             \
                                                                                                                       \
		(void)sub;                                                                                             \
		if (snprintf(h->field, sizeof(h->field), "%s", value) >= (int)sizeof(h->field))                        \
			return misuse(w, -EBADMSG, "too long");                                                        \
		return 0;                                                                                              \
	}
#define NUMBER_KEY(field, max)                                                                                         \
	static int set_##field(void *into, const char *sub, const char *value, struct why *w)                          \
	{                                                                                                              \
		struct handover *h = into;                                                                             \
		uint64_t v = 0;                                                                                        \
                                                                                                                       \
		(void)sub;                                                                                             \
		if (parse_u64(value, max, &v, NULL))                                                                   \
			return misuse(w, -EBADMSG, "'%s' is no number in its range", value);                           \
		h->field = (__typeof__(h->field))v;                                                                    \
		return 0;                                                                                              \
	}
TEXT_KEY(note)
TEXT_KEY(disk)
TEXT_KEY(esp_partuuid)
TEXT_KEY(root)
TEXT_KEY(record)
TEXT_KEY(watchdog)
TEXT_KEY(data)
NUMBER_KEY(boot_current, UINT32_MAX)
NUMBER_KEY(efi_writes, UINT32_MAX)
NUMBER_KEY(start_us, UINT64_MAX)
NUMBER_KEY(handover_us, UINT64_MAX)
NUMBER_KEY(own_us, UINT64_MAX)

static const struct ini_key keys[] = {
	{ "boot", "slot", set_slot, false },
	{ "boot", "role", set_role, false },
	{ "boot", "mode", set_mode, false },
	{ "boot", "note", set_note, false },
	{ "boot", "disk", set_disk, false },
	{ "boot", "esp-partuuid", set_esp_partuuid, false },
	{ "boot", "root", set_root, false },
	{ "boot", "record", set_record, false },
	{ "boot", "watchdog", set_watchdog, false },
	{ "boot", "data", set_data, false },
	{ "boot", "boot-current", set_boot_current, false },
	{ "boot", "efi-writes", set_efi_writes, false },
	{ "boot", "start-us", set_start_us, false },
	{ "boot", "handover-us", set_handover_us, false },
	{ "boot", "own-us", set_own_us, false },
};

int handover_read(const char *root, struct handover *ret, struct why *w)
{
	struct handover h = { .slot = SLOT_NONE, .role = ROLE_FOREIGN, .boot_current = EFI_NONE };
	char path[PATH_MAX];
	int r = ini_read_file(below(root, HANDOVER_PATH, path), keys, ARRAY_SIZE(keys), &h, w);

	if (!r && (h.slot == SLOT_NONE || !h.disk[0]))
		r = misuse(w, -EBADMSG, "%s: names no %s", path, h.slot == SLOT_NONE ? "slot" : "disk");
	if (!r)
		*ret = h;
	return r;
}

/* What the kernel's isspace() takes. */
#define CMDLINE_BLANKS " \t\n\v\f\r\xa0"

struct word {
	struct bytes name, value;
	bool has_value;
};

/* The word at `p`, which is no blank; returns where it ends. The steps are those of the kernel's next_arg(). */
static const char *cut_word(const char *p, struct word *ret)
{
	bool whole = *p == '"', quoted = whole;
	const char *start = p + whole, *equals = NULL, *end = start, *cut;

	for (; *end && (quoted || !strchr(CMDLINE_BLANKS, *end)); end++) {
		if (*end == '=' && !equals && end > start)
			equals = end;
		if (*end == '"')
			quoted = !quoted;
	}
	cut = end > start && end[-1] == '"' && (whole || (equals && equals[1] == '"')) ? end - 1 : end;
	*ret = (struct word){ .name = bytes_of(start, (size_t)((equals ? equals : cut) - start)),
			      .has_value = equals != NULL };
	if (equals) {
		const char *value = equals + 1 + (equals[1] == '"');

		ret->value = bytes_of(value, value < cut ? (size_t)(cut - value) : 0);
	}
	return end;
}

/* Names are compared as by the kernel's parameq(). */
static bool same_name(struct bytes name, const char *key)
{
	if (name.n != strlen(key))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if ((name.p[i] == '-' ? '_' : name.p[i]) != (key[i] == '-' ? '_' : (uint8_t)key[i]))
			return false;
	return true;
}

bool cmdline_value(const char *cmdline, const char *key, char *ret, size_t room)
{
	struct word last = { 0 };

	for (const char *p = cmdline + strspn(cmdline, CMDLINE_BLANKS); *p; p += strspn(p, CMDLINE_BLANKS)) {
		struct word one;

		p = cut_word(p, &one);
		if (!one.has_value && bytes_equal(one.name, bytes_str("--")))
			break;
		if (one.has_value && same_name(one.name, key))
			last = one;
	}
	if (!last.has_value || last.value.n >= room)
		return false;
	memcpy(ret, last.value.p, last.value.n);
	ret[last.value.n] = '\0';
	return true;
}

enum slot cmdline_slot(const char *cmdline)
{
	char value[8];

	if (!cmdline_value(cmdline, "tandem.slot", value, sizeof(value)))
		return SLOT_NONE;
	return strcmp(value, "a") == 0 ? SLOT_A : strcmp(value, "b") == 0 ? SLOT_B : SLOT_NONE;
}

bool running_agree(struct running *r, enum boot_mode mode)
{
	r->slot = r->root;
	if (mode == MODE_BOOTNEXT && (r->cmdline != r->root || (r->firmware != SLOT_NONE && r->firmware != r->root)))
		r->slot = SLOT_NONE;
	return r->slot != SLOT_NONE;
}

void handover_json(struct json *j, const char *key, const struct handover *h)
{
	if (!h) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	json_string(j, "slot", slot_name_or(h->slot, NULL));
	json_string(j, "role", boot_role_name(h->role));
	json_string(j, "mode", boot_mode_name(h->mode));
	json_string(j, "note", h->note);
	json_text(j, "disk", h->disk);
	json_text(j, "esp_partuuid", h->esp_partuuid);
	json_text(j, "root", h->root);
	json_text(j, "record", h->record);
	json_text(j, "watchdog", h->watchdog);
	json_text(j, "data", h->data);
	json_u64(j, "efi_writes", h->efi_writes);
	json_u64(j, "start_us", h->start_us);
	json_u64(j, "handover_us", h->handover_us);
	json_u64(j, "own_us", h->own_us);
	json_end(j);
}
