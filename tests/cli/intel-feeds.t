#!/bin/sh
# Feeds side by side (N7, N8, N9): tandem-intel feeds list, run, status; files, folders, a real nginx, a TAXII server. Large,
# broken and stalled ones hold nobody back, also with one worker.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
. "$root/tests/cli/web.sh"
. "$root/tests/cli/feed.sh"
for tool in nginx openssl python3; do command -v $tool >/dev/null || { skip 'feeds' "no $tool" && finish; }; done
trap 'web_stop; pg_end; rm -rf "$dir" "$pg_dir"' EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
: "${INTEL_LARGE_MIB:=24}" # of the large feed; 64 and more by hand

feeds() { verb=$1 && shift && timeout 120 tandem-intel feeds "$verb" --feeds "$dir/feeds.d" --state "$dir/state" "$@"; }
run() { feeds run --connect "$pg" "$@"; }
feed() { # feed FILE LINE...
	file=$1
	shift
	printf '%s\n' '[feed]' "$@" >"feeds.d/$file"
}
state() { # state NAME KEY: of `feeds status`
	feeds status --json | python3 -c 'import json, sys; print(next(f[sys.argv[2]] for f in json.load(sys.stdin)["feeds"] if f["name"] == sys.argv[1]))' "$1" "$2"
}
is() { # is NAME WANT COMMAND...
	name=$1 want=$2
	shift 2
	is=$("$@" 2>&1)
	if [ "$is" = "$want" ]; then result 0 "$name"; else result 1 "$name" "is: $is
want: $want"; fi
}
small() { # small NN: a feed of one malware that uses one tool
	{
		object malware "$1" 01 ",\"name\":\"m$1\",\"is_family\":true"
		object tool "$1" 01 ",\"name\":\"t$1\""
		object relationship "$1" 01 ",\"relationship_type\":\"uses\",\"source_ref\":\"malware--00000000-0000-4000-8000-0000000000$1\",\"target_ref\":\"tool--00000000-0000-4000-8000-0000000000$1\""
	} | bundle
}
taxii_start() { # taxii_start OBJECTS
	: >.taxii_port
	python3 "$root/tests/cli/taxii.py" "$1" "$dir/taxii.log" >.taxii_port &
	web_pids="$web_pids $!"
	tries=100
	while [ ! -s .taxii_port ] && [ $tries -gt 0 ]; do
		tries=$((tries - 1)) && sleep 0.1
	done
	taxii=http://127.0.0.1:$(cat .taxii_port)
}

pg_start
exits 0 'the database is made ready' tandem-intel ensure --connect "$pg"
web_start
taxii_start 25
mkdir -p feeds.d folder

# --- what is configured ---

exits 4 'no feeds: nothing to do' run
says "no feeds in $dir/feeds.d"
for verb in list status; do
	exits 0 "$verb without feeds" feeds $verb
	golden 'says that there are none, and what one is' <<TEXT
no feeds in $dir/feeds.d
A feed is a file there, such as 10-attack.feed, with
    [feed]
    source=https://example.org/attack.json.xz
TEXT
done
exits 0 'as JSON an empty list' feeds list --json
check 'it is one' python3 -c 'import json, sys; assert json.load(open(sys.argv[1])) == {"feeds": []}' "$out"
small 11 >one.json
small 12 >folder/a.json
small 13 >folder/b.json
small 14 >www/web.json
touch -d '2026-01-01' www/web.json # nginx makes an ETag of the second and the size
feed 10-one.feed "source=$dir/one.json" interval=1h
feed 20-folder.feed "source=$dir/folder"
feed 30-web.feed "source=http://127.0.0.1:$port/web.json"
feed 40-off.feed "source=$dir/one.json" enabled=no
feed 50-bad.feed 'source=somewhere'
feed 60-none.feed 'interval=2x' "source=$dir/one.json"
exits 0 'list' feeds list
golden 'says what there is and what is wrong' <<TEXT
one                  $dir/one.json
folder               $dir/folder
web                  http://127.0.0.1:$port/web.json
off                  (not enabled)
bad                  50-bad.feed:2: [feed] source: 'somewhere' is neither a whole path nor an http:// or https:// URL
none                 60-none.feed:2: [feed] interval: '2x' is no time like 30s, 5m, 2h or 7d
TEXT
exits 0 'as JSON' feeds list --json
prints '"interval_seconds": 3600'
exits 2 'a feed that is not there' run nothing
rm feeds.d/40-off.feed feeds.d/50-bad.feed feeds.d/60-none.feed

