/* intel.conf (bootstage/intel/intelconf.h). */
#include "bootstage/intel/intelconf.h"

#include <string.h>

#include "tests/support.h"

static int parse(const char *text, struct intelconf *ret, struct why *w)
{
	return intelconf_parse(bytes_str(text), "intel.conf", ret, w);
}

static void an_empty_file_is_the_defaults(void **state)
{
	struct intelconf c, d;

	(void)state;
	memset(&c, 0, sizeof(c));
	memset(&d, 0, sizeof(d));
	intelconf_defaults(&d);
	assert_int_equal(parse("", &c, NULL), 0);
	assert_memory_equal(&c, &d, sizeof(c));
	assert_string_equal(c.connect, "");
	assert_string_equal(c.user, "postgres");
	assert_int_equal(c.ahead_days, 7); /* N4 */
	assert_int_equal(c.keep_days, 30);
	assert_false(c.trust_clock);
}

static void every_key_is_taken(void **state)
{
	struct intelconf c;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(
		parse("[database]\nconnect=host=db.example dbname=x password='a b'\nfolder=/data/pg\nsocket=/run/s\n"
		      "user=pg\nprograms=/opt/pg/bin\nstart-timeout=90\nconnect-timeout=3\nstatement-timeout=10\n"
		      "[telemetry]\nahead=14\nkeep=0\nclock=trust\n",
		      &c, &w),
		0);
	assert_string_equal(c.connect, "host=db.example dbname=x password='a b'");
	assert_string_equal(c.folder, "/data/pg");
	assert_string_equal(c.socket, "/run/s");
	assert_string_equal(c.user, "pg");
	assert_string_equal(c.programs, "/opt/pg/bin");
	assert_int_equal(c.start_timeout_s, 90);
	assert_int_equal(c.connect_timeout_s, 3);
	assert_int_equal(c.statement_timeout_s, 10);
	assert_int_equal(c.ahead_days, 14);
	assert_int_equal(c.keep_days, 0);
	assert_true(c.trust_clock);
}

static void servers_are_numbered_in_their_order(void **state)
{
	struct intelconf c;
	struct why w = { 0 };

	(void)state;
	assert_ok(parse("[database]\nconnect=host=a\npeer=host=10.0.0.1\n[server.1]\nconnect=host=b\n[server.2]\n"
			"connect=host=c\npeer=host=10.0.0.3\n",
			&c, &w),
		  w);
	assert_int_equal(c.n_servers, 3);
	assert_string_equal(c.servers[0].peer, "host=10.0.0.1");
	assert_string_equal(c.servers[1].connect, "host=b");
	assert_string_equal(c.servers[1].peer, "");
	assert_string_equal(c.servers[2].peer, "host=10.0.0.3");
	assert_ok(parse("", &c, &w), w);
	assert_int_equal(c.n_servers, 1);
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[database]\nport=1\n", "intel.conf:2" },
		{ "[server.2]\nconnect=host=b\n", "intel.conf:2" },
		{ "[server.0]\nconnect=host=b\n", "intel.conf:2" },
		{ "[server.x]\nconnect=host=b\n", "intel.conf:2" },
		{ "[server.1]\npeer=host=b\n", "[server.1] without connect" },
		{ "[data]\n", "intel.conf" },
		{ "[database]\nfolder=pg\n", "'pg' is no absolute path" },
		{ "[database]\nfolder=/a b\n", "letters, digits" },
		{ "[database]\nfolder=/a'\n", "letters, digits" },
		{ "[database]\nfolder=/\n", "no '/' at the end" },
		{ "[database]\nfolder=/a/\n", "no '/' at the end" },
		{ "[database]\nsocket=/a//b\n", "no '//'" },
		{ "[database]\nsocket=/a/../b\n", "no '..'" },
		{ "[database]\nprograms=/a/..\n", "no '..'" },
		{ "[database]\nuser=\n", "[database] user" },
		{ "[database]\nuser=012345678901234567890123456789012\n", "[database] user" },
		{ "[database]\nstatement-timeout=0\n", "0 is less than 1" },
		{ "[database]\nstatement-timeout=86401\n", "86401" },
		{ "[telemetry]\nahead=1\n", "1 is less than 2" },
		{ "[telemetry]\nahead=31\n", "31" },
		{ "[telemetry]\nkeep=-1\n", "-1" },
		{ "[telemetry]\nclock=ntp\n", "'ntp': auto or trust" },
		{ "[telemetry]\nkeep=1\nkeep=2\n", "intel.conf:3" },
	};
	struct intelconf c = { .keep_days = 99 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct why w = { 0 };

		assert_true(parse(cases[i].text, &c, &w) < 0);
		if (!strstr(w.text, cases[i].says))
			fail_msg("'%s': '%s'", cases[i].text, w.text);
		assert_int_equal(w.exit, EXIT_USAGE);
	}
	assert_int_equal(c.keep_days, 99);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_the_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(servers_are_numbered_in_their_order),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
