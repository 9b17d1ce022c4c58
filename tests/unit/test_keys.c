/* Secret keys (updater/keys.h), their files (updater/keyfile.h), and the trust set that counts them (updater/trust.h). */
#include "updater/keys.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"
#include "updater/keyfile.h"
#include "updater/trust.h"

/* Enough for a test: libsodium's least. */
#define LITTLE_MEMORY (16u << 20)

static void written_key_reads_back(void **state)
{
	struct secret_key key, back;
	char text[KEYS_TEXT_MAX];
	struct why w = { 0 };

	(void)state;
	keys_generate(&key);
	assert_ok(keys_format(&key, NULL, 0, text, &w), w);
	assert_ok(keys_parse(bytes_str(text), NULL, &back, &w), w);
	assert_memory_equal(&key, &back, sizeof(key));
	assert_ok(keys_parse(bytes_str(text), "not needed", &back, &w), w);
}

static void locked_key_wants_its_password(void **state)
{
	struct secret_key key, back = { .id.b = { 7 } };
	struct why none = { 0 }, wrong = { 0 }, w = { 0 };
	char text[KEYS_TEXT_MAX];

	(void)state;
	keys_generate(&key);
	assert_ok(keys_format(&key, "secret", LITTLE_MEMORY, text, &w), w);
	assert_int_equal(keys_parse(bytes_str(text), NULL, &back, &none), -ENOKEY);
	assert_int_equal(keys_parse(bytes_str(text), "secrets", &back, &wrong), -EACCES);
	assert_string_equal(wrong.text, "secret key: wrong password");
	assert_int_equal(back.id.b[0], 7);
	assert_ok(keys_parse(bytes_str(text), "secret", &back, &w), w);
	assert_memory_equal(&key, &back, sizeof(key));
}

static void stock_minisigns_key_signs_what_its_public_half_verifies(void **state)
{
	struct why w = { 0 };
	char *secret, *public, text[MINISIG_TEXT_MAX];
	struct minisig_key public_key, own;
	struct bytes rest;
	struct secret_key key;
	struct minisig sig;
	uint8_t prehash[64];

	(void)state;
	assert_ok(file_read(AT_FDCWD, "tests/data/minisig/stock-unlocked.key", 1024, &secret, NULL, &w), w);
	assert_ok(file_read(AT_FDCWD, "tests/data/minisig/stock.pub", 1024, &public, NULL, &w), w);
	assert_ok(keys_parse(bytes_str(secret), NULL, &key, &w), w);
	assert_ok(minisig_key_parse(bytes_str(public), &public_key, &w), w);
	own = keys_public(&key);
	assert_memory_equal(&own, &public_key, sizeof(own));
	rest = bytes_of(text, keys_sign(&key, bytes_str("hello"), "t", text));
	assert_ok(minisig_parse(&rest, &sig, &w), w);
	minisig_prehash(bytes_str("hello"), prehash);
	assert_ok(minisig_check(&sig, &public_key, prehash, &w), w);
	free(secret);
	free(public);
}

/* The key's binary form, changed at one byte, as a file again. */
static void with_byte_changed(const char *text, size_t at, char out[KEYS_TEXT_MAX])
{
	char base64[sodium_base64_ENCODED_LEN(158, sodium_base64_VARIANT_ORIGINAL)];
	const char *line = strchr(text, '\n') + 1;
	uint8_t raw[158];
	size_t n;

	assert_int_equal(sodium_base642bin(raw, sizeof(raw), line, strcspn(line, "\n"), NULL, &n, NULL,
					   sodium_base64_VARIANT_ORIGINAL),
			 0);
	assert_int_equal(n, sizeof(raw));
	raw[at] ^= 1;
	(void)sodium_bin2base64(base64, sizeof(base64), raw, sizeof(raw), sodium_base64_VARIANT_ORIGINAL);
	(void)snprintf(out, KEYS_TEXT_MAX, "untrusted comment: x\n%s\n", base64);
}

