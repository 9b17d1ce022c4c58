/* Public keys and signatures in minisign's form (updater/minisig.h): stock minisign's own files, and what is refused. */
#include "updater/minisig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

#define DATA "tests/data/minisig/"

/* A fixture, made by stock minisign 0.11. Freed by the caller. */
static char *load(const char *name)
{
	char path[128], *text;
	struct why w = { 0 };

	(void)snprintf(path, sizeof(path), DATA "%s", name);
	assert_ok(file_read(AT_FDCWD, path, MINISIG_TEXT_MAX, &text, NULL, &w), w);
	return text;
}

struct stock {
	struct minisig_key key;
	struct minisig sig;
	char *key_text, *sig_text;
	uint8_t prehash[64];
};

static int load_stock(void **state)
{
	static struct stock s;
	struct bytes rest;

	s.key_text = load("stock.pub");
	s.sig_text = load("stock.minisig");
	rest = bytes_str(s.sig_text);
	minisig_prehash(bytes_str("message\n"), s.prehash);
	if (minisig_key_parse(bytes_str(s.key_text), &s.key, NULL) || minisig_parse(&rest, &s.sig, NULL) || rest.n)
		return -1;
	*state = &s;
	return 0;
}

static int free_stock(void **state)
{
	struct stock *s = *state;

	free(s->key_text);
	free(s->sig_text);
	return 0;
}

static void stock_signature_verifies(void **state)
{
	struct stock *s = *state;
	struct why w = { 0 };

	assert_ok(minisig_check(&s->sig, &s->key, s->prehash, &w), w);
	assert_true(bytes_equal(s->sig.trusted, bytes_str("a trusted comment")));
}

static void id_is_shown_as_minisign_shows_it(void **state)
{
	struct stock *s = *state;
	char id[MINISIG_ID_HEX];

	assert_string_equal(minisig_id_format(&s->key.id, id), "B0E31522EB0CA58B");
}

static void key_format_gives_stock_minisigns_file(void **state)
{
	struct stock *s = *state;
	char text[MINISIG_KEY_TEXT_MAX];

	assert_int_equal(minisig_key_format(&s->key, text), strlen(s->key_text));
	assert_string_equal(text, s->key_text);
}

static void format_gives_stock_minisigns_file(void **state)
{
	struct stock *s = *state;
	char text[MINISIG_TEXT_MAX];

	assert_int_equal(minisig_format(&s->sig, "signature from minisign secret key", text), strlen(s->sig_text));
	assert_string_equal(text, s->sig_text);
}

static void key_without_its_comment_line_is_taken(void **state)
{
	struct stock *s = *state;
	const char *line = strchr(s->key_text, '\n') + 1;
	struct minisig_key key;
	struct why w = { 0 };

	assert_ok(minisig_key_parse(bytes_str(line), &key, &w), w);
	assert_memory_equal(&key, &s->key, sizeof(key));
	assert_ok(minisig_key_parse(bytes_of(line, strcspn(line, "\n")), &key, &w), w);
}

static void each_changed_part_of_a_signature_is_rejected(void **state)
{
	struct stock *s = *state;
	struct minisig changed;

	for (size_t i = 0; i < sizeof(changed.signature); i++) {
		changed = s->sig;
		changed.signature[i] ^= 1;
		assert_int_equal(minisig_check(&changed, &s->key, s->prehash, NULL), -EKEYREJECTED);
		changed = s->sig;
		changed.global[i] ^= 0x80;
		assert_int_equal(minisig_check(&changed, &s->key, s->prehash, NULL), -EKEYREJECTED);
	}
	changed = s->sig;
	changed.trusted = bytes_str("a trusted commend");
	assert_int_equal(minisig_check(&changed, &s->key, s->prehash, NULL), -EKEYREJECTED);
	changed = s->sig;
	changed.id.b[3] ^= 4;
	assert_int_equal(minisig_check(&changed, &s->key, s->prehash, NULL), -EKEYREJECTED);
}

static void another_message_or_key_is_rejected_with_exit_code_3(void **state)
{
	struct stock *s = *state;
	struct minisig_key other = s->key;
	struct why w = { 0 }, k = { 0 };
	uint8_t prehash[64];

	minisig_prehash(bytes_str("messagf\n"), prehash);
	assert_int_equal(minisig_check(&s->sig, &s->key, prehash, &w), -EKEYREJECTED);
	assert_int_equal(w.exit, EXIT_REFUSED);
	assert_string_equal(w.text, "signature by key B0E31522EB0CA58B is wrong: the signed text was changed");
	other.key[0] ^= 1;
	assert_int_equal(minisig_check(&s->sig, &other, s->prehash, &k), -EKEYREJECTED);
	assert_int_equal(k.exit, EXIT_REFUSED);
}

/* It is good, but over the text itself: accepting both would give one key two meanings. */
static void legacy_signature_is_rejected(void **state)
{
	struct stock *s = *state;
	char *text = load("stock-legacy.minisig");
	struct bytes rest = bytes_str(text);
	struct why w = { 0 };
	struct minisig sig;

	assert_ok(minisig_parse(&rest, &sig, &w), w);
	assert_false(sig.prehashed);
	assert_int_equal(minisig_check(&sig, &s->key, s->prehash, &w), -EKEYREJECTED);
	assert_non_null(strstr(w.text, "old kind"));
	free(text);
}

