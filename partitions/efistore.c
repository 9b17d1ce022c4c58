/*
 * The machine's own variables, as files of efivarfs.
 *
 * Not through libefivar: its way to variables is chosen when the library is loaded, for the life of the process, and in
 * PID 1 that is before anybody can have mounted efivarfs.
 */
#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <strings.h>
#include <sys/vfs.h>

#include "partitions/efivars.h"

#define EFIVARFS    "/sys/firmware/efi/efivars"
#define GLOBAL_GUID "8be4df61-93ca-11d2-aa0d-00e098032b8c" /* UEFI 2.10 section 3.3 */
#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" /* systemd's Boot Loader Interface */

/* A file of efivarfs holds the attributes, then the value (Linux, Documentation/filesystems/efivarfs.rst). */
#define ATTRIBUTES_BYTES 4u
#define ATTRIBUTES       7u /* non-volatile, boot service access, runtime access: UEFI 2.10 section 8.2 */
#define VALUE_MAX        (2 * (size_t)EFI_ORDER_ROOM)
static_assert(VALUE_MAX >= EFI_OPTION_MAX, "room for every value that is read or written here");

/* A folder that stands for efivarfs, by the same variable as libefivar has it; NULL: the real one. */
static const char *stand_in(void)
{
	const char *path = secure_getenv("EFIVARFS_PATH");

	return path && *path ? path : NULL;
}

static int variable_path(const char *name, const char *vendor, char ret[PATH_MAX], struct why *w)
{
	const char *folder = stand_in() ? stand_in() : EFIVARFS;

	if (snprintf(ret, PATH_MAX, "%s/%s-%s", folder, name, vendor) >= PATH_MAX)
		return fail(w, -ENAMETOOLONG, "%s: name too long", folder);
	return 0;
}

/* One read(2): each one is a call of the firmware. */
static int read_variable(const char *name, const char *vendor, uint8_t *data, size_t *n, struct why *w)
{
	uint8_t buf[ATTRIBUTES_BYTES + VALUE_MAX + 1];
	char path[PATH_MAX];
	size_t size;
	ssize_t got;
	int r = variable_path(name, vendor, path, w);

	if (r)
		return r;
	AUTO_FD fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? fail(w, -ENOENT, "%s: not set", name) : fail_errno(w, "%s: read", name);
	do
		got = read(fd, buf, sizeof(buf));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return fail_errno(w, "%s: read", name);
	if (got == 0) /* a file that was made and never written: there is no such variable */
		return fail(w, -ENOENT, "%s: not set", name);
	if (got < (ssize_t)ATTRIBUTES_BYTES)
		return fail(w, -EBADMSG, "%s: %zd bytes are too few for a variable", name, got);
	size = (size_t)got - ATTRIBUTES_BYTES;
	if (size > *n || size > VALUE_MAX)
		return fail(w, -E2BIG, "%s: more than the expected %zu bytes", name, *n);
	memcpy(data, buf + ATTRIBUTES_BYTES, size);
	*n = size;
	return 0;
}

static int sys_get(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *w)
{
	(void)s;
	return read_variable(name, GLOBAL_GUID, data, n, w);
}

/* One write(2) is one SetVariable(): the old value or the new one (UEFI 2.10 section 8.2). */
static int sys_set(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *w)
{
	uint8_t buf[ATTRIBUTES_BYTES + VALUE_MAX];
	char path[PATH_MAX];
	bool made = false;
	ssize_t put;
	int r = variable_path(name, GLOBAL_GUID, path, w);

	(void)s;
	if (r)
		return r;
	if (n > VALUE_MAX)
		return fail(w, -E2BIG, "%s: %zu bytes, the limit is %zu", name, n, VALUE_MAX);
	put_le32(buf, ATTRIBUTES);
	memcpy(buf + ATTRIBUTES_BYTES, data, n);
	/* efivarfs replaces a value whole; a plain file has to be emptied. */
	AUTO_FD fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC | (stand_in() ? O_TRUNC : 0));
	if (fd < 0 && errno == ENOENT) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0644);
		made = true;
	}
	if (fd < 0)
		return fail_errno(w, "%s: set", name);
	do
		put = write(fd, buf, ATTRIBUTES_BYTES + n);
	while (put < 0 && errno == EINTR);
	if (put == (ssize_t)(ATTRIBUTES_BYTES + n))
		return 0;
	r = put < 0 ? fail_errno(w, "%s: set", name) : fail(w, -EIO, "%s: set: cut short", name);
	if (made)
		(void)unlink(path); /* an empty file would be left over */
	return r;
}