# --- file, folder, web ---

exits 0 'run' run
prints '3 loaded, 0 unchanged, 0 failed'
pg_says 'their records are there' 12 'SELECT count(*) FROM records'
pg_says 'each of its feed' 'folder:6 one:3 web:3' \
	"SELECT string_agg(name || ':' || n, ' ' ORDER BY name) FROM (SELECT f.name, count(*) AS n FROM records JOIN feeds f USING (feed_id) GROUP BY 1) x"
is 'what was read is known by its sum' 64 sh -c 'printf %s "$1" | wc -c' sh "$(state one checksum)"
exits 4 'nothing is due' run
says 'nothing is due before 2' 'and when something is'
exits 0 'all of them' run --all
prints '0 loaded, 3 unchanged, 0 failed' 'a file and a folder by their stamps, a web server by its ETag'
is 'the server was asked by ETag' 304 sh -c 'tail -1 "$1" | cut -d" " -f1' sh web/access.log
"$pg_bin/psql" -X -q -d "host=$pg_dir/main user=postgres dbname=postgres" -c 'CREATE DATABASE other'
tandem-intel ensure --connect "host=$pg_dir/main user=postgres dbname=other" >/dev/null
exits 0 'into another database' feeds run --all --connect "host=$pg_dir/main user=postgres dbname=other"
prints '3 loaded' 'all is loaded, though it has not changed'
exits 0 'into it once more' feeds run --all --connect "host=$pg_dir/main user=postgres dbname=other"
prints '3 unchanged' 'it has not changed there either'
exits 0 'again' run --again
prints '3 loaded' 'what has not changed is loaded all the same when that is wanted'
small 15 >www/web.json
small 16 >folder/c.json
exits 0 'what changed' run --all
prints '2 loaded, 1 unchanged' 'is loaded, what did not is not'
pg_sql 'ALTER DATABASE intel CONNECTION LIMIT 1'
exits 0 'one that is named' run one --workers 2
says 'to 1: the database has a connection limit of 1' 'with no more connections than are allowed (N1)'
pg_sql 'ALTER DATABASE intel CONNECTION LIMIT -1'
prints '1 unchanged'
rm one.json
exits 1 'a file that is gone' run --all
prints '0 loaded, 2 unchanged, 1 failed'
says 'feed one failed'
is 'the failure is kept' failed state one result
is 'and counted' 1 state one failures
is 'and what was loaded before stays known' 3 sh -c 'test -n "$1" && echo 3' sh "$(state one loaded)"

