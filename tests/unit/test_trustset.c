/* The text of a trust set, and the statement around it (updater/trustset.h): every key, every limit, every kind of damage. I9. */
#include "updater/trustset.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"
#include "tests/trustkit.h"
#include "updater/trustchain.h"

#define KEY_A "RWSLpQzrIhXjsMEvuaJszKCtVUFIGqgJ1TTGoGgHsCgt4X+Lw78ImM/8"
#define BEGIN "# tandem trust 1\n[trust]\nepoch=2\n"
#define REST  "product=p\nroot-threshold=1\nrelease-threshold=1\n"
#define KEYS  "[key.a]\nkey=" KEY_A "\nroles=root release\n"

static struct trustkit kit;

static int make_kit(void **state)
{
	(void)state;
	trustkit_make(&kit);
	return 0;
}

static void text_is_read(void **state)
{
	struct trustset s;
	struct trust keys;
	struct why w = { 0 };

	(void)state;
	assert_ok(trustset_parse(bytes_str(BEGIN REST KEYS), &s, &w), w);
	assert_int_equal(s.epoch, 2);
	assert_string_equal(s.product, "p");
	assert_int_equal(s.n, 1);
	assert_string_equal(s.keys[0].name, "a");
	for (enum trust_role role = TRUST_ROOT; role <= TRUST_RELEASE; role++) {
		trustset_role(&s, role, &keys);
		assert_int_equal(keys.n, 1);
		assert_int_equal(keys.threshold, 1);
	}
	assert_ptr_equal(trustset_find(&s, &keys.keys[0].id), &s.keys[0]);
	keys.keys[0].id.b[0] ^= 1;
	assert_null(trustset_find(&s, &keys.keys[0].id));
}

static void written_text_is_read_back(void **state)
{
	struct trustset s = trustkit_set(&kit, UINT64_MAX, "01234", 5, "4567", 2), back;
	static char text[TRUSTSET_TEXT_MAX];
	struct trust roots, releases;
	struct why w = { 0 };

	(void)state;
	assert_ok(trustset_parse(bytes_of(text, trustset_format(&s, text)), &back, &w), w);
	s.text = back.text;
	assert_memory_equal(&s, &back, sizeof(s));
	trustset_role(&back, TRUST_ROOT, &roots);
	trustset_role(&back, TRUST_RELEASE, &releases);
	assert_int_equal(roots.n, 5);
	assert_int_equal(releases.n, 4);
	assert_memory_equal(&roots.keys[4], &releases.keys[0], sizeof(roots.keys[4]));
}

/* 32 keys with the longest names fit into the text's limit. */
static void largest_set_fits(void **state)
{
	struct trustset s = { .epoch = UINT64_MAX, .n = TRUST_KEYS_MAX, .threshold = { 32, 32 } }, back;
	static char text[TRUSTSET_TEXT_MAX];
	struct why w = { 0 };

	(void)state;
	memset(s.product, 'p', sizeof(s.product) - 1);
	for (size_t i = 0; i < s.n; i++) {
		struct secret_key k;

		keys_generate(&k);
		s.keys[i] = (struct trustset_key){ .key = keys_public(&k), .role = { true, true } };
		(void)snprintf(s.keys[i].name, sizeof(s.keys[i].name), "k%040zu", i);
	}
	assert_ok(trustset_parse(bytes_of(text, trustset_format(&s, text)), &back, &w), w);
}

