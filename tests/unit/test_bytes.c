/* The bounded cursor of base/bytes.h: no getter reaches past the end, whatever the offset, and none touches *ret then. */
#include "base/bytes.h"

#include "tests/support.h"

static const uint8_t sample[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void getters_read_little_endian_at_any_offset(void **state)
{
	struct bytes b = bytes_of(sample, sizeof(sample));
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	assert_int_equal(bytes_u8(b, 8, &u8), 0);
	assert_int_equal(u8, 9);
	assert_int_equal(bytes_le16(b, 1, &u16), 0);
	assert_int_equal(u16, 0x0302);
	assert_int_equal(bytes_le32(b, 1, &u32), 0);
	assert_int_equal(u32, 0x05040302);
	assert_int_equal(bytes_le64(b, 1, &u64), 0);
	assert_true(u64 == 0x0908070605040302u);
}

static void getters_keep_the_top_bit(void **state)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct bytes b = bytes_of(ones, sizeof(ones));
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	assert_int_equal(bytes_le16(b, 0, &u16) | bytes_le32(b, 0, &u32) | bytes_le64(b, 0, &u64), 0);
	assert_int_equal(u16, UINT16_MAX);
	assert_true(u32 == UINT32_MAX);
	assert_true(u64 == UINT64_MAX);
}

static void getters_outside_fail_and_leave_ret_alone(void **state)
{
	static const size_t offsets[] = { 9, 10, SIZE_MAX - 7, SIZE_MAX - 1, SIZE_MAX };
	struct bytes b = bytes_of(sample, sizeof(sample)), sub = { 0 };
	uint8_t u8 = 0x5a;
	uint16_t u16 = 0x5a5a;
	uint32_t u32 = 0x5a5a5a5a;
	uint64_t u64 = 0x5a5a5a5a5a5a5a5a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		assert_int_equal(bytes_u8(b, offsets[i], &u8), -EBADMSG);
		assert_int_equal(bytes_le16(b, offsets[i], &u16), -EBADMSG);
		assert_int_equal(bytes_le32(b, offsets[i], &u32), -EBADMSG);
		assert_int_equal(bytes_le64(b, offsets[i], &u64), -EBADMSG);
		assert_int_equal(bytes_sub(b, offsets[i], 1, &sub), -EBADMSG);
	}
	assert_int_equal(bytes_le16(b, 8, &u16), -EBADMSG);
	assert_int_equal(bytes_le32(b, 6, &u32), -EBADMSG);
	assert_int_equal(bytes_le64(b, 2, &u64), -EBADMSG);
	assert_int_equal(bytes_sub(b, 1, SIZE_MAX, &sub), -EBADMSG);
	assert_int_equal(u8, 0x5a);
	assert_int_equal(u16, 0x5a5a);
	assert_int_equal(u32, 0x5a5a5a5a);
	assert_true(u64 == 0x5a5a5a5a5a5a5a5a);
	assert_null(sub.p);
}

static void sub_and_copy_up_to_the_last_byte(void **state)
{
	struct bytes b = bytes_of(sample, sizeof(sample)), sub;
	uint8_t out[9] = { 0 };

	(void)state;
	assert_int_equal(bytes_sub(b, 4, 5, &sub), 0);
	assert_ptr_equal(sub.p, sample + 4);
	assert_int_equal(sub.n, 5);
	assert_int_equal(bytes_sub(b, 9, 0, &sub), 0);
	assert_int_equal(sub.n, 0);
	assert_int_equal(bytes_copy(b, 0, out, 9), 0);
	assert_memory_equal(out, sample, 9);
	assert_int_equal(bytes_copy(b, 1, out, 9), -EBADMSG);
}

/* An empty file is a NULL pointer and no bytes: fine to ask about, with no arithmetic on the pointer (UBSan). */
static void empty_bytes_without_memory_are_usable(void **state)
{
	struct bytes none = { 0 }, sub = bytes_of(sample, 1);
	uint8_t out = 7;

	(void)state;
	assert_int_equal(bytes_sub(none, 0, 0, &sub), 0);
	assert_int_equal(sub.n, 0);
	assert_int_equal(bytes_copy(none, 0, &out, 0), 0);
	assert_int_equal(bytes_u8(none, 0, &out), -EBADMSG);
	assert_int_equal(out, 7);
	assert_true(bytes_all_zero(none));
	assert_true(bytes_equal(none, bytes_str("")));
	assert_false(bytes_equal(none, bytes_str("a")));
}

static void all_zero_sees_every_byte(void **state)
{
	uint8_t buf[33] = { 0 };

	(void)state;
	assert_true(bytes_all_zero(bytes_of(buf, sizeof(buf))));
	for (size_t i = 0; i < sizeof(buf); i++) {
		buf[i] = 0x80;
		assert_false(bytes_all_zero(bytes_of(buf, sizeof(buf))));
		buf[i] = 0;
	}
}

static void put_and_get_agree(void **state)
{
	uint8_t buf[14];
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	put_le16(buf, 0xbeef);
	put_le32(buf + 2, 0xdeadbeef);
	put_le64(buf + 6, 0x0123456789abcdef);
	assert_int_equal(bytes_le16(bytes_of(buf, 14), 0, &u16) | bytes_le32(bytes_of(buf, 14), 2, &u32) |
				 bytes_le64(bytes_of(buf, 14), 6, &u64),
			 0);
	assert_int_equal(u16, 0xbeef);
	assert_true(u32 == 0xdeadbeef);
	assert_true(u64 == 0x0123456789abcdef);
	assert_int_equal(buf[0], 0xef);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(getters_read_little_endian_at_any_offset),
		cmocka_unit_test(getters_keep_the_top_bit),
		cmocka_unit_test(getters_outside_fail_and_leave_ret_alone),
		cmocka_unit_test(sub_and_copy_up_to_the_last_byte),
		cmocka_unit_test(empty_bytes_without_memory_are_usable),
		cmocka_unit_test(all_zero_sees_every_byte),
		cmocka_unit_test(put_and_get_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
