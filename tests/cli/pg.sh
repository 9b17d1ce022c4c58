# pg.sh - a PostgreSQL server for a test: its own cluster in a folder of its own, on a unix socket only; never the
# system's. Sourced after tap.sh; ends with the test.
#
#	pg_start [SETTING=VALUE...]   makes the cluster and starts it
#	exits 0 'it is ready' tandem-intel ensure --connect "$pg"
#	pg_sql "SELECT 1"             unaligned, without headings
#
# $pg is a connection string, $pg_dir the folder of the test's clusters, which the server's user owns. As root the server
# runs as `postgres`. Its writes are not made durable, unless fsync=on is among the settings.
#
# Several servers: pg_name=other pg_start ... makes $pg_dir/other; pg_use NAME sets $pg to one of them.
# shellcheck disable=SC2012 # version numbers
pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5n | tail -1)
if [ ! -x "$pg_bin/initdb" ]; then
	skip 'a PostgreSQL server' 'the programs of PostgreSQL are not installed'
	finish
fi
# In memory where there is enough of it: what tests write is not made durable, and disks of test machines are slow.
pg_place=${TMPDIR:-/tmp}
[ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)" -lt 4194304 ] 2>/dev/null || [ ! -w /dev/shm ] || pg_place=/dev/shm
pg_dir=$(mktemp -d "$pg_place/tandem-pg-XXXXXX") || exit 1
pg_name=main
# shellcheck disable=SC2154 # of tap.sh
trap 'pg_end; rm -rf "$dir" "$pg_dir"' EXIT
if [ "$(id -u)" = 0 ]; then
	chown postgres: "$pg_dir"
fi

# pg_as COMMAND...: as the server's user
pg_as() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME="$pg_dir" "$@"
	else
		"$@"
	fi
}

pg_use() { # pg_use NAME
	pg_name=$1
	pg="host=$pg_dir/$1 dbname=intel user=postgres"
}

pg_init() {
	(cd "$pg_dir" && pg_as "$pg_bin/initdb" -D "$pg_dir/$pg_name" -U postgres -A trust -E UTF8 --locale=C --no-sync) >"$pg_dir/log" 2>&1 || {
		sed 's/^/# /' "$pg_dir/log"
		exit 1
	}
}

# pg_start [SETTING=VALUE...]: again, after pg_stop or pg_kill, with what it was first given and these
pg_start() {
	pg_use "$pg_name"
	[ -e "$pg_dir/$pg_name/PG_VERSION" ] || pg_init
	for setting in listen_addresses= unix_socket_directories="$pg_dir/$pg_name" fsync=off max_wal_size=256MB shared_buffers=64MB \
		jit=off log_min_messages=warning "$@"; do
		printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
	done | pg_as tee -a "$pg_dir/$pg_name/postgresql.auto.conf" >/dev/null
	pg_again
}

# pg_again: start what was stopped or killed
pg_again() {
	(cd "$pg_dir" && pg_as "$pg_bin/pg_ctl" -D "$pg_dir/$pg_name" -l "$pg_dir/$pg_name/log" -s -w -t 60 start) </dev/null >/dev/null 2>&1 || {
		tail -20 "$pg_dir/$pg_name/log" | sed 's/^/# /'
		exit 1
	}
	"$pg_bin/psql" -X -q -d "host=$pg_dir/$pg_name user=postgres dbname=postgres" -c 'CREATE DATABASE intel' >/dev/null 2>&1 || :
}

pg_stop() { # pg_stop [smart|fast|immediate]
	(cd "$pg_dir" && pg_as "$pg_bin/pg_ctl" -D "$pg_dir/$pg_name" -s -m "${1-fast}" -w stop) </dev/null
}

# pg_kill: SIGKILL to the server and all its children
pg_kill() {
	server=$(head -1 "$pg_dir/$pg_name/postmaster.pid") || return 1
	children=$(ps -o pid= --ppid "$server")
	# shellcheck disable=SC2086 # several
	kill -KILL "$server" $children 2>/dev/null
	while kill -0 "$server" 2>/dev/null; do sleep 0.05; done
	rm -f "$pg_dir/$pg_name/postmaster.pid"
}

pg_sql() { "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$pg" -c "$1"; }

# pg_says NAME EXPECTED QUERY: what a query answers
pg_says() {
	answer=$(pg_sql "$3" 2>&1)
	if [ "$answer" = "$2" ]; then
		result 0 "$1"
	else
		result 1 "$1" "$3
is:   $answer
want: $2"
	fi
}

pg_end() {
	for server in "$pg_dir"/*/postmaster.pid; do
		[ -e "$server" ] || continue
		pg_name=$(basename "$(dirname "$server")")
		pg_stop immediate >/dev/null 2>&1
	done
}