static int sys_remove(struct efi_store *s, const char *name, struct why *w)
{
	char path[PATH_MAX];
	int r = variable_path(name, GLOBAL_GUID, path, w);

	(void)s;
	if (r)
		return r;
	return unlink(path) ? fail_errno(w, "%s: remove", name) : 0;
}

/* "Boot", four hex digits, '-' and the GUID. Firmware writes upper case; a number in lower case counts as used. */
static bool boot_number(const char *file, uint32_t *ret)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *at;
	uint32_t v = 0;

	if (strncmp(file, "Boot", 4) != 0 || strspn(file + 4, digits) != 4 || file[8] != '-' ||
	    strcasecmp(file + 9, GLOBAL_GUID) != 0)
		return false;
	for (size_t i = 4; i < 8; i++) {
		at = strchr(digits, file[i]);
		v = v << 4 | (uint32_t)(at - digits < 16 ? at - digits : at - digits - 6);
	}
	*ret = v;
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int sys_list(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *w)
{
	const char *folder = stand_in() ? stand_in() : EFIVARFS;
	AUTO_DIR *d = opendir(folder);
	const struct dirent *e;
	size_t found = 0;

	(void)s;
	if (!d)
		return fail_errno(w, "%s", folder);
	while (errno = 0, (e = readdir(d))) {
		uint32_t number = 0;

		if (!boot_number(e->d_name, &number))
			continue;
		if (found == EFI_ORDER_MAX)
			return fail(w, -E2BIG, "more than %u boot entries", EFI_ORDER_MAX);
		numbers[found++] = number;
	}
	if (errno)
		return fail_errno(w, "%s: list of the variables", folder);
	qsort(numbers, found, sizeof(*numbers), by_number);
	*n = found;
	return 0;
}

static const struct efi_store_ops sys_ops = { .get = sys_get, .set = sys_set, .remove = sys_remove, .list = sys_list };

int efi_store_open(struct efi_store *ret, struct why *w)
{
	struct statfs st;

	if (!stand_in() && (statfs(EFIVARFS, &st) || (unsigned int)st.f_type != EFIVARFS_MAGIC)) {
		(void)fail(w, -ENODATA, "no EFI variables: efivarfs is not mounted at %s", EFIVARFS);
		return why_next(w, -ENODATA, "see whether UEFI started this system, and not with efi=noruntime");
	}
	*ret = (struct efi_store){ .ops = &sys_ops };
	return 0;
}

int efi_store_room(uint64_t *ret_bytes, struct why *w)
{
	struct statfs st;

	/* Older kernels answer with zeros for everything. */
	if (stand_in() || statfs(EFIVARFS, &st) || (unsigned int)st.f_type != EFIVARFS_MAGIC || st.f_blocks == 0)
		return fail(w, -ENODATA, "the kernel does not say how much room is left for EFI variables");
	*ret_bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize;
	return 0;
}

/* 8-4-4-4-12 lower-case hex digits. */
static bool is_guid(const char *s)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (!s[i] || !strchr(dash ? "-" : "0123456789abcdef", s[i]))
			return false;
	}
	return s[36] == '\0';
}

int efi_loader_partuuid(char ret[37], struct why *w)
{
	uint8_t value[2 * 37] = { 0 }; /* UTF-16, with or without its NUL */
	size_t n = sizeof(value);
	char text[37] = "";
	int r = read_variable("LoaderDevicePartUUID", LOADER_GUID, value, &n, w);

	if (r)
		return r == -ENOENT ? -ENODATA : r;
	for (size_t i = 0; i < 37; i++)
		text[i] = (char)(value[2 * i + 1] ? '?' : tolower(value[2 * i]));
	if (n < 72 || n % 2 || !is_guid(text))
		return fail(w, -EBADMSG, "LoaderDevicePartUUID: not a GUID");
	memcpy(ret, text, sizeof(text));
	return 0;
}
