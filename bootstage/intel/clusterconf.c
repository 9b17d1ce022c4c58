#include "bootstage/intel/clusterconf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIB        (UINT64_C(1) << 20)
#define SOCKET_MAX 90u /* sun_path has 108, with "/.s.PGSQL.5432" behind it */
#define OTHERS     10u /* connections beside the pool's, superusers' included */

static uint64_t clamp_mib(uint64_t bytes, uint64_t min, uint64_t max)
{
	uint64_t n = bytes / MIB;

	return n < min ? min : n > max ? max : n;
}

static unsigned int wal_mib(enum profile p)
{
	static const unsigned int mib[PROFILE_COUNT] = { 1024, 2048, 8192 };

	return mib[p];
}

int clusterconf_settings(const struct machine *m, const char *socket, char ret[CLUSTERCONF_TEXT], struct why *w)
{
	uint64_t pool = m->sizes.db_connections.value;

	if (strlen(socket) > SOCKET_MAX)
		return misuse(w, -E2BIG, "%s: longer than %u bytes, too long for a socket", socket, SOCKET_MAX);
	if (strchr(socket, '\'') || strchr(socket, ',') || strchr(socket, '\\'))
		return misuse(w, -EINVAL, "%s: quotes, commas and backslashes cannot be in the name", socket);
	(void)snprintf(
		ret, CLUSTERCONF_TEXT,
		"# Made by tandem-intel at each start, of what the machine is. What is to be otherwise: ALTER SYSTEM.\n"
		"listen_addresses = ''\n"
		"unix_socket_directories = '%s'\n"
		"port = 5432\n"
		"max_connections = %" PRIu64 "\n"
		"superuser_reserved_connections = 3\n"
		"shared_buffers = %" PRIu64 "MB\n"
		"effective_cache_size = %" PRIu64 "MB\n"
		"maintenance_work_mem = %" PRIu64 "MB\n"
		"work_mem = %" PRIu64 "MB\n"
		"max_wal_size = %uMB\n"
		"min_wal_size = 256MB\n"
		"wal_compression = on\n"
		"random_page_cost = %s\n"
		"effective_io_concurrency = %d\n"
		"jit = off\n"
		"default_toast_compression = lz4\n"
		"idle_in_transaction_session_timeout = '15min'\n"
		"timezone = 'GMT'\n"
		"log_timezone = 'GMT'\n"
		"log_line_prefix = '%%m [%%p] %%a '\n"
		"lc_messages = 'C'\n",
		socket, pool + OTHERS, clamp_mib(m->sizes.shared_buffers_bytes.value, 16, 1u << 20),
		clamp_mib(m->ram_bytes / 2, 128, 16u << 20), clamp_mib(m->ram_bytes / 32, 64, 1024),
		clamp_mib(m->ram_bytes / 16 / (pool ? pool : 1), 4, 64), wal_mib(m->profile),
		m->rotating ? "4.0" : "1.1", m->rotating ? 2 : 200);
	return 0;
}

const char *clusterconf_hba(void)
{
	return "# Made by tandem-intel once; yours from then on.\n"
	       "local all all peer map=tandem\n"
	       "local replication all peer map=tandem\n";
}

void clusterconf_ident(const char *user, char ret[CLUSTERCONF_TEXT])
{
	int n = snprintf(ret, CLUSTERCONF_TEXT,
			 "# Made by tandem-intel once; yours from then on. MAP  SYSTEM-USER  ROLE\n"
			 "tandem root " CLUSTER_SUPERUSER "\n"
			 "tandem root " CLUSTER_DATABASE "\n");

	if (strcmp(user, "root") != 0)
		(void)snprintf(ret + n, CLUSTERCONF_TEXT - (size_t)n, "tandem %s %s\ntandem %s %s\n", user,
			       CLUSTER_SUPERUSER, user, CLUSTER_DATABASE);
}
