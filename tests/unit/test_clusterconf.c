/* Settings of the private cluster (bootstage/intel/clusterconf.h). */
#include "bootstage/intel/clusterconf.h"

#include <string.h>

#include "tests/support.h"

#define GIB (UINT64_C(1) << 30)

static const char *settings(uint64_t ram_bytes, enum profile p, uint64_t connections, uint64_t buffers_bytes)
{
	static char text[CLUSTERCONF_TEXT];
	struct machine m = { .profile = p, .ram_bytes = ram_bytes, .rotating = p == PROFILE_SMALL };

	m.sizes.db_connections.value = connections;
	m.sizes.shared_buffers_bytes.value = buffers_bytes;
	assert_int_equal(clusterconf_settings(&m, "/run/x/intel", text, NULL), 0);
	return text;
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line '%s' in\n%s", line, text);
}

/* N1: by the machine, as tuning has it. */
static void settings_are_by_the_machine(void **state)
{
	const char *t = settings(4 * GIB, PROFILE_SMALL, 5, GIB);

	(void)state;
	assert_has(t, "\nlisten_addresses = ''\n");
	assert_has(t, "\nunix_socket_directories = '/run/x/intel'\n");
	assert_has(t, "\nmax_connections = 15\n");
	assert_has(t, "\nshared_buffers = 1024MB\n");
	assert_has(t, "\neffective_cache_size = 2048MB\n");
	assert_has(t, "\nmaintenance_work_mem = 128MB\n");
	assert_has(t, "\nwork_mem = 51MB\n");
	assert_has(t, "\nmax_wal_size = 1024MB\n");
	assert_has(t, "\nrandom_page_cost = 4.0\n");
	t = settings(196 * GIB, PROFILE_MASSIVE, 400, 16 * GIB);
	assert_has(t, "\nmax_connections = 410\n");
	assert_has(t, "\nshared_buffers = 16384MB\n");
	assert_has(t, "\nmaintenance_work_mem = 1024MB\n");
	assert_has(t, "\nwork_mem = 31MB\n");
	assert_has(t, "\nmax_wal_size = 8192MB\n");
	assert_has(t, "\nrandom_page_cost = 1.1\n");
	t = settings(0, PROFILE_SMALL, 0, 0);
	assert_has(t, "\nshared_buffers = 16MB\n");
	assert_has(t, "\nwork_mem = 4MB\n");
}

static void sockets_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = { "/a'b", "/a,b", "/a\\b",
					   "/0123456789012345678901234567890123456789012345678901234567890123456789"
					   "01234567890123456789" };
	struct machine m = { 0 };
	char text[CLUSTERCONF_TEXT] = "as it was";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(clusterconf_settings(&m, bad[i], text, NULL) < 0);
	assert_string_equal(text, "as it was");
}

static void roles_are_for_root_and_the_server_s_user(void **state)
{
	char text[CLUSTERCONF_TEXT];

	(void)state;
	clusterconf_ident("pg", text);
	assert_has(text, "\ntandem root postgres\ntandem root intel\ntandem pg postgres\ntandem pg intel\n");
	clusterconf_ident("root", text);
	assert_null(strstr(text, "intel\ntandem root postgres\n"));
	assert_has(clusterconf_hba(), "\nlocal all all peer map=tandem\n");
	assert_null(strstr(clusterconf_hba(), "host"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_by_the_machine),
		cmocka_unit_test(sockets_that_cannot_be_are_refused),
		cmocka_unit_test(roles_are_for_root_and_the_server_s_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
