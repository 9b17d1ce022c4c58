/* Keys for encryption as text (updater/recipient.h) and in files (updater/decryptfile.h). */
#include "updater/recipient.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/io.h"
#include "tests/support.h"
#include "updater/decryptfile.h"
#include "updater/keys.h"

static void a_key_pair_reads_back(void **state)
{
	char text[RECIPIENT_TEXT_MAX], list[RECIPIENT_TEXT_MAX];
	CLEANUP(recipients_done) struct recipients r = { 0 };
	struct decrypt_key key, back;
	struct why w = { 0 };
	size_t n;

	(void)state;
	decrypt_key_generate(&key);
	n = decrypt_key_format(&key, text);
	assert_int_equal(n, strlen(text));
	assert_ok(decrypt_key_parse(bytes_str(text), &back, &w), w);
	assert_memory_equal(&key, &back, sizeof(key));
	n = recipient_format(&key.recipient, "device 7", list);
	assert_int_equal(n, strlen(list));
	assert_ok(recipients_parse(&r, bytes_str(list), &w), w);
	assert_int_equal(r.n, 1);
	assert_memory_equal(&r.at[0], &key.recipient, sizeof(r.at[0]));
}

static void each_changed_character_of_a_secret_key_is_noticed(void **state)
{
	char text[RECIPIENT_TEXT_MAX];
	struct decrypt_key key, back = { .secret = { 7 } };

	(void)state;
	decrypt_key_generate(&key);
	(void)decrypt_key_format(&key, text);
	for (size_t i = 0; i + 1 < strlen(text); i++) {
		char was = text[i];
		int r;

		text[i] = was == 'A' ? 'B' : 'A';
		r = decrypt_key_parse(bytes_str(text), &back, NULL);
		/* five bits of the scalar do not count (RFC 7748, 5) */
		if (r == 0 && memcmp(back.recipient.key, key.recipient.key, sizeof(key.recipient.key)) != 0)
			fail_msg("a change at %zu was not noticed", i);
		text[i] = was;
	}
	for (size_t n = 0; n + 1 < strlen(text); n++)
		assert_int_not_equal(decrypt_key_parse(bytes_of(text, n), &back, NULL), 0);
}

#define KEY_1 "Bwc4w0uuN7yLdRUwAkcBpkY3PZkTQ/x7KczSTrEDK3g="
#define KEY_2 "1Ly4WWdk5nVCaPNmPRSxRvhG1wvXAQQ0ZhwvvdrdaEw="