static const struct {
	const char *text;
	int code;
	const char *says;
} bad[] = {
	{ "", -EBADMSG, "first line" },
	{ "# tandem trust", -EBADMSG, "first line" },
	{ "# tandem manifest 1\n[trust]\nepoch=2\n" REST KEYS, -EBADMSG, "first line" },
	{ "# tandem trust 2\n", -EPROTONOSUPPORT, "newer" },
	{ "# tandem trust 11\n", -EPROTONOSUPPORT, "newer" },
	{ "# tandem trust 1", -EPROTONOSUPPORT, "newer" },
	{ "# tandem trust 1\r\n[trust]\r\nepoch=2\r\n" REST KEYS, -EPROTONOSUPPORT, "newer" },
	{ "# tandem trust 1\n\n[trust]\nepoch=2\n" REST KEYS, -EBADMSG, "next lines" },
	{ "# tandem trust 1\n[trust]\n" REST "epoch=2\n" KEYS, -EBADMSG, "next lines" },
	{ "# tandem trust 1\n[trust]\nepoch=0\n" REST KEYS, -EBADMSG, "epoch" },
	{ "# tandem trust 1\n[trust]\nepoch=-1\n" REST KEYS, -EINVAL, "epoch" },
	{ "# tandem trust 1\n[trust]\nepoch=18446744073709551616\n" REST KEYS, -E2BIG, "epoch" },
	{ BEGIN "epoch=3\n" REST KEYS, -EBADMSG, "epoch" },
	{ BEGIN "root-threshold=1\nrelease-threshold=1\n" KEYS, -EBADMSG, "lacks product" },
	{ BEGIN "product=a/b\nroot-threshold=1\nrelease-threshold=1\n" KEYS, -EBADMSG, "no name" },
	{ BEGIN "product=p\nrelease-threshold=1\n" KEYS, -EBADMSG, "root-threshold is 0" },
	{ BEGIN "product=p\nroot-threshold=1\n" KEYS, -EBADMSG, "release-threshold is 0" },
	{ BEGIN "product=p\nroot-threshold=2\nrelease-threshold=1\n" KEYS, -EBADMSG, "root-threshold is 2" },
	{ BEGIN "product=p\nroot-threshold=33\nrelease-threshold=1\n" KEYS, -E2BIG, "root-threshold" },
	{ BEGIN REST, -EBADMSG, "there are 0 root keys" },
	{ BEGIN REST "[key.a]\nkey=" KEY_A "\n", -EBADMSG, "no roles" },
	{ BEGIN REST "[key.a]\nkey=" KEY_A "\nroles=\n", -EBADMSG, "no roles" },
	{ BEGIN REST "[key.a]\nkey=" KEY_A "\nroles=root root\n", -EBADMSG, "want root" },
	{ BEGIN REST "[key.a]\nkey=" KEY_A "\nroles=boss\n", -EBADMSG, "want root" },
	{ BEGIN REST "[key.a]\nkey=" KEY_A "\nroles=roo\n", -EBADMSG, "want root" },
	{ BEGIN REST "[key.a]\nkey=" KEY_A "\nroles=root,release\n", -EBADMSG, "want root" },
	{ BEGIN REST "[key.a]\nroles=root release\n", -EBADMSG, "no key" },
	{ BEGIN REST "[key.a]\nkey=abc\nroles=root release\n", -EBADMSG, "not a public key" },
	{ BEGIN REST "[key..a]\nkey=" KEY_A "\nroles=root release\n", -EBADMSG, "no name" },
	{ BEGIN REST KEYS "[key.b]\nkey=" KEY_A "\nroles=root\n", -EBADMSG, "under another name" },
	{ BEGIN REST KEYS "[key.a]\nkey=" KEY_A "\n", -EBADMSG, "key" },
	{ BEGIN REST KEYS "[more]\n", -EBADMSG, "unknown section" },
	{ BEGIN REST KEYS "expires=2030\n", -EBADMSG, "expires" },
};

static void each_damage_is_refused_and_leaves_ret_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct trustset s, before;
		struct why w = { 0 };

		memset(&s, 0x5a, sizeof(s));
		before = s;
		assert_int_equal(trustset_parse(bytes_str(bad[i].text), &s, &w), bad[i].code);
		if (!strstr(w.text, bad[i].says))
			fail_msg("case %zu says: %s", i, w.text);
		assert_int_equal(w.exit, EXIT_FAILED);
		assert_memory_equal(&s, &before, sizeof(s));
	}
}

static void key_id_with_two_keys_is_refused(void **state)
{
	struct trustset s = trustkit_set(&kit, 1, "01", 1, "01", 1), back;
	static char text[TRUSTSET_TEXT_MAX];

	(void)state;
	s.keys[1].key.id = s.keys[0].key.id;
	assert_int_equal(trustset_parse(bytes_of(text, trustset_format(&s, text)), &back, NULL), -EBADMSG);
}

static void too_many_keys_are_refused(void **state)
{
	static char text[TRUSTSET_TEXT_MAX] = BEGIN REST;
	struct trustset s;
	struct why w = { 0 };

	(void)state;
	for (unsigned int i = 0; i <= TRUST_KEYS_MAX; i++)
		(void)snprintf(text + strlen(text), 32, "[key.k%u]\nroles=root\n", i);
	assert_int_equal(trustset_parse(bytes_str(text), &s, &w), -E2BIG);
	assert_non_null(strstr(w.text, "more than 32 keys"));
}

