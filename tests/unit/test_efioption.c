/* A slot's load option to the byte: as efibootmgr made one, and as libefivar makes its nodes (partitions/efioption.h). */
#include "partitions/efioption.h"

#include <efivar/efivar.h>

#include "base/bytes.h"
#include "partitions/sysconf.h"
#include "tests/support.h"

static const struct efi_esp esp = {
	.number = 1,
	.start_sectors = 2048,
	.size_sectors = 65536,
	/* 0FC63DAF-8483-4772-8E79-3D69D8477DE4 as a GPT entry holds it */
	.guid = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 },
};

/*
 * Made by efibootmgr 17 on a disk with this ESP: -c -p 1 -l '\EFI\tandem\a\linux.efi' -L 'Tandem a', without the four
 * bytes of attributes that efivarfs puts in front.
 */
static const uint8_t by_efibootmgr[] = {
	0x01, 0x00, 0x00, 0x00, 0x62, 0x00, 0x54, 0x00, 0x61, 0x00, 0x6e, 0x00, 0x64, 0x00, 0x65, 0x00, 0x6d, 0x00,
	0x20, 0x00, 0x61, 0x00, 0x00, 0x00, 0x04, 0x01, 0x2a, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84,
	0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4, 0x02, 0x02, 0x04, 0x04, 0x34, 0x00, 0x5c, 0x00,
	0x45, 0x00, 0x46, 0x00, 0x49, 0x00, 0x5c, 0x00, 0x74, 0x00, 0x61, 0x00, 0x6e, 0x00, 0x64, 0x00, 0x65, 0x00,
	0x6d, 0x00, 0x5c, 0x00, 0x61, 0x00, 0x5c, 0x00, 0x6c, 0x00, 0x69, 0x00, 0x6e, 0x00, 0x75, 0x00, 0x78, 0x00,
	0x2e, 0x00, 0x65, 0x00, 0x66, 0x00, 0x69, 0x00, 0x00, 0x00, 0x7f, 0xff, 0x04, 0x00,
};

static void option_is_what_efibootmgr_makes(void **state)
{
	struct efi_option o[2];
	struct why w = { 0 };

	(void)state;
	assert_ok(efi_option_make(SLOT_A, &esp, "EFI/tandem/a/linux.efi", &o[SLOT_A], &w), w);
	assert_ok(efi_option_make(SLOT_B, &esp, "EFI/tandem/b/linux.efi", &o[SLOT_B], &w), w);
	assert_int_equal(o[SLOT_A].n, sizeof(by_efibootmgr));
	assert_memory_equal(o[SLOT_A].data, by_efibootmgr, sizeof(by_efibootmgr));
	assert_int_equal(o[SLOT_B].n, sizeof(by_efibootmgr));
	assert_int_equal(o[SLOT_B].data[20], 'b'); /* the description, and the folder */
	assert_int_equal(o[SLOT_B].data[94], 'b');
}

/* The device path as libefivar makes it; file: from the root, with backslashes. */
static size_t by_libefivar(const struct efi_esp *e, char *file, uint8_t *out, ssize_t room)
{
	uint8_t guid[16];
	ssize_t n, m;

	memcpy(guid, e->guid, sizeof(guid));
	n = efidp_make_hd(out, room, e->number, e->start_sectors, e->size_sectors, guid, EFIDP_HD_FORMAT_GPT,
			  EFIDP_HD_SIGNATURE_GUID);
	assert_true(n > 0);
	m = efidp_make_file(out + n, room - n, file);
	assert_true(m > 0);
	n += m;
	m = efidp_make_end_entire(out + n, room - n);
	assert_true(m > 0);
	return (size_t)(n + m);
}

static void nodes_are_what_libefivar_makes(void **state)
{
	static const struct efi_esp places[] = {
		{ .number = 1, .start_sectors = 2048, .size_sectors = 65536, .guid = { 1 } },
		{ .number = 128, .start_sectors = 6, .size_sectors = 1, .guid = { [15] = 0xff } },
		{ .number = UINT32_MAX,
		  .start_sectors = UINT64_MAX,
		  .size_sectors = 0x0102030405060708,
		  .guid = { 7 } },
	};
	static const char *const files[] = { "a", "EFI/tandem/a/linux.efi", "EFI//x y/~!.EFI" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places) * ARRAY_SIZE(files); i++) {
		const struct efi_esp *e = &places[i / ARRAY_SIZE(files)];
		const char *path = files[i % ARRAY_SIZE(files)];
		uint8_t want[EFI_OPTION_MAX];
		struct why w = { 0 };
		struct efi_option o;
		char file[64];
		uint16_t n = 0;

		(void)snprintf(file, sizeof(file), "\\%s", path);
		for (char *c = file; *c; c++)
			*c = *c == '/' ? '\\' : *c;
		assert_ok(efi_option_make(SLOT_B, e, path, &o, &w), w);
		assert_int_equal(bytes_le16(bytes_of(o.data, o.n), 4, &n), 0);
		assert_int_equal(n, by_libefivar(e, file, want, sizeof(want)));
		assert_int_equal(o.n, 6 + 18 + n);
		assert_memory_equal(o.data + o.n - n, want, n);
		assert_int_equal(efidp_is_valid((const_efidp)(o.data + o.n - n), n), 1);
	}
}

static void option_of_the_longest_path_fits_and_a_bad_path_leaves_ret_alone(void **state)
{
	char path[SYSCONF_BOOT_FILE + 1];
	struct efi_option o = { .n = 77 };
	struct why w = { 0 };

	(void)state;
	memset(path, 'x', sizeof(path));
	path[SYSCONF_BOOT_FILE] = '\0';
	assert_int_equal(efi_option_make(SLOT_A, &esp, path, &o, &w), -ENAMETOOLONG);
	assert_int_equal(o.n, 77);
	w = (struct why){ 0 };
	assert_int_equal(efi_option_make(SLOT_A, &esp, "EFI/\xc3\xa4.efi", &o, &w), -EINVAL);
	assert_int_equal(o.n, 77);
	w = (struct why){ 0 };
	path[SYSCONF_BOOT_FILE - 1] = '\0';
	assert_ok(efi_option_make(SLOT_A, &esp, path, &o, &w), w);
	assert_int_equal(o.n, 6 + 18 + 42 + 4 + 2 * (SYSCONF_BOOT_FILE + 1) + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(option_is_what_efibootmgr_makes),
		cmocka_unit_test(nodes_are_what_libefivar_makes),
		cmocka_unit_test(option_of_the_longest_path_fits_and_a_bad_path_leaves_ret_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