static void lists_are_lines_of_keys(void **state)
{
	static const struct {
		const char *text;
		int want;
		size_t n;
	} table[] = {
		{ "# tandem recipients 1\n" KEY_1 "\n", 0, 1 },
		{ "# tandem recipients 1\n" KEY_1, 0, 1 },
		{ "# tandem recipients 1\r\n" KEY_1 "\r\n", 0, 1 },
		{ "# tandem recipients 1\n\n# ours\n" KEY_1 " one\n" KEY_2 "\ttwo words\n\n", 0, 2 },
		{ "# tandem recipients 1\n" KEY_1 "\n# tandem recipients 1\n" KEY_2 "\n", 0, 2 },
		{ "# tandem recipients 1\n" KEY_1 "\n" KEY_1 "\n", 0, 2 },
		{ "", -EBADMSG, 0 },
		{ "# tandem recipients 1\n", -EBADMSG, 0 },
		{ KEY_1 "\n", -EBADMSG, 0 },
		{ "# tandem recipients 2\n" KEY_1 "\n", -EPROTONOSUPPORT, 0 },
		{ "# tandem recipients 1x\n" KEY_1 "\n", -EPROTONOSUPPORT, 0 },
		{ "# tandem recipients 1\n" KEY_1 "\n# tandem recipients 2\n" KEY_2 "\n", -EPROTONOSUPPORT, 0 },
		{ "# tandem recipients 1\n" KEY_1 "x\n", -EBADMSG, 0 },
		{ "# tandem recipients 1\n " KEY_1 "\n", -EBADMSG, 0 },
		{ "# tandem recipients 1\nBwc4w0uuN7yL\n", -EBADMSG, 0 },
		{ "# tandem recipients 1\n" KEY_1 "\n# tandem decryption key 1\n", -EINVAL, 0 },
		{ "# tandem decryption key 1\n" KEY_1 "\n", -EINVAL, 0 },
		{ "untrusted comment: minisign public key\n" KEY_1 "\n", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CLEANUP(recipients_done) struct recipients r = { 0 };
		struct why w = { 0 };
		int got = recipients_parse(&r, bytes_str(table[i].text), &w);

		if (got != table[i].want || r.n != table[i].n)
			fail_msg("row %zu: %d, %zu keys: %s", i, got, r.n, w.text);
	}
}

static void a_bad_list_adds_nothing(void **state)
{
	CLEANUP(recipients_done) struct recipients r = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(recipients_parse(&r, bytes_str("# tandem recipients 1\n" KEY_1 "\n"), &w), w);
	assert_int_equal(recipients_parse(&r, bytes_str("# tandem recipients 1\n" KEY_2 "\nx\n"), &w), -EBADMSG);
	assert_string_equal(w.text, "line 3: not an encryption key: want 32 bytes in base64");
	assert_int_equal(r.n, 1);
}

static void sorting_drops_repeated_keys(void **state)
{
	CLEANUP(recipients_done) struct recipients r = { 0 };
	struct why w = { 0 };

	(void)state;
	recipients_sort(&r);
	assert_int_equal(r.n, 0);
	assert_ok(recipients_parse(&r, bytes_str("# tandem recipients 1\n" KEY_1 "\n" KEY_2 "\n" KEY_1 "\n" KEY_1), &w),
		  w);
	recipients_sort(&r);
	assert_int_equal(r.n, 2);
	assert_true(memcmp(&r.at[0].id, &r.at[1].id, sizeof(r.at[0].id)) < 0);
}

/* A key for one thing is no key for the other, and whoever mixes them up is told. */
static void keys_of_the_other_kind_are_named(void **state)
{
	char secret[RECIPIENT_TEXT_MAX], list[RECIPIENT_TEXT_MAX], signing[KEYS_TEXT_MAX];
	AUTO_SECRET struct secret_key sign = { 0 }, back = { 0 };
	struct why public_why = { 0 }, secret_why = { 0 }, decrypt_why = { 0 }, half_why = { 0 };
	struct minisig_key public_key;
	struct decrypt_key key, other;

	(void)state;
	decrypt_key_generate(&key);
	(void)decrypt_key_format(&key, secret);
	(void)recipient_format(&key.recipient, NULL, list);
	keys_generate(&sign);
	assert_int_equal(keys_format(&sign, NULL, 0, signing, NULL), 0);
	assert_int_equal(minisig_key_parse(bytes_str(list), &public_key, &public_why), -EBADMSG);
	assert_string_equal(public_why.text, "a key for encryption, not for signatures");
	assert_int_equal(keys_parse(bytes_str(secret), NULL, &back, &secret_why), -EBADMSG);
	assert_string_equal(secret_why.text, "a key for encryption, which cannot sign");
	assert_int_equal(decrypt_key_parse(bytes_str(signing), &other, &decrypt_why), -EINVAL);
	assert_string_equal(decrypt_why.text, "a key for signatures, not for encryption");
	assert_int_equal(decrypt_key_parse(bytes_str(list), &other, &half_why), -EINVAL);
	assert_string_equal(half_why.text, "a public encryption key; the secret half is wanted here");
}

static void secret_key_that_others_can_read_is_refused(void **state)
{
	char name[256], path[300];
	AUTO_DECRYPT struct decrypt_keys keys = { 0 };
	struct why w = { 0 };
	struct decrypt_key key;

	(void)state;
	decrypt_key_generate(&key);
	(void)snprintf(name, sizeof(name), "%s", scratch_path("device"));
	(void)snprintf(path, sizeof(path), "%s.key", name);
	assert_ok(decrypt_key_save(name, &key, false, &w), w);
	assert_ok(decrypt_keys_load(&keys, path, &w), w);
	assert_memory_equal(&keys.at[0], &key, sizeof(key));
	for (mode_t bit = 01; bit <= 040; bit <<= 1) {
		struct why refused = { 0 };

		assert_int_equal(chmod(path, 0600 | bit), 0);
		assert_int_equal(decrypt_keys_load(&keys, path, &refused), -EACCES);
		assert_int_equal(refused.exit, EXIT_REFUSED);
	}
	assert_int_equal(keys.n, 1);
	assert_int_equal(chmod(path, 0400), 0);
	assert_ok(decrypt_keys_load(&keys, path, &w), w);
	assert_int_equal(decrypt_keys_load(&keys, scratch(), NULL), -EINVAL);
	assert_int_equal(decrypt_key_save(name, &key, false, NULL), -EEXIST);
}

static void more_keys_than_a_device_has_are_refused(void **state)
{
	AUTO_DECRYPT struct decrypt_keys keys = { 0 };
	char name[256], path[300];
	struct why w = { 0 };
	struct decrypt_key key;

	(void)state;
	decrypt_key_generate(&key);
	(void)snprintf(name, sizeof(name), "%s", scratch_path("many"));
	(void)snprintf(path, sizeof(path), "%s.key", name);
	assert_ok(decrypt_key_save(name, &key, false, &w), w);
	for (size_t i = 0; i < DECRYPT_KEYS_MAX; i++)
		assert_ok(decrypt_keys_load(&keys, path, &w), w);
	assert_int_equal(decrypt_keys_load(&keys, path, NULL), -E2BIG);
}

static void recipients_of_a_folder_are_its_recipient_files(void **state)
{
	CLEANUP(recipients_done) struct recipients r = { 0 };
	struct why w = { 0 };

	(void)state;
	scratch_put("fleet/a.recipient", "# tandem recipients 1\n" KEY_1 "\n");
	scratch_put("fleet/b.recipient", "# tandem recipients 1\n" KEY_2 " b\n" KEY_1 "\n");
	scratch_put("fleet/.c.recipient", "not looked at");
	scratch_put("fleet/d.txt", "not looked at");
	scratch_put("empty/d.txt", "not looked at");
	assert_ok(recipients_load(&r, scratch_path("fleet"), &w), w);
	assert_int_equal(r.n, 3);
	assert_int_equal(recipients_load(&r, scratch_path("empty"), NULL), -ENODATA);
	assert_int_equal(recipients_load(&r, scratch_path("none"), NULL), -ENOENT);
	assert_ok(recipients_load(&r, scratch_path("fleet/a.recipient"), &w), w);
	assert_int_equal(r.n, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_pair_reads_back),
		cmocka_unit_test(each_changed_character_of_a_secret_key_is_noticed),
		cmocka_unit_test(lists_are_lines_of_keys),
		cmocka_unit_test(a_bad_list_adds_nothing),
		cmocka_unit_test(sorting_drops_repeated_keys),
		cmocka_unit_test(keys_of_the_other_kind_are_named),
		cmocka_unit_test(secret_key_that_others_can_read_is_refused),
		cmocka_unit_test(more_keys_than_a_device_has_are_refused),
		cmocka_unit_test(recipients_of_a_folder_are_its_recipient_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