# Each of many files has its ten warnings; a run has fifty.
rm feeds.d/* && mkdir many
for i in 01 02 03 04 05 06 07 08 09 10; do
	{ small 17 && yes '{"type":"tool","id":"tool--x"}' | head -12; } >many/$i.json
done
feed 10-many.feed "source=$dir/many"
exits 0 'a folder whose files have damage' run
check 'is not told of line by line' [ "$(grep -c 'many: ' "$err")" -le 51 ]
says 'many: 60 more warnings'
is 'all of it is counted' 120 state many dropped

# A MISP feed of a web server: its list, and the events that are new.
rm feeds.d/* && mkdir www/misp
event() { # event N TIMESTAMP
	printf '{"Event":{"uuid":"00000000-0000-4000-8000-00000000000%s","info":"event %s","date":"2026-01-01","timestamp":"%s","Attribute":[{"uuid":"10000000-0000-4000-8000-00000000000%s","type":"ip-dst","category":"x","value":"10.0.0.%s","timestamp":"%s"}]}}' "$1" "$1" "$2" "$1" "$1" "$2" \
		>"www/misp/00000000-0000-4000-8000-00000000000$1.json"
}
events() { # events TIMESTAMP...
	n=0
	for at; do
		n=$((n + 1))
		printf '%s"00000000-0000-4000-8000-00000000000%s":{"info":"event %s","timestamp":"%s"}' "$([ $n = 1 ] && echo '{' || echo ,)" $n $n "$at"
	done >www/misp/manifest.json
	printf '}\n' >>www/misp/manifest.json
	version=$((version + 1))
	touch -d "2026-01-0$version" www/misp/manifest.json # nginx makes an ETag of the second and the size
}
version=0
asked() { grep -o 'misp/[^ ]*' web/access.log | sed 's/.*-00*\(.*\).json/\1/; s/.*manifest.json/list/' | tr '\n' ' '; }
event 1 1700000000 && event 2 1700000001
events 1700000000 1700000001 1700000002
feed 10-misp.feed "source=http://127.0.0.1:$port/misp/" type=misp
: >web/access.log
exits 0 'a MISP feed of a web server' run
says '00000000-0000-4000-8000-000000000003.json: ' 'an event that is not there costs no other one'
is 'the list and all events are asked for' 'list 1 2 3 ' asked
pg_says 'they are there' 4 "SELECT count(*) FROM records JOIN feeds f USING (feed_id) WHERE f.name = 'misp'"
event 3 1700000002
: >web/access.log
exits 0 'later' run --all
is 'what was not there is asked for' 'list 3 ' asked
: >web/access.log
exits 0 'when nothing has changed' run --all
prints '1 unchanged'
is 'nothing is asked for but the list' '304 list ' sh -c 'printf "%s %s" "$(cut -d" " -f1 web/access.log)" "$1"' sh "$(asked)"
event 2 1700000009 && events 1700000000 1700000009 1700000002
: >web/access.log
exits 0 'when one has' run --all
is 'that one is asked for' 'list 2 ' asked
event 1 1700000010 && events 1700000010 1700000009 1700000002
rm state/misp.events
: >web/access.log
exits 0 'without what is known of its events' run --all
is 'all are asked for' 'list 1 2 3 ' asked
rm -r www/misp
exits 1 'a list that is not there' run --all
says 'misp/manifest.json'

# --- TAXII ---

rm feeds.d/*
printf 'Bearer token\n' >token
feed 10-taxii.feed "source=$taxii/locked/collections/x/" type=taxii '[http]' "authorization-file=$dir/token" '[taxii]' page=10
exits 0 'a collection in pages' run
prints '1 loaded'
pg_says 'all of it' 25 "SELECT count(*) FROM records JOIN feeds f USING (feed_id) WHERE f.name = 'taxii'"
is 'counted' 25 state taxii records
is 'in three pages' 3 sh -c 'wc -l <"$1"' sh taxii.log
is 'and up to where is known' 2026-01-01T00:00:24.000000Z state taxii added_after
echo 37 >taxii.log.n
: >taxii.log
exits 0 'later' run taxii
is 'only what was added is asked for' 2 sh -c 'grep -c "added_after=2026-01-01T00:00:24.000000Z" "$1"' sh taxii.log
pg_says 'and is there' 37 "SELECT count(*) FROM records JOIN feeds f USING (feed_id) WHERE f.name = 'taxii'"
exits 0 'nothing new is no failure' run taxii
feed 20-dates.feed "source=$taxii/dates/collections/x/objects/" type=taxii '[taxii]' page=10
exits 0 'pages that go on by their dates' run dates
pg_says 'all of it' 37 "SELECT count(*) FROM records JOIN feeds f USING (feed_id) WHERE f.name IN ('dates', 'taxii')"
is 'to the last one' 2026-01-01T00:00:36.000000Z state dates added_after
feed 30-breaks.feed "source=$taxii/breaks/collections/x/" type=taxii stall=1s '[taxii]' page=10
feed 31-sames.feed "source=$taxii/sames/collections/x/" type=taxii stall=1s '[taxii]' page=10
: >taxii.log.broken
exits 1 'a server that fails at the third page' run breaks sames
is 'what is read for sure counts: the first one' 2026-01-01T00:00:09.000000Z state breaks added_after
is 'none of those that were added at one moment' None state sames added_after
rm taxii.log.broken
pg_sql 'TRUNCATE nodes, intel_edges, records, pending_edges, late_claims, quarantine'
exits 0 'when it works again' run breaks sames
pg_says 'nothing is lost of them' 37 "SELECT count(*) FROM records JOIN feeds f USING (feed_id) WHERE f.name IN ('breaks', 'sames')"
is 'and all of it is read' 2026-01-01T00:00:36.000000Z state breaks added_after
feed 40-loop.feed "source=$taxii/loop/collections/x/" type=taxii '[taxii]' page=50
exits 1 'a server without an end' run loop
says 'says that there is more'
rm token
exits 1 'without its token' run taxii
exits 2 'a collection in a file' sh -c 'printf "[feed]\nsource=/x\ntype=taxii\n" >"$1/50-x.feed" && shift && "$@"' sh feeds.d timeout 9 tandem-intel feeds run x --feeds /nowhere --connect "$pg" --state "$dir/state"

# --- side by side ---

rm feeds.d/*
pg_sql 'TRUNCATE nodes, intel_edges, records, pending_edges, late_claims, quarantine, feeds'
make_feed $((INTEL_LARGE_MIB * 1150)) 0 >www/large.json
for i in 21 22 23 24 25 26 27 28 29 30; do
	small $i >www/s$i.json
	feed $i-small$i.feed "source=http://127.0.0.1:$port/s$i.json"
done
head -c 300 www/s21.json >www/broken.json
head -c 5000 /dev/urandom >>www/broken.json
feed 01-large.feed "source=http://127.0.0.1:$port/large.json"
feed 02-broken.feed "source=http://127.0.0.1:$port/broken.json.xz"
feed 03-stalled.feed "source=$taxii/stall/x.json" stall=4s
echo "# the large feed has $(($(stat -c %s www/large.json) >> 20)) MiB"
exits 1 'one large, one broken, one stalled and ten small feeds, one worker (N8)' run --workers 1
prints '11 loaded, 0 unchanged, 2 failed'
says 'feed stalled failed'
says 'feed broken failed'
order=$(grep -oE 'feed (small..|large|broken|stalled) ' "$err" | cut -d' ' -f2 | tr '\n' ' ')
check "the small ones are done before the large one ($order)" sh -c 'case ${1%%large*} in *small*small*small*small*small*small*small*small*small*small*) ;; *) exit 1 ;; esac' sh "$order"
pg_says 'everything is there' t "SELECT count(*) > 1000 * $INTEL_LARGE_MIB FROM records"
small=$(feeds status --json | python3 -c 'import json, sys; from datetime import datetime as d
f = {x["name"]: (d.fromisoformat(x["ended"][:-1]) - d.fromisoformat(x["began"][:-1])).total_seconds() for x in json.load(sys.stdin)["feeds"]}
print(int(max(v for k, v in f.items() if k.startswith("small"))), int(f["large"]))')
echo "# the slowest small one took ${small% *} s, the large one ${small#* } s"

# The same bytes, whatever the server makes of ranges.
rm feeds.d/*
make_feed 12000 0 >middle.json
cp middle.json www/middle.json
badweb_start
for way in third noranges noranges_cut busy; do
	feed 10-$way.feed "source=http://127.0.0.1:$bad_port/$way/middle.json" stall=10s
done
feed 20-plain.feed "source=http://127.0.0.1:$port/middle.json"
feed 21-ignores.feed "source=http://127.0.0.1:$port/noranges/middle.json"
feed 22-changed.feed "source=http://127.0.0.1:$bad_port/changed/middle.json"
exits 1 'servers that drop connections, ignore ranges, are busy, or change the file' run
prints '6 loaded, 0 unchanged, 1 failed'
says 'the file was changed on the server'
for way in third noranges noranges_cut busy plain ignores; do
	is "$way: every byte, once" "$(b2sum -l 256 middle.json | cut -d' ' -f1)" state $way checksum
done

# A small feed that comes later than the large one is not held up by it either: the large one gives its turn back.
rm feeds.d/*
pg_sql 'TRUNCATE nodes, intel_edges, records, pending_edges, late_claims, quarantine, feeds'
rm -r state
feed 01-large.feed "source=$dir/www/large.json" interval=1d
feed 02-slow.feed "source=http://127.0.0.1:$port/slow/s21.json"
# Both begin at once; the order by size is turned round by what is known of them from before.
mkdir state
printf '[run]\nresult=loaded\nbusy-ms=1\nended=1\n[version]\nsource=%s\n' "$dir/www/large.json" >state/large.state
exits 0 'a large file that has the only turn when a small feed comes' run --workers 1
order=$(grep -oE 'feed (slow|large) ' "$err" | cut -d' ' -f2 | tr '\n' ' ')
is 'gives it back' 'slow large ' echo "$order"

# So does a collection whose server lets it wait between two pages.
rm feeds.d/* && rm -r state
feed 01-pauses.feed "source=$taxii/pauses/collections/x/" type=taxii '[taxii]' page=10
feed 02-late.feed "source=$taxii/late/x.json"
exits 0 'a collection that waits for its second page when a small feed comes' run --workers 1
late=$(sed -n 's/.*feed late loaded: .* bytes, \([0-9]*\) ms of.*/\1/p' "$err")
check "holds nobody back ($late ms)" [ "$late" -lt 5000 ]

