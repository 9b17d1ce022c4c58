/* The first page of a swap area (tuning/swaphdr.h): what is written is read again, and nothing else is. */
#include "tuning/swaphdr.h"

#include "tests/support.h"

#define PAGE 4096u

static const struct swaphdr sample = {
	.pages = 4194304, /* 16 GiB of 4 KiB */
	.uuid = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.label = "tandem-swap",
};

static void header_written_is_read_again(void **state)
{
	static const size_t sizes[] = { SWAPHDR_PAGE_MIN, 16384, SWAPHDR_PAGE_MAX };
	static uint8_t page[SWAPHDR_PAGE_MAX];
	struct swaphdr h;
	struct why w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		swaphdr_write(&sample, page, sizes[i]);
		assert_ok(swaphdr_parse(bytes_of(page, sizes[i]), &h, &w), w);
		assert_int_equal(h.pages, sample.pages);
		assert_memory_equal(h.uuid, sample.uuid, sizeof(h.uuid));
		assert_string_equal(h.label, sample.label);
	}
}

static void label_of_full_length_is_kept(void **state)
{
	struct swaphdr h = { .pages = 1, .label = "0123456789abcdef" }, again;
	static uint8_t page[PAGE];
	struct why w = { 0 };

	(void)state;
	swaphdr_write(&h, page, PAGE);
	assert_ok(swaphdr_parse(bytes_of(page, PAGE), &again, &w), w);
	assert_string_equal(again.label, "0123456789abcdef");
}

static void each_damage_is_refused_and_leaves_ret_alone(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int code;
	} table[] = {
		{ PAGE - 1, '1', -EBADMSG },   /* version 0 ended in SWAP-SPACE */
		{ PAGE - 10, 0, -EBADMSG },    /* no magic */
		{ 1024, 2, -EPROTONOSUPPORT }, /* version */
		{ 1027, 1, -EPROTONOSUPPORT }, /* byte order */
		{ 1032, 1, -EBADMSG },         /* bad pages */
		{ 1030, 0, -EBADMSG },         /* no pages: the only bit of 4194304 is there */
	};
	static uint8_t page[PAGE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct swaphdr h = { .pages = 77 };
		struct why w = { 0 };

		swaphdr_write(&sample, page, PAGE);
		page[table[i].at] = table[i].value;
		assert_int_equal(swaphdr_parse(bytes_of(page, PAGE), &h, &w), table[i].code);
		assert_int_equal(h.pages, 77);
		assert_true(w.text[0]);
	}
}

static void every_prefix_is_refused(void **state)
{
	static uint8_t page[PAGE];
	struct swaphdr h;

	(void)state;
	swaphdr_write(&sample, page, PAGE);
	for (size_t n = 0; n < PAGE; n++)
		assert_int_equal(swaphdr_parse(bytes_of(page, n), &h, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_written_is_read_again),
		cmocka_unit_test(label_of_full_length_is_kept),
		cmocka_unit_test(each_damage_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(every_prefix_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
