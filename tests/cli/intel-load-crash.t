#!/bin/sh
# tandem-intel ingest while its server is killed, and on a disk that fills: what was stored is whole, and loading again gives the
# same graph as if nothing had happened.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
. "$root/tests/cli/feed.sh"
pg_start
exits 0 'the schema' tandem-intel ensure --connect "$pg"
make_feed 1500 0 >feed.json
half=$(($(wc -c <feed.json) / 2))
exits 0 'a feed' ingest feed.json --batch 200
graph >first

mkfifo pipe
# begin ARGS...: the first half of the feed, as far as it comes into the store; the other end of the pipe is 7
begin() {
	empty
	tandem-intel ingest - --connect "$pg" --feed feed --batch 100 "$@" <pipe >"$out" 2>"$err" &
	pid=$!
	exec 7>pipe
	head -c "$half" feed.json >&7
	for _ in $(seq 200); do
		[ "$(pg_sql 'SELECT count(*) >= 300 FROM records')" = t ] && break
		sleep 0.05
	done
}
rest() { # rest WANT NAME
	tail -c +$((half + 1)) feed.json >&7 2>/dev/null
	exec 7>&-
	wait $pid
	is=$?
	[ $is = "$1" ]
	result $? "$2" "exit code $is: $(cat "$err")"
}
whole() { # every record that is there has its node and its edges
	pg_says 'what is there is whole' 0 'SELECT count(*) FROM records r WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT FROM nodes n WHERE n.node_id = r.node_id)'
	pg_says 'every record that is there says something' 0 "SELECT count(*) FROM records r WHERE doc ->> 'type' <> 'identity' AND claims IS NULL
		AND NOT EXISTS (SELECT FROM pending_edges p WHERE p.rec = r.rec) AND NOT EXISTS (SELECT FROM late_claims l WHERE l.rec = r.rec)"
	pg_says 'every edge is said' 't' "SELECT (SELECT coalesce(sum(n), 0) FROM intel_edges) = ($claims)"
}

begin --wait 0
pg_kill
rest 1 'the server is killed in the middle: the load fails'
says 'PostgreSQL: '
pg_again 7>&- # which the server would keep open
whole
pg_says 'some of it is there' t 'SELECT count(*) BETWEEN 300 AND 3000 FROM records'
exits 0 'the feed again' ingest feed.json --batch 200 --json
graph >again
check 'the same graph' cmp first again

begin --wait 60 --json
pg_kill
pg_again 7>&-
rest 0 'the server is killed and comes back: the load goes on'
tells 'over new connections, with what was put aside before' 'True True' reconnected 'some aside'
graph >again
check 'the same graph' cmp first again

begin --wait 60
pg_stop fast
pg_again 7>&-
rest 0 'the server is restarted: the load goes on'
graph >again
check 'the same graph' cmp first again

# at the end of a load, when nothing but what was pending is left to be done
empty
pg_sql 'SELECT pg_advisory_lock(72410005), pg_sleep(60)' >/dev/null 2>&1 &
ingest feed.json --batch 200 --wait 60 --json >"$out" 2>"$err" &
pid=$!
for _ in $(seq 200); do
	[ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")" = 1 ] && break
	sleep 0.05
done
pg_stop fast
pg_again
wait $pid
result $? 'the server is restarted at the end of the load' "$(cat "$err")"
tells 'which goes on' 'True' reconnected
graph >again
check 'the same graph' cmp first again

begin --wait 60
kill -TERM $pid
rest 1 'interrupted'
says 'interrupted'
whole
exits 0 'the feed again' ingest feed.json --batch 200
graph >again
check 'the same graph' cmp first again
pg_stop

# a disk that is full
disk=$pg_dir/small
if [ "$(id -u)" = 0 ] && mkdir "$disk" && mount -t tmpfs -o size=110M,uid="$(id -u postgres)",gid="$(id -g postgres)",mode=700 tmpfs "$disk" 2>/dev/null; then
	trap 'pg_end; umount "$disk"; rm -rf "$dir" "$pg_dir"' EXIT
	pg_name=small
	pg_start wal_recycle=off max_wal_size=32MB min_wal_size=32MB checkpoint_timeout=30 shared_buffers=16MB
	exits 0 'the schema' tandem-intel ensure --connect "$pg"
	fill=$(($(df -k --output=avail "$disk" | tail -1) - 1500))
	head -c "${fill}K" /dev/zero | pg_as tee "$disk/ballast" >/dev/null
	make_feed 12000 0 >large.json
	exits 1 'the disk is full: the load fails' ingest large.json --wait 0
	says 'PostgreSQL: ' 'and says why'
	rm "$disk/ballast"
	mount -o remount,size=900M "$disk"
	pg_stop immediate 2>/dev/null
	pg_again
	whole
	exits 0 'with room again' ingest large.json --feed large --json
	tells 'nothing was refused' 0 refused
	whole
	pg_says 'all of it is there' '24001|12001' 'SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM nodes)'
	pg_says 'with all edges' 24000 'SELECT count(*) FROM intel_edges'
	pg_says 'nothing waits' 0 'SELECT count(*) FROM pending_edges'
else
	skip 'a disk that is full' 'needs root'
fi
finish
