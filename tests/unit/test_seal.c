/* What is encrypted with the content key (updater/seal.h). tests/cli/encrypt.t does the same with another program. */
#include "updater/seal.h"

#include <string.h>

#include "tests/support.h"

#define CLEAR "what nobody is to read"
#define N     sizeof(CLEAR)

static const struct seal_place place = { .kind = SEAL_ENTRIES, .payload = 3, .at = 1ull << 40, .raw_bytes = 77 };

static void what_was_locked_unlocks_at_its_place(void **state)
{
	uint8_t sealed[N + SEAL_TAG_BYTES], clear[N];
	struct content_key k;
	struct why w = { 0 };

	(void)state;
	content_key_generate(&k);
	seal_lock(&k, &place, bytes_of(CLEAR, N), sealed);
	assert_memory_not_equal(sealed, CLEAR, N);
	assert_ok(seal_unlock(&k, &place, bytes_of(sealed, sizeof(sealed)), clear, &w), w);
	assert_memory_equal(clear, CLEAR, N);
	assert_ok(seal_unlock(&k, &place, bytes_of(sealed, sizeof(sealed)), sealed, &w), w);
	assert_memory_equal(sealed, CLEAR, N);
}

static void another_place_or_key_does_not_unlock(void **state)
{
	struct seal_place other[5] = { place, place, place, place, place };
	uint8_t sealed[N + SEAL_TAG_BYTES], clear[N];
	struct content_key k, wrong, renamed;

	(void)state;
	content_key_generate(&k);
	content_key_generate(&wrong);
	seal_lock(&k, &place, bytes_of(CLEAR, N), sealed);
	other[0].kind = SEAL_INDEX;
	other[1].payload = 2;
	other[2].at++;
	other[3].raw_bytes--;
	other[4].at = 0;
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_int_equal(seal_unlock(&k, &other[i], bytes_of(sealed, sizeof(sealed)), clear, NULL), -EBADMSG);
	assert_int_equal(seal_unlock(&wrong, &place, bytes_of(sealed, sizeof(sealed)), clear, NULL), -EBADMSG);
	renamed = k;
	renamed.id.b[0] ^= 1;
	assert_int_equal(seal_unlock(&renamed, &place, bytes_of(sealed, sizeof(sealed)), clear, NULL), -EBADMSG);
}

static void each_changed_bit_and_each_prefix_is_noticed(void **state)
{
	uint8_t sealed[N + SEAL_TAG_BYTES], clear[N];
	struct content_key k;

	(void)state;
	content_key_generate(&k);
	seal_lock(&k, &place, bytes_of(CLEAR, N), sealed);
	for (size_t i = 0; i < 8 * sizeof(sealed); i++) {
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(seal_unlock(&k, &place, bytes_of(sealed, sizeof(sealed)), clear, NULL), -EBADMSG);
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < sizeof(sealed); n++)
		assert_int_equal(seal_unlock(&k, &place, bytes_of(sealed, n), clear, NULL), -EBADMSG);
}

static void a_key_has_one_id(void **state)
{
	struct content_key a, b;
	struct hash id;

	(void)state;
	content_key_generate(&a);
	content_key_generate(&b);
	id = content_key_id(a.key);
	assert_true(hash_equal(&id, &a.id));
	assert_false(hash_equal(&a.id, &b.id));
}

static void hidden_hashes_show_again_with_the_key_and_number(void **state)
{
	struct hash h = hash_of(bytes_str("x")), hidden, shown, other;
	struct content_key k;

	(void)state;
	content_key_generate(&k);
	hidden = seal_mask(&k, 1, &h);
	other = seal_mask(&k, 2, &h);
	shown = seal_mask(&k, 1, &hidden);
	assert_false(hash_equal(&hidden, &h));
	assert_false(hash_equal(&hidden, &other));
	assert_true(hash_equal(&shown, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_locked_unlocks_at_its_place),
		cmocka_unit_test(another_place_or_key_does_not_unlock),
		cmocka_unit_test(each_changed_bit_and_each_prefix_is_noticed),
		cmocka_unit_test(a_key_has_one_id),
		cmocka_unit_test(hidden_hashes_show_again_with_the_key_and_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
