/* For whom a bundle's key is sealed (updater/recipient_table.h). */
#include "updater/recipient_table.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"

#define AT 100u /* the table does not begin the source */

/* A table of n entries, the last of which is for `ours`; and what the manifest says of it. */
struct world {
	struct content_key content;
	struct decrypt_keys ours;
	uint8_t *bytes;
	struct source src;
	struct encryption table;
};

static void describe(struct world *x)
{
	x->table.recipients_hash = hash_of(bytes_of(x->bytes + AT, recipient_table_bytes(x->table.recipients)));
}

static uint8_t *entry(struct world *x, uint64_t i)
{
	return x->bytes + AT + i * RECIPIENT_ENTRY_BYTES;
}

static void make(struct world *x, uint64_t n)
{
	struct why w = { 0 };

	memset(x, 0, sizeof(*x));
	content_key_generate(&x->content);
	x->ours.n = 1;
	decrypt_key_generate(&x->ours.at[0]);
	x->table = (struct encryption){ .recipients = n, .content = x->content.id };
	x->bytes = calloc(1, AT + recipient_table_bytes(n));
	assert_non_null(x->bytes);
	for (uint64_t i = 0; i + 1 < n; i++)
		put_le64(entry(x, i), i);
	assert_ok(recipient_entry_seal(&x->ours.at[0].recipient, &x->content, entry(x, n - 1), &w), w);
	describe(x);
	x->src = source_memory(bytes_of(x->bytes, AT + recipient_table_bytes(n)), "table");
}

static int unlock(struct world *x, struct content_key *ret, struct why *w)
{
	return recipient_table_unlock(&x->src, AT, &x->table, &x->ours, ret, w);
}

static void the_key_is_found_whatever_the_number_of_recipients(void **state)
{
	static const uint64_t n[] = { 1, 2, 511, 512, 513, 10000, RECIPIENTS_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
		struct content_key got = { 0 };
		struct why w = { 0 };
		struct world x;

		make(&x, n[i]);
		assert_ok(unlock(&x, &got, &w), w);
		assert_memory_equal(&got, &x.content, sizeof(got));
		free(x.bytes);
	}
}

static void a_second_key_of_the_device_is_found_as_well(void **state)
{
	struct content_key got = { 0 };
	struct why w = { 0 };
	struct world x;

	(void)state;
	make(&x, 5);
	x.ours.at[1] = x.ours.at[0];
	decrypt_key_generate(&x.ours.at[0]);
	x.ours.n = 2;
	assert_ok(unlock(&x, &got, &w), w);
	assert_memory_equal(&got, &x.content, sizeof(got));
	free(x.bytes);
}

static void without_a_key_that_fits_it_is_refused(void **state)
{
	struct why one = { 0 }, two = { 0 };
	struct content_key got = { .key = { 7 } };
	char want[200], id[RECIPIENT_ID_HEX];
	struct world x;

	(void)state;
	make(&x, 5);
	decrypt_key_generate(&x.ours.at[0]);
	decrypt_key_generate(&x.ours.at[1]);
	assert_int_equal(unlock(&x, &got, &one), -ENOKEY);
	assert_int_equal(one.exit, EXIT_REFUSED);
	(void)snprintf(want, sizeof(want), "encrypted for 5 recipients, and not for the key %s",
		       recipient_id_format(&x.ours.at[0].recipient.id, id));
	assert_string_equal(one.text, want);
	x.ours.n = 2;
	assert_int_equal(unlock(&x, &got, &two), -ENOKEY);
	assert_string_equal(two.text, "encrypted for 5 recipients, and for none of the 2 keys here");
	assert_int_equal(got.key[0], 7);
	free(x.bytes);
}