static void long_text_is_refused(void **state)
{
	AUTO_FREE char *text = malloc(TRUSTSET_STATEMENT_MAX + 2);
	struct bytes rest;
	struct trustset s;
	struct statement st;
	size_t n = strlen(BEGIN REST KEYS);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', TRUSTSET_STATEMENT_MAX + 2);
	memcpy(text, BEGIN REST KEYS, n);
	assert_int_equal(trustset_parse(bytes_of(text, TRUSTSET_TEXT_MAX), &s, NULL), 0);
	assert_int_equal(trustset_parse(bytes_of(text, TRUSTSET_TEXT_MAX + 1), &s, NULL), -E2BIG);
	rest = bytes_of(text, TRUSTSET_TEXT_MAX + 1);
	assert_int_equal(statement_next(&rest, &st, NULL), -E2BIG);
	assert_int_equal(rest.n, TRUSTSET_TEXT_MAX + 1);
	memcpy(text + n, "untrusted comment: ", 19);
	rest = bytes_of(text, TRUSTSET_STATEMENT_MAX);
	assert_int_equal(statement_next(&rest, &st, NULL), 0);
	rest = bytes_of(text, TRUSTSET_STATEMENT_MAX + 1);
	assert_int_equal(statement_next(&rest, &st, NULL), -E2BIG);
}

static void chain_is_cut_into_its_statements(void **state)
{
	static char chain[TRUSTSET_CHAIN_MAX];
	const char *const signers[] = { "01", "", "7" };
	struct bytes rest;
	size_t n = 0;

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct trustset s = trustkit_set(&kit, 5 + i, "01", 1, "2", 1);

		n = trustkit_sign(&kit, &s, signers[i], chain, n);
	}
	rest = bytes_of(chain, n);
	for (uint64_t i = 0; i < 3; i++) {
		struct statement s;
		struct signers list;
		struct trustset set;
		struct why w = { 0 };

		assert_ok(statement_next(&rest, &s, &w), w);
		assert_int_equal(s.epoch, 5 + i);
		assert_ok(signatures_list(s.signatures, &list, &w), w);
		assert_int_equal(list.n, strlen(signers[i]));
		assert_ok(trustset_parse(s.text, &set, &w), w);
		assert_int_equal(set.epoch, s.epoch);
	}
	assert_int_equal(rest.n, 0);
}

static void what_does_not_begin_as_a_statement_is_refused(void **state)
{
	static const char *const texts[] = {
		"x",
		"untrusted comment: a\n",
		"# tandem trust 1\n[trust]\nepoch=\n",
		"# tandem trust 1\n[trust]\nepoch=0\n",
		"# tandem trust 1\n[trust]\nepoch=1",
		"# tandem trust 1\n[trust]\nepoch=1 \n",
		"# tandem trust 1\n[trust]\nepoch=184467440737095516160000\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct bytes rest = bytes_str(texts[i]);
		struct statement s;

		assert_int_equal(statement_next(&rest, &s, NULL), -EBADMSG);
		assert_ptr_equal(rest.p, texts[i]);
	}
}

/* Every statement of a file, by its own word. */
static int read_fixture(const char *name, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct bytes rest;
	size_t n = 0;
	int r;

	assert_ok(file_read(AT_FDCWD, name, TRUSTSET_CHAIN_MAX, &text, &n, w), *w);
	rest = bytes_of(text, n);
	do {
		struct trustset set;
		struct statement s;

		r = statement_next(&rest, &s, w);
		r = r ? r : trustset_parse(s.text, &set, w);
		if (!r && s.signatures.n > 0)
			r = trust_own(&s, &set, w);
	} while (!r && rest.n > 0);
	return r;
}

static void fixtures_are_as_their_names_say(void **state)
{
	static const struct {
		const char *name;
		int want;
	} table[] = {
		{ "tests/data/trustset/ok-two.trust", 0 },
		{ "tests/data/trustset/ok-unsigned.trust", 0 },
		{ "tests/data/trustset/bad-changed.trust", -EKEYREJECTED },
		{ "tests/data/trustset/bad-newer.trust", -EPROTONOSUPPORT },
		{ "tests/data/trustset/bad-cut.trust", -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct why w = { 0 };

		if (read_fixture(table[i].name, &w) != table[i].want)
			fail_msg("%s: %s", table[i].name, w.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_read),
		cmocka_unit_test(written_text_is_read_back),
		cmocka_unit_test(largest_set_fits),
		cmocka_unit_test(each_damage_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(key_id_with_two_keys_is_refused),
		cmocka_unit_test(too_many_keys_are_refused),
		cmocka_unit_test(long_text_is_refused),
		cmocka_unit_test(chain_is_cut_into_its_statements),
		cmocka_unit_test(what_does_not_begin_as_a_statement_is_refused),
		cmocka_unit_test(fixtures_are_as_their_names_say),
	};

	return cmocka_run_group_tests(tests, make_kit, NULL);
}