static void every_prefix_of_a_signature_is_refused_and_leaves_ret_alone(void **state)
{
	struct stock *s = *state;
	size_t whole = strlen(s->sig_text) - 1; /* the last line end may be missing */

	for (size_t n = 0; n < whole; n++) {
		struct bytes text = bytes_of(s->sig_text, n);
		struct minisig sig = { .id.b = { 7 } };

		if (minisig_parse(&text, &sig, NULL) != -EBADMSG)
			fail_msg("a prefix of %zu bytes was taken", n);
		assert_int_equal(text.n, n);
		assert_int_equal(sig.id.b[0], 7);
	}
}

static void every_prefix_of_a_key_is_refused_and_leaves_ret_alone(void **state)
{
	struct stock *s = *state;
	size_t whole = strlen(s->key_text) - 1;

	for (size_t n = 0; n < whole; n++) {
		struct minisig_key key = { .id.b = { 7 } };

		if (minisig_key_parse(bytes_of(s->key_text, n), &key, NULL) != -EBADMSG)
			fail_msg("a prefix of %zu bytes was taken", n);
		assert_int_equal(key.id.b[0], 7);
	}
}

/* Replace `from` in a text by `to`; freed by the caller. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *ret = NULL;

	assert_non_null(at);
	assert_true(asprintf(&ret, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	return ret;
}

static void malformed_signatures_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
		int want;
	} table[] = {
		{ "untrusted comment", "Untrusted comment", -EBADMSG },
		{ "\ntrusted comment: ", "\ntrusted comment:", -EBADMSG },
		{ "RUSL", "RUS*", -EBADMSG },
		{ "RUSL", "RUS", -EBADMSG },
		{ "RUSL", "RVSL", -EPROTONOSUPPORT },
		{ "goAg=", "goAh=", -EBADMSG }, /* bits behind the last byte: another spelling of the same */
		{ "goAg=", "goAg", -EBADMSG },
		{ "goAg=", "goAg= ", -EBADMSG },
		{ "goAg=\n", "goAg=\r\n", -EBADMSG },
		{ "a trusted", "a \x1b[2Jtrusted", -EBADMSG },
		{ "a trusted", "a \xc2\x9btrusted", -EBADMSG },
		{ "a trusted", "a \xfftrusted", -EBADMSG },
		{ "3uR1", "3uR=", -EBADMSG },
		{ "\n3uR1", "\n\n3uR1", -EBADMSG },
	};
	struct stock *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *text = replaced(s->sig_text, table[i].from, table[i].to);
		struct bytes rest = bytes_str(text);
		struct minisig sig;
		int r = minisig_parse(&rest, &sig, NULL);

		if (r != table[i].want)
			fail_msg("'%s' for '%s': %d", table[i].to, table[i].from, r);
		free(text);
	}
}

static void malformed_keys_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
		int want;
	} table[] = {
		{ "RWSL", "RVSL", -EPROTONOSUPPORT }, { "RWSL", "RWS!", -EBADMSG }, { "RWSL", "RWSLA", -EBADMSG },
		{ "M/8\n", "M/8\nmore", -EBADMSG },   { "M/8", "M/9=", -EBADMSG },  { "\nRWSL", "\nx\nRWSL", -EBADMSG },
	};
	struct stock *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *text = replaced(s->key_text, table[i].from, table[i].to);
		struct minisig_key key;
		int r = minisig_key_parse(bytes_str(text), &key, NULL);

		if (r != table[i].want)
			fail_msg("'%s' for '%s': %d", table[i].to, table[i].from, r);
		free(text);
	}
}

static void trusted_comment_has_a_limit(void **state)
{
	struct stock *s = *state;
	char comment[MINISIG_TRUSTED_MAX + 2], text[MINISIG_TEXT_MAX];
	struct minisig long_one = s->sig, back;
	struct why w = { 0 };
	struct bytes rest;

	memset(comment, 'x', sizeof(comment));
	long_one.trusted = bytes_of(comment, MINISIG_TRUSTED_MAX);
	rest = bytes_of(text, minisig_format(&long_one, "x", text));
	assert_ok(minisig_parse(&rest, &back, &w), w);
	long_one.trusted.n++;
	rest = bytes_of(text, minisig_format(&long_one, "x", text));
	assert_int_equal(minisig_parse(&rest, &back, &w), -EBADMSG);
}

static void two_signatures_are_read_one_after_the_other(void **state)
{
	struct stock *s = *state;
	char two[2 * MINISIG_TEXT_MAX];
	struct why w = { 0 };
	struct minisig sig;
	struct bytes rest;

	(void)snprintf(two, sizeof(two), "%s%s", s->sig_text, s->sig_text);
	rest = bytes_str(two);
	assert_ok(minisig_parse(&rest, &sig, &w), w);
	assert_int_equal(rest.n, strlen(s->sig_text));
	assert_ok(minisig_parse(&rest, &sig, &w), w);
	assert_int_equal(rest.n, 0);
	assert_int_equal(minisig_parse(&rest, &sig, &w), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stock_signature_verifies),
		cmocka_unit_test(id_is_shown_as_minisign_shows_it),
		cmocka_unit_test(key_format_gives_stock_minisigns_file),
		cmocka_unit_test(format_gives_stock_minisigns_file),
		cmocka_unit_test(key_without_its_comment_line_is_taken),
		cmocka_unit_test(each_changed_part_of_a_signature_is_rejected),
		cmocka_unit_test(another_message_or_key_is_rejected_with_exit_code_3),
		cmocka_unit_test(legacy_signature_is_rejected),
		cmocka_unit_test(every_prefix_of_a_signature_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(every_prefix_of_a_key_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(malformed_signatures_are_refused),
		cmocka_unit_test(malformed_keys_are_refused),
		cmocka_unit_test(trusted_comment_has_a_limit),
		cmocka_unit_test(two_signatures_are_read_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, load_stock, free_stock);
}