/* The hash comes first: with a damaged table no key is tried. */
static void each_damage_of_the_table_is_noticed(void **state)
{
	struct content_key got = { .key = { 7 } };
	struct why w = { 0 };
	struct world x;

	(void)state;
	make(&x, 3);
	for (size_t i = 0; i < recipient_table_bytes(3); i++) {
		x.bytes[AT + i] ^= 1;
		assert_int_equal(unlock(&x, &got, NULL), -EBADMSG);
		x.bytes[AT + i] ^= 1;
	}
	x.src.size_bytes--;
	assert_int_equal(unlock(&x, &got, &w), -EBADMSG);
	x.src.size_bytes++;
	x.table.recipients = 2;
	assert_int_equal(unlock(&x, &got, NULL), -EBADMSG);
	assert_int_equal(got.key[0], 7);
	free(x.bytes);
}

static void colliding_ids_are_tried_in_turn(void **state)
{
	struct content_key got = { 0 };
	struct why w = { 0 }, full = { 0 };
	struct world x;

	(void)state;
	make(&x, RECIPIENT_EQUAL_MAX + 1);
	for (uint64_t i = 0; i < RECIPIENT_EQUAL_MAX - 1; i++)
		memcpy(entry(&x, i), x.ours.at[0].recipient.id.b, 8);
	describe(&x);
	assert_ok(unlock(&x, &got, &w), w);
	assert_memory_equal(&got, &x.content, sizeof(got));
	memcpy(entry(&x, RECIPIENT_EQUAL_MAX - 1), x.ours.at[0].recipient.id.b, 8);
	describe(&x);
	assert_int_equal(unlock(&x, &got, &full), -E2BIG);
	free(x.bytes);
}

/* A signer who seals something else, for all or for one recipient, is found out before anything is decrypted. */
static void an_entry_with_another_bundles_key_is_refused(void **state)
{
	struct content_key got = { .key = { 7 } }, other;
	struct why w = { 0 };
	struct world x;

	(void)state;
	make(&x, 2);
	content_key_generate(&other);
	assert_ok(recipient_entry_seal(&x.ours.at[0].recipient, &other, entry(&x, 1), &w), w);
	describe(&x);
	assert_int_equal(unlock(&x, &got, &w), -EKEYREJECTED);
	assert_int_equal(w.exit, EXIT_REFUSED);
	entry(&x, 1)[50] ^= 1;
	describe(&x);
	assert_int_equal(unlock(&x, &got, NULL), -EKEYREJECTED);
	assert_int_equal(got.key[0], 7);
	free(x.bytes);
}

static void ids_are_listed_up_to_a_limit(void **state)
{
	struct recipient_id ids[4];
	struct why w = { 0 };
	struct world x;
	size_t n = 0;

	(void)state;
	make(&x, 3);
	assert_ok(recipient_table_ids(&x.src, AT, &x.table, 4, ids, &n, &w), w);
	assert_int_equal(n, 3);
	assert_memory_equal(&ids[2], &x.ours.at[0].recipient.id, sizeof(ids[2]));
	assert_ok(recipient_table_ids(&x.src, AT, &x.table, 2, ids, &n, &w), w);
	assert_int_equal(n, 2);
	x.bytes[AT] ^= 1;
	assert_int_equal(recipient_table_ids(&x.src, AT, &x.table, 2, ids, &n, NULL), -EBADMSG);
	free(x.bytes);
}

static void nothing_is_sealed_for_a_key_of_small_order(void **state)
{
	static const uint8_t zero[RECIPIENT_KEY_BYTES];
	uint8_t out[RECIPIENT_ENTRY_BYTES];
	struct recipient r = recipient_of(zero);
	struct content_key k;
	struct why w = { 0 };

	(void)state;
	content_key_generate(&k);
	assert_int_equal(recipient_entry_seal(&r, &k, out, &w), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_is_found_whatever_the_number_of_recipients),
		cmocka_unit_test(a_second_key_of_the_device_is_found_as_well),
		cmocka_unit_test(without_a_key_that_fits_it_is_refused),
		cmocka_unit_test(each_damage_of_the_table_is_noticed),
		cmocka_unit_test(colliding_ids_are_tried_in_turn),
		cmocka_unit_test(an_entry_with_another_bundles_key_is_refused),
		cmocka_unit_test(ids_are_listed_up_to_a_limit),
		cmocka_unit_test(nothing_is_sealed_for_a_key_of_small_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