# Over its time.
rm feeds.d/*
feed 01-large.feed "source=$taxii/stall/x.json" stall=30s timeout=1s
exits 1 'a feed that is over its timeout is ended' run --all
says 'over its timeout of 1 s'
feed 03-new.feed "source=$taxii/stall/x.json" stall=30s timeout=1s
exits 1 'one that never ended otherwise as well' run new
exits 4 'and is not due again at once' run
rm feeds.d/03-new.feed

# Ended from outside: what was under way is as if it had not begun.
rm -r state
feed 01-large.feed "source=$taxii/stall/x.json" stall=30s
kill_at=$(date +%s)
exits 0 'SIGTERM ends what goes on for ever' timeout --foreground --preserve-status -s TERM 2 tandem-intel feeds run --forever --feeds feeds.d --state state --connect "$pg"
check 'at once' [ $(($(date +%s) - kill_at)) -lt 6 ]
is 'the feed that was under way has not failed' 'never 0' sh -c 'printf "%s %s\n" "$1" "$2"' sh "$(state large result)" "$(state large failures)"
exits 1 'SIGINT ends a run' timeout --foreground --preserve-status -s INT 2 tandem-intel feeds run --feeds feeds.d --state state --connect "$pg"
says 'interrupted'
is 'there neither' never state large result

# The same feed by two at once.
: >taxii.log
tandem-intel feeds run --feeds feeds.d --state state --connect "$pg" >/dev/null 2>&1 &
first=$!
tries=100
while ! grep -q . taxii.log && [ $tries -gt 0 ]; do
	tries=$((tries - 1)) && sleep 0.1
done
exits 1 'a feed that another process loads' run large
says 'feed large failed: another process is loading it'
kill $first
wait $first

# For ever: what is due meanwhile does not wait for what is still under way.
rm -r state
pg_sql 'TRUNCATE nodes, intel_edges, records, pending_edges, late_claims, quarantine, feeds'
make_feed 1000 0 >www/slow.json # a MB, at 200 KB a second
feed 01-large.feed "source=http://127.0.0.1:$port/slow/slow.json"
feed 02-often.feed "source=$dir/often.json" interval=1s
small 21 >often.json
: >"$err" # of the last program; the next one's is waited for
tandem-intel feeds run --forever --workers 1 --feeds feeds.d --state state --connect "$pg" >/dev/null 2>"$err" &
first=$!
tries=600
while ! grep -q 'feed large' "$err" && [ $tries -gt 0 ]; do
	tries=$((tries - 1)) && sleep 0.1
done
kill $first
wait $first
often=$(sed '/feed large/q' "$err" | grep -c 'feed often')
check 'nobody took it for loaded by another process' sh -c '! grep "another process" "$1"' sh "$err"
check "a feed of one second is loaded again beside a large one ($often times)" [ "$often" -ge 2 ]
finish