static void each_changed_byte_of_a_key_is_noticed(void **state)
{
	char text[KEYS_TEXT_MAX], changed[KEYS_TEXT_MAX];
	struct secret_key key, back = { .id.b = { 7 } };
	struct why w = { 0 };

	(void)state;
	keys_generate(&key);
	assert_ok(keys_format(&key, NULL, 0, text, &w), w);
	for (size_t i = 0; i < 158; i++) {
		if (i >= 6 && i < 54) /* salt and limits of the password, which it does not have */
			continue;
		with_byte_changed(text, i, changed);
		if (keys_parse(bytes_str(changed), NULL, &back, NULL) == 0)
			fail_msg("a change at byte %zu was not noticed", i);
		assert_int_equal(back.id.b[0], 7);
	}
}

static void each_prefix_of_a_key_file_is_refused(void **state)
{
	struct secret_key key, back;
	char text[KEYS_TEXT_MAX];
	struct why w = { 0 };

	(void)state;
	keys_generate(&key);
	assert_ok(keys_format(&key, NULL, 0, text, &w), w);
	for (size_t n = 0; n + 1 < strlen(text); n++)
		assert_int_equal(keys_parse(bytes_of(text, n), NULL, &back, NULL), -EBADMSG);
}

static void a_key_that_asks_for_too_much_memory_is_refused(void **state)
{
	char text[KEYS_TEXT_MAX], changed[KEYS_TEXT_MAX];
	struct why w = { 0 };
	struct secret_key key;

	(void)state;
	keys_generate(&key);
	assert_ok(keys_format(&key, "x", LITTLE_MEMORY, text, &w), w);
	with_byte_changed(text, 46 + 5, changed);
	assert_int_equal(keys_parse(bytes_str(changed), "x", &key, &w), -E2BIG);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void key_files_are_written_once(void **state)
{
	char name[256], path[300];
	struct why w = { 0 }, again = { 0 };
	struct secret_key key, other, back;

	(void)state;
	(void)snprintf(name, sizeof(name), "%s", scratch_path("pair"));
	keys_generate(&key);
	keys_generate(&other);
	assert_ok(keyfile_save(name, &key, NULL, false, &w), w);
	assert_int_equal(keyfile_save(name, &other, NULL, false, &again), -EEXIST);
	assert_int_equal(again.exit, EXIT_REFUSED);
	(void)snprintf(path, sizeof(path), "%s.pub", name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keyfile_save(name, &other, NULL, false, NULL), -EEXIST);
	(void)snprintf(path, sizeof(path), "%s.key", name);
	assert_int_equal(mode_of(path), 0600);
	assert_ok(keyfile_load(path, NULL, &back, &w), w);
	assert_memory_equal(&key, &back, sizeof(key));
	assert_ok(keyfile_save(name, &other, NULL, true, &w), w);
	assert_int_equal(mode_of(path), 0600);
	assert_ok(keyfile_load(path, NULL, &back, &w), w);
	assert_memory_equal(&other, &back, sizeof(other));
}

static void password_is_the_first_line_of_its_file(void **state)
{
	static const struct {
		const char *text, *password;
		int want;
	} table[] = {
		{ "abc\n", "abc", 0 },      { "abc", "abc", 0 }, { "a b \r\nmore\n", "a b ", 0 },
		{ "\nabc\n", "", -EINVAL }, { "", "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *path = scratch_path("password");
		struct password p = { "" };
		struct why w = { 0 };

		assert_ok(file_replace(AT_FDCWD, path, table[i].text, strlen(table[i].text), 0600, &w), w);
		assert_int_equal(password_read(path, &p, &w), table[i].want);
		assert_string_equal(p.text, table[i].password);
	}
}

/* Three keys, a text, and its signatures by any of them. */
struct world {
	struct secret_key keys[3];
	struct trust trust; /* of keys 0 and 1, threshold 2 */
	char text[8 * MINISIG_TEXT_MAX];
	size_t n;
};

static void world_init(struct world *x)
{
	struct why w = { 0 };

	memset(x, 0, sizeof(*x));
	for (size_t i = 0; i < ARRAY_SIZE(x->keys); i++) {
		struct minisig_key k;

		keys_generate(&x->keys[i]);
		k = keys_public(&x->keys[i]);
		if (i < 2)
			assert_ok(trust_add(&x->trust, &k, "test", &w), w);
	}
	x->trust.threshold = 2;
}

static void sign(struct world *x, size_t key, const char *message)
{
	x->n += keys_sign(&x->keys[key], bytes_str(message), "comment", x->text + x->n);
}

static int verify(struct world *x, struct signers *ret, struct why *w)
{
	return signatures_verify(&x->trust, bytes_str("text"), bytes_of(x->text, x->n), ret, w);
}

static void threshold_counts_distinct_trusted_keys(void **state)
{
	static const struct {
		const char *signers; /* indices of keys; 2 is unknown */
		unsigned int threshold;
		int want;
		unsigned int good;
	} table[] = {
		{ "0", 1, 0, 1 },
		{ "1", 1, 0, 1 },
		{ "01", 1, 0, 2 },
		{ "01", 2, 0, 2 },
		{ "10", 2, 0, 2 },
		{ "210", 2, 0, 2 },
		{ "20", 1, 0, 1 },
		{ "2", 1, -EKEYREJECTED, 0 },
		{ "", 1, -EKEYREJECTED, 0 },
		{ "0", 2, -EKEYREJECTED, 0 },
		{ "00", 2, -EKEYREJECTED, 0 },
		{ "000", 2, -EKEYREJECTED, 0 },
		{ "02", 2, -EKEYREJECTED, 0 },
		{ "0011", 2, 0, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct signers list = { .good = 99 };
		struct why w = { 0 };
		static struct world x;

		world_init(&x);
		x.trust.threshold = table[i].threshold;
		for (const char *c = table[i].signers; *c; c++)
			sign(&x, (size_t)(*c - '0'), "text");
		if (verify(&x, &list, &w) != table[i].want)
			fail_msg("row %zu: %s", i, w.text);
		assert_int_equal(list.good, table[i].want ? 99 : table[i].good);
		if (table[i].want == 0)
			assert_int_equal(list.n, strlen(table[i].signers));
		else
			assert_int_equal(w.exit, EXIT_REFUSED);
	}
}

static void too_few_signatures_are_explained(void **state)
{
	char want[400], a[MINISIG_ID_HEX], b[MINISIG_ID_HEX], c[MINISIG_ID_HEX];
	struct signers list;
	struct why w = { 0 };
	static struct world x;

	(void)state;
	world_init(&x);
	sign(&x, 0, "text");
	sign(&x, 2, "text");
	assert_int_equal(verify(&x, &list, &w), -EKEYREJECTED);
	(void)minisig_id_format(&x.keys[0].id, a);
	(void)minisig_id_format(&x.keys[1].id, b);
	(void)minisig_id_format(&x.keys[2].id, c);
	(void)snprintf(want, sizeof(want), "1 of 2 required signatures (good: %s; by unknown keys: %s)", a, c);
	assert_string_equal(w.text, want);
	(void)snprintf(want, sizeof(want), "use a bundle signed by 2 of the trusted keys: %s, %s", a, b);
	assert_string_equal(w.next, want);
}

static void one_wrong_signature_by_a_trusted_key_is_an_error_although_enough_are_good(void **state)
{
	struct signers list;
	struct why w = { 0 };
	static struct world x;

	(void)state;
	world_init(&x);
	x.trust.threshold = 1;
	sign(&x, 0, "text");
	sign(&x, 1, "another text");
	assert_int_equal(verify(&x, &list, &w), -EKEYREJECTED);
	assert_int_equal(w.exit, EXIT_REFUSED);
	x.n = 0;
	sign(&x, 0, "text");
	sign(&x, 2, "another text");
	assert_ok(verify(&x, &list, &w), w);
}

static void a_threshold_that_cannot_be_met_is_a_mistake_of_ours(void **state)
{
	struct signers list;
	static struct world x;

	(void)state;
	world_init(&x);
	sign(&x, 0, "text");
	x.trust.threshold = 0;
	assert_int_equal(verify(&x, &list, NULL), -EINVAL);
	x.trust.threshold = 3;
	assert_int_equal(verify(&x, &list, NULL), -EINVAL);
}

static void more_than_32_signatures_are_refused(void **state)
{
	static char text[33 * 512];
	struct signers list;
	static struct world x;
	size_t n = 0;

	(void)state;
	world_init(&x);
	x.trust.threshold = 1;
	for (size_t i = 0; i < 33; i++) {
		char one[MINISIG_TEXT_MAX];
		size_t len = keys_sign(&x.keys[2], bytes_str("text"), "c", one);

		memcpy(text + n, one, len);
		n += len;
	}
	assert_int_equal(signatures_list(bytes_of(text, n), &list, NULL), -E2BIG);
	assert_int_equal(signatures_verify(&x.trust, bytes_str("text"), bytes_of(text, n), &list, NULL), -E2BIG);
}

static void a_key_is_trusted_under_one_id(void **state)
{
	struct minisig_key key;
	static struct world x;

	(void)state;
	world_init(&x);
	key = keys_public(&x.keys[0]);
	assert_int_equal(trust_add(&x.trust, &key, "again", NULL), 0);
	assert_int_equal(x.trust.n, 2);
	key.key[0] ^= 1;
	assert_int_equal(trust_add(&x.trust, &key, "same id, other key", NULL), -EBADMSG);
	key.key[0] ^= 1;
	key.id.b[0] ^= 1;
	assert_int_equal(trust_add(&x.trust, &key, "same key, other id", NULL), -EBADMSG);
	assert_int_equal(x.trust.n, 2);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	struct why w = { 0 };
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_ok(file_replace(AT_FDCWD, path, text, strlen(text), 0644, &w), w);
}

static void trust_folder_is_its_pub_files(void **state)
{
	char text[MINISIG_KEY_TEXT_MAX], dir[256];
	struct trust t = { 0 };
	struct why w = { 0 }, bad = { 0 };
	struct minisig_key key;
	struct secret_key secret;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s", scratch_path("trust.d"));
	assert_int_equal(trust_add_dir(&t, dir, NULL), -ENOENT);
	assert_int_equal(mkdir(dir, 0755), 0);
	put_file(dir, "README", "not a key");
	put_file(dir, ".pub", "not a key");
	assert_int_equal(trust_add_dir(&t, dir, NULL), -ENODATA);
	for (int i = 0; i < 3; i++) {
		const char *names[] = { "b.pub", "a.pub", "a-copy.pub" };

		if (i < 2) {
			keys_generate(&secret);
			key = keys_public(&secret);
			(void)minisig_key_format(&key, text);
		}
		put_file(dir, names[i], text);
	}
	assert_ok(trust_add_dir(&t, dir, &w), w);
	assert_int_equal(t.n, 2);
	assert_memory_equal(&t.keys[0], &key, sizeof(key));
	put_file(dir, "z.pub", "untrusted comment: x\nAAAA\n");
	assert_int_equal(trust_add_dir(&t, dir, &bad), -EBADMSG);
	assert_non_null(strstr(bad.text, "/z.pub: not a public key"));
	assert_int_equal(t.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_key_reads_back),
		cmocka_unit_test(locked_key_wants_its_password),
		cmocka_unit_test(stock_minisigns_key_signs_what_its_public_half_verifies),
		cmocka_unit_test(each_changed_byte_of_a_key_is_noticed),
		cmocka_unit_test(each_prefix_of_a_key_file_is_refused),
		cmocka_unit_test(a_key_that_asks_for_too_much_memory_is_refused),
		cmocka_unit_test(key_files_are_written_once),
		cmocka_unit_test(password_is_the_first_line_of_its_file),
		cmocka_unit_test(threshold_counts_distinct_trusted_keys),
		cmocka_unit_test(too_few_signatures_are_explained),
		cmocka_unit_test(one_wrong_signature_by_a_trusted_key_is_an_error_although_enough_are_good),
		cmocka_unit_test(a_threshold_that_cannot_be_met_is_a_mistake_of_ours),
		cmocka_unit_test(more_than_32_signatures_are_refused),
		cmocka_unit_test(a_key_is_trusted_under_one_id),
		cmocka_unit_test(trust_folder_is_its_pub_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
